"""A worker killed anywhere between Stripe's event and Xero's payment loses nothing and doubles nothing."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from app.books import ledger, reconciliation
from app.core import db
from tests.fixtures.process import ROOT, Process
from tests.rooms.till import Till

POINTS = {
    "K06": "the event is claimed",
    "K07": "the write is claimed",
    "K08": "inside the payment's transaction",
    "K09": "the payment is committed",
    "K10": "the invoice was looked at",
    "K12": "sending is committed, nothing was sent",
    "K15": "Xero's answer is read, not stored",
    "K16": "the answer is stored, the row not given back",
}


class Workers:
    """Starts workers beside a till."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.started: list[Process] = []

    def start(self, **env: str) -> Process:
        settings = self.till.clients.settings
        base = {
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "SANDBOX": str(self.till.http.base_url).rstrip("/"),
            "DATABASE_URL": settings.database_url,
        }
        process = Process([sys.executable, "-m", "tests.faults.worker"], env=base | env)
        self.started.append(process)
        process.wait_for("ready")
        return process


@pytest.fixture
def workers(till: Till) -> Iterator[Workers]:
    made = Workers(till)
    yield made
    for process in made.started:
        if process.running:
            process.kill()


async def pay_and_tell(till: Till, amount: str = "40.00") -> Any:
    """A customer paid a part; Stripe's events are in the inbox, and nobody has worked on them."""
    attempt = await till.attempt(await till.invoice(), amount)
    await till.pay(attempt)
    await reconciliation.catch_up(till.clients)
    return attempt


async def died(till: Till, process: Process) -> None:
    """Wait until the process has killed itself."""

    async def dead() -> bool:
        return not process.running

    await till.wait_until(dead, 1500)
    assert -signal.SIGKILL == process._popen.returncode, "\n".join(process.lines)


async def whole(till: Till, attempt: Any) -> None:
    """Wait until Xero shows the payment, and check that it does once, and that the books are right."""

    async def there() -> bool:
        return bool(await db.fetch_value("SELECT 1 FROM write_back WHERE kind = 'payment' AND state = 'confirmed'"))

    await till.wait_until(there, 1500)
    assert 1 == await db.fetch_value("SELECT count(*) FROM payment")
    assert [4000] == [one["amount"] for one in await till.in_xero(attempt["invoice"])]
    assert [] == await ledger.invariants()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("point", POINTS, ids=[f"{name} {words}" for name, words in POINTS.items()])
async def test_killed_between_stripe_and_xero(till: Till, workers: Workers, point: str):
    """Killed at a named point, then started again: the part payment is in Xero exactly once."""
    attempt = await pay_and_tell(till)
    await died(till, workers.start(FAULTPOINT=point))
    workers.start()
    await whole(till, attempt)


@pytest.mark.timeout(120)
async def test_killed_three_times_in_a_row(till: Till, workers: Workers):
    """A worker that dies again at the next step each time still ends with one payment in Xero."""
    attempt = await pay_and_tell(till)
    for point in ("K08", "K12", "K15"):
        await died(till, workers.start(FAULTPOINT=point))
    workers.start()
    await whole(till, attempt)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", [{"commit_then_delay": 6}, {"delay": 1.5}], ids=["after", "before"])
async def test_killed_while_xero_is_answering(till: Till, workers: Workers, fault: Any):
    """The bytes had left when the worker was killed, just before or after Xero took them: one payment."""
    attempt = await pay_and_tell(till)
    await till.fault(fault, nth=1)
    process = workers.start(QUIET="3")

    async def left() -> bool:
        return bool(await db.fetch_value("SELECT 1 FROM write_back WHERE state = 'sending'"))

    await till.wait_until(left, 1500)
    await till.wait_until(till.struck, 500)
    process.kill()
    workers.start(QUIET="3")
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
    await died(till, workers.start(FAULTPOINT="K20"))
    workers.start()

    async def back() -> bool:
        return bool(await db.fetch_value("SELECT 1 FROM write_back WHERE state = 'reversed'"))

    await till.wait_until(back, 1500)
    assert [] == await till.in_xero(attempt["invoice"])
    assert [] == await ledger.invariants()


@pytest.mark.timeout(120)
async def test_stopped_like_dead_and_awake_again(till: Till, workers: Workers):
    """A worker that slept through its lease while another did the work writes nothing when it wakes."""
    attempt = await pay_and_tell(till)
    await till.fault({"delay": 1.0}, path="/xero/api/*/Invoices/*", method="GET", nth=1)
    sleeper = workers.start()
    await till.wait_until(till.struck, 1500)
    sleeper.signal(signal.SIGSTOP)
    workers.start()
    await whole(till, attempt)
    sleeper.signal(signal.SIGCONT)
    await asyncio.sleep(2)
    await whole(till, attempt)
    assert 1 == await till.calls("PUT", "/Payments")


@pytest.mark.timeout(120)
async def test_frozen_before_the_first_byte_and_woken_too_late(till: Till, workers: Workers):
    """A worker that sleeps with a write in its hand, until another one has done it, lets it fall when it wakes."""
    attempt = await pay_and_tell(till)
    sleeper = workers.start(FAULTPOINT="K12:1:stop")

    async def asleep() -> bool:
        sql = "SELECT 1 FROM write_back WHERE state = 'sending' AND lease_until < now()"
        return bool(await db.fetch_value(sql))

    await till.wait_until(asleep, 1500)
    workers.start()
    await whole(till, attempt)
    sleeper.signal(signal.SIGCONT)
    for _ in range(20):
        assert 1 == await till.calls("PUT", "/Payments")
        await asyncio.sleep(0.1)
    await whole(till, attempt)
