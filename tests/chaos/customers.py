"""Customers who pay parts of invoices through the real pages while everything around them breaks, and try again."""

import re
import threading
import time
from dataclasses import dataclass, field
from random import Random

import httpx

from tests.chaos.fleet import Fleet
from tests.walker import Walker
from tests.world import HARROW, Merchant

ORGANISATIONS = {
    "harrow": HARROW,
    "kowhai": "Kōwhai Coast Electrical Ltd",
    "wren": "Wren & Marlow Physio Pty Ltd",
}
TOTAL = "900000.00"


@dataclass
class Invoice:
    """One invoice, its pay link, and the amounts that its customer will pay, each of them once."""

    number: str
    link: str
    amounts: list[str] = field(default_factory=list)


def open_shop(fleet: Fleet, payments: int, rng: Random) -> list[Invoice]:
    """Hannah, three organisations, and an invoice for every eight payments or so (six at least)."""
    hannah = Merchant(fleet.url).set_up(HARROW)
    for organisation in list(ORGANISATIONS.values())[1:]:
        hannah.connect(organisation)
    numbers = [_new_invoice(fleet, key) for _ in range(_each(payments)) for key in ORGANISATIONS]
    invoices = []
    for number in numbers:
        fleet.lift_limits()
        invoices.append(Invoice(number, hannah.pay_link(number)))
    for place in range(payments):
        invoices[place % len(invoices)].amounts.append(f"{10 + place}.{rng.randrange(100):02d}")
    return invoices


def _each(payments: int) -> int:
    return min(max(2, payments // 24), 12)


def _new_invoice(fleet: Fleet, key: str) -> str:
    url = f"{fleet.sandbox.url}/_xero/organisations/{key}/invoices"
    made = httpx.post(url, json={"amount": TOTAL}, timeout=30).raise_for_status().json()
    return str(made["number"])


class Customers:
    """One for each invoice, in threads of their own, until everything is paid or `stop` is called."""

    def __init__(self, fleet: Fleet, invoices: list[Invoice], pause: float) -> None:
        self._fleet, self._pause = fleet, pause
        self._stopping = threading.Event()
        self.open = threading.Event()  # cleared: nobody begins to pay
        self.open.set()
        self.tries = self.paid = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._pay_all, args=(one,), daemon=True) for one in invoices]

    def start(self) -> None:
        """All at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Whoever is paying finishes."""
        self._stopping.set()
        self.open.set()
        for thread in self._threads:
            thread.join(60)

    @property
    def busy(self) -> bool:
        """Whether anybody still pays."""
        return any(thread.is_alive() for thread in self._threads)

    def _pay_all(self, invoice: Invoice) -> None:
        for amount in invoice.amounts:
            paid = False
            while not paid and not self._stopping.is_set():
                self.open.wait()
                paid = self._one(invoice, amount)
                time.sleep(self._pause)

    def _one(self, invoice: Invoice, amount: str) -> bool:
        """True once Stripe has the money. The answer of Stripe's page is never lost: the sandbox is not killed."""
        self.tries += 1
        try:
            session = press_pay(invoice.link, amount)
        except (httpx.HTTPError, AssertionError):
            return False
        if not session:
            return False
        url = f"{self._fleet.sandbox.url}/_stripe/pay"
        answer = httpx.post(url, json={"session": session}, timeout=60)
        with self._lock:
            self.paid += answer.is_success
        return answer.is_success


def press_pay(link: str, amount: str) -> str:
    """Open the link, choose the amount, press Pay: the session at which Stripe's page stands, or ""."""
    somebody = Walker()
    try:
        somebody.open(link)
        somebody.press("Pay", amount_choice="part", amount=amount)
        found = re.search(r"/c/pay/(cs_\w+)", str(somebody.page.url))
        return found[1] if found else ""
    finally:
        somebody.http.close()
