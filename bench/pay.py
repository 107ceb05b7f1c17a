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
    """Ours (a page that was opened before, and a first view) and the bare route in turn, three rounds; the medians."""
    with stand() as (product, _), tempfile.TemporaryDirectory() as folder:
        link = urlsplit(merchant(product).pay_link("INV-2041")).path
        sample = Path(folder) / "sample.json"
        sample.write_text(json.dumps({"token": link.removeprefix("/p/")}))
        env = product.env | {"PYTHONPATH": f"{ROOT}/src:{ROOT}"}
        bare_port, first_port = free_port(), free_port()
        first_env = env | {"PORT": str(first_port), "BASE_URL": f"http://localhost:{first_port}"}
        others = [
            Process([sys.executable, "-m", "bench.bare", str(bare_port), str(sample)], env=env),
            Process([sys.executable, "-m", "bench.unkept"], env=first_env),
        ]
        try:
            wait_until(lambda: listening(bare_port) and listening(first_port), 30, "the yardsticks")
            for process in (product.processes["web"], *others):
                pin(process.pid, SERVER_CPU)
            pin(os.getpid(), LOAD_CPU)
            return _table(
                {"ours": (int(product.env["PORT"]), link), "first": (first_port, link), "bare": (bare_port, "/")}
            )
        finally:
            for process in others:
                process.stop()


def _table(targets: dict[str, tuple[int, str]]) -> Result:
    page = httpx.get(f"http://localhost:{targets['ours'][0]}{targets['ours'][1]}", timeout=20)
    assert "Pay" in page.text, page.status_code
    loads: dict[str, list[Load]] = {name: [] for name in targets}
    for _ in range(ROUNDS):
        for name, (port, path) in targets.items():
            loads[name].append(_load(port, path, REQUESTS, CONNECTIONS))
    rate = {name: median([load.rate for load in found]) for name, found in loads.items()}
    p99 = {name: median([at(load.times, 0.99) for load in found]) for name, found in loads.items()}
    warm = _load(*targets["ours"], 500, 1)
    return Result(
        "Pay page, one core",
        [
            ("requests a second, unchanged page", f"{rate['ours']:.0f}", "≥ 300"),
            ("requests a second, every view rendered anew", f"{rate['first']:.0f}", ""),
            ("requests a second, bare route", f"{rate['bare']:.0f}", ""),
            ("unchanged page, of bare", f"{rate['ours'] / rate['bare']:.0%}", "≥ 70 %"),
            ("rendered anew, of bare", f"{rate['first'] / rate['bare']:.0%}", "≥ 70 %"),
            (f"p99 with {CONNECTIONS} connections", ms(p99["ours"]), "≤ 100 ms"),
            ("p99 with one connection, warm", ms(at(warm.times, 0.99)), "≤ 20 ms"),
            ("not answered with 200", str(sum(load.bad for load in loads["ours"])), "0"),
        ],
        f"{ROUNDS} rounds of {REQUESTS} requests in turn, each server on the same core, load on the other; "
        f"{len(page.content):,} bytes of HTML. All rows are read from the database for every request.",
    )


def _load(port: int, path: str, requests: int, connections: int) -> Load:
    data = get(port, path)
    return run(port, lambda _: data, requests=requests, connections=connections)
