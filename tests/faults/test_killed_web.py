"""The web process killed while Stripe and Xero tell it something: what was not answered with 200 comes again, nothing twice."""

import asyncio
import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest

from tests.faults import door
from tests.faults.lives import Life
from tests.fixtures.process import ROOT, wait_until
from tests.fixtures.product import SECRETS, Product
from tests.world import Customer, Merchant, truth, until

POINTS = {
    "K01": "the signature was checked",
    "K03": "the event is stored, not acknowledged",
    "K04": "acknowledged, nobody was woken",
    "K05": "somebody was woken and had not begun",
}


class Web:
    """The web of a product, alone and without a broker, one life after another."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self._life: Life | None = None

    def begin(self, faultpoint: str = "") -> None:
        """In place of the life before, if that has not ended; the pages answer when this returns."""
        self.end()
        self._life = Life(door.live, {**self.product.env, "FAULTPOINT": faultpoint}, "web")
        wait_until(self.product.answers, 60, "the product")

    def wait_for_death(self) -> None:
        """Until it has killed itself."""
        life = self._life
        assert life is not None
        wait_until(lambda: not life.running, 60, "the kill")
        assert life.killed

    def end(self) -> None:
        """It runs no more."""
        if self._life:
            self._life.end()


@pytest.fixture
def web(make_product: Callable[..., Product]) -> Iterator[Web]:
    made = Web(make_product())
    made.begin()
    yield made
    made.end()


def ours(sandbox: str) -> list[int]:
    """What we paid on the invoice, as Xero has it."""
    found = truth(sandbox)["xero"]["payments"]
    live = [
        one for one in found if one["invoice_number"] == "INV-2041" and one["app"] and one["status"] == "AUTHORISED"
    ]
    return sorted(one["amount"] for one in live)


def stored(web: Web) -> int:
    """How many of Xero's events are in the inbox."""

    async def ask() -> int:
        connection = await asyncpg.connect(web.product.env["DATABASE_URL"])
        try:
            return int(await connection.fetchval("SELECT count(*) FROM inbox WHERE source = 'xero'"))
        finally:
            await connection.close()

    return asyncio.run(ask())


def send_again(sandbox: str) -> None:
    """Stripe sends what nobody answered with 200, as it does for three days."""
    for row in httpx.get(f"{sandbox}/_webhooks", params={"channel": "stripe"}, timeout=30).json():
        if row["state"] != "delivered":
            httpx.post(f"{sandbox}/_webhooks", json={"redeliver": row["id"]}, timeout=30).raise_for_status()


@pytest.mark.timeout(240)
def test_killed_while_stripe_tells(web: Web, sandbox: str):
    """Four part payments, each of them heard by a web process that dies at another point: four payments in Xero."""
    link = Merchant(web.product.url).set_up().pay_link("INV-2041")
    for place, point in enumerate(POINTS):
        customer = Customer()
        customer.open(link)
        customer.press("Pay", amount_choice="part", amount=f"{20 + place}.00")
        session = re.search(r"/c/pay/(cs_\w+)", str(customer.page.url))
        assert session, customer.text[:2000]
        web.begin(point)
        httpx.post(f"{sandbox}/_stripe/pay", json={"session": session[1]}, timeout=30).raise_for_status()
        web.wait_for_death()
        web.begin()
        send_again(sandbox)
        parts = [2000 + 100 * paid for paid in range(place + 1)]
        until(lambda parts=parts: parts == ours(sandbox), f"the payment after {point}", 60)


@pytest.mark.timeout(120)
def test_killed_between_insert_and_commit(web: Web):
    """Two events of one notification, and death after the first INSERT: neither is stored until Xero sends both again."""
    events = [
        {
            "resourceUrl": "https://api.xero.com/x",
            "resourceId": str(uuid4()),
            "tenantId": str(uuid4()),
            "tenantType": "ORGANISATION",
            "eventCategory": "INVOICE",
            "eventType": "UPDATE",
            "eventDateUtc": "2026-11-22T10:00:00.000",
        }
        for _ in range(2)
    ]
    raw = msgspec.json.encode({"events": events, "firstEventSequence": 1, "lastEventSequence": 2, "entropy": "X"})
    key = SECRETS["XERO_WEBHOOK_KEY"].encode()
    signature = base64.b64encode(hmac.new(key, raw, hashlib.sha256).digest()).decode()

    def tell() -> int:
        headers = {"x-xero-signature": signature, "content-type": "application/json"}
        url = f"{web.product.url}/webhooks/xero"
        return httpx.post(url, content=raw, headers=headers, timeout=30).status_code

    web.begin("K02")
    with suppress(httpx.TransportError):
        tell()
    web.wait_for_death()
    web.begin()
    assert 0 == stored(web)
    assert [200, 200] == [tell(), tell()]
    assert 2 == stored(web)


def test_every_step_has_its_point():
    """K01 to K20 of the way from Stripe's yes to Xero's are all in the code, and each of them in one place."""
    said = [
        name
        for path in sorted(Path(ROOT / "src" / "app").rglob("*.py"))
        for name in re.findall(r'faultpoint\("(K\d\d)"\)', path.read_text())
    ]
    assert [f"K{number:02}" for number in range(1, 21)] == sorted(said)
