"""Repairs: changes that a poll had to fetch because a notification did not arrive. The only writer of `repair`.

Nothing is lost by them, but each says that a webhook was: a number that grows is an alarm.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from app.core import db

log = structlog.get_logger()
# How long a notification may take before its absence counts.
GRACE = timedelta(seconds=90)

_COUNT = """
INSERT INTO repair (id, merchant, source, day_on, found) VALUES (gen_random_uuid(), $1, $2, (now() AT TIME ZONE 'UTC')::date, $3)
ON CONFLICT (merchant, source, day_on) DO UPDATE SET found = repair.found + EXCLUDED.found
"""
# Changed in Xero long enough ago, with nobody on the way to read it: no notification asked for that.
_UNTOLD = """
SELECT count(*) FROM invoice i WHERE i.id = ANY($1) AND i.xero_updated_at < now() - $2::interval
AND NOT EXISTS (SELECT 1 FROM job j WHERE j.kind = 'invoice.pull' AND j.next_at IS NOT NULL
  AND j.subject = i.connection || ':' || i.xero_invoice_id)
"""
_RECENT = """
SELECT COALESCE(sum(found), 0)::bigint FROM repair
WHERE merchant = $1 AND source = $2 AND day_on > (now() AT TIME ZONE 'UTC')::date - 7
"""


async def count(merchant_id: UUID, source: str, found: int) -> None:
    """Add to today's number (`source`: xero or stripe)."""
    if found:
        await db.fetch(_COUNT, merchant_id, source, found)
        log.warning("repaired", source=source, found=found, merchant=str(merchant_id))


async def count_invoices(merchant_id: UUID, changed: list[UUID]) -> None:
    """Of the invoices that a poll found changed, count those that a notification should have told before."""
    if changed:
        await count(merchant_id, "xero", await db.fetch_value(_UNTOLD, changed, GRACE))


async def this_week(merchant_id: UUID, source: str = "xero") -> int:
    """How many in the last seven days (UTC)."""
    found: int = await db.fetch_value(_RECENT, merchant_id, source)
    return found


async def today() -> dict[str, int]:
    """By source, over all merchants, for the operator."""
    rows: list[Any] = await db.fetch(
        "SELECT source, sum(found)::bigint AS found FROM repair "
        "WHERE day_on = (now() AT TIME ZONE 'UTC')::date GROUP BY source"
    )
    return {"xero": 0, "stripe": 0} | {row["source"]: row["found"] for row in rows}
