"""Bringing Xero's invoices here: the first import, and the poll that finds what no webhook told.

Seek paging (facts §3.2): always the first page of what changed since the last row's second, less one; rows that change
while we read move to the end and are read again, none is skipped. The position is kept with every page, so a killed
import goes on where it was.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.books import access, repairs
from app.books.invoices_check import check_open
from app.books.invoices_save import asking, save
from app.clients.bundle import Clients
from app.clients.xero_wire import InvoicePage
from app.core import db, jobs, live
from app.core.clock import from_now, monotonic, now
from app.core.errors import Refused, Upstream
from app.core.work import Postpone

PAGE = 1000
POLL_SECONDS = 600  # 144 of the 1,000 calls a day that Xero's smallest plan allows
OVERLAP = timedelta(minutes=5)
_RETRY_SECONDS = 30.0
_TURN_SECONDS = 120.0  # well inside the job's lease

Read = Callable[[int, datetime | None], Awaitable[InvoicePage]]
# The page, the position after it, and when Xero was asked for it.
Keep = Callable[[InvoicePage, datetime | None, datetime], Awaitable[None]]


async def connection_of(connection_id: UUID) -> Any | None:
    """The connection's row."""
    return await db.fetch_row("SELECT * FROM connection WHERE id = $1", connection_id)


async def import_all(clients: Clients, connection_id: UUID) -> None:
    """Fetch every sales invoice of a newly connected organisation (job connection.import); then the poll takes over.

    Raises Postpone to go on later, also when Xero fails; Upstream for what will never work. Ends quietly when the
    organisation is not connected any more: connecting it again asks for the import again.
    """
    connection = await connection_of(connection_id)
    if connection is None or connection["state"] != "connected":
        return
    if connection["imported_at"] is None:
        began = "UPDATE connection SET import_started_at = COALESCE(import_started_at, now()) WHERE id = $1"
        await db.fetch(began, connection_id)
        try:
            last = await _run(clients, connection, _import_step(clients, connection))
        except Upstream as error:
            if error.permanent:
                raise
            raise Postpone(from_now(error.retry_after or _RETRY_SECONDS), error.message) from error
        except Refused:
            return
        await _imported(connection, last)
        await jobs.ask("connection.poll", connection_id, at=from_now(POLL_SECONDS))
    else:  # connected again: what changed meanwhile is wanted now
        await jobs.ask("connection.poll", connection_id)


def _import_step(clients: Clients, connection: Any) -> Keep:
    async def keep(page: InvoicePage, position: datetime | None, asked: datetime) -> None:
        await save(connection, page.invoices, clients.keys, asked=asked)
        async with db.transaction():
            await db.fetch(
                "UPDATE connection SET changed_cursor = $2, import_total = GREATEST(import_total, $3), "
                "import_done = (SELECT count(*) FROM invoice WHERE connection = $1), sync_error = '' WHERE id = $1",
                connection["id"], position, page.item_count,
            )  # fmt: skip
            await live.announce(connection["merchant"])

    return keep


async def _imported(connection: Any, last: InvoicePage) -> None:
    async with db.transaction():
        await db.fetch(
            "UPDATE connection SET imported_at = now(), synced_at = now(), changed_cursor = $2, sync_error = '', "
            "import_total = import_done WHERE id = $1",
            connection["id"], last.server_date - OVERLAP,
        )  # fmt: skip
        await live.announce(connection["merchant"])


async def poll(clients: Clients, connection_id: UUID) -> None:
    """Fetch what changed since the last poll (job connection.poll), then plan the next: ends with Postpone.

    Ends quietly once the organisation was disconnected; the clock plans it anew when it is connected again.
    """
    connection = await connection_of(connection_id)
    if connection is None or connection["state"] == "disconnected":
        return
    if connection["state"] == "connected" and connection["imported_at"] is not None:
        try:
            await sync(clients, connection)
            repaired = await check_open(clients, connection, connection["imported_at"])
            await repairs.count(connection["merchant"], "xero", repaired)
        except Upstream as error:  # noted on the connection; polling never gives up
            raise Postpone(from_now(error.retry_after or _RETRY_SECONDS), error.message) from error
        except Refused as error:
            raise Postpone(from_now(POLL_SECONDS), error.message) from error
    raise Postpone(from_now(POLL_SECONDS))


async def sync(clients: Clients, connection: Any) -> None:
    """Fetch what changed in Xero since the cursor, and move the cursor to Xero's own clock."""

    async def keep(page: InvoicePage, position: datetime | None, asked: datetime) -> None:
        changed = await save(connection, page.invoices, clients.keys, asked=asked)
        if _was_told(connection):
            await repairs.count_invoices(connection["merchant"], changed)
        if position is not None and position != connection["changed_cursor"]:
            await db.fetch("UPDATE connection SET changed_cursor = $2 WHERE id = $1", connection["id"], position)

    last = await _run(clients, connection, keep)
    await db.fetch(
        "UPDATE connection SET changed_cursor = $2, synced_at = now(), sync_error = '' WHERE id = $1",
        connection["id"], last.server_date - OVERLAP,
    )  # fmt: skip


def _was_told(connection: Any) -> bool:
    """Whether notifications were listened to since the last poll: not while it was disconnected, nor while we stood still."""
    last = connection["synced_at"]
    return last is not None and last > now() - timedelta(seconds=3 * POLL_SECONDS)


async def _run(clients: Clients, connection: Any, keep: Keep) -> InvoicePage:
    """Read to the end, noting on the connection what went wrong."""

    async def read(page: int, since: datetime | None) -> InvoicePage:
        async with access.tenant(clients, connection["id"], "sync") as tenant:
            return await tenant.invoices(page, since, PAGE)

    try:
        return await seek(read, connection["changed_cursor"], keep)
    except (Upstream, Refused) as error:
        await db.fetch("UPDATE connection SET sync_error = $2 WHERE id = $1", connection["id"], error.message[:500])
        raise


async def seek(read: Read, since: datetime | None, keep: Keep) -> InvoicePage:
    """Read page after page until the last, handing each to `keep` with the position to go on from; the last page.

    Where so many rows share a second that seeking would read them again and again it turns the page instead (what that
    may skip, the daily check of open invoices finds). Raises Postpone after a while, so that a large organisation does
    not outlive the job's lease.
    """
    number, began = 1, monotonic()
    while True:
        asked = await asking()
        page = await read(number, since)
        is_last = number >= page.page_count or len(page.invoices) < PAGE
        ahead = None if is_last else _ahead(page, since)
        await keep(page, ahead or since, asked)
        if is_last:
            return page
        number, since = (1, ahead) if ahead else (number + 1, since)
        if ahead and monotonic() - began > _TURN_SECONDS:
            raise Postpone(now(), "goes on")


def _ahead(page: InvoicePage, since: datetime | None) -> datetime | None:
    """The position after this page, or None when half of it would have to be read again."""
    moments = [one.updated_at for one in page.invoices if one.updated_at]
    if not moments:
        return None
    position = max(moments).replace(microsecond=0) - timedelta(seconds=1)
    again = sum(moment >= position for moment in moments)
    return position if (since is None or position > since) and again <= PAGE // 2 else None
