"""Whatever is sent, the sandbox's Xero answers as a platform would, never with a crash of its own."""

from __future__ import annotations

import json
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from tests.sandbox.xero_people import Person

PAYMENT = "Invoice Account Amount Date Reference CurrencyRate BankAmount Status"
PAPER = "Contact LineItems Type Status Date DueDate Reference Url CurrencyCode CurrencyRate LineAmountTypes InvoiceID "
PAPER += "InvoiceNumber BrandingThemeID Total"
TRANSFER = "FromBankAccount ToBankAccount Amount Date Reference BankTransferID Status"
# Verb, path, noun, and the fields that mean something there.
WRITES = [
    ("PUT", "/Payments", "Payments", PAYMENT),
    ("POST", "/Payments/{payment}", "Payments", "Status Amount"),
    ("PUT", "/BatchPayments", "BatchPayments", "Account Date Payments Reference Details"),
    ("PUT", "/Invoices", "Invoices", PAPER),
    ("POST", "/Invoices/INV-2041", "Invoices", PAPER),
    ("PUT", "/Contacts", "Contacts", "Name EmailAddress ContactPersons ContactStatus"),
    ("PUT", "/Accounts", "Accounts", "Name Code Type TaxType BankAccountType EnablePaymentsToAccount"),
    ("PUT", "/BankTransactions", "BankTransactions", "Contact LineItems Type BankAccount Date Url LineAmountTypes"),
    ("PUT", "/BankTransfers", "BankTransfers", TRANSFER),
    ("POST", "/BankTransfers", "BankTransfers", TRANSFER),
    (
        "PUT",
        "/CreditNotes",
        "CreditNotes",
        "Contact LineItems Type Status Date CurrencyCode CreditNoteID LineAmountTypes",
    ),
    ("PUT", "/Invoices/INV-2041/History", "HistoryRecords", "Details"),
]
ODD: list[Any] = [None, True, 0, -1, "1e309", "NaN", "x" * 300, "\x00", [], [[]], [None], {}, {"InvoiceID": []}, "２"]
ODD += ["/Date(999999999999999999999999999999)/"]


def good_body(person: Person) -> dict[str, Any]:
    """Fields that make most writes acceptable, before one of them is spoilt."""
    contact = {"ContactID": person.invoice("INV-2041")["Contact"]["ContactID"]}
    line = {"Description": "Work", "Quantity": 1, "UnitAmount": "1.00", "AccountCode": "404"}
    body: dict[str, Any] = {"Invoice": {"InvoiceNumber": "INV-2041"}, "Account": {"Code": "615"}, "Amount": 1}
    body |= {"Contact": contact, "LineItems": [line], "DueDate": "2026-12-31", "BankAccount": {"Code": "615"}}
    body |= {"FromBankAccount": {"Code": "615"}, "ToBankAccount": {"Code": "090"}, "Details": "Note"}
    return body | {"Payments": [{"Invoice": {"InvoiceNumber": "INV-2041"}, "Amount": 1}], "Name": "New", "Code": "777"}


@pytest.mark.parametrize(("method", "path", "noun", "fields"), WRITES, ids=[f"{m} {p}" for m, p, *_ in WRITES])
def test_odd_fields_are_refused_politely(hannah: Person, method: str, path: str, noun: str, fields: str) -> None:
    """Each field spoilt in each way gives an answer below 500, but for the one 500 Xero itself gives."""
    payment = hannah.pay("INV-2041", 1).json()["Payments"][0]["PaymentID"]
    path = path.replace("{payment}", payment)
    crashed = []
    for field in fields.split():
        for value in ODD:
            kind = {"/Invoices": "ACCREC", "/CreditNotes": "ACCRECCREDIT", "/BankTransactions": "SPEND"}.get(
                path, "BANK"
            )
            wire = {**good_body_of(hannah), "Type": kind, field: value}
            answer = hannah.api(method, path, {noun: [wire]})
            if answer.status_code >= 500 and b"An error occurred in Xero" not in answer.content:
                crashed.append((field, value, answer.text[:200]))
    assert crashed == []


BODIES: dict[str, dict[str, Any]] = {}


def good_body_of(person: Person) -> dict[str, Any]:
    return BODIES.setdefault(person.tenant, good_body(person))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'"x"',
        b"{",
        b"<Payments/>",
        b'{"Payments":{}}',
        b"[[1]]",
        b"[" * 50_000,
        b'{"Payments":["\\uD800"]}',
    ],
)
def test_odd_bodies_are_refused_politely(hannah: Person, body: bytes) -> None:
    """A body that holds no element is a 400 everywhere."""
    for method, path, *_ in WRITES:
        if "{" not in path and not (path == "/Invoices/INV-2041" and b"Payments" in body):
            answer = hannah.api(method, path, content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 400, f"{method} {path} {answer.status_code} {answer.text[:200]}"


def test_odd_queries_are_refused_politely(hannah: Person) -> None:
    """Filters, orders and pages of every kind answer below 500."""
    texts = [
        "",
        "(",
        "Status==",
        "==",
        '"',
        "Status",
        "1==1",
        "Type==Type",
        'Status=="A" AND',
        "Date>5",
        'AmountDue>"x"',
        "AmountDue>DateTime(2026,1,1)",
        'AmountDue<=guid("00000000-0000-0000-0000-000000000000")',
        "(" * 3000,
    ]
    for path in ("/Invoices", "/Payments", "/Contacts", "/Accounts", "/BankTransactions", "/CreditNotes"):
        for name in ("where", "order", "page", "pageSize", "IDs", "Statuses"):
            for text in texts:
                answer = hannah.api("GET", path, params={name: text})
                assert answer.status_code < 500, f"{path} {name}={text}: {answer.text[:200]}"
    for odd in (json.dumps(ODD), "x" * 5000):
        assert hannah.api("GET", f"/Invoices/{odd[:100].replace('/', '')}").status_code in (400, 404)


def test_odd_addresses_are_mailed_to(hannah: Person) -> None:
    """What people type as a contact's e-mail address breaks no mail of Xero's own."""
    contact = hannah.invoice("INV-2041")["Contact"]["ContactID"]
    for odd in ("a\r\nBcc: b@c.example", "=?utf-8?q?", "Anneke <a@b.example", "\u00fc@b.example", "\ud800"):
        body = {"ContactID": contact, "EmailAddress": odd}
        assert hannah.api("POST", "/Contacts", body).status_code in (200, 400)
        assert hannah.api("POST", "/Invoices/INV-2041/Email").status_code == 204, odd
    assert len(hannah.sandbox.control("GET", "/_mail")) == 5


def test_odd_text_leaves_the_xml_well_formed(hannah: Person) -> None:
    """Characters XML cannot write are left out of an answer in XML; the rest stays."""
    contact = hannah.invoice("INV-2041")["Contact"]["ContactID"]
    hannah.api("POST", "/Contacts", {"ContactID": contact, "Name": "A\x0b & \ufffe<B>"})
    answer = hannah.api("GET", f"/Contacts/{contact}", headers={"accept": "application/xml"})
    assert "A & <B>" in [element.text for element in fromstring(answer.content).iter("Name")]
