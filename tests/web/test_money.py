"""What merchants do about money, on the pages: mark as done, refund, look at payouts."""

import re
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from tests.fixtures.database import Postgres
from tests.fixtures.product import Product
from tests.fixtures.sandbox import SandboxServer
from tests.walker import Reader
from tests.web.shops import database_of
from tests.world import Customer, Merchant, option, truth, until

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def owner(site: Product) -> Iterator[Merchant]:
    """Hannah, with everything set up and synced."""
    made = Merchant(site.url)
    with closing(made.http):
        made.set_up()
        made.invoice_path("INV-2041")
        yield made


@pytest.fixture(autouse=True)
def _calls_to_spare(site: Product, postgres: Postgres) -> None:
    """Tests hurry more than people: Xero's minute begins anew before each."""
    postgres.run("UPDATE xero_budget SET minute_used = 0", database_of(site.env["DATABASE_URL"]))


@pytest.fixture
def outside(_sandbox: SandboxServer) -> SandboxServer:
    """Where people work in Xero and Stripe."""
    return _sandbox


def control(sandbox: SandboxServer, path: str, **fields: object) -> dict:
    """A deed at the sandbox."""
    reply = httpx.post(f"{sandbox.url}{path}", json=fields, timeout=20)
    return reply.raise_for_status().json()


def paid(owner: Merchant, sandbox: SandboxServer, amount: str = "100.00") -> tuple[str, str]:
    """A fresh invoice, paid in full by card and recorded in Xero: its page and its number."""
    number = control(sandbox, "/_xero/organisations/harrow/invoices", amount=amount)["number"]
    page = owner.invoice_path(number)
    customer = Customer()
    with closing(customer.http):
        customer.pay(owner.pay_link(number))
    until(lambda: "Paid and up to date in Xero" in owner.open(page).text, "the invoice to be paid")
    return page, number


def charge_of(sandbox: SandboxServer) -> str:
    """The charge that was made last."""
    return str(truth(sandbox.url)["stripe"]["charges"][-1]["id"])


def test_mark_as_done(owner: Merchant, outside: SandboxServer) -> None:
    """A part refund waits with its reason; the merchant is asked once more, and then it is done."""
    page, _ = paid(owner, outside)
    control(outside, "/_stripe/refunds", charge=charge_of(outside), amount=1500)
    until(lambda: "1 refund could not be recorded in Xero" in owner.open(page).text, "the refund to wait")
    assert "Fix and try again" not in owner.text
    owner.follow("Mark as done")
    assert "Mark this as done?" in owner.text
    owner.press("Mark as done")
    assert "Marked as done" in owner.text
    assert "could not be recorded" not in owner.text


def test_refund(owner: Merchant, outside: SandboxServer) -> None:
    """The merchant sends a payment back from the invoice's page: asked once more, told what it does, done once."""
    page, number = paid(owner, outside)
    owner.follow("Refund")
    assert f"Refund {number}" in owner.text
    assert "Stripe keeps its fee" in owner.text
    owner.press("Refund customer", choice="part", amount="100.01")
    assert 422 == owner.page.status_code
    assert "Enter £100.00 or less" in owner.text
    form = next(form for form in Reader(owner.text).forms if form.action.endswith("/refund"))
    fields = form.fields | {"choice": "full", "amount": ""}
    for _ in range(2):
        owner.send(form, fields)
    assert "could not be recorded" not in owner.text
    until(lambda: "sent back to the customer" in owner.open(page).text, "the refund to go through")
    until(lambda: "Taken back in Xero" in owner.open(page).text, "Xero to know of it")
    charge = charge_of(outside)
    assert [10000] == [one["amount"] for one in truth(outside.url)["stripe"]["refunds"] if one["charge"] == charge]


def test_refund_dialog(owner: Merchant, outside: SandboxServer) -> None:
    """With scripts the question opens in a dialog: the same form without the frame."""
    paid(owner, outside)
    href = next(href for words, href in Reader(owner.text).links if words == "Refund")
    reply = owner.http.get(owner.url + href, headers={"hx-request": "true"})
    assert 200 == reply.status_code
    assert "<html" not in reply.text
    assert "Refund customer" in reply.text


def test_payouts(owner: Merchant, outside: SandboxServer) -> None:
    """The merchant says where payouts go, and reads what is in one of them, line by line, with nothing left over."""
    owner.open("/settings/accounts")
    form = next(
        form for form in Reader(owner.text).forms if "/settings/accounts" in form.action and form.method == "post"
    )
    clearing = next(value for name, value in form.fields.items() if name.startswith("account_"))
    owner.send(form, form.fields | {"bank_account": clearing})
    assert "Choose another account than the one that payments are recorded in." in owner.text
    owner.send(form, form.fields | {"bank_account": option(owner.text, "Business")})
    assert "Saved." in owner.text
    page, number = paid(owner, outside, "250.00")
    control(outside, "/_clock", advance=10)
    until(lambda: "Stripe fee" in owner.open(page).text, "the fee to be known")
    account = truth(outside.url)["stripe"]["charges"][-1]["account"]
    control(outside, "/_stripe/payouts", account=account, include_pending=True, arrive="paid")
    control(outside, "/_clock", advance=10)
    until(lambda: "In your bank" in owner.open("/payouts").text, "the payout")
    until(lambda: "Recorded" in owner.open("/payouts").text, "the transfer", 30)
    owner.open(next(href for _, href in Reader(owner.text).links if re.fullmatch("/payouts/[0-9a-f-]{36}", href)))
    assert "Left unexplained" in owner.text
    assert "£0.00" in owner.text
    assert number in owner.text
    assert "Recorded in Xero as a transfer" in owner.text


def test_no_payouts_yet(site: Product, tom: Merchant) -> None:
    """Who has no payouts reads how they come."""
    tom.open(f"{site.url}/payouts")
    assert "No payouts yet" in tom.text
