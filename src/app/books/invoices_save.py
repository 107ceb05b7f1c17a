"""The only writer of our copies of Xero's invoices: what Xero said, compared with what we had.

An answer older than our copy changes nothing, so that two reads may overtake each other. Whoever must act on a change
(open checkout sessions, open pages) is told in the same transaction.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.books import links
from app.books.invoices_changes import line_of_change
from app.books.invoices_content import read_content
from app.clients.bundle import Keys
from app.clients.xero_wire import XeroInvoice, money
from app.core import db, jobs, live

_COLUMNS = (
    "number", "reference", "status", "contact_id", "contact_name", "currency", "total_minor", "due_minor", "paid_minor",
    "credited_minor", "issued_on", "due_on", "paid_on", "xero_updated_at", "theme_id", "sent_to_contact",
)  # fmt: skip
_MONEY = ("status", "currency", "total_minor", "due_minor", "paid_minor", "credited_minor")
_SHOWN = (*_MONEY, "number", "reference", "contact_name", "due_on", "paid_on")

_BEFORE = """
SELECT id, xero_invoice_id, number, reference, status, contact_name, currency, total_minor, due_minor, paid_minor,
  credited_minor, due_on, paid_on
FROM invoice WHERE connection = $1 AND xero_invoice_id = ANY($2) ORDER BY xero_invoice_id FOR NO KEY UPDATE
"""

_UPSERT = f"""
INSERT INTO invoice (id, merchant, connection, xero_invoice_id, {", ".join(_COLUMNS)}, contact_email, content, online_url,
  seen_at, created_at)
SELECT gen_random_uuid(), $1, $2, r.xero_invoice_id, {", ".join(f"r.{name}" for name in _COLUMNS)}, r.contact_email,
  r.content, '', $4, now()
FROM jsonb_to_recordset($3::jsonb) AS r (xero_invoice_id text, number text, reference text, status text, contact_id text,
  contact_name text, contact_email text, currency text, total_minor bigint, due_minor bigint, paid_minor bigint,
  credited_minor bigint, issued_on date, due_on date, paid_on date, xero_updated_at timestamptz, theme_id text,
  sent_to_contact boolean, content jsonb)
ORDER BY r.xero_invoice_id
ON CONFLICT (connection, xero_invoice_id) DO UPDATE SET
  {", ".join(f"{name} = EXCLUDED.{name}" for name in _COLUMNS)}, seen_at = GREATEST(invoice.seen_at, EXCLUDED.seen_at),
  contact_email = CASE WHEN EXCLUDED.contact_email <> '' OR invoice.contact_id <> EXCLUDED.contact_id
    THEN EXCLUDED.contact_email ELSE invoice.contact_email END,
  content = CASE WHEN EXCLUDED.content <> '{{}}' OR invoice.xero_updated_at IS DISTINCT FROM EXCLUDED.xero_updated_at
    THEN EXCLUDED.content ELSE invoice.content END
WHERE EXCLUDED.xero_updated_at > invoice.xero_updated_at OR (EXCLUDED.seen_at >= invoice.seen_at
  AND COALESCE(EXCLUDED.xero_updated_at >= invoice.xero_updated_at, TRUE))
RETURNING id, xero_invoice_id, status, currency, total_minor, due_minor, paid_minor, credited_minor, number, reference,
  contact_name, due_on, paid_on
"""


async def asking() -> datetime:
    """The database's time, to be taken right before Xero is asked: what happens later, the answer may not show."""
    moment: datetime = await db.fetch_value("SELECT clock_timestamp()")
    return moment


async def save(
    connection: Any, xero_invoices: Iterable[XeroInvoice], keys: Keys | None = None, *, asked: datetime
) -> list[UUID]:
    """Store what Xero said of sales invoices (bills are left out); the ids of ours that are new or look different now.

    `connection` is its row; `asked` is when Xero was asked (see `asking`). With `keys`, a newly payable invoice gets its
    pay link where the merchant wants one for each.
    """
    found = {one.id: one for one in xero_invoices if one.type == "ACCREC" and one.id}
    if not found:
        return []
    rows = msgspec.json.encode([_row(one) for one in found.values()]).decode()
    async with db.transaction():
        before = {row["xero_invoice_id"]: row for row in await db.fetch(_BEFORE, connection["id"], list(found))}
        after = await db.fetch(_UPSERT, connection["merchant"], connection["id"], rows, asked)
        changed = [row for row in after if _differs(before.get(row["xero_invoice_id"]), row, _SHOWN)]
        for row in changed:
            await _tell(connection, before.get(row["xero_invoice_id"]), row)
        if keys and changed:
            await _make_links(keys, connection, before, changed)
        if changed:
            await live.announce(connection["merchant"])
    return [row["id"] for row in changed]


def _row(invoice: XeroInvoice) -> dict[str, Any]:
    currency = invoice.currency

    return {
        "xero_invoice_id": invoice.id,
        "number": _clean(invoice.number),
        "reference": _clean(invoice.reference),
        "status": invoice.status,
        "contact_id": invoice.contact.id,
        "contact_name": _clean(invoice.contact.name),
        "contact_email": _clean(invoice.contact.email),
        "currency": currency,
        "total_minor": money(invoice.total, currency).minor,
        "due_minor": money(invoice.due, currency).minor,
        "paid_minor": money(invoice.paid, currency).minor,
        "credited_minor": money(invoice.credited, currency).minor,
        "issued_on": invoice.issued_on,
        "due_on": invoice.due_on,
        "paid_on": invoice.paid_on,
        "xero_updated_at": invoice.updated_at,
        "theme_id": invoice.theme_id,
        "sent_to_contact": invoice.sent_to_contact,
        "content": read_content(invoice) or {},
    }


def _clean(text: str) -> str:
    """PostgreSQL's text holds no NUL."""
    return text.replace("\x00", "")


def _differs(old: Any | None, new: Any, names: tuple[str, ...]) -> bool:
    return old is None or any(old[name] != new[name] for name in names)


async def _tell(connection: Any, old: Any | None, new: Any) -> None:
    """What follows from a change of a known invoice; a new one concerns nobody yet."""
    if old is None or not _differs(old, new, _MONEY):
        return
    await jobs.ask("invoice.changed", new["id"])
    await live.announce(new["id"])
    await line_of_change(connection["merchant"], old, new)


def payable(row: Any) -> bool:
    """Whether a customer may pay this invoice (or part of it) now."""
    return bool(row["status"] == "AUTHORISED" and row["due_minor"] > 0)


async def _make_links(keys: Keys, connection: Any, before: dict[str, Any], changed: list[Any]) -> None:
    """Links for invoices that became payable just now; what the first import brings is old and gets none by itself."""
    fresh = [
        row for row in changed
        if payable(row) and ((old := before.get(row["xero_invoice_id"])) is None or old["status"] != "AUTHORISED")
    ]  # fmt: skip
    if not fresh or connection["imported_at"] is None:
        return
    wanted = "SELECT link_every_invoice FROM merchant WHERE id = $1"
    if await db.fetch_value(wanted, connection["merchant"]):
        for row in fresh:
            await links.ensure(keys, row["id"])
