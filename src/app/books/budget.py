"""How many calls a Xero organisation still allows: 60 a minute, 1,000 or 5,000 a day, 5 at once (facts §7).

Counted in PostgreSQL for all processes, corrected by what Xero's answers say. Lanes leave room for what matters more: money
is written back with all of it, pages get most, syncing yields, and new links wait longest until they stand in Xero. A pause
Xero asks for holds the whole organisation. The app's own minute, over all organisations, is believed as Xero tells it.
What was used is kept by day and told by `usage`.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import asyncpg
import structlog

from app.clients.xero_errors import failure_of_limit
from app.core import db, jobs, limiter, live
from app.core.clock import from_now, monotonic, now
from app.core.errors import Upstream
from app.core.faultpoint import faultpoint
from app.core.work import Postpone

log = structlog.get_logger()
LaneName = Literal["paper", "publish", "sync", "page", "writeback"]

MINUTE_LIMIT = 60
AT_ONCE = 5
# A little longer than Xero's own minute, which starts when our first call arrives there.
MINUTE = timedelta(seconds=60.5)
DAY = timedelta(hours=24)
# A place is held by a short lease, renewed while the call lasts: those of a killed worker are free again within seconds.
PERMIT_SECONDS, PERMIT_RENEWED = 12.0, 4.0
PER_MINUTE: Mapping[LaneName, int] = {"paper": 40, "publish": 20, "sync": 40, "page": 52, "writeback": 60}
OF_DAY: Mapping[LaneName, float] = {"paper": 0.8, "publish": 0.5, "sync": 0.8, "page": 0.95, "writeback": 1.0}
QUEUE_SECONDS: Mapping[LaneName, float] = {"paper": 2.0, "publish": 8.0, "sync": 8.0, "page": 2.0, "writeback": 8.0}
# PDFs are fetched for whoever holds a link: so many calls of their own a minute, and this share of the day's.
PAPERS_PER_MINUTE, PAPERS_OF_DAY = 10, 0.3
EVERY_TENANT = ""  # the row that stands for the app's own limit over all organisations
APP_MINUTE_LIMIT = 10_000
# Of the app's minute. Noted only when little is left, so that not every call of every organisation meets in one row.
OF_APP: Mapping[LaneName, float] = {"paper": 0.9, "publish": 0.8, "sync": 0.9, "page": 0.97, "writeback": 1.0}
APP_NOTED = int(APP_MINUTE_LIMIT * 0.2)

_FIRST = "INSERT INTO xero_budget (xero_tenant_id) VALUES ($1) ON CONFLICT (xero_tenant_id) DO NOTHING"
_LOCK = """
SELECT b.*, a.blocked_until AS app_blocked_until, a.minute_start AS app_minute_start, a.minute_used AS app_minute_used
FROM xero_budget b LEFT JOIN xero_budget a ON a.xero_tenant_id = '' WHERE b.xero_tenant_id = $1 FOR UPDATE OF b
"""
_COUNT = """
UPDATE xero_budget SET minute_start = $2, minute_used = $3, day_start = $4, day_used = $5
WHERE xero_tenant_id = $1
"""
_PERMIT = """
INSERT INTO xero_permit (xero_tenant_id, expires_at)
SELECT $1, now() + make_interval(secs => $2)
WHERE (SELECT count(*) FROM xero_permit WHERE xero_tenant_id = $1 AND expires_at > now()) < $3 RETURNING id
"""
_KEEP = "UPDATE xero_permit SET expires_at = now() + make_interval(secs => $2) WHERE id = $1"
_AFTER = """
WITH freed AS (DELETE FROM xero_permit WHERE id = $2 OR (xero_tenant_id = $1 AND expires_at < now())),
used AS (INSERT INTO xero_usage (id, xero_tenant_id, day_on, calls, bytes_in)
  VALUES (gen_random_uuid(), $1, (now() AT TIME ZONE 'UTC')::date, 1, $3)
  ON CONFLICT (xero_tenant_id, day_on) DO UPDATE SET calls = xero_usage.calls + 1,
    bytes_in = xero_usage.bytes_in + EXCLUDED.bytes_in)
