"""Connections that hang, break in the middle or lag, to Xero, PostgreSQL and Redis: exactly one payment each time."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.books import ledger, reconciliation
from app.core import db
from tests.faults import worker
from tests.faults.lives import Life
from tests.fixtures.proxy import Proxy, Trouble
from tests.rooms.till import Till

PUT = b"PUT /xero/api"
TROUBLES = {
    "the request never arrives": Trouble("hang", "up", match=PUT),
    "half the request arrives, then nothing": Trouble("hang", "up", after=300, match=PUT),
    "the answer never comes": Trouble("hang", match=PUT),
    "half the answer comes, then nothing": Trouble("hang", after=300, match=PUT),
    "reset in the middle of the request": Trouble("reset", "up", after=300, match=PUT),
    "reset in the middle of the answer": Trouble("reset", after=300, match=PUT),
    "closed by Xero in the middle of the answer": Trouble("close", after=300, match=PUT),
    "the answer drips": Trouble("drip", match=PUT, seconds=3),
}


@pytest.fixture
def wire(sandbox: str) -> Iterator[Proxy]:
    at = urlsplit(sandbox)
    made = Proxy((at.hostname or "", at.port or 80)).start()
    yield made
    made.stop()


@pytest.fixture
def base(till: Till) -> Iterator[Proxy]:
    """A way to the till's database over TCP."""
    at = urlsplit(till.clients.settings.database_url)
    made = Proxy(f"{parse_qs(at.query)['host'][0]}/.s.PGSQL.5432").start()
    yield made
    made.stop()


def begin(till: Till, wire: Proxy, quiet: float) -> Life:
    """A worker that reaches Xero and Stripe through the proxy, and waits a second for an answer."""
    url = till.clients.settings.database_url
    return Life(worker.live, worker.Order(f"http://localhost:{wire.port}", url, quiet=quiet, patience=1.0))


async def confirmed(attempt: Any) -> bool:
    """Whether Xero has what was paid, as far as we know."""
    sql = "SELECT count(*) FROM write_back WHERE kind = 'payment' AND state = 'confirmed' AND invoice = $1"
    return bool(await db.fetch_value(sql, attempt["invoice"]))


async def paid_once(till: Till, wire: Proxy, trouble: Trouble) -> None:
    """A part of a new invoice is paid, its write meets the trouble, and Xero shows it once."""
    struck = wire.struck
    attempt = await till.attempt(await till.invoice())
    wire.make(trouble)
    await till.pay(attempt)
    await reconciliation.catch_up(till.clients)
    await till.wait_until(lambda: confirmed(attempt), 3000)
    assert struck + 1 == wire.struck
    assert [4000] == [one["amount"] for one in await till.in_xero(attempt["invoice"])]


@pytest.mark.timeout(240)
async def test_connections_to_xero(till: Till, wire: Proxy):
    """One worker, one write after another, each through another trouble of the network: each is in Xero once."""
    life = begin(till, wire, 2.0)
    try:
        for trouble in TROUBLES.values():
            await db.fetch("UPDATE xero_budget SET minute_used = 0")
            await paid_once(till, wire, trouble)
            wire.heal()
    finally:
        life.end()
    assert len(TROUBLES) == await db.fetch_value("SELECT count(*) FROM payment")
    assert [] == await ledger.invariants()


@pytest.mark.timeout(180)
async def test_connections_to_postgresql(till: Till, base: Proxy):
    """Two commits whose answers never come, on connections that say nothing ever after: one payment, without help."""
    at = urlsplit(till.clients.settings.database_url)
    url = f"postgresql://postgres@127.0.0.1:{base.port}{at.path}"
    base.make(Trouble("hang", match=b"COMMIT", times=2))
    life = Life(worker.live, worker.Order(str(till.http.base_url).rstrip("/"), url, quiet=1.0))
    try:
        attempt = await till.attempt(await till.invoice())
        await till.pay(attempt)
        await reconciliation.catch_up(till.clients)
        await till.wait_until(lambda: confirmed(attempt), 5000)
    finally:
        life.end()
    assert 2 == base.struck
    assert [4000] == [one["amount"] for one in await till.in_xero(attempt["invoice"])]
    assert [] == await ledger.invariants()


@pytest.mark.timeout(120)
async def test_a_request_that_arrives_after_its_sender_gave_up(till: Till, wire: Proxy):
    """What the network delivers late, within the quiet time, is found there and not sent again."""
    life = begin(till, wire, 8.0)
    try:
        await paid_once(till, wire, Trouble("lag", "up", match=PUT, seconds=2.5))
    finally:
        life.end()
    assert 1 == await till.calls("PUT", "/Payments")
