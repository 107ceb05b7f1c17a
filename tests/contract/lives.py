"""A merchant's and some customers' lives with the product, so that it says everything it ever says to Xero and Stripe."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any
from uuid import uuid4

import httpx

from app.books import access, accounts, refunds, stripe_check
from app.core import db
from app.core.money import Money
from tests.contract.specs import ROOT
from tests.fixtures.database import Postgres
from tests.fixtures.product import Product
from tests.rooms.till import Till
from tests.walker import Reader
from tests.web.shops import database_of
from tests.world import HARROW, Customer, Merchant, option, truth, until

GOOD, DECLINED, DISPUTED = "4242424242424242", "4000000000000002", "4000000000000259"


class Life:
    """Hannah's business, from the first sign-in to the day after she left and came back."""

    def __init__(self, product: Product, sandbox: str, postgres: Postgres) -> None:
        self.product, self.sandbox, self.postgres = product, sandbox, postgres
        self.hannah = Merchant(product.url)
        self.customers: list[Customer] = []

    def live(self) -> None:
        """Everything, in order."""
        with closing(self.hannah.http):
            for part in (
                self.set_up,
                self.ask,
                self.be_paid,
                self.give_back,
                self.change_elsewhere,
                self.leave,
                self.stay,
            ):
                self.breathe()
                part()
        for customer in self.customers:
            customer.http.close()

    def breathe(self) -> None:
        """Tests hurry more than people: Xero's minute begins anew."""
        self.postgres.run("UPDATE xero_budget SET minute_used = 0", database_of(self.product.env["DATABASE_URL"]))

    def set_up(self) -> None:
        """The doctor looks, Hannah sets everything up and says where fees go."""
        command = [sys.executable, "-m", "app.cli", "doctor"]
        env = {**self.product.env}
        done = subprocess.run(command, check=False, env=env, capture_output=True, text=True, cwd=ROOT)
        assert "The key belongs to" in done.stdout or "the key belongs to" in done.stdout, done.stdout + done.stderr
        self.hannah.set_up()
        self.hannah.open("/settings/accounts")
        form = next(form for form in Reader(self.hannah.text).forms if "/settings/accounts" in form.action)
        fees = {"separate_fees": "on", "fee_account": option(self.hannah.text, "Bank fees")}
        self.hannah.send(form, form.fields | fees)
        assert self.hannah.page.status_code == 200, self.hannah.text[:2000]
        self.hannah.invoice_path("INV-2041")

    def ask(self) -> None:
        """A payment is requested by mail, with the invoice's PDF."""
        number = "INV-2041"  # came with the first import, which names contacts without their addresses
        self.hannah.open(f"{self.hannah.invoice_path(number)}/request")
        self.hannah.press("Send request")
        self.until(lambda: any(number in mail["subject"] for mail in self.read("/_mail")), "the mail")

    def be_paid(self) -> None:
        """A part, a declined card, the rest; two amounts in two tabs; the invoice's PDF; a payment nobody had asked for."""
        made = self.invoice("120.00")
        link = self.hannah.pay_link(made["number"])
        self.until(lambda: self.published(made), "the link in Xero")
        self.customer().pay(link, amount="20.00")
        self.until(lambda: [2000] == self.paid(made), "the part in Xero")
        customer = self.customer()
        customer.open(link)
        customer.press("Pay", amount_choice="part", amount="30.00")
        customer.open(link)
        customer.press("Pay", amount_choice="full")
        customer.type_card(DECLINED)
        customer.type_card(GOOD)
        self.until(lambda: [2000, 10000] == self.paid(made), "the rest in Xero")
        self.until(lambda: 2 == len(self.fees()), "both fees in Xero")
        assert customer.http.get(f"{link}/invoice.pdf").content.startswith(b"%PDF")

    def give_back(self) -> None:
        """All of a payment goes back to the customer, a part of another as a credit note; a third one is disputed."""
        returned, disputed = self.invoice("45.00"), self.invoice("55.00")
        self.customer().pay(self.hannah.pay_link(returned["number"]))
        self.until(lambda: [4500] == self.paid(returned), "the payment in Xero")
        (charge,) = [one for one in self.truth("stripe")["charges"] if one["amount"] == 4500]
        self.control("/_stripe/refunds", {"charge": charge["id"]})
        self.until(lambda: [] == self.paid(returned), "the payment taken back in Xero")
        self.credit()
        self.customer().pay(self.hannah.pay_link(disputed["number"]), DISPUTED)
        self.until(lambda: self.said("GET", "/stripe/v1/disputes"), "a look at the dispute")

    def credit(self) -> None:
        """Hannah wants refunds as credit notes from now on; a part of a payment goes back."""
        self.hannah.open("/settings/accounts")
        form = next(form for form in Reader(self.hannah.text).forms if "/settings/accounts" in form.action)
        self.hannah.send(form, form.fields | {"refund_account": option(self.hannah.text, "Sales")})
        credited = self.invoice("65.00")
        self.customer().pay(self.hannah.pay_link(credited["number"]))
        self.until(lambda: [6500] == self.paid(credited), "the payment in Xero")
        (charge,) = [one for one in self.truth("stripe")["charges"] if one["amount"] == 6500]
        self.control("/_stripe/refunds", {"charge": charge["id"], "amount": 1500})
        self.until(self.credited, "the refund of a credit note in Xero")

    def credited(self) -> bool:
        """Whether a refund of a credit note is in Xero."""
        return any(one["type"] == "ARCREDITPAYMENT" for one in self.truth("xero")["payments"])

    def change_elsewhere(self) -> None:
        """An invoice is voided in Xero while a customer is at Stripe; another changes and Hannah asks for it."""
        voided, changed = self.invoice("70.00"), self.invoice("80.00")
        customer = self.customer()
        customer.open(self.hannah.pay_link(voided["number"]))
        customer.press("Pay")
        self.control(f"/_xero/invoices/{voided['id']}/void", {})
        self.until(lambda: self.sessions("expired", 7000), "the session's end")
        path = self.hannah.invoice_path(changed["number"])
        self.control("/_webhooks", {"channel": "xero", "modes": {"drop": 1}})
        self.control(f"/_xero/invoices/{changed['id']}/change", {"amount": "81.00"})
        self.hannah.open("/settings/xero")
        self.hannah.press(f"Sync {HARROW} now")
        self.until(lambda: "£81.00" in self.hannah.open(path).text, "the change")

    def leave(self) -> None:
        """Hannah disconnects her only organisation, and connects it again."""
        self.hannah.open("/settings/xero")
        self.hannah.follow("Disconnect")
        self.hannah.press("Disconnect from Xero")
        self.hannah.connect()

    def stay(self) -> None:
        """More than half an hour later Hannah looks at an invoice again: the access token is too old."""
        path = self.hannah.invoice_path("INV-2041")
        self.control("/_clock", {"advance": 31 * 60})
        self.hannah.open(path)
        self.hannah.press("Check again")
        assert "Up to date with Xero." in self.hannah.text

    # ---- what people see and do

    def customer(self) -> Customer:
        """Somebody else with a link."""
        self.customers.append(Customer())
        return self.customers[-1]

    def invoice(self, amount: str) -> Any:
        """A fresh invoice in Xero."""
        return self.control("/_xero/organisations/harrow/invoices", {"amount": amount})

    def control(self, path: str, body: Any) -> Any:
        """A call to the sandbox's control API that must succeed."""
        answer = httpx.post(f"{self.sandbox}{path}", json=body, timeout=30)
        assert answer.status_code < 300, f"{path}: {answer.text}"
        return answer.json() if answer.content else None

    def read(self, path: str) -> Any:
        """A look at the sandbox."""
        return httpx.get(f"{self.sandbox}{path}", timeout=30).json()

    def truth(self, platform: str) -> Any:
        """What really happened there."""
        return truth(self.sandbox)[platform]

    def paid(self, invoice: Any) -> list[int]:
        """The live payments of an invoice in Xero."""
        found = self.truth("xero")["payments"]
        return sorted(p["amount"] for p in found if p["target"] == invoice["id"] and p["status"] == "AUTHORISED")

    def fees(self) -> list[Any]:
        """Money spent in Xero."""
        return [one for one in self.truth("xero")["bank_transactions"] if one["type"] == "SPEND"]

    def sessions(self, status: str, amount: int) -> list[Any]:
        """Stripe's sessions of that status and amount."""
        return [s for s in self.truth("stripe")["sessions"] if (s["status"], s["amount_total"]) == (status, amount)]

    def published(self, invoice: Any) -> bool:
        """Whether the code was attached: the last thing done for a link."""
        return self.said("PUT", "/xero/api", rf"Invoices/{invoice['id']}/Attachments/")

    def said(self, method: str, path: str, like: str = "") -> bool:
        """Whether the product asked that."""
        rows = self.read(f"/_log?path={path}")
        return any(row["method"] == method and re.search(like, row["path"]) for row in rows)

    def until(self, true: Callable[[], Any], what: str) -> None:
        """Wait for the product's own work."""
        until(true, what, seconds=30)


