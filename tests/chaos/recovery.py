"""How soon the product is itself again, measured with the waits it ships with: `python -m tests.chaos.recovery`."""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import httpx

from tests.chaos.customers import Invoice, browser, open_shop, press_pay
from tests.chaos.fleet import Fleet, fleet, until
from tests.chaos.oracle import judge, quiet
from tests.world import truth

DAY = 86_400


def pay(running: Fleet, invoice: Invoice, amount: str) -> None:
    """A customer pays; returns when Stripe has the money."""
    session = ""

    def pressed() -> bool:
        nonlocal session
        running.lift_limits()
        session = pressed_pay(invoice, amount)
        return bool(session)

    assert until(pressed, 60), "nobody could press Pay"
    at_stripe(running, session)


def pressed_pay(invoice: Invoice, amount: str) -> str:
    """The session of one customer, or ""."""
    with browser() as http:
        return press_pay(http, invoice.link, amount)


def at_stripe(running: Fleet, session: str) -> None:
    """The card is typed in."""
    httpx.post(f"{running.sandbox.url}/_stripe/pay", json={"session": session}, timeout=60).raise_for_status()


def recorded(running: Fleet) -> int:
    """How many of our payments Xero shows."""
    found = truth(running.sandbox.url)["xero"]["payments"]
    return sum(one["app"] and one["status"] == "AUTHORISED" for one in found)


def seconds_until(true: Callable[[], bool], limit: float) -> float:
    """How long it took; fails when it took longer than `limit`."""
    began = time.monotonic()
    assert until(true, limit, 0.1), f"not within {limit} s"
    return time.monotonic() - began


def paid_to_xero(running: Fleet, invoices: list[Invoice]) -> float:
    """Median seconds from Stripe's yes to the payment in Xero, one payment at a time."""
    times = []
    for invoice in invoices:
        before = recorded(running)
        pay(running, invoice, invoice.amounts.pop())
        times.append(seconds_until(lambda b=before: recorded(running) > b, 60))  # type: ignore[misc]
    return statistics.median(times)


def worker_killed(running: Fleet, invoice: Invoice) -> float:
    """Seconds from the death of a worker that waits for Xero with a payment in hand to that payment in Xero."""
    before = recorded(running)
    rule = {"match": {"method": "GET", "path": "/xero/api/*/Invoices/*"}, "fault": {"delay": 8}, "times": 1}
    session = pressed_pay(invoice, invoice.amounts.pop())
    running.kill("worker 2")
    httpx.post(f"{running.sandbox.url}/_faults", json=rule, timeout=30).raise_for_status()
    at_stripe(running, session)
    held = "SELECT 1 FROM write_back WHERE lease_until > now() AND state = 'intended'"
    assert until(lambda: bool(running.sql(held)), 30, 0.05), "nobody took it"
    running.kill("worker 1")
    running.mend("worker 1")
    took = seconds_until(lambda: recorded(running) > before, 120)
    running.mend("worker 2")
    return took


def postgres_killed(running: Fleet) -> float:
    """Seconds from the order to start PostgreSQL again to a product that is ready."""
    running.kill("postgres")
    time.sleep(3)
    began = time.monotonic()
    running.mend("postgres")
    seconds_until(running.answers, 60)
    return time.monotonic() - began


def deaf_for_days(running: Fleet, invoices: list[Invoice]) -> float:
    """Seconds to catch up after four days in which the product was down and no webhook ever came."""
    sessions = [pressed_pay(one, one.amounts.pop()) for one in invoices]
    for name in ("web", "worker 1", "worker 2", "clock"):
        running.kill(name)
    url = running.sandbox.url
    for channel in ("stripe", "xero"):
        body = {"channel": channel, "modes": {"drop": 100_000}}
        httpx.post(f"{url}/_webhooks", json=body, timeout=30).raise_for_status()
    for session in sessions:
        at_stripe(running, session)
    httpx.post(f"{url}/_clock", json={"advance": 4 * DAY}, timeout=300).raise_for_status()
    before = time.monotonic()
    for name in ("web", "worker 1", "worker 2", "clock"):
        running.mend(name)
    assert until(lambda: quiet(running), 600, 1), "never caught up"
    return time.monotonic() - before


def main() -> int:
    """Everything, one line each."""
    for redis in (True, False):
        with (
            tempfile.TemporaryDirectory(prefix="payportal-chaos-", ignore_cleanup_errors=True) as folder,
            fleet(Path(folder), redis=redis, door="app.cli") as running,
        ):
            measure(running, "with Redis" if redis else "without Redis")
    return 0


def measure(running: Fleet, how: str) -> None:
    """All figures of one installation."""
    invoices = open_shop(running, 60, Random(1))
    say(f"paid to Xero, median of {len(invoices)}, {how}", paid_to_xero(running, invoices))
    say(f"worker killed, its payment in Xero, {how}", worker_killed(running, invoices[0]))
    say(f"PostgreSQL killed, ready again, {how}", postgres_killed(running))
    if running.with_redis:
        say("four days down and deaf, caught up", deaf_for_days(running, invoices))
    found = judge(running)
    sys.stdout.write(f"| lost {found.lost} doubled {found.doubled} of {found.payments} | {found.books} |\n")


def say(what: str, seconds: float) -> None:
    """One row of the table."""
    sys.stdout.write(f"| {what} | {seconds:.1f} s |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
