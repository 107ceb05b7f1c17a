"""A worker killed anywhere between Stripe's event and Xero's payment loses nothing and doubles nothing."""

import asyncio
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from app.books import ledger, mails, reconciliation
from app.core import db
from tests.faults import worker
from tests.faults.lives import Life
from tests.fixtures.sandbox import SandboxServer
from tests.rooms.till import Till

POINTS = {
    "K06": "found, not claimed",
    "K07": "claimed",
    "K08": "inside the payment's transaction",
    "K09": "the payment is committed",
    "K10": "the invoice was looked at",
    "K11": "a place among the five calls is taken",
    "K12": "sending is committed, nothing was sent",
    "K13": "the bytes are sent",
    "K14": "Xero has it and answers",
    "K15": "Xero's answer is read, not stored",
    "K16": "the answer is stored, the row not given back",
    "K18": "the sweep has found rows",
}

_CONFIRMED = "SELECT count(*) FROM write_back WHERE kind = 'payment' AND state = 'confirmed' AND next_at IS NULL"


class Workers:
    """Begins workers beside a till, one life after another."""

    def __init__(self, till: Till, smtp_url: str) -> None:
        self.till = till
        self._smtp_url = smtp_url
        self._begun: list[Life] = []

    def begin(self, faultpoint: str = "", quiet: float = 0.5, *, jumps: bool = False) -> Life:
        """A worker that dies (or freezes) at the point, if one is named."""
        sandbox = str(self.till.http.base_url).rstrip("/")
        url = self.till.clients.settings.database_url
        life = Life(worker.live, worker.Order(sandbox, url, self._smtp_url, faultpoint, quiet, jumps=jumps))
        self._begun.append(life)
        return life

    async def killed_at(self, faultpoint: str) -> None:
        """A worker lives until it has killed itself there."""
        life = self.begin(faultpoint)

        async def over() -> bool:
            return not life.running

        await self.till.wait_until(over, 3000)
        assert life.killed, faultpoint

    def end(self) -> None:
        """Nobody works any more."""
        for life in self._begun:
            life.end()


@pytest.fixture
def workers(till: Till, sandbox_server: SandboxServer) -> Iterator[Workers]:
    made = Workers(till, sandbox_server.smtp_url)
    yield made
    made.end()


async def a_minute_later() -> None:
    """Xero's limits are for a minute, and the dead hold their places for seconds: as if these were over."""
    await db.fetch("DELETE FROM xero_permit")
    await db.fetch("UPDATE xero_budget SET minute_used = 0")


async def pay_and_tell(till: Till) -> Any:
    """A customer paid a part of a new invoice; Stripe's events are in the inbox, and nobody has worked on them."""
    attempt = await till.attempt(await till.invoice())
    await till.pay(attempt)
    await reconciliation.catch_up(till.clients)
    return attempt


async def whole(till: Till, *attempts: Any) -> None:
    """Wait until Xero shows all of these payments, and check that it does once each, and that the books are right."""

    async def there() -> bool:
        return bool(await db.fetch_value(_CONFIRMED) == len(attempts))

    await till.wait_until(there, 3000)
    assert len(attempts) == await db.fetch_value("SELECT count(*) FROM payment")
    for attempt in attempts:
        assert [4000] == [one["amount"] for one in await till.in_xero(attempt["invoice"])]
    assert [] == await ledger.invariants()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("order", [1, -1], ids=["forward", "backward"])
async def test_killed_at_every_point(till: Till, workers: Workers, order: int):
    """Another part is paid before each life, each life ends at another point: each part is in Xero exactly once."""
    attempts = []
    for point in list(POINTS)[::order]:
        await a_minute_later()
        attempts.append(await pay_and_tell(till))
        await workers.killed_at(point)
    workers.begin()
    await whole(till, *attempts)


@pytest.mark.timeout(120)
async def test_killed_again_and_again(till: Till, workers: Workers):
    """One payment whose worker dies at every step that is still before it, and at the same step three times over."""
    attempt = await pay_and_tell(till)
    for point in ("K06", "K07", "K08", "K08", "K08", "K09", "K10", "K12", "K12", "K12"):
        await a_minute_later()
        await workers.killed_at(point)
    workers.begin()
    await whole(till, attempt)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", [{"commit_then_delay": 6}, {"delay": 1.5}], ids=["after", "before"])
async def test_killed_while_xero_is_answering(till: Till, workers: Workers, fault: Any):
    """The bytes had left when the worker was killed, just before or after Xero took them: one payment."""
    attempt = await pay_and_tell(till)
    await till.fault(fault, nth=1)
    life = workers.begin(quiet=3)

    async def left() -> bool:
        return bool(await db.fetch_value("SELECT 1 FROM write_back WHERE state = 'sending'"))

    await till.wait_until(left, 1500)
    await till.wait_until(till.struck, 500)
    life.end()
    workers.begin(quiet=3)
    await whole(till, attempt)


