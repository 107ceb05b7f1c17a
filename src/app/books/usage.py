"""What Xero was asked and what it sent, by organisation and day (UTC), and how each organisation stands with its limits.

Xero charges for what it sends beyond a monthly allowance of the whole app, which begins anew on the first (facts §7.1). Bytes
are counted as they are after unpacking: Xero does not say how it measures, so this is the most it can be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.books.budget import EVERY_TENANT, OF_DAY, free_at, windows
from app.core import db
from app.core.clock import now

_USED = """
SELECT xero_tenant_id, sum(calls) FILTER (WHERE day_on = d.today)::bigint AS calls_today,
  sum(bytes_in) FILTER (WHERE day_on = d.today)::bigint AS bytes_today,
  sum(calls)::bigint AS calls, sum(bytes_in)::bigint AS bytes
FROM xero_usage, (SELECT (now() AT TIME ZONE 'UTC')::date AS today) d
WHERE day_on >= date_trunc('month', d.today) AND day_on <= d.today AND ($1::text[] IS NULL OR xero_tenant_id = ANY($1))
GROUP BY xero_tenant_id ORDER BY bytes DESC
"""
_BUDGETS = """
SELECT b.*, a.blocked_until AS app_blocked_until, a.minute_start AS app_minute_start, a.minute_used AS app_minute_used
FROM xero_budget b LEFT JOIN xero_budget a ON a.xero_tenant_id = $2
WHERE b.xero_tenant_id = ANY((SELECT $1::text[])::text[])  -- unseen, so that the plan is kept (see merchants.places)
"""


@dataclass(frozen=True, slots=True)
class Used:
    """Calls and bytes of one organisation: today, and since the month began."""

    xero_tenant_id: str
    calls_today: int = 0
    bytes_today: int = 0
    calls: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """`held_until`: when money may be written again (None: now); `sync_until`: the same for reading what changed.

    `day_over` says that it is the day's calls that are used up, `day_used` how many of `day_limit` they are.
    """

    held_until: datetime | None = None
    sync_until: datetime | None = None
    day_over: bool = False
    day_used: int = 0
    day_limit: int = 0


async def used(xero_tenant_ids: Sequence[str] | None = None) -> list[Used]:
    """Of these organisations, or of all that were asked anything this month; the one that was sent most first."""
    rows = await db.fetch(_USED, xero_tenant_ids)
    return [
        Used(row["xero_tenant_id"], row["calls_today"] or 0, row["bytes_today"] or 0, row["calls"], row["bytes"])
        for row in rows
    ]


async def standings(xero_tenant_ids: Sequence[str]) -> dict[str, Standing]:
    """How each of these organisations stands with Xero's limits; one that was never asked anything is missing."""
    moment = now()
    rows = await db.fetch(_BUDGETS, xero_tenant_ids, EVERY_TENANT)
    return {row["xero_tenant_id"]: _standing(row, moment) for row in rows}


async def prune(months: int = 13) -> None:
    """Forget what is older than a year and a month."""
    await db.fetch("DELETE FROM xero_usage WHERE day_on < now() - make_interval(months => $1)", months)


def _standing(row: Any, moment: datetime) -> Standing:
    counted = windows(row, moment)
    held = free_at(row, "writeback", moment)
    blocked = bool(row["blocked_until"] and row["blocked_until"] > moment)
    day_over = row["problem"] == "day" if blocked else counted.day_used >= row["day_limit"] * OF_DAY["writeback"]
    limit = max(round(row["day_limit"], -2), counted.day_used)  # learnt from an answer while others were under way
    return Standing(held, free_at(row, "sync", moment), bool(held) and day_over, counted.day_used, limit)
