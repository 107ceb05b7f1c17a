"""From a pay link to everything its page needs: the link, the invoice, the merchant, what was paid and what is under way.

One statement reads it all, so that an opened link costs one round trip.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.books import links
from app.clients.bundle import Clients
from app.core import db
from app.core.clock import now
from app.core.errors import NotFound
from app.core.money import Money
from app.core.tokens import grouped, read_token, token_hash
from payportal import brief

STALE = 90.0  # seconds: a page that reads again after 60 and waits one for it is older only when Xero did not answer

# Money that arrived but was not yet in Xero's amount due when Xero last told us about the invoice.
_UNAPPLIED = """
(SELECT COALESCE(sum(p.amount_minor - p.refunded_minor), 0)::bigint FROM payment p
 WHERE p.invoice = i.id AND p.state IN ('succeeded', 'refunded_part', 'disputed') AND NOT EXISTS (
  SELECT 1 FROM write_back w WHERE w.payment = p.id AND w.kind = 'payment'
  AND (w.state IN ('reversed', 'abandoned') OR (w.state = 'confirmed' AND w.confirmed_at <= i.seen_at))))
"""
_ALL = f"""
SELECT l AS link, i AS invoice, m.id, m.legal_name, m.country, m.registration_number, m.address_line1, m.address_line2, m.city,
  m.region, m.postal_code, m.allow_part, m.minimum_part_minor, b.display_name, b.colour, b.logo_hash, b.logo_width,
  COALESCE(NULLIF(b.contact_email, ''), m.contact_email) AS contact_email,
  COALESCE(b.contact_phone, m.contact_phone) AS contact_phone, b.message, c.timezone, c.tax_number, c.name AS xero_name,
  c.legal_name AS xero_legal_name, s.stripe_account_id, s.card_payments, s.disconnected_at,
  ARRAY(SELECT p FROM payment p WHERE p.invoice = i.id ORDER BY p.created_at) AS payments,
  (SELECT a FROM attempt a WHERE a.invoice = i.id ORDER BY a.created_at DESC LIMIT 1) AS attempt,
  {_UNAPPLIED} AS unapplied
FROM pay_link l JOIN invoice i ON i.id = l.invoice JOIN merchant m ON m.id = l.merchant
JOIN connection c ON c.id = i.connection LEFT JOIN branding b ON b.merchant = m.id
LEFT JOIN stripe_account s ON s.merchant = m.id
"""  # noqa: S608 - made of constants
_BY_TOKEN = _ALL + "WHERE l.token_hash = $1"
_BY_ID = _ALL + "WHERE l.id = $1"
_BY_INVOICE = _ALL + "WHERE l.invoice = $1"
RECEIVED = {"succeeded", "refunded_part", "disputed"}


@dataclass(slots=True)
class Found:
    """All rows behind one pay link; `token` is the canonical one, in groups of four.

    `brief`: somebody came by Xero's Pay now, whose address can be guessed, and `token` is that view's (see `brief`).
    """

    token: str
    link: Any
    invoice: Any
    merchant: Any
    payments: list[Any]
    attempt: Any | None
    unapplied: int
    expired: bool = False
    brief: bool = False

    @property
    def still_due(self) -> Money:
        """What is left to pay: Xero's amount due, less money that arrived and is not in that figure yet.

        Nobody may be asked to pay the same money twice while it is on its way into Xero.
        """
        return Money(max(self.invoice["due_minor"] - self.unapplied, 0), self.invoice["currency"])

    @property
    def invoice_id(self) -> UUID:
        """Our id of the invoice."""
        found: UUID = self.invoice["id"]
        return found

    @property
    def age(self) -> float:
        """Seconds since Xero last told us about the invoice."""
        return float((now() - self.invoice["seen_at"]).total_seconds())

    @property
    def can_take_cards(self) -> bool:
        """Whether Stripe lets this merchant take a payment now."""
        return bool(self.merchant["card_payments"] == "active" and self.merchant["disconnected_at"] is None)

    @property
    def allows_part(self) -> bool:
        """Whether the customer may choose the amount."""
        own = self.link["allow_part"]
        return bool(self.merchant["allow_part"] if own is None else own)

    def under_way(self) -> Any | None:
        """A payment that the bank has not confirmed yet."""
        return next((row for row in self.payments if row["state"] == "processing"), None)

    def received(self) -> list[Any]:
        """Payments that arrived, oldest first."""
        return [row for row in self.payments if row["state"] in RECEIVED]


async def by_token(clients: Clients, text: str) -> Found:
    """Everything behind a typed or scanned token; raises NotFound, without a query when the checksum is wrong."""
    if link_id := brief.read(clients.keys.now, text):
        return await _briefly(clients, link_id, text.lower())
    token = read_token(clients.keys.link, text)
    row = await db.fetch_row(_BY_TOKEN, token_hash(clients.keys.find, token)) if token else None
    if row:
        return _found(grouped(token or ""), row)
    old = await links.find_expired(clients.keys, text) if token else None
    if old is None:
        raise NotFound("pay link")
    found = await by_invoice(clients, old["invoice"])
    found.token, found.expired = grouped(token or ""), True
    return found


async def _briefly(clients: Clients, link_id: UUID, token: str) -> Found:
    row = await db.fetch_row(_BY_ID, link_id)
    if row is None or token != brief.make(clients.keys.now, link_id, row["link"]["version"]):
        raise NotFound("pay link")
    found = _found(token, row)
    found.brief = True
    return found


async def by_invoice(clients: Clients, invoice_id: UUID) -> Found:
    """Everything behind the link of an invoice that has one; raises NotFound."""
    row = await db.fetch_row(_BY_INVOICE, invoice_id)
    if row is None:
        raise NotFound("pay link")
    return _found(links.token_of(clients.keys, row["link"]), row)


def _found(token: str, row: Any) -> Found:
    return Found(token, row["link"], row["invoice"], row, list(row["payments"]), row["attempt"], row["unapplied"])