@pytest.mark.timeout(120)
async def test_killed_while_taking_back(till: Till, workers: Workers):
    """A worker killed in the middle of taking a refunded payment back takes it back after all, once."""
    attempt = await till.attempt(await till.invoice())
    await till.pay(attempt)
    await till.hear()
    charge = await db.fetch_value("SELECT stripe_charge_id FROM payment")
    await till.control("/_stripe/refunds", {"charge": charge})
    await reconciliation.catch_up(till.clients)
    await workers.killed_at("K20")
    workers.begin()

    async def back() -> bool:
        return bool(await db.fetch_value("SELECT 1 FROM write_back WHERE state = 'reversed'"))

    await till.wait_until(back, 1500)
    assert [] == await till.in_xero(attempt["invoice"])
    assert [] == await ledger.invariants()


@pytest.mark.timeout(120)
async def test_killed_with_a_new_token_in_hand(till: Till, workers: Workers):
    """Xero has changed the refresh token and the worker dies before it is stored: the next one gets in with the old one."""
    attempt = await pay_and_tell(till)
    await db.fetch("UPDATE xero_grant SET expires_at = now()")
    await workers.killed_at("K17")
    await db.fetch("UPDATE xero_grant SET lease_until = now()")  # as if its minute had passed
    workers.begin()
    await whole(till, attempt)
    assert "active" == await db.fetch_value("SELECT state FROM xero_grant")


@pytest.mark.timeout(120)
async def test_killed_after_the_mail_server_took_a_mail(till: Till, workers: Workers):
    """Nobody knows that the mail went out: it goes once more, as the same mail, and no third time."""
    await mails.queue(
        "notice", "once", till.merchant_id, None, "a@harrowfinch.example", "Hello", "Words", "<p>Words</p>", "Us", ""
    )
    await workers.killed_at("K19")
    workers.begin()

    async def sent() -> bool:
        return bool(await db.fetch_value("SELECT sent_at FROM mail"))

    await till.wait_until(sent, 1500)
    found = (await till.http.get("/_mail")).json()
    assert 2 == len(found)
    assert 1 == len({dict(one["headers"])["Message-ID"] for one in found})


@pytest.mark.timeout(120)
async def test_stopped_like_dead_and_awake_again(till: Till, workers: Workers):
    """A worker that slept through its lease while another did the work writes nothing when it wakes."""
    attempt = await pay_and_tell(till)
    await till.fault({"delay": 1.0}, path="/xero/api/*/Invoices/*", method="GET", nth=1)
    sleeper = workers.begin()
    await till.wait_until(till.struck, 1500)
    sleeper.signal(signal.SIGSTOP)
    workers.begin()
    await whole(till, attempt)
    sleeper.signal(signal.SIGCONT)
    await asyncio.sleep(2)
    await whole(till, attempt)
    assert 1 == await till.calls("PUT", "/Payments")


@pytest.mark.timeout(120)
async def test_frozen_before_the_first_byte_and_woken_too_late(till: Till, workers: Workers):
    """A worker that sleeps with a write in its hand, until another one has done it, lets it fall when it wakes."""
    attempt = await pay_and_tell(till)
    sleeper = workers.begin("K12:1:stop")

    async def asleep() -> bool:
        sql = "SELECT 1 FROM write_back WHERE state = 'sending' AND lease_until < now()"
        return bool(await db.fetch_value(sql))

    await till.wait_until(asleep, 1500)
    workers.begin()
    await whole(till, attempt)
    sleeper.signal(signal.SIGCONT)
    for _ in range(20):
        assert 1 == await till.calls("PUT", "/Payments")
        await asyncio.sleep(0.1)
    await whole(till, attempt)


@pytest.mark.timeout(180)
async def test_a_clock_that_jumps(till: Till, workers: Workers):
    """Every look at the worker's clock is up to ten minutes off, and answers are lost: late perhaps, but once each."""
    workers.begin(jumps=True)
    attempts = []
    for fault in ({"commit_then_reset": True}, {"reset_before_commit": True}, {"status": 500}):
        await till.fault(fault, nth=1)
        attempts.append(await pay_and_tell(till))

        async def sent() -> bool:
            await _ten_minutes_later()
            return len(attempts) == await db.fetch_value(_CONFIRMED)

        await till.wait_until(sent, 3000)
        await till.http.delete("/_faults")
    await whole(till, *attempts)


async def _ten_minutes_later() -> None:
    """What a jump put off, by the clock that it is put off by, has come."""
    for table in ("inbox", "write_back", "job"):
        await db.fetch(f"UPDATE {table} SET next_at = now() WHERE next_at > now() + interval '3 seconds'")
