"""Durable work: a row says what is to be done and when; a message only wakes somebody up.

Any table with the `Work` columns can be worked on. A claim is a lease with a fencing number; whoever finishes must still
hold the number. `next_at` null means that nothing is to be done. Attempts are counted before the work, so that a row that
kills its worker is put aside (`dead_at`) after `max_attempts`, seen on the health page and by the merchant.
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
from app.core.wake import wake

log = structlog.get_logger()


class Work:
    """Columns of a row that is work: due at `next_at`, held until `lease_until` under `fence`."""

    next_at = Timestamptz(null=True, default=None)
    lease_until = Timestamptz(null=True, default=None)
    fence = Integer(default=0)
    attempts = Integer(default=0)
    dead_at = Timestamptz(null=True, default=None)
    last_error = Text(default="")


@dataclass(frozen=True, slots=True)
class Claim:
    """A held row: its id, the fencing number under which it is held and how often it was tried (this time included)."""

    table: str
    id: int
    fence: int
    attempts: int


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

    The lease is renewed while the handler runs: long work is never taken over, a killed worker's rows are free soon.
    """

    table: str
    handler: Handler
    queue: str
    lease: int = 20
    max_attempts: int = 12
    backoff: tuple[int, ...] = field(default=(2, 5, 15, 60, 300, 900, 3600))


async def claim(table: str, row_id: int, lease: int) -> Claim | None:
    """Take a due row that nobody holds; None when it is not due, held, or done."""
    row = await db.fetch_row(
        f"UPDATE {table} SET lease_until = now() + make_interval(secs => $2), fence = fence + 1, attempts = attempts + 1 "
        "WHERE id = $1 AND next_at <= now() AND (lease_until IS NULL OR lease_until < now()) RETURNING fence, attempts",
        row_id,
        float(lease),
    )
    return Claim(table, row_id, row["fence"], row["attempts"]) if row else None


async def holds(held: Claim) -> bool:
    """Whether the lease is still ours, with time left: ask before anything that cannot be taken back."""
    sql = f"SELECT 1 FROM {held.table} WHERE id = $1 AND fence = $2 AND lease_until > now()"
    return await db.fetch_value(sql, held.id, held.fence) is not None


def _next(table: str, at: str) -> str:
    """When a row comes next: a job that was asked for again while it was being done comes at once."""
    return f"CASE WHEN asked = asked_seen THEN {at} ELSE now() END" if table == "job" else at


async def finish(held: Claim) -> bool:
    """Nothing more to do, unless it was asked for again meanwhile; False when the row is no longer ours."""
    sql = (
        f"UPDATE {held.table} SET next_at = {_next(held.table, 'NULL::timestamptz')}, lease_until = NULL, "
        "attempts = 0, last_error = '' WHERE id = $1 AND fence = $2 RETURNING next_at"
    )
    row = await db.fetch_row(sql, held.id, held.fence)
    if row and row["next_at"]:
        wake(held.table, held.id)
    return row is not None


async def come_back(held: Claim, at: datetime, why: str, *, counts: bool = True) -> bool:
    """Give the row back until `at`; `counts=False` takes the attempt back."""
    sql = (
        f"UPDATE {held.table} SET next_at = {_next(held.table, '$3')}, lease_until = NULL, last_error = $4, "
        "attempts = attempts - $5 "
        "WHERE id = $1 AND fence = $2 RETURNING id"
    )
    return await db.fetch_value(sql, held.id, held.fence, at, why[:500], 0 if counts else 1) is not None


async def put_aside(held: Claim, why: str) -> bool:
    """Stop trying; a person must look. The row stays, with its reason."""
    sql = (
        f"UPDATE {held.table} SET next_at = NULL, lease_until = NULL, dead_at = now(), last_error = $3 "
        "WHERE id = $1 AND fence = $2 RETURNING id"
    )
    return await db.fetch_value(sql, held.id, held.fence, why[:500]) is not None


async def due(table: str, limit: int = 100) -> list[Any]:
    """Rows (id, next_at) that are due and that nobody holds, oldest first."""
    return await db.fetch(
        f"SELECT id, next_at FROM {table} WHERE next_at <= now() AND (lease_until IS NULL OR lease_until < now()) "
        "ORDER BY next_at LIMIT $1",
        limit,
    )


async def run(lane: Lane, row_id: int) -> bool:
    """Claim one row and work on it. True when it was ours, whatever came of it; never raises for the work's own errors."""
    held = await claim(lane.table, row_id, lane.lease)
    if held is None:
        return False
    if held.attempts > lane.max_attempts:
        await put_aside(held, "Tried too often without an end.")
        return True
    try:
        async with _kept(held, lane.lease):
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
    else:
        await _again(lane, held, error.message)


async def _again(lane: Lane, held: Claim, why: str) -> None:
    if held.attempts >= lane.max_attempts:
        await put_aside(held, why)
        return
    pause = lane.backoff[min(held.attempts, len(lane.backoff)) - 1]
    await come_back(held, from_now(pause), why)
