"""The short word a merchant sees for an invoice, as SQL, so that lists can be filtered and counted by it.

The first that holds counts: void, paid, processing (money is under way, or not in Xero yet), attention (it could not be
recorded in Xero), failed (the customer's last try), part, overdue, viewed, sent, new.
"""

KINDS = ("new", "sent", "viewed", "overdue", "part", "processing", "paid", "void", "failed", "attention")

# Needs: invoice as i, LEFT JOIN pay_link as l; $1 the merchant, $2 today in the merchant's zone.
KIND = """
CASE
  WHEN i.status IN ('VOIDED', 'DELETED') THEN 'void'
  WHEN i.status = 'PAID' OR i.due_minor <= 0 THEN 'paid'
  WHEN i.id IN (SELECT invoice FROM payment WHERE merchant = $1 AND state = 'processing') THEN 'processing'
  WHEN i.id IN (SELECT invoice FROM write_back WHERE merchant = $1 AND state = 'parked') THEN 'attention'
  WHEN i.id IN (SELECT invoice FROM write_back WHERE merchant = $1 AND kind = 'payment'
                AND state IN ('intended', 'sending', 'unknown')) THEN 'processing'
  WHEN i.id IN (SELECT invoice FROM attempt a WHERE a.merchant = $1 AND a.changed_at > now() - interval '7 days'
                AND (a.failure <> '' OR a.state = 'failed') AND a.state NOT IN ('processing', 'succeeded')
                AND NOT EXISTS (SELECT 1 FROM attempt b WHERE b.invoice = a.invoice AND b.created_at > a.created_at))
    THEN 'failed'
  WHEN i.paid_minor > 0 OR i.credited_minor > 0 THEN 'part'
  WHEN i.due_on < $2 THEN 'overdue'
  WHEN l.viewed_at IS NOT NULL THEN 'viewed'
  WHEN l.requested_at IS NOT NULL THEN 'sent'
  ELSE 'new'
END
"""

OPEN = "(i.status = 'AUTHORISED' AND i.due_minor > 0)"
LISTED = "i.status NOT IN ('DRAFT', 'SUBMITTED')"

# What may be asked for with ?status=; anything else is one of KINDS.
FILTERS = {
    "": "TRUE",
    "open": OPEN,
    "new": f"{OPEN} AND l.requested_at IS NULL",
    "sent": f"{OPEN} AND l.requested_at IS NOT NULL",
    "overdue": f"{OPEN} AND i.due_on < $2",
}
