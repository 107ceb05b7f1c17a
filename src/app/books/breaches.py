"""Breaches: invariants that were found not to hold. The only writer of `breach`.

A breach is an alarm, is told to its merchant, and stops new writes to that merchant's books; what was begun is finished,
since a doubt ends no other way. It clears itself when the next check finds the row whole, and the writes go on at once.
What was found in an organisation that is not connected cannot be looked at, and nothing is written there: it is set aside,
so that it does not stop the merchant's other organisations for ever, and stops them again when it is connected again.
"""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import structlog

from app.books import audit
from app.books.ledger import Breach
from app.core import db, jobs, live
from app.core.clock import from_now
from app.core.wake import wake

log = structlog.get_logger()
PAUSE = 60.0
# Seconds until a mail tells of it; what clears itself before is not worth one.
MAILED = 600.0
PAUSED = "Paused until our records agree again."
TOTALS = "I6 our totals are Stripe's"
MIRROR = "I7 our copy is Xero's"
TWICE = "I9 written once"

_FOUND = """
INSERT INTO breach (merchant, kind, subject, found_at) VALUES ($1, $2, $3, now())
ON CONFLICT (kind, subject) WHERE cleared_at IS NULL DO NOTHING RETURNING id
"""
_GO_ON = """
UPDATE write_back SET next_at = now() WHERE merchant = $1 AND last_error = $2 AND next_at > now()
  AND (lease_until IS NULL OR lease_until < now()) RETURNING id
"""
_IN_FORCE = """
SELECT b.* FROM breach b WHERE b.merchant = $1 AND b.cleared_at IS NULL AND NOT EXISTS (
  SELECT 1 FROM connection c WHERE c.state <> 'connected' AND c.id = CASE b.kind
    WHEN $2 THEN (SELECT w.connection FROM write_back w WHERE w.id = substring(b.subject FROM '^write-back (\\d+)$')::bigint)
    WHEN $3 THEN (SELECT i.connection FROM invoice i WHERE i.id = substring(b.subject FROM '^invoice (.{36})$')::uuid) END)
ORDER BY b.id
"""


async def judge(found: Sequence[Breach], covers: Callable[[Any], bool]) -> None:
    """Keep what a check found, and clear what it covers (rows of `breach` of which `covers` is true) and did not find."""
    seen = {(breach.invariant, breach.what) for breach in found}
    for breach in found:
        await alarm(breach)
    for row in await open_ones():
        if covers(row) and (row["kind"], row["subject"]) not in seen:
            await _cleared(row)


async def open_ones(merchant_id: UUID | None = None) -> list[Any]:
    """What does not hold now, of one merchant or (without one) of everybody, oldest first."""
    return await db.fetch(
        "SELECT * FROM breach WHERE cleared_at IS NULL AND ($1::uuid IS NULL OR merchant = $1) ORDER BY id", merchant_id
    )


async def open_one(breach_id: int) -> Any | None:
    """A merchant's breach, if it still stands."""
    sql = "SELECT * FROM breach WHERE id = $1 AND cleared_at IS NULL AND merchant IS NOT NULL"
    return await db.fetch_row(sql, breach_id)


async def in_force(merchant_id: UUID) -> list[Any]:
    """Those of a merchant that stop its writes, oldest first: all but what is set aside."""
    return await db.fetch(_IN_FORCE, merchant_id, TWICE, MIRROR)


async def stopped(merchant_id: UUID) -> bool:
    """Whether nothing new may be written to this merchant's books."""
    return bool(await in_force(merchant_id))


async def alarm(breach: Breach) -> None:
    """Keep what was found; told once for as long as it does not hold."""
    async with db.transaction():
        row_id = await db.fetch_value(_FOUND, breach.merchant_id, breach.invariant, breach.what)
        if row_id is not None and breach.merchant_id is not None:
            what = {"invariant": breach.invariant, "row": breach.what}
            await audit.note(breach.merchant_id, audit.HOUSE, "breach_found", f"breach:{row_id}", what)
            await jobs.ask("breach.alert", row_id, at=from_now(MAILED))
            await live.announce(breach.merchant_id)
    if row_id is not None:
        log.error(
            "breach.found", invariant=breach.invariant, row=breach.what, merchant=str(breach.merchant_id or "nobody")
        )


async def _cleared(row: Any) -> None:
    async with db.transaction():
        sql = "UPDATE breach SET cleared_at = now() WHERE id = $1 AND cleared_at IS NULL RETURNING id"
        if await db.fetch_value(sql, row["id"]) is None:
            return
        if row["merchant"] is not None:
            await audit.note(row["merchant"], audit.HOUSE, "breach_cleared", f"breach:{row['id']}")
            await live.announce(row["merchant"])
            if not await stopped(row["merchant"]):
                for paused in await db.fetch(_GO_ON, row["merchant"], PAUSED):
                    wake("write_back", paused["id"])
    log.warning("breach.cleared", invariant=row["kind"], row=row["subject"])
