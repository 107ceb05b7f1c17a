"""A Xero organisation's calls are shared out: never more than Xero allows, and money goes first."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from app.books import access, budget, connections, usage
from app.books.budget import TenantGate
from app.core import db
from app.core.clock import now
from app.core.errors import Upstream
from app.core.work import Postpone
from app.merchants import alerts, organisations
from app.merchants.places import home
from app.merchants.troubles import needs
from tests.rooms.xero_desk import Desk, open_desk, the_row

API = "/xero/api/api.xro/*"


@pytest.fixture
async def desk(sandbox: str, database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(sandbox, database_url) as made:
        await db.fetch("TRUNCATE app_user, merchant, xero_budget, xero_permit, xero_usage, job CASCADE")
        yield made


@pytest.fixture
async def connection(desk: Desk) -> UUID:
    signed = await desk.sign_in()
    listed = await connections.choices(desk.clients, signed.user_id)
    made = await connections.connect(desk.clients, signed.merchant_id, signed.user_id, listed[0].xero_connection_id)
    await db.fetch("TRUNCATE xero_budget, xero_permit, xero_usage, job")
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


async def test_a_long_call_keeps_its_place(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place is held for as long as its call lasts, by leases that are renewed, and no longer."""
    monkeypatch.setattr(budget, "PERMIT_RENEWED", 0.05)
    gate = TenantGate("a", "page")
    await gate.before()
    until = "SELECT expires_at FROM xero_permit"
    first = await db.fetch_value(until)
    for _ in range(500):
        if await db.fetch_value(until) > first:
            break
        await asyncio.sleep(0.02)
    assert await db.fetch_value(until) > first
    await gate.after(200, {}, 10)
    assert await db.fetch_value(until) is None


async def test_headers_correct_the_count(desk: Desk) -> None:
    """What Xero says remains is believed when it is less than we thought."""
    gate = TenantGate("a", "writeback")
    await gate.before()
    await gate.after(200, {"x-minlimit-remaining": "2", "x-daylimit-remaining": "999"}, 100)
    row = await the_row("SELECT * FROM xero_budget WHERE xero_tenant_id = 'a'")

    assert (58, 1000) == (row["minute_used"], row["day_limit"])
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


async def tell(lane: str, tenant: str = "a", status: int = 200, **remaining: str) -> None:
    """One call that Xero answers with these headers."""
    gate = TenantGate(tenant, lane)  # type: ignore[arg-type]
    await gate.before()
    await gate.after(status, {f"x-{name}limit-remaining": left for name, left in remaining.items()}, 0)


async def test_the_apps_own_minute(desk: Desk) -> None:
    """When little is left of the minute over all organisations, syncing waits everywhere, and money goes on until nothing is."""
    await tell("sync", appmin="900")
    assert (0, 1) == (await let_through("sync", 1, "b"), await let_through("writeback", 1, "b"))
    await tell("writeback", appmin="0")
    assert 0 == await let_through("writeback", 1, "c")
    await db.fetch(
        "UPDATE xero_budget SET minute_start = minute_start - interval '61 seconds' WHERE xero_tenant_id = ''"
    )
    assert 1 == await let_through("sync", 1, "c")


async def test_used_by_day(desk: Desk, connection: UUID) -> None:
    """Calls and what they brought are counted by day and month; the organisation itself is free of charge, as at Xero."""
    async with access.tenant(desk.clients, connection) as tenant:
        await tenant.organisation()
        assert [(1, 0)] == [(one.calls, one.bytes) for one in await usage.used()]
        await tenant.tax_rates()
    sent = desk.calls("/xero/api/api.xro/2.0/TaxRates")[-1]["bytes"]
    [used] = await usage.used([tenant.xero_tenant_id])
    assert (2, sent, 2, sent) == (used.calls_today, used.bytes_today, used.calls, used.bytes)

    await db.fetch("UPDATE xero_usage SET day_on = day_on - 40")
    assert [] == await usage.used()
    await db.fetch("UPDATE xero_usage SET day_on = day_on - 400")
    await usage.prune()
    assert 0 == await db.fetch_value("SELECT count(*) FROM xero_usage")


@pytest.mark.parametrize("how", ["refused", "used up"])
async def test_day_over(desk: Desk, connection: UUID, how: str) -> None:
    """When the day's calls are used up the merchant hears of it once by mail and reads when it goes on, on page and banner."""
    merchant_id = await db.fetch_value("SELECT merchant FROM connection WHERE id = $1", connection)
    tenant_id = await db.fetch_value("SELECT xero_tenant_id FROM connection WHERE id = $1", connection)
    if how == "refused":
        desk.fault(API, {"rate_limit": {"problem": "day", "retry_after": "20000"}}, times=1)
        with pytest.raises(Upstream):
            async with access.tenant(desk.clients, connection) as tenant:
                await tenant.organisation()
    else:
        await tell("writeback", tenant_id, day="0")
    standing = (await usage.standings([tenant_id]))[tenant_id]
    assert standing.day_over
    assert standing.held_until is not None

    asked = await the_row("SELECT subject FROM job WHERE kind = 'merchant.alert'")
    assert str(merchant_id) == asked["subject"]
    await alerts.tell(desk.clients, merchant_id)
    await alerts.tell(desk.clients, merchant_id)
    [mail] = await db.fetch("SELECT subject, text FROM mail WHERE merchant = $1", merchant_id)
    assert "Xero’s limit for today is reached" in mail["subject"]

    [shown] = await organisations.overview(merchant_id)
    banner, href = await needs(await home(merchant_id))
    assert "waiting" == shown.state
    assert "/settings/xero" == href
    for words in (mail["text"], shown.note, banner):
        assert "Xero’s limit of calls for one day is reached" in words
    assert re.search(r"until (tomorrow at )?\d\d:\d\d\.", banner)
    assert "Customers can pay as usual." in banner


async def test_most_of_the_day(desk: Desk, connection: UUID) -> None:
    """When most of a day's calls are used syncing waits and says so, and nothing else does."""
    row = await the_row("SELECT merchant, xero_tenant_id FROM connection WHERE id = $1", connection)
    await tell("sync", row["xero_tenant_id"])
    await db.fetch("UPDATE xero_budget SET day_used = 900, day_limit = 1000")
    [shown] = await organisations.overview(row["merchant"])
    assert "Most of today’s calls to Xero are used." in shown.note
    assert "900 of 1,000 calls to Xero used today. This month: 1 call, 0 bytes received." == shown.use
    assert ("", "") == await needs(await home(row["merchant"]))


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
