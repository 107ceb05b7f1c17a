"""One invoice as the merchant sees it: templates/app/invoice."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app.books import invoices, links, timeline
from app.books.invoices_status import KIND
from app.clients.bundle import Clients
from app.core import db
from app.core.clock import date_in, now
from app.core.errors import NotFound
from app.core.money import Money
from app.merchants import refunding
from app.merchants.places import in_xero
from app.merchants.troubles import failures

_READ = f"""
SELECT i.*, ({KIND}) AS kind, c.short_code, c.timezone, m.allow_part AS merchant_allows_part
FROM invoice i JOIN connection c ON c.id = i.connection JOIN merchant m ON m.id = i.merchant
LEFT JOIN pay_link l ON l.invoice = i.id WHERE i.merchant = $1 AND $2::date IS NOT NULL AND i.id = $3
"""

_ZONE = "SELECT c.timezone FROM invoice i JOIN connection c ON c.id = i.connection WHERE i.id = $2 AND i.merchant = $1"

_RECEIVED = """
SELECT count(*) FILTER (WHERE state NOT IN ('processing', 'failed')) AS received,
  sum(fee_minor) FILTER (WHERE state NOT IN ('processing', 'failed'))::bigint AS fee, max(settlement_currency) AS currency
FROM payment WHERE invoice = $1
"""

_UNRECORDED = """
SELECT EXISTS (SELECT 1 FROM write_back WHERE invoice = $1 AND kind = 'payment'
  AND state IN ('intended', 'sending', 'unknown', 'parked'))
"""

# The timeline's kinds in the pictures the page has.
_KINDS = {
    "synced": "synced", "changed": "changed", "void": "void", "linked": "link", "requested": "sent", "viewed": "viewed",
    "started": "other", "declined": "declined", "processing": "other", "paid": "paid", "part": "part", "failed": "failed",
    "recorded": "recorded", "refunded": "refunded", "attention": "failed",
}  # fmt: skip


async def read(merchant_id: UUID, invoice_id: UUID) -> Any:
    """The invoice's row with its `kind`, organisation and the merchant's own setting. Raises NotFound for a stranger."""
    zone = await db.fetch_value(_ZONE, merchant_id, invoice_id)
    row = await db.fetch_row(_READ, merchant_id, date_in(zone), invoice_id) if zone else None
    if row is None:
        raise NotFound
    return row


async def invoice_page(clients: Clients, merchant_id: UUID, invoice_id: UUID) -> dict[str, Any]:
    """The page's context, without the frame. Raises NotFound for a stranger."""
    row = await read(merchant_id, invoice_id)
    link = await links.of_invoice(invoice_id)
    received = await db.fetch_row(_RECEIVED, invoice_id)
    zone = ZoneInfo(row["timezone"])
    return {
        "now": now().astimezone(zone),
        "invoice": invoice_view(clients, row),
        "link": link_view(clients, row, link) if link else None,
        "can_request": invoices.payable(row),
        "requested": bool(link and link["requested_at"]),
        "settlement": _settlement(received),
        "receipt_href": _receipt(clients, link, received),
        "failures": await failures(merchant_id, invoice_id),
        "payments": await refunding.received(merchant_id, invoice_id),
        "recorded": not await db.fetch_value(_UNRECORDED, invoice_id),
        "events": await _events(merchant_id, invoice_id, zone),
    }


def invoice_view(clients: Clients, row: Any) -> SimpleNamespace:
    """`invoice` of the merchant's templates."""
    currency = row["currency"]
    return SimpleNamespace(
        id=str(row["id"]),
        number=row["number"] or "No number",
        reference=row["reference"],
        customer=row["contact_name"],
        status=row["kind"],
        issued=row["issued_on"] or row["created_at"].date(),
        due=row["due_on"],
        total=Money(row["total_minor"], currency),
        paid=Money(row["paid_minor"] + row["credited_minor"], currency),
        amount_due=Money(row["due_minor"], currency),
        xero_href=in_xero(clients.settings, row["short_code"], row["xero_invoice_id"]),
        seen_at=row["seen_at"].astimezone(ZoneInfo(row["timezone"])),
    )


def link_view(clients: Clients, row: Any, link: Any) -> SimpleNamespace:
    """`link` of the merchant's templates."""
    url = links.address(clients.settings, clients.keys, link)
    allow = link["allow_part"] if link["allow_part"] is not None else row["merchant_allows_part"]
    return SimpleNamespace(
        url=url, short=url.partition("://")[2], active=link["active"], allow_part=allow, works_until=None
    )


def _settlement(received: Any) -> SimpleNamespace | None:
    if not received or received["fee"] is None or not received["currency"]:
        return None
    return SimpleNamespace(fee=Money(received["fee"], received["currency"]), arrives=None)


def _receipt(clients: Clients, link: Any | None, received: Any) -> str:
    return f"/p/{links.token_of(clients.keys, link)}/receipt" if link and received and received["received"] else ""


async def _events(merchant_id: UUID, invoice_id: UUID, zone: ZoneInfo) -> list[SimpleNamespace]:
    return [
        SimpleNamespace(
            kind=_KINDS.get(row["kind"], "other"), title=row["title"], text=row["detail"], at=row["at"].astimezone(zone)
        )
        for row in await timeline.of_invoice(merchant_id, invoice_id)
    ]
