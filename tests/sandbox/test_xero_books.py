"""What Xero recomputes is a balance of the sandbox's double-entry books: whatever is written, nothing contradicts anything."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.process import Sandbox
from tests.sandbox.xero_people import Person

WRITES = 90
LOOK_EVERY = 15
CLOSED = ("VOIDED", "DELETED")


def cents(value: Any) -> int:
    return int((Decimal(str(value)) * 100).to_integral_value())


class Bookkeeping:
    """Random writes, good and bad, through Xero's own API; what came of them is looked up again."""

    def __init__(self, person: Person, seed: int) -> None:
        self.person, self.dice = person, random.Random(seed)
        self.contact = {"ContactID": person.invoice("INV-2041")["Contact"]["ContactID"]}
        self.statuses: list[int] = []

    def rows(self, noun: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.person.get(f"/{noun}", page=1, pageSize=1000)[noun]
        return found

    def write(self, method: str, path: str, body: Any = None) -> None:
        answer = self.person.api(method, path, body)
        assert answer.status_code in (200, 400), f"{method} {path} {body} {answer.status_code} {answer.text[:300]}"
        self.statuses.append(answer.status_code)

    def amount(self) -> str:
        return f"{self.dice.randint(1, 40_000) / 100:.2f}"

    def line(self) -> dict[str, Any]:
        tax = self.dice.choice(["OUTPUT2", "NONE"])
        return {"Description": "Work", "Quantity": self.dice.randint(1, 3), "UnitAmount": self.amount()} | {
            "AccountCode": self.dice.choice(["200", "404"]),
            "TaxType": tax,
        }

    def paper(self, type_: str) -> dict[str, Any]:
        kind = self.dice.choice(["Exclusive", "Inclusive", "NoTax"])
        wire = {
            "Type": type_,
            "Contact": self.contact,
            "LineItems": [self.line(), self.line()],
            "DueDate": "2026-12-31",
        }
        return {**wire, "LineAmountTypes": kind, "Status": self.dice.choice(["DRAFT", "AUTHORISED", "AUTHORISED"])}

    def invoice(self) -> None:
        foreign = {"CurrencyCode": "EUR", "CurrencyRate": "1.17"} if self.dice.random() < 0.3 else {}
        self.write("PUT", "/Invoices", {**self.paper(self.dice.choice(["ACCREC", "ACCREC", "ACCPAY"])), **foreign})

    def note(self) -> None:
        wire = self.paper(self.dice.choice(["ACCRECCREDIT", "ACCPAYCREDIT"]))
        del wire["DueDate"]
        self.write("PUT", "/CreditNotes", wire)

    def receive(self) -> None:
        kind = self.dice.choice(["RECEIVE-OVERPAYMENT", "RECEIVE-PREPAYMENT", "SPEND", "RECEIVE"])
        line = {"Description": "Beside", "LineAmount": self.amount()} if kind.endswith("OVERPAYMENT") else self.line()
        wire = {"Type": kind, "Contact": self.contact, "BankAccount": {"Code": "615"}, "LineItems": [line]}
        self.write("PUT", "/BankTransactions", wire)

    def pay(self) -> None:
        noun, name = self.dice.choice([("Invoices", "Invoice"), ("Invoices", "Invoice"), ("CreditNotes", "CreditNote")])
        row = self.dice.choice(self.rows(noun) or [{f"{name}ID": self.person.tenant}])
        left = row.get("AmountDue", row.get("RemainingCredit", 1))
        amount = self.dice.choice([self.amount(), left, left])
        account = {"Code": self.dice.choice(["615", "090", "881"])}
        self.write("PUT", "/Payments", {name: {f"{name}ID": row[f"{name}ID"]}, "Account": account, "Amount": amount})

    def apply(self) -> None:
        noun, name = self.dice.choice([("CreditNotes", "CreditNoteID"), ("Overpayments", "OverpaymentID")])
        for row in self.rows(noun)[-1:]:
            target = self.dice.choice(
                [r for r in self.rows("Invoices") if r["Contact"]["ContactID"] in self.contact.values()]
            )
            amount = min(Decimal(str(row["RemainingCredit"])), Decimal(str(target["AmountDue"]))) or self.amount()
            body = {"Allocations": [{"Invoice": {"InvoiceID": target["InvoiceID"]}, "Amount": str(amount)}]}
            self.write("PUT", f"/{noun}/{row[name]}/Allocations", body)

    def undo(self) -> None:
        live = [row for row in self.rows("Payments") if row["Status"] != "DELETED"]
        if live:
            self.write("POST", f"/Payments/{self.dice.choice(live)['PaymentID']}", {"Status": "DELETED"})

    def end(self) -> None:
        noun, name = self.dice.choice([("Invoices", "InvoiceID"), ("CreditNotes", "CreditNoteID")])
        row = self.dice.choice(self.rows(noun) or [{name: self.person.tenant}])
        status = self.dice.choice(["VOIDED", "AUTHORISED", "DELETED"])
        self.write("POST", f"/{noun}", {name: row[name], "Status": status})

    def take_back(self) -> None:
        for row in self.rows("CreditNotes"):
            for one in row["Allocations"][:1]:
                self.write("DELETE", f"/CreditNotes/{row['CreditNoteID']}/Allocations/{one['AllocationID']}")
                return

    def step(self) -> None:
        ways = [self.invoice, self.note, self.receive, self.pay, self.pay, self.pay, self.apply, self.apply]
        self.dice.choice([*ways, self.undo, self.end, self.take_back])()

    def look(self) -> None:
        """Every figure Xero shows is the balance of the books."""
        books = self.person.sandbox.control("GET", "/_xero/organisations/harrow/books")
        assert books["unbalanced"] == []
        for currency in {row["currency"] for row in books["trial_balance"]}:
            assert 0 == sum(row["amount"] for row in books["trial_balance"] if row["currency"] == currency)
        for row in self.rows("Invoices"):
            self.check_invoice(row, books["documents"])
        for noun, name in (
            ("CreditNotes", "CreditNoteID"),
            ("Overpayments", "OverpaymentID"),
            ("Prepayments", "PrepaymentID"),
        ):
            for row in self.rows(noun):
                open_ = abs(books["documents"].get(row[name], 0))
                shown = 0 if row["Status"] in ("DRAFT", *CLOSED) else cents(row["RemainingCredit"])
                assert open_ == shown, row
                assert row["Status"] in ("DRAFT", *CLOSED) or (row["Status"] == "PAID") == (open_ == 0), row

    def check_invoice(self, row: dict[str, Any], documents: dict[str, int]) -> None:
        sign = -1 if row["Type"] == "ACCPAY" else 1
        if row["Status"] in ("AUTHORISED", "PAID"):
            assert sign * documents.get(row["InvoiceID"], 0) == cents(row["AmountDue"]), row
            assert (row["Status"] == "PAID") == (cents(row["AmountDue"]) == 0), row
            whole = sum(cents(row[name]) for name in ("AmountDue", "AmountPaid", "AmountCredited"))
            assert whole == cents(row["Total"]), row
            assert cents(row["AmountPaid"]) == sum(cents(one["Amount"]) for one in row["Payments"]), row
        else:
            assert documents.get(row["InvoiceID"], 0) == 0, row


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_contradicts_anything(hannah: Person, sandbox: Sandbox, seed: int) -> None:
    """After random writes, refused ones among them, every amount and status is the books' own, and the books balance."""
    work = Bookkeeping(hannah, seed)
    for n in range(WRITES):
        work.step()
        if n % LOOK_EVERY == LOOK_EVERY - 1:
            work.look()
    assert {200, 400} == set(work.statuses)
    truth = sandbox.control("GET", "/_truth")["xero"]
    books = sandbox.control("GET", "/_xero/organisations/harrow/books")
    for account, amount in books["banks"].items():
        moved = [
            row["bank_amount"] * (1 if row["type"] in ("ACCRECPAYMENT", "APCREDITPAYMENT") else -1)
            for row in truth["payments"]
            if row["account"] == account and row["status"] == "AUTHORISED"
        ]
        moved += [
            row["total"] * (1 if row["type"].startswith("RECEIVE") else -1)
            for row in truth["bank_transactions"]
            if row["account"] == account and row["status"] == "AUTHORISED"
        ]
        assert amount == sum(moved)
