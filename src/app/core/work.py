"""Durable work: a row says what is to be done and when; a message only wakes somebody up.

Any table with the `Work` columns can be worked on. A claim is a lease with a fencing number; whoever finishes must still
hold the number. `next_at` null means that nothing is to be done. Attempts are counted before the work, so that a row that
kills its worker is put aside (`dead_at`) after `max_faults`, seen by `payportal doctor` and by the merchant.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from piccolo.columns import Integer, Text, Timestamptz

from app.core import db
from app.core.clock import from_now
from app.core.errors import Refused, Upstream
from app.core.faultpoint import faultpoint
from app.core.wake import wake

log = structlog.get_logger()


class Work:
    """Columns of a row that is work: due at `next_at`, held until `lease_until` under `fence`."""

    next_at = Timestamptz(null=True, default=None)
    lease_until = Timestamptz(null=True, default=None)
    fence = Integer(default=0)
    attempts = Integer(default=0, help_text="turns since the last good one; the pauses grow with them")
    faults = Integer(default=0, help_text="of these, how often its worker died or our own code failed")
    dead_at = Timestamptz(null=True, default=None)
    last_error = Text(default="")


@dataclass(frozen=True, slots=True)
class Claim:
    """A held row: its id, the fencing number under which it is held, its turns so far (this one included) and its faults."""

    table: str
    id: int
    fence: int
    attempts: int
    faults: int = 0


class Postpone(Exception):
    """Raised by a handler: come back at `at`; the attempt does not count (a rate limit, a pause, waiting for a fact)."""

    def __init__(self, at: datetime, why: str = "") -> None:
        super().__init__(why)
        self.at = at
        self.why = why


Handler = Callable[[Claim], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Lane:
    """How one table is worked on: the handler, its queue, the lease in seconds, the tries and their spacing.

    The lease is renewed while the handler runs: long work is never taken over, a killed worker's rows are free soon. A
    handler that hangs is ended after `longest` seconds.
    """

    table: str
    handler: Handler
    queue: str
    lease: int = 15
    longest: int = 900
    max_faults: int = 8
    backoff: tuple[int, ...] = field(default=(2, 5, 15, 60, 300, 900, 3600))


async def claim(table: str, row_id: int, lease: int) -> Claim | None:
    """Take a due row that nobody holds; None when it is not due, held, or done.

    A lease that ran out was never given back: its worker died, and that counts as a fault of the row.
    """
    seen = ", asked_seen = asked" if table == "job" else ""  # what is asked from now on needs another turn
    row = await db.fetch_row(
        f"UPDATE {table} SET lease_until = now() + make_interval(secs => $2), fence = fence + 1, attempts = attempts + 1, "
        f"faults = faults + CASE WHEN lease_until IS NULL THEN 0 ELSE 1 END{seen} "
        "WHERE id = $1 AND next_at <= now() AND (lease_until IS NULL OR lease_until < now()) "
        "RETURNING fence, attempts, faults",
        row_id,
        float(lease),
    )
    return Claim(table, row_id, row["fence"], row["attempts"], row["faults"]) if row else None


def _next(table: str, at: str) -> str:
    """When a row comes next: a job that was asked for again while it was being done comes at once."""
    return f"CASE WHEN asked = asked_seen THEN {at} ELSE now() END" if table == "job" else at


async def finish(held: Claim) -> bool:
    """Nothing more to do, unless it was asked for again meanwhile; False when the row is no longer ours."""
    sql = (
        f"UPDATE {held.table} SET next_at = {_next(held.table, 'NULL::timestamptz')}, lease_until = NULL, "
        "attempts = 0, faults = 0, last_error = '' WHERE id = $1 AND fence = $2 RETURNING next_at"
    )
    row = await db.fetch_row(sql, held.id, held.fence)
    if row and row["next_at"]:
        wake(held.table, held.id)
    return row is not None


async def come_back(held: Claim, at: datetime, why: str, *, counts: bool = True, faults: int = 0) -> bool:
    """Give the row back until `at`; `counts=False` says that it was no failure, and what failed before is forgotten."""
    sql = (
        f"UPDATE {held.table} SET next_at = {_next(held.table, '$3')}, lease_until = NULL, last_error = $4, "
        "attempts = CASE WHEN $5 THEN attempts ELSE 0 END, faults = CASE WHEN $5 THEN faults + $6 ELSE 0 END "
        "WHERE id = $1 AND fence = $2 RETURNING id"
    )
    return await db.fetch_value(sql, held.id, held.fence, at, why[:500], counts, faults) is not None


async def put_aside(held: Claim, why: str) -> bool:
    """Stop trying; a person must look. The row stays, with its reason; a job asked for again meanwhile gets its turn."""
    again = "asked <> asked_seen" if held.table == "job" else "FALSE"
    sql = (
        f"UPDATE {held.table} SET next_at = CASE WHEN {again} THEN now() END, lease_until = NULL, "
        f"dead_at = CASE WHEN {again} THEN NULL ELSE now() END, last_error = $3 WHERE id = $1 AND fence = $2 RETURNING id"
    )
    return await db.fetch_value(sql, held.id, held.fence, why[:500]) is not None


async def due(table: str, limit: int = 100, late: float = 0) -> list[Any]:
    """Rows (id) that have been due for `late` seconds by the database's clock and that nobody holds, oldest first."""
    # Both numbers stand in the statement: as values they would let PostgreSQL plan it anew each time, for more than it costs.
    return await db.fetch(
        f"SELECT id FROM {table} WHERE next_at <= now() - make_interval(secs => {float(late)}) "
        f"AND (lease_until IS NULL OR lease_until < now()) ORDER BY next_at, id LIMIT {limit:d}"
    )


