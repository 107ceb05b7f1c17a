"""Forgetting a customer: what names them goes, wherever it stands; payments, books and the audit trail stay as they are.

The one exception to "each table has one writer": what one person asked for goes at once, in one transaction. Xero keeps its
own contact until the merchant erases it there; triggers (`keep_erased`, `keep_erased_payer`) see to it that neither a later
sync nor a later event brings it back here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.books import audit
from app.books.erasing_traces import forget_alerts, forget_events
from app.core import db, live
from app.core.errors import NotFound, Refused

OPERATOR = "operator"
GONE = "an erased address"

_CONTACTS = """
SELECT DISTINCT connection, contact_id FROM invoice
WHERE merchant = $1 AND contact_id <> '' AND ($2 IN (contact_id, lower(contact_email)))
"""
_INVOICES = """
SELECT i.id, i.number, i.contact_name, i.status = 'AUTHORISED' AND i.due_minor > 0
  OR EXISTS (SELECT 1 FROM payment p WHERE p.invoice = i.id AND p.state = 'processing')
  OR EXISTS (SELECT 1 FROM write_back w WHERE w.invoice = i.id
  AND w.state IN ('intended', 'sending', 'unknown', 'parked')) AS open
FROM invoice i JOIN unnest($2::uuid[], $3::text[]) AS c (connection, contact_id)
  ON i.connection = c.connection AND i.contact_id = c.contact_id WHERE i.merchant = $1
"""
_MERCHANTS = """
SELECT merchant FROM invoice WHERE $1 IN (contact_id, lower(contact_email))
UNION SELECT merchant FROM payment WHERE lower(customer_email) = $1
UNION SELECT merchant FROM mail WHERE merchant IS NOT NULL AND $1 = ANY(regexp_split_to_array(lower(to_addresses), ', *'))
"""
# $1 merchant, $2 the invoices of the contact, $3 the address in lower case or ''. Each returns the rows it changed.
_STEPS: Mapping[str, str] = {
    "invoice": "UPDATE invoice SET contact_name = '', contact_email = '' WHERE merchant = $1 AND id = ANY($2) "
    "AND $3::text IS NOT NULL RETURNING 1",  # the trigger puts in what stands there from now on
    "payment": "UPDATE payment SET customer_email = '' WHERE merchant = $1 AND customer_email <> '' "
    "AND (invoice = ANY($2) OR lower(customer_email) = NULLIF($3, '')) RETURNING 1",
    "link": "UPDATE pay_link SET requested_to = '' WHERE merchant = $1 AND requested_to <> '' "
    "AND (invoice = ANY($2) OR NULLIF($3, '') = ANY(regexp_split_to_array(lower(requested_to), ', *'))) RETURNING 1",
    "mail": "UPDATE mail SET to_addresses = '', subject = '', text = '', html = '', "
    "cancelled_at = CASE WHEN sent_at IS NULL THEN COALESCE(cancelled_at, now()) ELSE cancelled_at END "
    "WHERE merchant = $1 AND to_addresses <> '' AND kind = ANY('{payment_request,receipt,payment_failed,new_link}') "
    "AND (invoice = ANY($2) OR NULLIF($3, '') = ANY(regexp_split_to_array(lower(to_addresses), ', *'))) RETURNING 1",
    "timeline line": "UPDATE happening SET detail = regexp_replace(detail, '[^[:space:],:]+@[^[:space:],:]+', "
    f"'{GONE}', 'g') WHERE merchant = $1 AND detail LIKE '%@%' "
    "AND (invoice = ANY($2) OR NULLIF($3, '') = ANY(regexp_split_to_array(lower(detail), '[[:space:],:]+'))) RETURNING 1",
}
_REMEMBER = """
INSERT INTO erased_contact (id, merchant, connection, contact_id, erased_at)
SELECT gen_random_uuid(), $1, c.connection, c.contact_id, now() FROM unnest($2::uuid[], $3::text[]) AS c (connection, contact_id)
ON CONFLICT (connection, contact_id) DO UPDATE SET erased_at = now()
"""


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows of each kind named the customer; `contacts` are Xero's ids."""

    contacts: Sequence[str]
    rows: Mapping[str, int]


async def merchants_of(who: str) -> list[UUID]:
    """Whose customer this is: `who` is a mail address, or the contact's id in Xero."""
    asked = who.strip().lower()
    return [row["merchant"] for row in await db.fetch(_MERCHANTS, asked)] if asked else []


async def erase(merchant_id: UUID, who: str, *, rehearse: bool = False) -> Erased:
    """Forget one merchant's customer, by mail address or by the contact's id in Xero; `rehearse` counts and changes nothing.

    Raises NotFound for a merchant we do not know, Refused when nobody is named, and while something is open: an invoice to
    pay, money on its way, an entry for Xero. Asking twice forgets once; the audit trail keeps that it was done, and Xero's
    id of the contact.
    """
    if not await db.fetch_value("SELECT 1 FROM merchant WHERE id = $1", merchant_id):
        raise NotFound("No such merchant.")
    asked = who.strip().lower()
    if not asked:  # nobody's address is empty, but many contacts have none
        raise Refused("Say whom: a mail address, or the contact's id in Xero.")
    try:
        async with db.transaction():
            done = await _erase(merchant_id, asked)
            if rehearse:
                raise _Rehearsed(done)
    except _Rehearsed as only:
        return only.done
    return done


class _Rehearsed(Exception):
    """Takes everything back."""

    def __init__(self, done: Erased) -> None:
        super().__init__()
        self.done = done


async def _erase(merchant_id: UUID, who: str) -> Erased:
    contacts = await db.fetch(_CONTACTS, merchant_id, who)
    pairs = [row["connection"] for row in contacts], [row["contact_id"] for row in contacts]
    invoices = await db.fetch(_INVOICES, merchant_id, *pairs)
    if any(row["open"] for row in invoices):
        raise Refused("Something of this customer is still open: an invoice to pay, a payment or an entry for Xero.")
    await db.fetch(_REMEMBER, merchant_id, *pairs)
    ids, address = [row["id"] for row in invoices], who if "@" in who else ""
    traces = {
        "stored event": await forget_events(merchant_id, ids, address),
        "alert": await forget_alerts(merchant_id, invoices),
    }
    rows = {name: len(await db.fetch(sql, merchant_id, ids, address)) for name, sql in _STEPS.items()} | traces
    done = Erased(pairs[1], rows)
    await _note(merchant_id, done)
    return done


async def _note(merchant_id: UUID, done: Erased) -> None:
    """What was done, without a name: the trail may hold ids and numbers only."""
    details: dict[str, Any] = {"contacts": list(done.contacts), **done.rows}
    await audit.note(merchant_id, OPERATOR, "customer_erased", f"merchant:{merchant_id}", details)
    await live.announce(merchant_id)
