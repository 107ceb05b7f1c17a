"""The sandbox itself: simple requests on one core, each journalled to disk before its answer; big worlds."""

import os
import tempfile
import time
from pathlib import Path

import psutil

from bench.load import get, run
from bench.stand import LOAD_CPU, SERVER_CPU, peak_memory, pin
from bench.table import Result, at, ms
from tests.sandbox.process import Sandbox
from tests.sandbox.xero_people import CALLBACK, LIFTED, Person

REQUESTS, CONNECTIONS = 4000, 8
HARROW = "Harrow & Finch Joinery Ltd"
API = "/xero/api/api.xro/2.0"
WORLDS: tuple[dict[str, int], ...] = ({"size": 100_000}, {"size": 1_000_000}, {"organisations": 1_000})


def measure() -> Result:
    """One process on one core, the load on the other."""
    with tempfile.TemporaryDirectory(prefix="payportal-bench-", ignore_cleanup_errors=True) as folder:
        sandbox = Sandbox(Path(folder))
        try:
            sandbox.config(redirect_uris=[CALLBACK], limits=LIFTED)
            stripe = {"limits": {"second": None, "endpoint_second": None}}
            sandbox.control("POST", "/_config", {"stripe": stripe})
            pin(sandbox.process.pid, SERVER_CPU)
            pin(os.getpid(), LOAD_CPU)
            rows = [*_requests(sandbox), *_worlds(sandbox)]
        finally:
            sandbox.stop()
    return Result(
        "The sandbox, one core",
        rows,
        f"{REQUESTS} requests over {CONNECTIONS} connections each, journal on. Pages of the big world: the second time, 1,000 "
        "invoices each.",
    )


def _requests(sandbox: Sandbox) -> list[tuple[str, str, str]]:
    person = Person(sandbox).connect(HARROW)
    account = sandbox.control("POST", "/_stripe/accounts", {"country": "GB"})["id"]
    xero = {"xero-tenant-id": person.tenant, **person.bearer, "accept": "application/json"}
    stripe = {"authorization": f"Bearer {sandbox.control('GET', '/_config')['stripe']['secret_key']}"}
    asked = {
        "Xero: GET Organisation": (f"{API}/Organisation", xero),
        "Xero: GET one invoice": (f"{API}/Invoices/INV-2041", xero),
        "Stripe: GET one account": (f"/stripe/v1/accounts/{account}", stripe),
    }
    rows = []
    for name, (path, headers) in asked.items():
        data = get(sandbox.port, path, headers)
        load = run(sandbox.port, lambda _, data=data: data, requests=REQUESTS, connections=CONNECTIONS)  # type: ignore[misc]
        assert not load.bad, name
        rows.append((f"{name}: requests a second, p99", f"{load.rate:.0f}, {ms(at(load.times, 0.99))}", "≥ 500"))
    return rows


def _worlds(sandbox: Sandbox) -> list[tuple[str, str, str]]:
    rows = []
    sandbox.http.timeout = 120
    for world in WORLDS:
        began, used = time.perf_counter(), _cpu(sandbox)
        sandbox.control("POST", "/_seed", world)
        what = ", ".join(f"{count:,} {'invoices' if name == 'size' else name}" for name, count in world.items())
        took, used = time.perf_counter() - began, _cpu(sandbox) - used
        rows.append((f"a world of {what}: seconds, CPU seconds", f"{took:.1f}, {used:.1f}", "≤ 10 s"))
        if world.get("size") == 1_000_000:
            rows += _pages(sandbox)
    rows.append(("most memory of the process", f"{peak_memory(sandbox.process.pid):.0f} MB", ""))
    return rows


def _pages(sandbox: Sandbox) -> list[tuple[str, str, str]]:
    person = Person(sandbox).connect(HARROW)
    person.browser.timeout = 120
    asked: dict[str, dict[str, str | int]] = {
        "page 500 of a million": {"page": 500},
        "the same of AmountDue>1000": {"page": 500, "where": "AmountDue>1000"},
        "the same, newest day first": {"page": 500, "order": "Date DESC"},
    }
    rows = []
    for name, params in asked.items():
        times = []
        for _ in range(2):
            began = time.perf_counter()
            person.get("/Invoices", pageSize=1000, **params)
            times.append(time.perf_counter() - began)
        rows.append((f"{name}: first time, then", f"{ms(times[0])}, {ms(times[1])}", ""))
    return rows


def _cpu(sandbox: Sandbox) -> float:
    used = psutil.Process(sandbox.process.pid).cpu_times()
    return float(used.user + used.system)