async def run(lane: Lane, row_id: int) -> bool:
    """Claim one row and work on it. True when it was ours, whatever came of it; never raises for the work's own errors."""
    faultpoint("K06")
    held = await claim(lane.table, row_id, lane.lease)
    if held is None:
        return False
    faultpoint("K07")
    if held.faults >= lane.max_faults:
        await put_aside(held, "Its worker died too often.")
        return True
    try:
        async with _kept(held, lane.lease), asyncio.timeout(lane.longest):
            await lane.handler(held)
    except Postpone as later:
        await come_back(held, later.at, later.why, counts=False)
    except Upstream as error:
        await _after_upstream(lane, held, error)
    except Refused as no:  # a rule of ours; trying again does not change it
        await put_aside(held, no.message)
    except Exception as error:
        log.exception("work.failed", table=lane.table, id=row_id)
        await _again(lane, held, type(error).__name__)
    else:
        await finish(held)
    return True


@asynccontextmanager
async def _kept(held: Claim, lease: int) -> AsyncIterator[None]:
    task = asyncio.create_task(_keep(held, lease))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep(held: Claim, lease: int) -> None:
    sql = (
        f"UPDATE {held.table} SET lease_until = now() + make_interval(secs => $3) "
        "WHERE id = $1 AND fence = $2 AND lease_until IS NOT NULL"
    )
    while True:
        await asyncio.sleep(lease / 3)
        try:
            await db.fetch(sql, held.id, held.fence, float(lease))
        except Exception as error:  # the lease runs out by itself, and the fence tells the next one
            log.warning("work.not_renewed", table=held.table, error=type(error).__name__)


async def _after_upstream(lane: Lane, held: Claim, error: Upstream) -> None:
    if error.permanent:
        await put_aside(held, error.message)
    elif error.retry_after is not None:
        await come_back(held, from_now(error.retry_after), error.message, counts=False)
    else:  # what may pass is never given up, however long the other side is away; only the pauses grow
        await come_back(held, from_now(_pause(lane, held)), error.message)


async def _again(lane: Lane, held: Claim, why: str) -> None:
    if held.faults + 1 >= lane.max_faults:
        await put_aside(held, why)
        return
    await come_back(held, from_now(_pause(lane, held)), why, faults=1)


def _pause(lane: Lane, held: Claim) -> int:
    return lane.backoff[min(held.attempts, len(lane.backoff)) - 1]
