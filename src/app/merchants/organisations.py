"""The merchant's Xero organisations as the settings show them: how each stands, and how much it may still be asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.books import connections
from app.books.broken import WORDS
from app.core import db, jobs
from app.merchants import countries

Row = Mapping[str, Any]

_ALL = """
SELECT c.*, (SELECT count(*) FROM invoice i WHERE i.connection = c.id) AS invoices, b.day_limit, b.blocked_until,
  CASE WHEN b.day_start > now() - interval '24 hours' THEN b.day_used ELSE 0 END AS day_used
FROM connection c LEFT JOIN xero_budget b ON b.xero_tenant_id = c.xero_tenant_id
WHERE c.merchant = $1 ORDER BY c.state = 'disconnected', c.connected_at
"""


@dataclass(frozen=True, slots=True)
class Organisation:
    """One organisation. `state` is connected, syncing, attention or disconnected; `note` says why, in words."""

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

    @property
    def accounts_href(self) -> str:
        """Where its accounts are chosen."""
        return f"/settings/accounts?connection={self.id}"


async def overview(merchant_id: UUID) -> list[Organisation]:
    """All organisations the merchant ever connected, those in use first."""
    return [_organisation(row) for row in await db.fetch(_ALL, merchant_id)]


async def sync(merchant_id: UUID, connection_id: UUID) -> None:
    """Ask Xero now for what changed; the first time for everything. Raises NotFound for a stranger's."""
    row = await connections.one(merchant_id, connection_id)
    await jobs.ask("connection.poll" if row["imported_at"] else "connection.import", connection_id)


def _organisation(row: Row) -> Organisation:
    state, note = _standing(row)
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
        live=row["state"] == "connected",
    )


def _standing(row: Row) -> tuple[str, str]:
    if row["state"] == "disconnected":
        day = row["disconnected_at"]
        return "disconnected", f"Disconnected on {day.day} {day:%B %Y}." if day else ""
    if row["state"] == "broken":
        return "disconnected", WORDS.get(row["state_reason"], WORDS["token"])
    if row["sync_error"]:
        return "attention", row["sync_error"]
    return "connected" if row["imported_at"] else "syncing", _calls(row)


def _calls(row: Row) -> str:
    """How many of the day's calls to Xero are used; its limit is per organisation."""
    if not row["day_used"]:
        return ""
    return f"{row['day_used']:,} of {round(row['day_limit'], -2):,} calls to Xero used today."
