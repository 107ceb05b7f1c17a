"""The world of roles: Hannah, whose business gets paid; Tom, a stranger to it; and customers with nothing but a link.

Everybody walks through the real pages of the product and of the sandbox, so a world is set up as people set it up.
"""

import re
import time
from typing import Any

import httpx

from tests.walker import Reader, Walker

HARROW = "Harrow & Finch Joinery Ltd"
DETAILS = {
    "legal_name": HARROW,
    "kind": "company",
    "country": "GB",
    "registration_number": "98765432",
    "address_line1": "14 Albion Yard",
    "city": "Bristol",
    "postal_code": "BS2 0QX",
    "first_name": "Hannah",
    "last_name": "Finch",
    "email": "accounts@harrowfinch.example",
}


class Merchant(Walker):
    """Somebody who signs in with Xero at the product."""

    def __init__(self, url: str, name: str = "Hannah Finch") -> None:
        super().__init__()
        self.url, self.name = url, name

    def sign_in(self) -> None:
        """Step 1."""
        self.open(f"{self.url}/auth/xero/login")
        self._through_xero()

    def _through_xero(self, organisation: str = "") -> None:
        if "Continue as" in self.text:
            self.press(f"Continue as {self.name}")
        if "Allow access" in self.text:
            fields = {"tenant": option(self.text, organisation)} if organisation else {}
            self.press("Allow access", **fields)

    def verify(self) -> None:
        """Step 2."""
        self.open(f"{self.url}/setup/business")
        form = next(form for form in Reader(self.text).forms if form.action.endswith("/setup/business"))
        self.send(form, form.fields | DETAILS)

    def enable_payments(self) -> None:
        """Step 3, with test values that are verified at once; what customers may pay stays as proposed."""
        self.open(f"{self.url}/setup")
        self.press("Continue with Stripe")
        self.press("Fill in with test values")
        self.press("Born 1902")
        self.press("Finish")
        until(lambda: "Enable payments" in self.open(f"{self.url}/setup").text and self._payments_done(), "payments")

    def _payments_done(self) -> bool:
        return (
            bool(re.search(r'step--done">(?:(?!</li>).)*Enable payments', self.text, re.DOTALL))
            or "/invoices" in self.path
        )

    def connect(self, organisation: str = HARROW, account: str = "Stripe clearing") -> None:
        """Step 4: consent, choose, say where payments go."""
        self.open(f"{self.url}/xero/connect")
        self._through_xero(organisation)
        assert self.path == "/setup/organisation", self.text[:2000]
        self.press("Connect organisation", tenant_id=option(self.text, organisation))
        self.choose_account(account)

    def choose_account(self, account: str) -> None:
        """Every currency's payments go to the account of that name."""
        assert self.path == "/settings/accounts", self.text[:2000]
        forms = [form for form in Reader(self.text).forms if "/settings/accounts" in form.action]
        form = next(
            form for form in forms if form.method == "post"
        )  # with several organisations one chooses among them first
        value = option(self.text, account)
        chosen = {name: value for name in form.fields if name.startswith("account_")}
        self.send(form, form.fields | chosen)
        assert self.page.status_code == 200, self.text[:2000]

    def set_up(self, organisation: str = HARROW) -> "Merchant":
        """All four steps."""
        self.sign_in()
        self.verify()
        self.enable_payments()
        self.connect(organisation)
        return self

    def invoice_path(self, number: str) -> str:
        """Where the invoice of that number stands, once it was synced."""

        def found() -> bool:
            self.open(f"{self.url}/invoices?q={number}")
            return any(words == number for words, _ in Reader(self.text).links)

        until(found, f"invoice {number}")
        return next(href for words, href in Reader(self.text).links if words == number)

    def pay_link(self, number: str) -> str:
        """The invoice's pay link, made when it has none."""
        path = self.invoice_path(number)
        self.open(path)
        if 'aria-label="Payment link"' not in self.text:
            form = next(form for form in Reader(self.text).forms if form.action.endswith("/link"))
            self.send(form, form.fields | {"action": "make"})
            self.open(path)
        link = re.search(r'value="([^"]+/p/[^"]+)"', self.text)
        assert link, self.text[:3000]
        return link[1]


class Customer(Walker):
    """Somebody with a link, who pays on Stripe's page."""

    def pay(self, link: str, card: str = "4242424242424242", amount: str = "") -> httpx.Response:
        """Open, press, pay; the page that comes last."""
        self.open(link)
        fields = {"amount_choice": "part", "amount": amount} if amount else {}
        self.press("Pay", **fields)
        return self.type_card(card)

    def type_card(self, card: str) -> httpx.Response:
        """On Stripe's page."""
        assert "/c/pay/" in self.path, self.text[:3000]
        return self.press(
            "Pay",
            email="aroha@pemberley-interiors.example",
            number=card,
            expiry="12 / 34",
            cvc="123",
            name="Aroha Tamihana",
        )


def option(text: str, words: str) -> str:
    """The value of the radio or option whose label begins with these words."""
    plain = text.replace("&amp;", "&").replace("&#39;", "'")
    near = re.search(
        rf'<(?:input|option)[^>]*value="([^"]+)"[^>]*>(?:(?!<input|<option).)*?{re.escape(words)}', plain, re.DOTALL
    )
    assert near, f"No choice {words!r} in {plain[:4000]}"
    return near[1]


def until(true: Any, what: str, seconds: float = 20) -> None:
    """Wait for a fact of another process; AssertionError naming it when it does not come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"Waited {seconds} s in vain for {what}"
        time.sleep(0.05)


def truth(sandbox: str) -> dict[str, Any]:
    """What really happened at Xero and Stripe."""
    found: dict[str, Any] = httpx.get(f"{sandbox}/_truth", timeout=30).json()
    return found
