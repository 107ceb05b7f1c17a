"""The first import of 10,000 invoices: calls, seconds, memory."""

import time

import httpx

from bench.stand import peak_memory, stand
from bench.table import Result
from tests.world import Merchant, until

SIZE = 10_000


def measure() -> Result:
    """Connect an organisation with 10,000 invoices and wait until all are here."""
    with stand() as (product, sandbox):
        httpx.post(f"{sandbox.url}/_seed", json={"name": "harrow", "size": SIZE}, timeout=120).raise_for_status()
        hannah = Merchant(product.url)
        hannah.sign_in()
        web = product.processes["web"].pid
        before = peak_memory(web)
        httpx.delete(f"{sandbox.url}/_log", timeout=20)
        began = time.perf_counter()
        hannah.connect()
        until(lambda: imported(hannah), "the import", 120)
        seconds = time.perf_counter() - began
        log = httpx.get(f"{sandbox.url}/_log", params={"limit": 5000}, timeout=20).json()
        calls = [row for row in log if row["method"] == "GET" and row["path"].endswith("/Invoices")]
        return Result(
            f"First import of {SIZE:,} invoices",
            [
                ("calls for invoices", str(len(calls)), "≤ 11"),
                ("seconds, consent and account choice included", f"{seconds:.1f}", ""),
                ("seconds between first and last call", f"{_span(calls):.1f}", ""),
                ("most memory of the process", f"{peak_memory(web):.0f} MB", ""),
                ("before the import", f"{before:.0f} MB", ""),
            ],
            "One process (web and worker), embedded PostgreSQL with fsync.",
        )


def _span(calls: list[dict[str, float]]) -> float:
    return max((float(row["at"]) for row in calls), default=0.0) - min((float(row["at"]) for row in calls), default=0.0)


def imported(hannah: Merchant) -> bool:
    """Whether the first import is over, as her page says."""
    hannah.open(f"{hannah.url}/invoices")
    return "Syncing from Xero" not in hannah.text and "Fetching your invoices" not in hannah.text
