"""The merchant's Xero organisations as the settings show them: how each stands, and how much it may still be asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app.books import connections, usage
from app.books.broken import WORDS
from app.books.usage import Standing, Used
from app.core import db, jobs
from app.core.clock import now
from app.core.html import counted
from app.merchants import countries

Row = Mapping[str, Any]

_ALL = """
SELECT c.*, (SELECT count(*) FROM invoice i WHERE i.connection = c.id) AS invoices
FROM connection c WHERE c.merchant = $1 ORDER BY c.state = 'disconnected', c.connected_at
"""
# A pause of a minute is over before anybody has read of it.
_WORTH_TELLING = timedelta(minutes=2)


_WRITES = """
SELECT count(*) FROM write_back WHERE connection = $1 AND state IN ('intended', 'sending', 'unknown') AND dead_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Organisation:
    """One organisation. `state` is connected, syncing, waiting, attention or disconnected; `note` says why, in words.

    `use` says how much Xero was asked today and this month.
    """

    id: str
    name: str
    country: str
    currency: str
    short_code: str
    state: str
    note: str
    synced_at: datetime | None
    invoices: int
    live: bool
    use: str

    @property
    def accounts_href(self) -> str:
        """Where its accounts are chosen."""
        return f"/settings/accounts?connection={self.id}"


async def overview(merchant_id: UUID) -> list[Organisation]:
    """All organisations the merchant ever connected, those in use first."""
    rows = await db.fetch(_ALL, merchant_id)
    tenants = [row["xero_tenant_id"] for row in rows]
    standings = await usage.standings(tenants)
    used = {one.xero_tenant_id: one for one in await usage.used(tenants)}
    return [
        _organisation(row, standings.get(row["xero_tenant_id"], Standing()), used.get(row["xero_tenant_id"]))
        for row in rows
    ]


async def held(rows: Sequence[Row]) -> str:
    """One line about the first of these connected organisations that Xero lets nobody write to for a while; "" for none."""
    live = [row for row in rows if row["state"] == "connected"]
    standings = await usage.standings([row["xero_tenant_id"] for row in live])
    for row in live:
        standing = standings.get(row["xero_tenant_id"], Standing())
        if standing.held_until and _is_long(standing.held_until):
            return await _held(row, standing)
    return ""


async def day_limits(merchant_id: UUID) -> list[tuple[Row, str]]:
    """The merchant's connected organisations whose calls of the day are used up, each with its line."""
    live = [row for row in await connections.for_merchant(merchant_id) if row["state"] == "connected"]
    standings = await usage.standings([row["xero_tenant_id"] for row in live])
    found = [(row, standings.get(row["xero_tenant_id"], Standing())) for row in live]
    return [(row, await _held(row, one)) for row, one in found if one.day_over]


async def _held(row: Row, standing: Standing) -> str:
    waiting = await db.fetch_value(_WRITES, row["id"])
    what = f"{counted(waiting, 'entry', 'entries')} for Xero will be recorded" if waiting else "Recording goes on"
    return f"{_pause(row, standing)} {what} by themselves then. Customers can pay as usual."


async def sync(merchant_id: UUID, connection_id: UUID) -> None:
    """Ask Xero now for what changed; the first time for everything. Raises NotFound for a stranger's."""
    row = await connections.one(merchant_id, connection_id)
    await jobs.ask("connection.poll" if row["imported_at"] else "connection.import", connection_id)


def _organisation(row: Row, standing: Standing, used: Used | None) -> Organisation:
    state, note = _standing(row, standing)
    live = row["state"] == "connected"
    return Organisation(
        id=str(row["id"]),
        name=row["name"],
        country=countries.name_of(row["country"]) if row["country"] else "",
        currency=row["base_currency"],
        short_code=row["short_code"],
        state=state,
        note=note,
        synced_at=row["synced_at"],
        invoices=row["invoices"],
        live=live,
        use=_use(standing, used) if live and used else "",
    )


def _standing(row: Row, standing: Standing) -> tuple[str, str]:
    if row["state"] == "disconnected":
        day = row["disconnected_at"]
        return "disconnected", f"Disconnected on {day.day} {day:%B %Y}." if day else ""
    if row["state"] == "broken":
        return "disconnected", WORDS.get(row["state_reason"], WORDS["token"])
    if standing.held_until and _is_long(standing.held_until):
        return "waiting", f"{_pause(row, standing)} Syncing and recording go on by themselves then."
    if row["sync_error"]:
        return "attention", row["sync_error"]
    syncing = standing.sync_until
    if syncing and _is_long(syncing):
        note = f"Most of today’s calls to Xero are used. Payments are still recorded; syncing goes on {_when(row, syncing)}."
        return "connected", note
    return "connected" if row["imported_at"] else "syncing", ""


def _is_long(until: datetime) -> bool:
    return until - now() > _WORTH_TELLING


def _pause(row: Row, standing: Standing) -> str:
    """Until when Xero lets nobody in, and why."""
    assert standing.held_until is not None
    limit = "Xero’s limit of calls for one day is reached" if standing.day_over else "Xero asked us to wait"
    return f"{limit} for {row['name']}, until {_when(row, standing.held_until, '')}."


def _when(row: Row, moment: datetime, at: str = "at ") -> str:
    """The organisation's own clock: at 14:20 · tomorrow at 09:12."""
    zone = ZoneInfo(row["timezone"] or "UTC")
    there, today = moment.astimezone(zone), now().astimezone(zone).date()
    return f"{at}{there:%H:%M}" if there.date() == today else f"tomorrow at {there:%H:%M}"


def _use(standing: Standing, used: Used) -> str:
    """What Xero was asked, as its own limits and prices count it."""
    today = f"{standing.day_used:,} of {standing.day_limit:,} calls to Xero used today."
    return f"{today} This month: {counted(used.calls, 'call')}, {size(used.bytes)} received."


def size(count: int) -> str:
    """840 bytes · 12 kB · 3.1 MB · 1.24 GB."""
    for unit, name, digits in ((10**9, "GB", 2), (10**6, "MB", 1), (10**3, "kB", 0)):
        if count >= unit:
            return f"{count / unit:,.{digits}f} {name}"
    return counted(count, "byte")
