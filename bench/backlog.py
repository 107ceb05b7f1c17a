"""A backlog of payments to one organisation at Xero's real limits: together, and one payment a call."""

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import httpx

from app.books import payments
from app.clients.bundle import open_clients
from app.core import db
from app.settings import load
from bench.importing import imported
from bench.payers import pay, sessions
from bench.stand import fresh_budget, stand
from bench.table import Result
from tests.fixtures.process import ROOT, Process
from tests.fixtures.product import Product
from tests.fixtures.sandbox import SandboxServer
from tests.world import Merchant, truth, until

PAYMENTS, ALONE = 300, 20
REAL = {"concurrent": 5, "minute": 60, "day": 5000, "app_minute": 10_000}  # facts of Xero's paid tiers, 2026
MINUTE = 60.0


class Cleared(NamedTuple):
    """Seconds from the product's first call to the last payment in Xero, and what it asked of Xero meanwhile."""

    payments: int
    seconds: float
    calls: int
    in_a_minute: int
    refused: int


def measure() -> Result:
    """The product comes up and finds payments that nobody has written to Xero yet."""
    together, alone = _clear(PAYMENTS), _clear(ALONE, "bench.alone")
    pace = alone.seconds / (alone.payments - 1) * (PAYMENTS - 1)
    return Result(
        f"A backlog of {PAYMENTS} payments to one organisation, Xero's real limits",
        [
            (f"{PAYMENTS} together: seconds", f"{together.seconds:.1f}", "≤ 60 s"),
            ("calls to Xero, everything included", str(together.calls), ""),
            ("most calls in any 60 s", str(together.in_a_minute), "≤ 60"),
            ("answers 429, for more than 5 at once or 60 a minute", str(together.refused), "0"),
            (f"{ALONE} one by one: seconds", f"{alone.seconds:.1f}", ""),
            ("calls to Xero, everything included", str(alone.calls), ""),
            ("most calls in any 60 s, answers 429", f"{alone.in_a_minute}, {alone.refused}", "≤ 60, 0"),
            (f"{PAYMENTS} one by one, at that pace (calculated)", f"{pace:.0f} s", ""),
        ],
        "5 calls at once, 60 a minute, 5,000 a day; one process (web, worker, clock), polls and checks running beside. "
        "One by one is the same product with room for one payment in a call. Times and calls as the sandbox logged them.",
    )


def _clear(count: int, door: str = "app.cli") -> Cleared:
    with stand() as (product, sandbox):
        httpx.post(f"{sandbox.url}/_seed", json={"size": PAYMENTS + 50}, timeout=120).raise_for_status()
        hannah = Merchant(product.url).set_up()
        until(lambda: imported(hannah), "the import", 60)
        product.stop()
        asyncio.run(_unwritten(product, sandbox.url, count))
        _really(product, sandbox)
        process = Process(
            [sys.executable, "-m", door, "web"], env=product.env | {"PYTHONPATH": f"{ROOT}/src:{ROOT}"}, cwd=ROOT
        )
        try:
            until(lambda: _written(sandbox) >= count, f"{count} payments in Xero", 300)
        finally:
            process.stop()
        log = httpx.get(f"{sandbox.url}/_log", params={"limit": 20_000, "path": "/xero/api"}, timeout=60).json()
    return _told(count, [row for row in log if row["tenant"]])


async def _unwritten(product: Product, sandbox: str, count: int) -> None:
    """So many invoices were paid in part, and the product knows it; no worker is up."""
    db.configure(product.env["DATABASE_URL"])
    await db.open_pool(10)
    clients = await open_clients(load(product.env))
    try:
        account = await db.fetch_row("SELECT merchant, stripe_account_id FROM stripe_account")
        assert account is not None
        invoices = await db.fetch(
            "SELECT * FROM invoice WHERE status = 'AUTHORISED' AND due_minor > 1000 LIMIT $1", count
        )
        opened = await sessions(clients, invoices, {account["merchant"]: account["stripe_account_id"]}, 500)
        await pay(sandbox, opened)
        for attempt in opened:
            await payments.settle_session(clients, account["stripe_account_id"], attempt["stripe_session_id"])
    finally:
        await clients.close()
        await db.close_pool()


def _really(product: Product, sandbox: SandboxServer) -> None:
    """Xero's limits as they are, in a new minute on both sides; the log is empty."""
    httpx.post(f"{sandbox.url}/_config", json={"xero": {"limits": REAL}}, timeout=20).raise_for_status()
    httpx.post(f"{sandbox.url}/_clock", json={"advance": MINUTE + 1}, timeout=60).raise_for_status()
    fresh_budget(product)
    httpx.delete(f"{sandbox.url}/_log", timeout=20)


def _written(sandbox: SandboxServer) -> int:
    time.sleep(0.2)
    return sum(bool(row["app"]) for row in truth(sandbox.url)["xero"]["payments"])


def _told(count: int, log: Sequence[dict[str, Any]]) -> Cleared:
    """The log tells when each answer left; a call began its milliseconds earlier."""
    began = sorted(row["at"] - row["ms"] / 1000 for row in log)
    last = max(row["at"] for row in log if row["method"] == "PUT" and row["path"].endswith("/Payments"))
    in_a_minute = max(sum(start <= at < start + MINUTE for at in began) for start in began)
    calls = sum(at <= last for at in began)
    return Cleared(count, last - began[0], calls, in_a_minute, sum(row["status"] == 429 for row in log))
