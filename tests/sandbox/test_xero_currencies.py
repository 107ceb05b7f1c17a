"""Payments of documents in another currency than the organisation's (facts §5.1)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.test_xero_payments import messages
from tests.sandbox.xero_people import Person

WRONG = "The bank account's currency must be that of the document or the base currency"


@pytest.fixture
def abroad(hannah: Person) -> Person:
    """Hannah, who keeps her books in pounds, with an invoice of 117.00 euros at 1.17 and a bank account in euros."""
    contact = {"ContactID": hannah.invoice("INV-2041")["Contact"]["ContactID"]}
    line = {"Description": "Oak table", "Quantity": 1, "UnitAmount": "117.00", "AccountCode": "200", "TaxType": "NONE"}
    paper = {"Type": "ACCREC", "Contact": contact, "LineItems": [line], "DueDate": "2026-12-31"}
    paper |= {"InvoiceNumber": "EUR-1", "CurrencyCode": "EUR", "CurrencyRate": "1.17", "Status": "AUTHORISED"}
    bank = {"Code": "093", "Name": "Euro bank", "Type": "BANK", "BankAccountNumber": "1234567", "CurrencyCode": "EUR"}
    for path, body in (("/Invoices", paper), ("/Accounts", bank)):
        answer = hannah.api("PUT", path, body)
        assert answer.status_code == 200, answer.text
    return hannah


def paid(person: Person, amount: str, **more: Any) -> tuple[float, float, float, float]:
    """A payment that must be taken: its amount, BankAmount and rate, and what the invoice still asks for."""
    answer = person.pay("EUR-1", amount, **more)
    assert answer.status_code == 200, answer.text
    made = person.get(f"/Payments/{answer.json()['Payments'][0]['PaymentID']}")["Payments"][0]
    return made["Amount"], made["BankAmount"], made["CurrencyRate"], person.invoice("EUR-1")["AmountDue"]


def banked(person: Person, code: str) -> int:
    """What the books say stands at a bank account, in its own currency's cents."""
    books = person.sandbox.control("GET", "/_xero/organisations/harrow/books")
    assert books["unbalanced"] == []
    return int(books["banks"].get(person.account(code), 0))


@pytest.mark.parametrize(
    ("given", "bank_amount", "rate"),
    [
        ({}, 50.00, 1.17),
        ({"CurrencyRate": "1.25"}, 46.80, 1.25),
        ({"BankAmount": "45.00"}, 45.00, 1.3),
        ({"BankAmount": "45.00", "CurrencyRate": "1.25"}, 45.00, 1.3),
    ],
    ids=["the invoice's rate", "a rate", "the bank's amount", "both: the bank's amount wins"],
)
def test_the_bank_gets_pounds_for_euros(abroad: Person, given: dict[str, str], bank_amount: float, rate: float) -> None:
    """Amount lowers what is due in euros; BankAmount and CurrencyRate agree, and the books hold just that in pounds."""
    before = banked(abroad, "615")
    assert (58.5, bank_amount, rate, 58.5) == paid(abroad, "58.50", **given)
    assert round(bank_amount * 100) == banked(abroad, "615") - before


def test_a_bank_account_in_the_documents_currency_takes_it_as_it_is(abroad: Person) -> None:
    """Euros into a bank account in euros: nothing is exchanged, and the rate given is the rate kept."""
    assert (58.5, 58.5, 1.2, 58.5) == paid(abroad, "58.50", Account={"Code": "093"}, CurrencyRate="1.2")
    assert banked(abroad, "093") == 5850
    assert (58.5, 58.5, 1.17, 0) == paid(abroad, "58.50", Account={"Code": "093"})
    assert abroad.invoice("EUR-1")["Status"] == "PAID"


@pytest.mark.parametrize(
    ("number", "given", "said"),
    [
        ("INV-2041", {"Account": {"Code": "093"}}, WRONG),
        ("EUR-1", {"BankAmount": "0"}, "BankAmount must be greater than zero, with at most two decimal places"),
        ("EUR-1", {"BankAmount": "1.001"}, "BankAmount must be greater than zero, with at most two decimal places"),
        ("EUR-1", {"CurrencyRate": "0"}, "CurrencyRate must be greater than zero"),
        ("EUR-1", {"CurrencyRate": "-1"}, "CurrencyRate must be greater than zero"),
        ("EUR-1", {"Amount": "117.01"}, "Payment amount exceeds the amount outstanding on this document"),
    ],
)
def test_what_does_not_fit_is_refused(abroad: Person, number: str, given: dict[str, Any], said: str) -> None:
    """Pounds into a bank account in euros, an amount or a rate of nothing, and more euros than are due pay nothing."""
    due = abroad.invoice(number)["AmountDue"]
    answer = abroad.pay(number, 1, **given)
    assert (400, [said]) == (answer.status_code, messages(answer))
    assert due == abroad.invoice(number)["AmountDue"]


def test_a_bank_account_needs_an_enabled_currency(abroad: Person) -> None:
    """A bank account in a currency that the organisation does not use is refused; without one it is kept in the base's."""
    bank = {"Code": "094", "Name": "Dollar bank", "Type": "BANK", "BankAccountNumber": "7654321"}
    answer = abroad.api("PUT", "/Accounts", bank | {"CurrencyCode": "USD"})
    assert (400, ["Organisation is not subscribed to currency USD"]) == (answer.status_code, messages(answer))
    assert 400 == abroad.api("PUT", "/Accounts", bank | {"CurrencyCode": ["EUR"]}).status_code
    made = abroad.api("PUT", "/Accounts", bank | {"CurrencyCode": ""})
    assert (200, "GBP") == (made.status_code, made.json()["Accounts"][0]["CurrencyCode"])


@pytest.mark.parametrize(("code", "said"), [("093", WRONG), ("200", "Account type is invalid"), ("090", "")])
def test_a_person_pays_into_a_fitting_account_only(abroad: Person, code: str, said: str) -> None:
    """At the desk, too, pounds go into no bank account in euros, and into no account that takes no payments."""
    invoice = abroad.invoice("INV-2041")
    path = f"/_xero/invoices/{invoice['InvoiceID']}/pay"
    answer = abroad.sandbox.http.post(path, json={"amount": "1.00", "account": code})
    assert (409 if said else 200) == answer.status_code
    assert said in answer.text
    assert (invoice["AmountDue"] == abroad.invoice("INV-2041")["AmountDue"]) is bool(said)
