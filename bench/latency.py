"""From "paid at Stripe" to "PAID in Xero", idle, one payment after the other."""

import time

import httpx

from bench.stand import fresh_budget, merchant, stand
from bench.table import Result, at, median, ms
from tests.world import Customer

PAYMENTS = 60


def measure() -> Result:
    """Part payments of one invoice; each clock starts when Stripe has taken the money and stops when Xero has the payment."""
    with stand() as (product, sandbox):
        link = merchant(product).pay_link("INV-2041")
        times = []
        for _ in range(PAYMENTS):
            fresh_budget(product)  # the measure is idle latency, not Xero's sixty calls a minute
            httpx.delete(f"{sandbox.url}/_log", timeout=20)
            customer = Customer()
            customer.open(link)
            customer.press("Pay", amount_choice="part", amount="1.00")
            customer.type_card("4242424242424242")
            times.append(_until_in_xero(sandbox.url))
    return Result(
        "Paid at Stripe to applied in Xero, idle",
        [
            ("median", ms(median(times)), "≤ 1 s"),
            ("p99", ms(at(times, 0.99)), "≤ 3 s"),
            ("slowest", ms(max(times)), ""),
        ],
        f"{PAYMENTS} part payments, one after the other; from the card's submission at Stripe to the payment's arrival at Xero, "
        "both as the sandbox logged them.",
    )


def _until_in_xero(sandbox: str) -> float:
    """Seconds between the newest charge and its payment in Xero, by the sandbox's own log."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        told = httpx.get(f"{sandbox}/_log", timeout=20).json()
        writes = [row for row in told if row["method"] in {"PUT", "POST"} and row["path"].endswith("/Payments")]
        if writes:
            pays = [row for row in told if row["method"] == "POST" and "/c/pay/" in row["path"]]
            return max(float(writes[-1]["at"]) - float(pays[-1]["at"]), 0.0)
        time.sleep(0.02)
    raise TimeoutError("The payment did not reach Xero within 30 s.")
