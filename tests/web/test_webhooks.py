"""Webhooks: only what is signed is kept, each event once, and nothing is answered before it is durable."""

import base64
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.fixtures.database import Postgres
from tests.fixtures.product import SECRETS, Product
from tests.fixtures.sandbox import SandboxServer
from tests.web.shops import database_of, open_product, rows

INTENT = b'{"events":[],"firstEventSequence": 0,"lastEventSequence": 0, "entropy": "LUWDSUDGSWNZVALZXBEV"}'


@pytest.fixture(scope="module")
def product(_sandbox: SandboxServer, database_url: str) -> Iterator[Product]:
    # REDIS_URL names nobody, so that no worker runs here and what was stored can be looked at
    with open_product(_sandbox, database_url, REDIS_URL="redis://127.0.0.1:1/0") as made:
        yield made


def xero_signature(raw: bytes, key: str = SECRETS["XERO_WEBHOOK_KEY"]) -> str:
    return base64.b64encode(hmac.new(key.encode(), raw, hashlib.sha256).digest()).decode()


def stripe_signature(raw: bytes, secret: str, at: float | None = None) -> str:
    moment = int(at if at is not None else time.time())
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + raw, hashlib.sha256).hexdigest()
    return f"t={moment},v1={mac}"


def xero(product: Product, raw: bytes, signature: str | None = None) -> httpx.Response:
    headers = {
        "x-xero-signature": xero_signature(raw) if signature is None else signature,
        "content-type": "application/json",
    }
    return httpx.post(f"{product.url}/webhooks/xero", content=raw, headers=headers, timeout=20)


def stripe(product: Product, event: dict[str, Any], door: str = "stripe", **more: Any) -> httpx.Response:
    raw = json.dumps(event).encode()
    secret = SECRETS["STRIPE_WEBHOOK_SECRET" if door == "stripe" else "STRIPE_THIN_WEBHOOK_SECRET"]
    signature = more.get("signature") or stripe_signature(raw, more.get("secret", secret), more.get("at"))
    headers = {"stripe-signature": signature, "content-type": "application/json"}
    return httpx.post(f"{product.url}/webhooks/{door}", content=raw, headers=headers, timeout=20)


def xero_body(*resources: str) -> bytes:
    events = [
        {"resourceUrl": f"https://api.xero.com/api.xro/2.0/Invoices/{one}", "resourceId": one, "tenantId": str(uuid4()),
         "tenantType": "ORGANISATION", "eventCategory": "INVOICE", "eventType": "UPDATE",
         "eventDateUtc": "2026-11-22T14:32:04.198"}
        for one in resources
    ]  # fmt: skip
    # Xero's own white space is irregular; only the raw bytes verify
    return json.dumps({"events": events, "firstEventSequence": 1, "entropy": "X"}).replace('", "', '","').encode()


def event(**more: Any) -> dict[str, Any]:
    return {
        "id": f"evt_{uuid4().hex}", "object": "event", "account": "acct_1", "type": "charge.updated", "created": int(time.time()),
        "livemode": False, "data": {"object": {"id": "ch_1"}},
    } | more  # fmt: skip


def stored(postgres: Postgres, product: Product, words: str) -> int:
    """How many inbox rows hold these words."""
    sql = f"SELECT count(*) FROM inbox WHERE position(convert_to('{words}', 'UTF8') in body) > 0"
    return int(rows(postgres, product, sql)[0][0])


def is_empty(reply: httpx.Response) -> bool:
    return reply.content == b"" and "set-cookie" not in reply.headers


def test_xero(product: Product, postgres: Postgres) -> None:
    """Three signed events are three rows, answered with an empty 200 without cookies."""
    ids = [str(uuid4()) for _ in range(3)]

    reply = xero(product, xero_body(*ids))

    assert 200 == reply.status_code
    assert is_empty(reply)
    assert [1, 1, 1] == [stored(postgres, product, one) for one in ids]


def test_xero_again(product: Product, postgres: Postgres) -> None:
    """The same delivery twenty times at once is one row."""
    resource = str(uuid4())
    raw = xero_body(resource)

    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: xero(product, raw), range(20)))

    assert {200} == {reply.status_code for reply in replies}
    assert 1 == stored(postgres, product, resource)


def test_intent_to_receive(product: Product) -> None:
    """Xero's intent to receive: 200 for the good signature, 401 for one changed letter, nothing said in either."""
    good = xero_signature(INTENT)
    wrong = ("A" if good[0] != "A" else "B") + good[1:]

    assert [200, 401] == [xero(product, INTENT, one).status_code for one in (good, wrong)]
    assert is_empty(xero(product, INTENT, wrong))


