"""Invoices: our copies of Xero's, how fresh they are, and how one is fetched again."""

import asyncio
from typing import Any
from uuid import UUID

import structlog

from app.books import access
from app.books.invoices_content import Content, content_of, is_blank
from app.books.invoices_save import asking, payable, save
from app.books.invoices_sync import connection_of, import_all, poll, sync
from app.clients.bundle import Clients
from app.core import db
from app.core.clock import monotonic, now
from app.core.errors import NotFound, Refused, Upstream
from app.core.work import Postpone

__all__ = [
    "Content",
    "addressee",
    "asking",
    "content_of",
    "fresh",
    "import_all",
    "now_due",
    "one",
    "payable",
    "poll",
    "pull",
    "save",
    "sync",
]

log = structlog.get_logger()
_refreshing: dict[tuple[int, UUID], asyncio.Task[None]] = {}
_failed: dict[UUID, float] = {}
_PAUSE = 10.0  # after Xero failed, pages show our copy for so long without asking again


async def one(merchant_id: UUID, invoice_id: UUID) -> Any:
    """The merchant's invoice; raises NotFound for anybody else's."""
    row = await db.fetch_row("SELECT * FROM invoice WHERE id = $1 AND merchant = $2", invoice_id, merchant_id)
    if row is None:
        raise NotFound
    return row


async def _read(invoice_id: UUID) -> Any:
    row = await db.fetch_row("SELECT * FROM invoice WHERE id = $1", invoice_id)
    if row is None:
        raise NotFound
    return row


async def pull(clients: Clients, connection_id: UUID, xero_invoice_id: str) -> UUID | None:
    """Fetch one invoice from Xero and keep it; our id of it, None for a bill or one that Xero does not have.

    Nothing is asked while the organisation is not connected: the poll catches up after it is connected again.
    """
    connection = await connection_of(connection_id)
    if connection is None or connection["state"] != "connected":
        return None
    try:
        return await _pull(clients, connection, xero_invoice_id, "sync")
    except Refused:
        return None


async def _pull(clients: Clients, connection: Any, xero_invoice_id: str, lane: access.LaneName) -> UUID | None:
    async with access.tenant(clients, connection["id"], lane) as tenant:
        asked = await asking()
        invoice = await tenant.invoice(xero_invoice_id)
    if invoice is None or invoice.type != "ACCREC":
        return None
    await save(connection, [invoice], clients.keys, asked=asked)
    sql = "SELECT id FROM invoice WHERE connection = $1 AND xero_invoice_id = $2"
    invoice_id: UUID | None = await db.fetch_value(sql, connection["id"], invoice.id)
    return invoice_id


async def now_due(clients: Clients, invoice_id: UUID) -> Any:
    """The invoice as Xero has it at this moment; raises Upstream or Refused when Xero cannot be asked."""
    row = await _read(invoice_id)
    connection = await connection_of(row["connection"])
    if await _pull(clients, connection, row["xero_invoice_id"], "page") is None:
        raise Upstream("Xero does not have this invoice any more.", permanent=True, code="not_found")
    return await _read(invoice_id)


async def fresh(clients: Clients, invoice_id: UUID, max_age: float = 60, wait: float = 1.0) -> Any:
    """Our copy, read again from Xero when it is older than `max_age` seconds or only a summary.

    Everybody who asks at once shares one request and waits at most `wait` seconds for it; then the copy must do (its
    `seen_at` says how old it is). Never raises for Xero's sake.
    """
    row = await _read(invoice_id)
    young = (now() - row["seen_at"]).total_seconds() <= max_age
    if (young and not is_blank(row)) or _failed.get(invoice_id, 0) > monotonic():
        return row
    db.refuse_in_transaction("A refresh")
    await asyncio.wait({_refresh(clients, invoice_id)}, timeout=wait)
    return await _read(invoice_id)


def _refresh(clients: Clients, invoice_id: UUID) -> asyncio.Task[None]:
    """The one refresh of this invoice that runs on this loop; started now if none does."""
    key = (id(asyncio.get_running_loop()), invoice_id)
    task = _refreshing.get(key)
    if task is None:
        task = _refreshing[key] = asyncio.create_task(_try_now(clients, invoice_id))
        task.add_done_callback(lambda _: _refreshing.pop(key, None))
    return task


async def _try_now(clients: Clients, invoice_id: UUID) -> None:
    try:
        await now_due(clients, invoice_id)
    except (Upstream, Refused, Postpone, OSError) as error:
        for old in [known for known, until in _failed.items() if until < monotonic()]:
            del _failed[old]
        _failed[invoice_id] = monotonic() + _PAUSE
        log.warning("invoice.not_refreshed", invoice=str(invoice_id), error=type(error).__name__)


async def addressee(clients: Clients, row: Any) -> str:
    """The e-mail address of an invoice's contact, asked from Xero when our copy has none; empty when there is none.

    Xero's lists name the contact only. Never raises for Xero's sake.
    """
    if row["contact_email"] or not row["contact_id"]:
        return str(row["contact_email"])
    try:
        async with access.tenant(clients, row["connection"], "page") as tenant:
            contact = await tenant.contact(row["contact_id"])
    except (Upstream, Refused, Postpone) as error:
        log.warning("contact.not_read", invoice=str(row["id"]), error=type(error).__name__)
        return ""
    email = contact.email.strip() if contact else ""
    await db.fetch(
        "UPDATE invoice SET contact_email = $3 WHERE connection = $1 AND contact_id = $2",
        row["connection"], row["contact_id"], email,
    )  # fmt: skip
    return email
