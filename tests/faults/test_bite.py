"""The tests bite: with any one safeguard taken out, a check that otherwise holds finds a payment doubled or lost."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from asyncpg.exceptions import UniqueViolationError

from app.books import payments
from app.books.writeback.timing import TIMING
from app.core import db, inbox
from app.core.broker import Sweep
from app.core.work import Lane
from tests.faults import safeguards
from tests.rooms.till import Till

Check = Callable[[Till], Awaitable[None]]
Switch = Callable[[Till, pytest.MonkeyPatch], Awaitable[None]]


async def one_payment_for_one_intent(till: Till) -> None:
    """Told twice at once, the money is in the books once."""
    attempt = await till.attempt(await till.invoice())
    await till.pay(attempt)
    told = (payments.settle_session(till.clients, till.account, attempt["stripe_session_id"]) for _ in range(2))
    await asyncio.gather(*told)
    assert 1 == await db.fetch_value("SELECT count(*) FROM payment")


async def one_row_for_one_event(till: Till) -> None:
    """Delivered twice, an event is stored once."""
    for _ in range(2):
        await inbox.receive("stripe", till.account, "evt_1", "charge.updated", b"{}")
    assert 1 == await db.fetch_value("SELECT count(*) FROM inbox")


async def once_after_a_lost_answer(till: Till) -> None:
    """Xero took it, the answer was lost, and Xero's memory of keys is over: still one payment."""
    await till.control("/_config", {"xero": {"modes": {"idempotency_seconds": 0}}})
    payment = await till.paid(await till.invoice())
    await till.fault({"commit_then_reset": True}, nth=1)
    await till.work_until(lambda: confirmed(payment["id"]))
    assert [4000] == [one["amount"] for one in await till.in_xero(payment["invoice"])]


async def once_though_a_sleeper_wakes(till: Till) -> None:
    """A worker slept through its lease, the next one's answer was lost, then the sleeper wakes: one payment."""
    TIMING.quiet = 3
    payment = await till.paid(await till.invoice())
    await till.fault({"commit_then_delay": 1.0}, path="/xero/api/*/Invoices/*", method="GET", nth=1)
    await till.fault({"commit_then_reset": True}, nth=1)
    sleeper = asyncio.create_task(till.work(1))
    await till.wait_until(till.struck)
    await db.fetch("UPDATE write_back SET lease_until = NULL")
    await till.work(1)
    assert "unknown" == (await till.write_back(payment))["state"]
    await sleeper
    await till.work_until(lambda: confirmed(payment["id"]))
    assert [4000] == [one["amount"] for one in await till.in_xero(payment["invoice"])]


async def one_at_a_time(till: Till) -> None:
    """While one worker waits for Xero, no other takes the same payment."""
    payment = await till.paid(await till.invoice())
    await till.fault({"delay": 1.0}, path="/xero/api/*/Invoices/*", method="GET", nth=1)
    await asyncio.gather(till.work(1), _a_little_later(till))
    assert 1 == (await till.write_back(payment))["fence"]


async def found_without_a_message(till: Till) -> None:
    """No broker carried a word of it, and the payment is in Xero within seconds."""
    payment = await till.paid(await till.invoice())
    sweep = Sweep([Lane("write_back", till._write_back, "writeback")], every=0.1)
    await sweep.start()
    try:
        await till.wait_until(lambda: confirmed(payment["id"]), 200)
    finally:
        await sweep.stop()


async def _a_little_later(till: Till) -> None:
    await till.wait_until(till.struck)
    await till.work(1)


async def confirmed(payment_id: object) -> bool:
    """Whether Xero has it, as far as we know."""
    state = await db.fetch_value("SELECT state FROM write_back WHERE payment = $1 AND kind = 'payment'", payment_id)
    return bool(state == "confirmed")


GUARDED: dict[str, tuple[Switch, Check]] = {
    "payment key": (safeguards.no_payment_key, one_payment_for_one_intent),
    "inbox key": (safeguards.no_inbox_key, one_row_for_one_event),
    "search": (safeguards.no_search, once_after_a_lost_answer),
    "fencing": (safeguards.no_fencing, once_though_a_sleeper_wakes),
    "lease": (safeguards.no_lease, one_at_a_time),
    "sweep": (safeguards.no_sweep, found_without_a_message),
}


@pytest.mark.parametrize("name", GUARDED)
async def test_with_the_safeguard_the_check_holds(till: Till, name: str):
    """With every safeguard in its place, nothing is doubled and nothing is lost."""
    await GUARDED[name][1](till)


@pytest.mark.parametrize("name", GUARDED)
async def test_without_the_safeguard_the_check_fails(till: Till, monkeypatch: pytest.MonkeyPatch, name: str):
    """Without this one safeguard, the same check finds a payment doubled, lost or worked on by two."""
    switch_off, check = GUARDED[name]
    await switch_off(till, monkeypatch)
    with pytest.raises((AssertionError, UniqueViolationError)):  # the next key, the reference's, may be what finds it
        await check(till)