async def rare_days(till: Till) -> None:
    """What the product says only when answers get lost, books are long, or Stripe told nothing."""
    await till.choose(fees=True)
    await fill_the_books(till)
    await till.fault({"commit_then_reset": True}, nth=1)
    await till.fault({"commit_then_reset": True}, path="/xero/api/*/BankTransactions", nth=1)
    for invoice in [await till.invoice() for _ in range(2)]:
        await till.paid(invoice)

    async def all_there() -> bool:
        await db.fetch("UPDATE job SET next_at = now() WHERE kind = 'payment.fee' AND next_at > now()")
        row = await till.row("SELECT count(*) AS done FROM write_back WHERE state = 'confirmed'")
        return bool(row["done"] == 4)

    await till.work_until(all_there, 30)
    await till.hear()
    await refunded_and_paid_out(till)
    await till.control(f"/_xero/accounts/{till.accounts['Stripe clearing']}/archive")
    await till.paid(await till.invoice())
    await till.work_until(lambda: refused(till), 30)


async def refunded_and_paid_out(till: Till) -> None:
    """A refund and a payout's transfer, both with their answer lost."""
    known = await accounts.chart(till.clients, till.connection_id)
    bank = next(one for one in known.banks if "bank" in one.name.lower())
    await accounts.choose(till.merchant_id, till.connection_id, known, "bank", "GBP", bank.id)
    payment = await till.row("SELECT id FROM payment LIMIT 1")
    await refunds.ask(till.merchant_id, payment["id"], Money(500, "GBP"), "Hannah Finch", uuid4())
    await till.hear()
    await till.fault({"commit_then_reset": True}, path="/xero/api/*/BankTransfers", nth=1)
    await till.control("/_stripe/payouts", {"account": till.account, "include_pending": True, "arrive": "paid"})
    await till.control("/_clock", {"advance": 5})
    await till.hear()

    async def moved() -> bool:
        return bool(await db.fetch_value("SELECT 1 FROM write_back WHERE kind = 'transfer' AND state = 'confirmed'"))

    await till.work_until(moved, 30)
    # the nightly look leaves out what is younger than an hour or so: as if the account had been here for days
    sql = "SELECT merchant, stripe_account_id, created_at - interval '3 days' AS created_at FROM stripe_account LIMIT 1"
    await stripe_check.check(till.clients, await till.row(sql))


async def refused(till: Till) -> bool:
    """Whether Xero's refusal of a payment was put before the merchant."""
    row = await till.row("SELECT count(*) AS parked FROM write_back WHERE state = 'parked'")
    return bool(row["parked"])


async def fill_the_books(till: Till) -> None:
    """A thousand bank transactions made within the last minutes: one page of them no longer shows all."""
    line = {"Description": "Fee", "Quantity": 1, "UnitAmount": 1, "AccountCode": "404"}
    account = {"AccountID": till.accounts["Stripe clearing"]}
    one = {"Type": "SPEND", "Contact": {"Name": "Bank"}, "BankAccount": account, "LineItems": [line]}
    async with access.tenant(till.clients, till.connection_id) as tenant:
        await tenant.put_bank_transaction(json.dumps({"BankTransactions": [one] * 1000}).encode(), "a-thousand")
