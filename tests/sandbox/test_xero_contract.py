"""Every answer of the sandbox's accounting API has the shape Xero's own OpenAPI file promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.sandbox.xero_people import Person

SPEC = Path(__file__).resolve().parents[3] / "shared" / "specs" / "xero" / "xero_accounting.yaml"
# The file omits the envelope of list answers, these fields that real payloads carry, and what a refused element echoes.
KNOWN_GAPS = {
    "Id",
    "Status",
    "ProviderName",
    "DateTimeUTC",
    "pagination",
    "InvoicePaymentServices",
    "DateString",
    "DueDateString",
    "DateUTCString",
    "ID",
    "AttachmentID",
    "UpdatedDateUTCString",
    "IsNonRecoverable",
    "HasValidationErrors",
    "HasErrors",
}


class Contract:
    def __init__(self) -> None:
        loaded = yaml.load(SPEC.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.components = {"components": {"schemas": loaded["components"]["schemas"]}}
        self.unknown: set[str] = set()

    def check(self, name: str, answer: Any) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", **self.components}
        problems = [
            f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
            for error in jsonschema.Draft4Validator(schema).iter_errors(answer)
            if not (error.instance is None and "'PaymentTerms'" in error.message)
        ]
        assert problems == []
        self._walk(self.components["components"]["schemas"][name], answer, name)

    def _walk(self, schema: Any, value: Any, at: str) -> None:
        while "$ref" in schema:
            schema = self.components["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        if isinstance(value, list):
            for item in value:
                self._walk(schema.get("items", {}), item, at)
        if isinstance(value, dict) and "properties" in schema:
            for key, inner in value.items():
                if key in schema["properties"]:
                    self._walk(schema["properties"][key], inner, f"{at}.{key}")
                elif key not in KNOWN_GAPS and not at.startswith("Error.Elements"):
                    self.unknown.add(f"{at}.{key}")


@pytest.fixture(scope="module")
def contract() -> Contract:
    if not SPEC.exists():
        pytest.skip("Xero's OpenAPI file is not beside the repository (../shared/specs/xero)")
    return Contract()


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


def test_every_read_has_the_documented_shape(contract: Contract, hannah: Person) -> None:
    """What the sandbox answers to a GET fits Xero's schema and holds nothing the schema does not know."""
    populate(hannah)
    for name, path in READS:
        contract.check(name, hannah.get(path))
    assert contract.unknown == set()


def test_every_write_has_the_documented_shape(contract: Contract, hannah: Person) -> None:
    """What the sandbox answers to writes and refusals fits Xero's schema."""
    for name, answer in populate(hannah):
        contract.check(name, answer)
    contract.check("Error", hannah.pay("INV-2029", 99999).json())
    assert contract.unknown == set()


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
