"""A million payments of other merchants in the database: what that costs one merchant, one customer and the workers."""

import asyncio
import contextlib
import os
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from app.books import checks, invoices, reconciliation
from app.clients.bundle import Clients, open_clients
from app.core import db, jobs, work
from app.core.work import Postpone
from app.settings import load
from bench.load import get, run
from bench.stand import fresh_budget, merchant, stand
from bench.table import Result, median, ms
from bench.webhooks import signed
from tests.fixtures.crowd import gather
from tests.fixtures.process import free_port
from tests.fixtures.product import Product
from tests.world import Customer, until

PAYMENTS = int(os.environ.get("PAYMENTS", "1000000"))
ROUNDS, TIMES = 20, 6
PAGES = ("/invoices", "/invoices?q=finch", "/payments", "/payouts", "/customers")
_WHOLE = """
SELECT s.relname FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
WHERE s.seq_scan > 0 AND c.reltuples > 10000 ORDER BY s.relname
"""
Times = dict[str, dict[str, list[float]]]


def measure() -> Result:
    """The same merchant in two databases of one server, one of them crowded; asked in turn."""
    with stand() as (alone, _):
        hannah = merchant(alone)
        link = hannah.pay_link("INV-2041")
        Customer().pay(link, amount="10.00")
        until(lambda: "Recorded in Xero" in hannah.open(hannah.invoice_path("INV-2041")).text, "the payment in Xero")
        paths = [*PAGES, hannah.path, link.removeprefix(alone.url)]
        alone.stop()
        crowded = _beside(alone)
        seconds = _crowd(alone.env["DATABASE_URL"], crowded.env["DATABASE_URL"])
        both = {"alone": alone, "crowded": crowded}
        times: Times = defaultdict(lambda: {name: [] for name in both})
        _rooms(both, hannah.url, times)
        try:
            for product in both.values():
                product.start()
            _pages(both, paths, hannah.cookies, times)
            _webhooks(both, times)
        finally:
            crowded.stop()
        whole = [row["relname"] for row in _sql(crowded.env["DATABASE_URL"], _WHOLE)]
        size = _sql(crowded.env["DATABASE_URL"], "SELECT pg_database_size(current_database()) AS bytes")[0]["bytes"]
    rows = [_row(name, found) for name, found in times.items()]
    rows.append(("big tables that were read as a whole", ", ".join(whole) or "none", "none"))
    return Result(
        f"{PAYMENTS:,} payments of other merchants in the database",
        rows,
        f"Medians of {ROUNDS * TIMES} (webhooks: ten times that), asked in turn of an empty database and of the crowded one "
        f"({size / 1e9:.1f} GB, made in {seconds:.0f} s), both on one server with fsync, each with its own product in one "
        "process.",
    )


def _beside(product: Product) -> Product:
    """A second product whose database begins as a copy of the first one's."""
    dsn, port = product.env["DATABASE_URL"], free_port()
    _sql(dsn.replace("/payportal?", "/postgres?"), "CREATE DATABASE crowded TEMPLATE payportal")
    own = {"DATABASE_URL": dsn.replace("/payportal?", "/crowded?"), "PORT": str(port)}
    return Product(product.env | own | {"BASE_URL": f"http://localhost:{port}"})


def _crowd(*databases: str) -> float:
    """Fill the last one; seconds of that.

    All are left in the same state: vacuumed, counted, on disk, and with their books checked as a whole today, as every night.
    """
    began = time.perf_counter()
    asyncio.run(gather(databases[-1], PAYMENTS))
    seconds = time.perf_counter() - began
    for dsn in databases:
        _sql(dsn, f"INSERT INTO cursor (name, value) VALUES ('{checks.WHOLE}', now()::timestamptz::text)")
        _sql(dsn, "VACUUM ANALYZE")
        _sql(dsn, "CHECKPOINT")
        _sql(dsn, "SELECT pg_stat_reset()")
    return seconds


def _pages(both: dict[str, Product], paths: list[str], cookies: dict[str, str], times: Times) -> None:
    """All pages in each round, so that a busy moment of the machine does not fall on one of them."""
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    for turn in range(ROUNDS + 1):  # the first warms up, until plans are kept
        for path in paths:
            kind = "pay page" if path.startswith("/p/") else "/invoices/<id>" if path.count("/") > 1 else path
            for name, product in _in_turn(both, turn):
                port = int(product.env["PORT"])
                data = get(port, path, {"cookie": cookie})
                load = run(port, lambda _, data=data: data, requests=TIMES, connections=1)  # type: ignore[misc]
                assert not load.bad, path
                times[kind][name] += load.times if turn else []


def _in_turn(both: dict[str, Product], turn: int) -> list[tuple[str, Product]]:
    """Another one first each time: whoever is asked second finds the machine awake, or in the other one's work."""
    return sorted(both.items(), reverse=bool(turn % 2))


def _webhooks(both: dict[str, Product], times: Times) -> None:
    for turn in range(ROUNDS):
        for name, product in _in_turn(both, turn):
            port = int(product.env["PORT"])

            def make(number: int, port: int = port, turn: int = turn) -> bytes:
                return signed(port, number + turn * 1000)

            times["webhook, stored"][name] += run(port, make, requests=TIMES * 10, connections=1).times


def _rooms(both: dict[str, Product], url: str, times: Times) -> None:
    """What runs in workers, called here while no other worker is up."""
    for turn in range(ROUNDS):
        for name, product in _in_turn(both, turn):
            fresh_budget(product)
            found = asyncio.run(_inside(product.env | {"BASE_URL": url}))
            for kind, taken in found.items():
                times[kind][name] += taken


async def _inside(env: dict[str, str]) -> dict[str, list[float]]:
    db.configure(env["DATABASE_URL"])
    await db.open_pool(2, statement_timeout_ms=60_000)
    clients = await open_clients(load(env))
    connection = await db.fetch_value("SELECT id FROM connection WHERE state = 'connected'")
    rooms: dict[str, Callable[[], Awaitable[Any]]] = {
        "sweep of all lanes": _sweep,
        "claim of a job": _claim,
        "poll of Xero": lambda: invoices.poll(clients, connection),
        "poll of Stripe": lambda: reconciliation.catch_up(clients),
        "five-minute check of the books": checks.check_books,
    }
    try:
        # A worker lives long: the first times are those in which its connection gets to know the database and its plans.
        return {name: [await _timed(room) for _ in range(2 * TIMES)][TIMES:] for name, room in rooms.items()}
    finally:
        await _close(clients)


async def _close(clients: Clients) -> None:
    await clients.close()
    await db.close_pool()


async def _timed(room: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    with contextlib.suppress(Postpone):  # polls end so
        await room()
    return time.perf_counter() - began


async def _sweep() -> None:
    for table in ("inbox", "write_back", "job"):
        await work.due(table)


async def _claim() -> None:
    row_id = await jobs.ask("bench", "claim")
    held = await work.claim("job", row_id, 15)
    assert held is not None
    await work.finish(held)


def _row(name: str, found: dict[str, list[float]]) -> tuple[str, str, str]:
    alone, crowded = median(found["alone"]), median(found["crowded"])
    return name, f"{ms(alone)} → {ms(crowded)}, {crowded / alone:.2f} ×", "≤ 1.2 ×"


def _sql(dsn: str, sql: str) -> list[Any]:
    async def ask() -> list[Any]:
        connection = await asyncpg.connect(dsn)
        try:
            return list(await connection.fetch(sql))
        finally:
            await connection.close()

    return asyncio.run(ask())
