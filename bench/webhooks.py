"""Signed webhooks, durably stored (fsync on), both cores."""

import hashlib
import hmac
import json
import time

from bench.load import post, run
from bench.stand import stand
from bench.table import Result, at, ms
from tests.fixtures.product import SECRETS

REQUESTS, CONNECTIONS = 6000, 16


def measure() -> Result:
    """Distinct signed Stripe events; each answered 200 only when its row is committed."""
    with stand() as (product, _):
        port = int(product.env["PORT"])

        def make(number: int) -> bytes:
            return signed(port, number)

        run(port, lambda number: make(number + 1_000_000), requests=500, connections=CONNECTIONS)
        load = run(port, make, requests=REQUESTS, connections=CONNECTIONS)
    return Result(
        "Signed webhooks, durably stored",
        [
            ("webhooks a second", f"{load.rate:.0f}", "≥ 500"),
            ("p50", ms(at(load.times, 0.5)), "≤ 10 ms"),
            ("p99", ms(at(load.times, 0.99)), "≤ 50 ms"),
            ("not answered with 200", str(load.bad), "0"),
        ],
        f"{REQUESTS} distinct signed events over {CONNECTIONS} connections; PostgreSQL with fsync; "
        "the worker in the same process reads every event meanwhile.",
    )


def signed(port: int, number: int) -> bytes:
    """A Stripe event of its own, signed now."""
    event = {
        "id": f"evt_bench_{number}", "object": "event", "account": "acct_bench", "livemode": False, "created": int(time.time()),
        "type": "balance.available", "data": {"object": {"id": f"ba_{number}", "object": "balance", "filling": "x" * 1200}},
    }  # fmt: skip
    body = json.dumps(event).encode()
    stamp = str(int(time.time()))
    mac = hmac.new(SECRETS["STRIPE_WEBHOOK_SECRET"].encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"stripe-signature": f"t={stamp},v1={mac}", "content-type": "application/json"}
    return post(port, "/webhooks/stripe", headers, body)
