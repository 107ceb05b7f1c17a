"""The rows are the truth: whatever becomes of Redis or of a process, every payment reaches Xero exactly once."""

from collections.abc import Callable, Iterator

import pytest

from tests.fixtures.product import Product
from tests.fixtures.redis import RedisServer
from tests.world import Customer, Merchant, truth, until

pytestmark = [pytest.mark.redis, pytest.mark.timeout(180)]


@pytest.fixture
def three_doors(make_product: Callable[..., Product], redis_server: RedisServer) -> Iterator[Product]:
    """Web, worker and clock as processes of their own, with Redis between them."""
    made = make_product(REDIS_URL=redis_server.url)
    made.start("web", "worker", "clock")
    yield made
    made.stop()


def applied(sandbox: str, number: str = "INV-2041") -> list[int]:
    """What of ours stands in Xero's books for this invoice, in pence."""
    paid = truth(sandbox)["xero"]["payments"]
    return [
        row["amount"]
        for row in paid
        if row["invoice_number"] == number and row["app"] and row["status"] == "AUTHORISED"
    ]


def test_redis_lost_and_flushed(three_doors: Product, sandbox: str, redis_server: RedisServer):
    """With Redis, after a flush, without Redis, and with it back again: four part payments, four payments in Xero."""
    link = Merchant(three_doors.url).set_up().pay_link("INV-2041")
    steps: list[Callable[[], None]] = [lambda: None, redis_server.flush, redis_server.stop, redis_server.start]
    for done, step in enumerate(steps, start=1):
        step()
        Customer().pay(link, amount="10.00")
        until(lambda count=done: [1000] * count == applied(sandbox), f"payment {done} in Xero", 40)


def test_worker_killed_between_stripe_and_xero(three_doors: Product, sandbox: str):
    """A payment that nobody worked on is applied once by the worker that comes later."""
    link = Merchant(three_doors.url).set_up().pay_link("INV-2041")
    three_doors.kill("worker")
    Customer().pay(link, amount="25.00")
    assert [] == applied(sandbox)
    three_doors.start("worker")
    until(lambda: [2500] == applied(sandbox), "the payment in Xero", 40)


def test_everything_killed_after_payment(make_product: Callable[..., Product], sandbox: str):
    """The power goes while a payment is under way; after the restart it is in Xero, once."""
    product = make_product()
    product.start()
    link = Merchant(product.url).set_up().pay_link("INV-2041")
    customer = Customer()
    customer.open(link)
    customer.press("Pay", amount_choice="part", amount="30.00")
    customer.type_card("4242424242424242")
    product.kill()
    product.start()
    until(lambda: [3000] == applied(sandbox), "the payment in Xero", 60)
