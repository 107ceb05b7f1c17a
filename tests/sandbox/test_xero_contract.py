"""Every answer of the sandbox's accounting API has the shape Xero's own OpenAPI file promises."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract import xero_spec
from tests.contract.specs import needs_specs
from tests.sandbox.xero_people import Person

pytestmark: pytest.MarkDecorator = needs_specs


def problems(name: str, answer: Any) -> list[str]:
    """What in an answer breaks the schema of that name, and which of its fields no schema knows."""
    schema = {"$ref": f"#/components/schemas/{name}"}
    return [f"{name} {problem}" for problem in xero_spec.accounting().problems(schema, answer)]


READS = [
    ("Organisations", "/Organisation"),
    ("Actions", "/Organisation/Actions"),
    ("Accounts", "/Accounts"),
    ("BrandingThemes", "/BrandingThemes"),
    ("TaxRates", "/TaxRates"),
    ("Currencies", "/Currencies"),
    ("Contacts", "/Contacts"),
    ("Invoices", "/Invoices"),
    ("Invoices", "/Invoices?page=1"),
    ("Invoices", "/Invoices?summaryOnly=true"),
    ("Invoices", "/Invoices/INV-2043"),
    ("Payments", "/Payments"),
    ("OnlineInvoices", "/Invoices/INV-2041/OnlineInvoice"),
    ("HistoryRecords", "/Invoices/INV-2041/History"),
    ("Attachments", "/Invoices/INV-2041/Attachments"),
    ("CreditNotes", "/CreditNotes"),
    ("Overpayments", "/Overpayments"),
    ("Prepayments", "/Prepayments"),
    ("BankTransactions", "/BankTransactions"),
    ("BankTransfers", "/BankTransfers"),
]


def test_every_read_has_the_documented_shape(hannah: Person) -> None:
    """What the sandbox answers to a GET fits Xero's schema and holds nothing the schema does not know."""
    populate(hannah)
    assert [] == [problem for name, path in READS for problem in problems(name, hannah.get(path))]


def test_every_write_has_the_documented_shape(hannah: Person) -> None:
    """What the sandbox answers to writes and refusals fits Xero's schema."""
    assert [] == [problem for name, answer in populate(hannah) for problem in problems(name, answer)]
    assert [] == problems("Error", hannah.pay("INV-2029", 99999).json())


def populate(person: Person) -> list[tuple[str, Any]]:
    """One of everything, made through the API."""
    contact = person.invoice("INV-2041")["Contact"]["ContactID"]
    bank, clearing = {"Code": "090"}, {"Code": "615"}
    line = {"Description": "Fee", "Quantity": 1, "UnitAmount": "20.00", "AccountCode": "404"}
    spend = {"Type": "SPEND", "Contact": {"Name": "Stripe"}, "BankAccount": clearing, "LineItems": [line]}
    over: dict[str, Any] = {"Type": "RECEIVE-OVERPAYMENT", "Contact": {"ContactID": contact}, "BankAccount": bank}
    over |= {"LineItems": [{"Description": "Too much", "LineAmount": "50.00"}]}
    note: dict[str, Any] = {"Type": "ACCRECCREDIT", "Status": "AUTHORISED", "Contact": {"ContactID": contact}}
    note |= {"LineItems": [{"Description": "Goodwill", "Quantity": 1, "UnitAmount": "30.00", "AccountCode": "200"}]}
    new = {"Type": "ACCREC", "Contact": {"ContactID": contact}, "LineItems": [line], "DueDate": "2026-12-24"}
    png = b"\x89PNG\r\n\x1a\n0000"
    image = {"content": png, "headers": {"content-type": "image/png"}, "params": {"IncludeOnline": "true"}}
    steps = [
        ("Payments", person.pay("INV-2041", "100.00")),
        ("BankTransactions", person.api("PUT", "/BankTransactions", {"BankTransactions": [spend]})),
        ("BankTransactions", person.api("PUT", "/BankTransactions", over)),
        ("CreditNotes", person.api("PUT", "/CreditNotes", note)),
        ("Invoices", person.api("PUT", "/Invoices", {**new, "Status": "AUTHORISED"})),
        ("Contacts", person.api("PUT", "/Contacts", {"Name": "New Customer", "EmailAddress": "new@customer.example"})),
        ("HistoryRecords", person.api("PUT", "/Invoices/INV-2041/History", {"HistoryRecords": [{"Details": "Seen"}]})),
        ("Attachments", person.api("PUT", "/Invoices/INV-2041/Attachments/pay.png", **image)),
        (
            "BankTransfers",
            person.api("PUT", "/BankTransfers", {"FromBankAccount": clearing, "ToBankAccount": bank, "Amount": 5}),
        ),
    ]
    for _, answer in steps:
        assert answer.status_code == 200, answer.text
    credit = steps[3][1].json()["CreditNotes"][0]["CreditNoteID"]
    invoice = {"InvoiceID": person.invoice("INV-2041")["InvoiceID"]}
    applied = person.api(
        "PUT", f"/CreditNotes/{credit}/Allocations", {"Allocations": [{"Invoice": invoice, "Amount": 10}]}
    )
    assert applied.status_code == 200, applied.text
    return [(name, answer.json()) for name, answer in steps]
