"""A Redis that has gone silent holds nobody up: the rows are the truth, and the sweep finds them."""

import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.faults import door
from tests.faults.lives import Life
from tests.fixtures.process import wait_until
from tests.fixtures.product import Product
from tests.fixtures.proxy import Proxy, Trouble
from tests.fixtures.redis import RedisServer
from tests.world import Customer, Merchant, truth, until


@pytest.fixture
def wire(redis_server: RedisServer) -> Iterator[Proxy]:
    made = Proxy(("127.0.0.1", redis_server.port)).start()
    yield made
    made.stop()


@pytest.fixture
def product(make_product: Callable[..., Product], wire: Proxy) -> Iterator[Product]:
    """Web and worker, which reach Redis through the proxy."""
    made = make_product(REDIS_URL=f"redis://127.0.0.1:{wire.port}/0")
    lives = [Life(door.live, made.env, name) for name in ("web", "worker")]
    wait_until(made.answers, 60, "the product")
    yield made
    for life in lives:
        life.end()


@pytest.mark.redis
@pytest.mark.timeout(240)
def test_connections_to_redis(product: Product, wire: Proxy, sandbox: str):
    """Three part payments: with Redis, with every connection to it hanging, and with it back: each is in Xero once."""
    link = Merchant(product.url).set_up().pay_link("INV-2041")
    hang = Trouble("hang", "up", times=None)
    steps: list[Callable[[], None]] = [lambda: None, lambda: wire.make(hang), wire.heal]
    for place, step in enumerate(steps):
        step()
        customer = Customer()
        customer.open(link)
        customer.press("Pay", amount_choice="part", amount=f"{10 + place}.00")
        session = re.search(r"/c/pay/(cs_\w+)", str(customer.page.url))
        assert session, customer.text[:2000]
        httpx.post(f"{sandbox}/_stripe/pay", json={"session": session[1]}, timeout=30).raise_for_status()
        parts = [1000 + 100 * paid for paid in range(place + 1)]
        until(lambda parts=parts: parts == ours(sandbox), f"payment {place + 1} in Xero", 60)
    assert wire.struck


def ours(sandbox: str) -> list[int]:
    """What we paid on the invoice, as Xero has it."""
    found = truth(sandbox)["xero"]["payments"]
    live = [one for one in found if one["invoice_number"] == "INV-2041" and one["app"]]
    return sorted(one["amount"] for one in live if one["status"] == "AUTHORISED")
