"""One run of chaos: customers pay parts while processes die and answers are lost; then the oracle speaks."""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.chaos.customers import Customers, open_shop
from tests.chaos.fleet import Fleet, fleet, until
from tests.chaos.oracle import Verdict, judge, quiet
from tests.chaos.trouble import Trouble
from tests.fixtures.process import ROOT

STALLED = 180.0


@dataclass(frozen=True)
class Order:
    """What is asked for: the seed of every choice, how many payments and kills, and how calm it is between two kills.

    `crowd` customers pay at the same time, each with a `pause` after every try.
    """

    seed: int = 1
    payments: int = 60
    kills: int = 12
    between: float = 1.0
    crowd: int = 12
    pause: float = 0.1
    patience: float = 240.0


@dataclass(frozen=True)
class Report:
    """What came of it."""

    order: Order
    kills: int
    verdict: Verdict
    settled: bool

    @property
    def good(self) -> bool:
        """Nothing lost, nothing doubled."""
        return self.verdict.lost == 0 and self.verdict.doubled == 0

    @property
    def line(self) -> str:
        """The last line of a run."""
        found = self.verdict
        head = f"seed {self.order.seed} commit {commit()} payments {found.payments} kills {self.kills}"
        return f"{head} lost {found.lost} doubled {found.doubled}"


def commit() -> str:
    """The commit that runs, with a plus when files differ from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def run(order: Order, **settings: bool) -> Report:
    """Set up, break, wait for quiet, judge. Prints how it goes."""
    rng = Random(order.seed)
    with (
        tempfile.TemporaryDirectory(prefix="payportal-chaos-", ignore_cleanup_errors=True) as folder,
        fleet(Path(folder), **settings) as running,
    ):
        began = time.monotonic()
        invoices = open_shop(running, order.payments, rng)
        say(began, f"{len(invoices)} invoices of 3 organisations are open")
        trouble = _break(running, Customers(running, invoices, order.crowd, order.pause), order, rng, began)
        settled = until(lambda: _calm(running), order.patience, 2)
        report = Report(order, trouble.killed.total(), judge(running), settled)
        say(began, f"{'quiet' if settled else 'not quiet'}; killed {dict(trouble.killed)}")
        say(
            began,
            f"{trouble.struck} calls spoilt, {running.wire.struck} connections, {trouble.frozen} processes frozen",
        )
        say(began, f"webhooks disturbed {trouble.webhooks} times")
        for complaint in report.verdict.books:
            say(began, f"our books: {complaint}")
    return report


def _break(running: Fleet, customers: Customers, order: Order, rng: Random, began: float) -> Trouble:
    """Customers pay; the kills are spread over their payments, whatever is left comes when they are done."""
    trouble = Trouble(running, rng, order.kills)
    customers.start()
    paid, moved = 0, time.monotonic()
    while not trouble.over or customers.busy:
        running.supervise()
        running.lift_limits()
        ahead = customers.paid * order.kills - trouble.killed.total() * order.payments
        if not trouble.over and (ahead >= 0 or not customers.busy):
            trouble.one()
            if trouble.killed.total() % 10 == 0:
                say(began, f"{customers.paid} paid in {customers.tries} tries, {trouble.killed.total()} kills")
        if ahead > 2 * order.payments and not trouble.over:
            customers.open.clear()  # the kills are behind: they are to meet payments
        else:
            customers.open.set()
        time.sleep(rng.uniform(0.5, 1.5) * order.between)
        if customers.paid != paid:
            paid, moved = customers.paid, time.monotonic()
        assert time.monotonic() - moved < STALLED, f"Nobody could pay any more:\n{running.output()[-5000:]}"
    trouble.end()
    customers.stop()
    say(began, f"{customers.paid} paid in {customers.tries} tries; waiting for quiet")
    return trouble


def _calm(running: Fleet) -> bool:
    running.supervise()
    running.lift_limits()
    return quiet(running)


def say(began: float, words: str) -> None:
    """One line of progress, with the seconds since the set-up began."""
    sys.stdout.write(f"{time.monotonic() - began:7.1f} s  {words}\n")
    sys.stdout.flush()
