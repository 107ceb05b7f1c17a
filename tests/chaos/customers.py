"""Customers who pay parts of invoices through the real pages while everything around them breaks, and try again."""

import re
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urljoin, urlsplit

import httpx

from tests.chaos.fleet import Fleet
from tests.walker import Reader
from tests.world import HARROW, Merchant

ORGANISATIONS = {
    "harrow": HARROW,
    "kowhai": "Kōwhai Coast Electrical Ltd",
    "wren": "Wren & Marlow Physio Pty Ltd",
}
TOTAL = "900000.00"
PATIENCE = 1.0  # seconds until somebody who could not pay tries again


@dataclass
class Invoice:
    """One invoice, its pay link, and the amounts that its customer will pay, each of them once."""

    number: str
    link: str
    amounts: list[str] = field(default_factory=list)


def open_shop(fleet: Fleet, payments: int, rng: Random) -> list[Invoice]:
    """Hannah, three organisations, and invoices of at most fifty parts: two dozen of each, unless there is little to pay."""
    hannah = Merchant(fleet.url).set_up(HARROW)
    for organisation in list(ORGANISATIONS.values())[1:]:
        hannah.connect(organisation)
    invoices = []
    for key in list(ORGANISATIONS) * _each(payments):
        fleet.lift_limits()
        number = _new_invoice(fleet, key)
        invoices.append(Invoice(number, hannah.pay_link(number)))
    for place in range(payments):
        invoices[place % len(invoices)].amounts.append(f"{10 + place}.{rng.randrange(100):02d}")
    return invoices


def _each(payments: int) -> int:
    return max(2, min(payments // 9, 24), -(-payments // (50 * len(ORGANISATIONS))))


def _new_invoice(fleet: Fleet, key: str) -> str:
    url = f"{fleet.sandbox.url}/_xero/organisations/{key}/invoices"
    made = httpx.post(url, json={"amount": TOTAL}, timeout=30).raise_for_status().json()
    return str(made["number"])


class Customers:
    """A crowd of them, each in a thread of its own, until every amount is paid or `stop` is called.

    An invoice is with one of them at a time: a second one would close the first one's session.
    """

    def __init__(self, fleet: Fleet, invoices: list[Invoice], crowd: int, pause: float) -> None:
        self._fleet, self._pause = fleet, pause
        self._waiting = deque(one for one in invoices if one.amounts)
        self._stopping = threading.Event()
        self.open = threading.Event()  # cleared: nobody begins to pay
        self.open.set()
        self.tries = self.paid = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._pay, daemon=True) for _ in range(min(crowd, len(invoices)))]

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

    def _pay(self) -> None:
        """One part of whatever invoice has waited longest, again and again."""
        with browser() as http:
            while not self._stopping.is_set():
                self.open.wait()
                try:
                    invoice = self._waiting.popleft()
                except IndexError:
                    return
                paid = self._one(http, invoice, invoice.amounts[-1])
                if paid:
                    invoice.amounts.pop()
                if invoice.amounts:
                    self._waiting.append(invoice)
                time.sleep(self._pause if paid else PATIENCE)

    def _one(self, http: httpx.Client, invoice: Invoice, amount: str) -> bool:
        """True once Stripe has the money. The answer of Stripe's page is never lost: the sandbox is not killed."""
        try:
            session = press_pay(http, invoice.link, amount)
        except (httpx.HTTPError, AssertionError):
            session = ""
        paid = False
        if session:
            url = f"{self._fleet.sandbox.url}/_stripe/pay"
            paid = http.post(url, json={"session": session}).is_success
        with self._lock:
            self.tries += 1
            self.paid += paid
        return paid


def browser() -> httpx.Client:
    """A customer's browser: connections are kept, and certificates are not read, since none is needed here."""
    return httpx.Client(timeout=60, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def press_pay(http: httpx.Client, link: str, amount: str) -> str:
    """Open the link, choose the amount, press Pay: the session at which Stripe's page stands, or ""."""
    page = http.get(link)
    forms = Reader(page.text).forms if page.is_success else []
    form = next((one for one in forms if any(words.startswith("Pay") for words, _, _ in one.buttons)), None)
    if form is None:
        return ""
    here = urlsplit(link)
    headers = {"origin": f"{here.scheme}://{here.netloc}", "sec-fetch-site": "same-origin"}
    fields = form.fields | {"amount_choice": "part", "amount": amount}
    answer = http.post(urljoin(link, form.action), data=fields, headers=headers)
    found = re.search(r"/c/pay/(cs_\w+)", answer.headers.get("location", ""))
    return found[1] if found else ""