@pytest.mark.parametrize(
    "signature", ["", "x", "é", "=" * 4000, xero_signature(INTENT), xero_signature(INTENT, "other key")]
)
def test_forged_xero(product: Product, postgres: Postgres, signature: str) -> None:
    """What Xero did not sign is refused and leaves no row."""
    resource = str(uuid4())
    raw = xero_body(resource)
    headers = [(b"x-xero-signature", signature.encode())]

    reply = httpx.post(f"{product.url}/webhooks/xero", content=raw, headers=headers, timeout=20)

    assert 401 == reply.status_code
    assert is_empty(reply)
    assert 0 == stored(postgres, product, resource)


def test_stripe(product: Product, postgres: Postgres) -> None:
    """A signed event is one row with its account, however often it comes."""
    one = event()

    replies = [stripe(product, one) for _ in range(3)]

    assert [200] * 3 == [reply.status_code for reply in replies]
    assert is_empty(replies[0])
    found = rows(postgres, product, f"SELECT source, account, type, livemode FROM inbox WHERE event_id = '{one['id']}'")
    assert [["stripe", "acct_1", "charge.updated", "f"]] == found


def test_thin(product: Product, postgres: Postgres) -> None:
    """A thin event is stored under the account it speaks of; the doors do not take each other's secrets."""
    thin = {
        "id": f"evt_test_{uuid4().hex}", "object": "v2.core.event", "type": "v2.core.account[requirements].updated",
        "livemode": False, "created": "2026-11-22T09:17:34.000Z", "context": "acct_2",
        "related_object": {"id": "acct_2", "type": "v2.core.account", "url": "/v2/core/accounts/acct_2"},
    }  # fmt: skip

    assert 200 == stripe(product, thin, "stripe/thin").status_code
    assert [["acct_2"]] == rows(postgres, product, f"SELECT account FROM inbox WHERE event_id = '{thin['id']}'")
    assert 400 == stripe(product, thin, "stripe/thin", secret=SECRETS["STRIPE_WEBHOOK_SECRET"]).status_code


@pytest.mark.parametrize("seconds", [-301, 3600])
def test_stale_and_future(product: Product, postgres: Postgres, seconds: int) -> None:
    """A signature older than five minutes, or of the future, is refused."""
    one = event()

    assert 400 == stripe(product, one, at=time.time() + seconds).status_code
    assert 0 == stored(postgres, product, one["id"])


@pytest.mark.parametrize("signature", ["x", "t=1,v1=", "t=,v1=00", "v1=00", "t=99999999999999999999,v1=00"])
def test_forged_stripe(product: Product, postgres: Postgres, signature: str) -> None:
    """What Stripe did not sign is refused, however the header looks."""
    one = event()

    reply = stripe(product, one, signature=signature)

    assert 400 == reply.status_code
    assert is_empty(reply)
    assert 0 == stored(postgres, product, one["id"])


def test_other_mode(product: Product, postgres: Postgres) -> None:
    """A live event at a test endpoint is answered and forgotten: it is not this product's money."""
    one = event(livemode=True)

    assert 200 == stripe(product, one).status_code
    assert 0 == stored(postgres, product, one["id"])


def test_largest(product: Product) -> None:
    """More than 512 KB is not read."""
    raw = b" " * (512 * 1024 + 1)

    assert 413 == xero(product, raw).status_code
    assert 200 == xero(product, INTENT + b" " * (512 * 1024 - len(INTENT))).status_code


def test_absurd(product: Product) -> None:
    """Signed nonsense is kept and answered with 200; it is put aside later."""
    for raw in (b"", b"[]", b'{"events": [null, 3, {"a": []}]}', b"\xff\x00", b'{"events":' + b"[" * 5000):
        assert 200 == xero(product, raw).status_code


def test_without_database(sandbox_server: SandboxServer, postgres: Postgres, migrated_template: str) -> None:
    """While the database is away nothing is acknowledged; when it is back the next delivery is stored."""
    url = postgres.create(migrated_template)
    database = database_of(url)
    with open_product(sandbox_server, url, REDIS_URL="redis://127.0.0.1:1/0") as product:
        resource = str(uuid4())
        postgres.run(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
        postgres.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
        reply = xero(product, xero_body(resource))
        assert 503 == reply.status_code
        assert is_empty(reply)

        postgres.run(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
        assert 200 == xero(product, xero_body(resource)).status_code
        assert 1 == stored(postgres, product, resource)
    postgres.drop(url)


SLOW_ROUTES = ("/webhooks/xero", "/webhooks/stripe", "/webhooks/stripe/thin")


def trickle(url: str, path: str) -> bytes:
    """Promise a body, send one byte of it, and wait for the answer's first line."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as line:
        line.sendall(f"POST {path} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-length: 100\r\n\r\nx".encode())
        return line.recv(100).split(b"\r\n")[0]


def test_a_body_that_never_comes_is_given_up(product: Product):
    """Whoever sends a notification too slowly is told so, at every door, instead of holding the request open."""
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda path: trickle(product.url, path), SLOW_ROUTES))
    assert [b"HTTP/1.1 408 Request Timeout"] * 3 == answers
