"""The pay page on one core, beside a bare Litestar route that renders the same template from one raw asyncpg query."""

import json
import os
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from bench.load import Load, get, run
from bench.stand import LOAD_CPU, SERVER_CPU, merchant, pin, stand
from bench.table import Result, at, median, ms
from tests.fixtures.process import ROOT, Process, free_port, listening, wait_until

REQUESTS, CONNECTIONS, ROUNDS = 3000, 16, 3


def measure() -> Result:
    """Ours and the bare route in turn, three rounds; the medians."""
    with stand() as (product, _), tempfile.TemporaryDirectory() as folder:
        link = urlsplit(merchant(product).pay_link("INV-2041")).path
        port, web = int(product.env["PORT"]), product.processes["web"]
        bare_port = free_port()
        sample = Path(folder) / "sample.json"
        sample.write_text(json.dumps({"token": link.removeprefix("/p/")}))
        bare = Process(
            [sys.executable, "-m", "bench.bare", str(bare_port), str(sample)],
            env=product.env | {"PYTHONPATH": f"{ROOT}/src:{ROOT}"},
        )
        try:
            wait_until(lambda: listening(bare_port), 20, "the bare route")
            for pid in (web.pid, bare.pid):
                pin(pid, SERVER_CPU)
            pin(os.getpid(), LOAD_CPU)
            return _table(port, link, bare_port, httpx.get(f"{product.url}{link}", timeout=20))
        finally:
            bare.stop()


def _table(port: int, link: str, bare_port: int, page: httpx.Response) -> Result:
    assert "Pay" in page.text, page.status_code
    ours: list[Load] = []
    bare: list[Load] = []
    for _ in range(ROUNDS):
        ours.append(run(port, lambda _: get(port, link), requests=REQUESTS, connections=CONNECTIONS))
        bare.append(run(bare_port, lambda _: get(bare_port, "/"), requests=REQUESTS, connections=CONNECTIONS))
    rate, bare_rate = median([load.rate for load in ours]), median([load.rate for load in bare])
    p99 = median([at(load.times, 0.99) for load in ours])
    single = run(port, lambda _: get(port, link), requests=500, connections=1)
    return Result(
        "Pay page, one core",
        [
            ("requests a second, ours", f"{rate:.0f}", "≥ 300"),
            ("requests a second, bare route", f"{bare_rate:.0f}", ""),
            ("ours of bare", f"{rate / bare_rate:.0%}", "≥ 70 %"),
            (f"p99 with {CONNECTIONS} connections", ms(p99), "≤ 100 ms"),
            ("p99 with one connection, warm", ms(at(single.times, 0.99)), "≤ 20 ms"),
            ("not answered with 200", str(sum(load.bad for load in ours)), "0"),
        ],
        f"{ROUNDS} rounds of {REQUESTS} requests in turn, server on one core, load on the other; the page is open, "
        f"{len(page.content):,} bytes of HTML.",
    )