UPDATE xero_budget SET minute_used = GREATEST(minute_used, $4 - COALESCE($5::int, $4)),
  day_limit = COALESCE(day_used + $6::int, day_limit)
WHERE xero_tenant_id = $1
"""
_APP_MINUTE = """
INSERT INTO xero_budget (xero_tenant_id, minute_start, minute_used) VALUES ('', now(), $1)
ON CONFLICT (xero_tenant_id) DO UPDATE SET
  minute_start = CASE WHEN xero_budget.minute_start < now() - $2::interval THEN now() ELSE xero_budget.minute_start END,
  minute_used = CASE WHEN xero_budget.minute_start < now() - $2::interval THEN $1
                     ELSE GREATEST(xero_budget.minute_used, $1) END
"""
_WHOSE = "SELECT merchant FROM connection WHERE xero_tenant_id = $1 AND state <> 'disconnected'"
_BLOCK = """
INSERT INTO xero_budget (xero_tenant_id, blocked_until, problem) VALUES ($1, $2, $3)
ON CONFLICT (xero_tenant_id) DO UPDATE SET problem = EXCLUDED.problem,
  blocked_until = GREATEST(xero_budget.blocked_until, EXCLUDED.blocked_until)
"""


@dataclass(frozen=True, slots=True)
class Windows:
    """The two counters, moved on to `moment` if their time had passed."""

    minute_start: datetime
    minute_used: int
    day_start: datetime
    day_used: int


def windows(row: Mapping[str, Any], moment: datetime) -> Windows:
    """The counters as they stand at `moment`. A pause for the day's limit that is over began a new day at Xero."""
    minute = (row["minute_start"], row["minute_used"])
    day = (row["day_start"], row["day_used"])
    if moment - minute[0] >= MINUTE or moment < minute[0]:
        minute = (moment, 0)
    over = row["problem"] == "day" and row["blocked_until"] and row["day_start"] < row["blocked_until"] <= moment
    if moment - day[0] >= DAY or over:
        day = (moment, 0)
    return Windows(*minute, *day)


def free_at(row: Mapping[str, Any], lane: LaneName, moment: datetime) -> datetime | None:
    """When the lane may call again; None: now."""
    pauses = [pause for pause in (row["blocked_until"], row["app_blocked_until"]) if pause and pause > moment]
    if pauses:
        until: datetime = max(pauses)
        return until
    app_minute = row["app_minute_start"]
    if app_minute and moment - app_minute < MINUTE and row["app_minute_used"] >= APP_MINUTE_LIMIT * OF_APP[lane]:
        over: datetime = app_minute + MINUTE
        return over
    counted = windows(row, moment)
    if counted.day_used >= row["day_limit"] * OF_DAY[lane]:
        return counted.day_start + DAY
    if counted.minute_used >= PER_MINUTE[lane]:
        return counted.minute_start + MINUTE
    return None


