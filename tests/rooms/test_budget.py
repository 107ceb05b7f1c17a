"""A Xero organisation's calls are shared out: never more than Xero allows, and money goes first."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from app.books import access, connections
from app.books.budget import TenantGate
from app.core import db
from app.core.clock import now
from app.core.errors import Upstream
from app.core.work import Postpone
from tests.rooms.xero_desk import Desk, open_desk, the_row

API = "/xero/api/api.xro/*"


@pytest.fixture
async def desk(sandbox: str, database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(sandbox, database_url) as made:
        await db.fetch("TRUNCATE app_user, merchant, xero_budget, xero_permit, job CASCADE")
        yield made


@pytest.fixture
async def connection(desk: Desk) -> UUID:
    signed = await desk.sign_in()
    listed = await connections.choices(desk.clients, signed.user_id)
    made = await connections.connect(desk.clients, signed.merchant_id, signed.user_id, listed[0].xero_connection_id)
    await db.fetch("TRUNCATE xero_budget, xero_permit")
    return made


async def let_through(lane: str, times: int, tenant: str = "a") -> int:
    """How many of so many calls, all at once, the gate lets through before it says: later."""

    async def one() -> int:
        gate = TenantGate(tenant, lane)  # type: ignore[arg-type]
        try:
            await gate.before()
        except (Postpone, Upstream):
            return 0
        await asyncio.sleep(0.01)
        await gate.after(200, {}, 10)
        return 1

    return sum(await asyncio.gather(*(one() for _ in range(times))))


async def test_minute(desk: Desk) -> None:
    """A sync may use 40 calls of a minute; writing money back may use the other 20 too."""
    assert 40 == await let_through("sync", 60)
    assert 0 == await let_through("sync", 1)
    assert 20 == await let_through("writeback", 30)


async def test_other_tenants(desk: Desk) -> None:
    """One organisation's budget is not another's."""
    await let_through("writeback", 60, "a")
    assert 5 == await let_through("sync", 5, "b")


async def test_comes_back_when_the_minute_is_over(desk: Desk) -> None:
    """Whoever is turned away is told when the next minute begins; a page is told in seconds."""
    await let_through("writeback", 60)
    with pytest.raises(Postpone) as later:
        await TenantGate("a", "sync").before()
    with pytest.raises(Upstream) as soon:
        await TenantGate("a", "page").before()

    assert timedelta(seconds=30) < later.value.at - now() < timedelta(seconds=61)
    assert soon.value.retry_after is not None
    assert 30 < soon.value.retry_after < 61
    await db.fetch("UPDATE xero_budget SET minute_start = minute_start - interval '61 seconds'")
    assert 1 == await let_through("sync", 1)


async def test_five_at_once(desk: Desk) -> None:
    """At most five calls are under way; the sixth waits for a place."""
    gates = [TenantGate("a", "page") for _ in range(6)]
    for gate in gates[:5]:
        await gate.before()
    waiting = asyncio.create_task(gates[5].before())
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await gates[0].after(200, {}, 0)
    await waiting


async def test_killed_worker_frees_its_place(desk: Desk) -> None:
    """A place held by a worker that died is free again when its time is over."""
    for _ in range(5):
        await TenantGate("a", "page").before()
    await db.fetch("UPDATE xero_permit SET expires_at = now() - interval '1 second'")
    assert 1 == await let_through("page", 1)


async def test_headers_correct_the_count(desk: Desk) -> None:
    """What Xero says remains is believed when it is less than we thought."""
    gate = TenantGate("a", "writeback")
    await gate.before()
    await gate.after(200, {"x-minlimit-remaining": "2", "x-daylimit-remaining": "999"}, 100)
    row = await the_row("SELECT * FROM xero_budget WHERE xero_tenant_id = 'a'")

    assert (58, 1000, 100) == (row["minute_used"], row["day_limit"], row["bytes_in"])
    assert 0 == await let_through("sync", 1)
    assert 2 == await let_through("writeback", 5)


async def test_day(desk: Desk) -> None:
    """A sync leaves a fifth of the day's calls to those who matter more."""
    await let_through("sync", 1)
    await db.fetch("UPDATE xero_budget SET day_used = 800, day_limit = 1000")
    assert 0 == await let_through("sync", 1)
    assert 1 == await let_through("page", 1)


@pytest.mark.parametrize(
    ("problem", "retry_after", "least", "most"),
    [
        ("minute", "17", 15, 17),
        ("day", "71202", 71_000, 71_202),
        ("concurrent", None, 0, 5),
        ("minute", "-5", 0, 1),
        ("minute", "soon", 50, 60),
        ("day", "99999999", 90_000, 26 * 3600),
    ],
)
async def test_pause(
    desk: Desk, connection: UUID, problem: str, retry_after: str | None, least: float, most: float
) -> None:
    """After a 429 the whole organisation is left alone for as long as Xero says, within reason."""
    desk.fault(API, {"rate_limit": {"problem": problem, "retry_after": retry_after}}, times=1)
    with pytest.raises(Upstream) as error:
        async with access.tenant(desk.clients, connection) as tenant:
            await tenant.organisation()
    seen = len(desk.calls("/xero/api/api.xro"))
    blocked = await db.fetch_value("SELECT blocked_until FROM xero_budget WHERE xero_tenant_id <> ''")

    assert f"rate_{problem}" == error.value.code
    assert least <= (blocked - now()).total_seconds() <= most
    if least > 10:
        with pytest.raises(Postpone):
            async with access.tenant(desk.clients, connection, "writeback") as tenant:
                await tenant.organisation()
        assert seen == len(desk.calls("/xero/api/api.xro"))


async def test_never_turned_away_by_xero(desk: Desk, connection: UUID) -> None:
    """A hundred calls asked for at once never exceed what Xero allows: 5 at once, 60 a minute, and no 429."""
    desk.limits(concurrent=5, minute=60, day=1000)
    desk.advance(61)

    async def look() -> int:
        try:
            async with access.tenant(desk.clients, connection, "writeback") as tenant:
                await tenant.organisation()
        except Postpone:
            return 0
        return 1

    began = time.monotonic()
    done = sum(await asyncio.gather(*(look() for _ in range(100))))
    statuses = [call["status"] for call in desk.calls("/xero/api/api.xro")]

    assert 60 == done, f"in {time.monotonic() - began:.1f} s"
    assert 429 not in statuses