class TenantGate:
    """Lets one caller's requests to an organisation through, each with a permit of its own."""

    def __init__(self, xero_tenant_id: str, lane: LaneName) -> None:
        self._tenant = xero_tenant_id
        self._lane = lane
        self._permit: UUID | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def before(self) -> None:
        """Count a call in; waits shortly for one of the five places.

        Raises Postpone (a page's or a paper's lane: Upstream with `retry_after`) when the organisation's calls are used up.
        """
        if self._lane == "paper" and not await self._has_share():
            raise self._later(from_now(MINUTE.total_seconds()))
        until = monotonic() + QUEUE_SECONDS[self._lane]
        while True:
            at = await self._try()
            if at is None and self._permit is not None:
                faultpoint("K11")
                self._keeper = asyncio.create_task(_keep(self._permit))
                return
            if at is not None or monotonic() > until:
                raise self._later(at or from_now(2))
            await asyncio.sleep(random.uniform(0.05, 0.2))  # noqa: S311 - spreading the waiting needs no secrecy

    async def after(self, status: int, headers: Mapping[str, str], size: int) -> None:
        """Give the place back and learn from the answer. Never raises: the answer itself must not get lost."""
        if self._keeper:
            self._keeper.cancel()
        try:
            minute, day = _number(headers, "x-minlimit-remaining"), _number(headers, "x-daylimit-remaining")
            await db.fetch(_AFTER, self._tenant, self._permit, size, MINUTE_LIMIT, minute, day)
            app = _number(headers, "x-appminlimit-remaining")
            if app is not None and app <= APP_NOTED:
                await db.fetch(_APP_MINUTE, APP_MINUTE_LIMIT - app, MINUTE)
            if status == 429:
                await self._pause(headers)
            elif day == 0:
                await self._tell()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            log.warning("budget.not_noted", error=type(error).__name__)  # the permit ends by itself

    async def _pause(self, headers: Mapping[str, str]) -> None:
        problem, seconds = failure_of_limit(headers)
        tenant = EVERY_TENANT if problem.startswith("app") else self._tenant
        await db.fetch(_BLOCK, tenant, from_now(seconds), problem)
        if problem == "day":
            await self._tell()
        log.warning("budget.paused", tenant=tenant, problem=problem, seconds=round(seconds))

    async def _tell(self) -> None:
        """The day's calls are used up: whose organisation it is hears of it by page and mail."""
        async with db.transaction():
            for row in await db.fetch(_WHOSE, self._tenant):
                await jobs.ask("merchant.alert", row["merchant"], at=from_now(10))
                await live.announce(row["merchant"])

    async def _has_share(self) -> bool:
        """Whether papers have calls of their own left; uses one."""
        limit = await db.fetch_value("SELECT day_limit FROM xero_budget WHERE xero_tenant_id = $1", self._tenant)
        of_day = int((limit or 5_000) * PAPERS_OF_DAY)
        return await limiter.take(f"paper:{self._tenant}", PAPERS_PER_MINUTE, 60) and await limiter.take(
            f"paper-day:{self._tenant}", of_day, DAY.total_seconds()
        )

    async def _try(self) -> datetime | None:
        """When to come back; or None, and then with a permit unless all five places are taken."""
        self._permit = None
        async with db.transaction():
            row = await db.fetch_row(_LOCK, self._tenant)
            if row is None:
                await db.fetch(_FIRST, self._tenant)
                row = await db.fetch_row(_LOCK, self._tenant)
            assert row is not None
            moment = now()
            at = free_at(row, self._lane, moment)
            if at is None:
                # The row is locked, so nobody else counts the places meanwhile.
                self._permit = await db.fetch_value(_PERMIT, self._tenant, PERMIT_SECONDS, AT_ONCE)
            if self._permit is not None:
                counted = windows(row, moment)
                await db.fetch(
                    _COUNT,
                    self._tenant,
                    counted.minute_start,
                    counted.minute_used + 1,
                    counted.day_start,
                    counted.day_used + 1,
                )
        return at

    def _later(self, at: datetime) -> Exception:
        if self._lane in {"page", "paper"}:
            seconds = max((at - now()).total_seconds(), 1.0)
            return Upstream("Xero's limit of calls is reached.", code="budget", retry_after=seconds)
        return Postpone(at, "Xero's limit of calls is reached.")


async def _keep(permit: UUID) -> None:
    while True:
        await asyncio.sleep(PERMIT_RENEWED)
        try:
            await db.fetch(_KEEP, permit, PERMIT_SECONDS)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            log.warning("budget.not_renewed", error=type(error).__name__)  # at worst Xero says that a sixth call came


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "").strip()
    return int(text) if text.isdigit() else None
