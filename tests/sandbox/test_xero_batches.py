"""Batch payments of the sandbox's Xero: whole or not at all, and not to be taken apart."""

from __future__ import annotations

from typing import Any

import httpx

from tests.contract import xero_spec
from tests.contract.specs import needs_specs
from tests.sandbox.xero_people import Person

TWO = {"INV-2041": "100.00", "INV-2047": "50.00"}


def put(person: Person, amounts: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    items = [
        {"Invoice": {"InvoiceID": person.invoice(number)["InvoiceID"]}, "Amount": amount}
        for number, amount in (amounts or TWO).items()
    ]
    batch = {"Account": {"Code": "615"}, "Date": "2026-11-20", "Reference": "po_1", "Payments": items, **more}
    return person.api("PUT", "/BatchPayments", {"BatchPayments": [batch]})


def made(person: Person) -> dict[str, Any]:
    answer = put(person)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["BatchPayments"][0]
    return found


def due(person: Person) -> list[float]:
    return [person.invoice(number)["AmountPaid"] for number in TWO]


def test_a_batch_pays_several_invoices_in_one_line(hannah: Person) -> None:
    """Both invoices are paid, the total is the sum, and the payments name their batch."""
    before = due(hannah)
    batch = made(hannah)
    assert ("RECBATCH", "AUTHORISED", 150.0, "po_1") == (
        batch["Type"],
        batch["Status"],
        batch["TotalAmount"],
        batch["Reference"],
    )
    assert [before[0] + 100, before[1] + 50] == due(hannah)
    payment = hannah.get(f"/Payments/{batch['Payments'][0]['PaymentID']}")["Payments"][0]
    assert batch["BatchPaymentID"] == payment["BatchPaymentID"]


def test_one_bad_payment_refuses_the_batch(hannah: Person) -> None:
    """More than the amount due in one of them: nothing is paid, and the element says which."""
    before = due(hannah)
    refused = put(hannah, {"INV-2041": "1.00", "INV-2047": "999999.00"})
    element = refused.json()["Elements"][0]
    assert 400 == refused.status_code
    assert "exceeds the amount outstanding" in element["ValidationErrors"][0]["Message"]
    assert ["ValidationErrors" in item for item in element["Payments"]] == [False, True]
    assert before == due(hannah)


def test_the_same_invoice_twice_counts_together(hannah: Person) -> None:
    """Two payments of one invoice in a batch may not exceed what is due together."""
    id = hannah.invoice("INV-2041")["InvoiceID"]
    items = [{"Invoice": {"InvoiceID": id}, "Amount": "700.00"}] * 2
    assert put(hannah, Payments=items).status_code == 400


def test_a_payment_in_a_batch_stays_in_it(hannah: Person) -> None:
    """One of its payments cannot be deleted; the batch can, by its path or by naming it, and opens all invoices."""
    before = due(hannah)
    for path in (True, False):
        batch = made(hannah)
        refused = hannah.api("POST", f"/Payments/{batch['Payments'][0]['PaymentID']}", {"Status": "DELETED"})
        assert "Payments within a batch cannot be deleted" in refused.text
        id = batch["BatchPaymentID"]
        body = {"Status": "DELETED"} if path else {"BatchPaymentID": id, "Status": "DELETED"}
        gone = hannah.api("POST", f"/BatchPayments/{id}" if path else "/BatchPayments", body)
        assert (200, "DELETED", []) == (
            gone.status_code,
            gone.json()["BatchPayments"][0]["Status"],
            gone.json()["BatchPayments"][0]["Payments"],
        )
        assert before == due(hannah)
        assert hannah.api("POST", f"/BatchPayments/{id}", {"Status": "DELETED"}).status_code == 400


def test_details_are_short_outside_new_zealand(hannah: Person) -> None:
    """19 characters are too many in a British organisation."""
    assert put(hannah, Details="x" * 19).status_code == 400
    assert put(hannah, Details="x" * 18).status_code == 200


def test_batches_are_listed_and_read(hannah: Person) -> None:
    """A list, a single one, a filter; an unknown one is a 404; the truth knows them."""
    batch = made(hannah)
    id = batch["BatchPaymentID"]
    assert [id] == [row["BatchPaymentID"] for row in hannah.get("/BatchPayments")["BatchPayments"]]
    assert id == hannah.get(f"/BatchPayments/{id}")["BatchPayments"][0]["BatchPaymentID"]
    assert hannah.get("/BatchPayments", where='Status=="DELETED"')["BatchPayments"] == []
    assert hannah.api("GET", f"/BatchPayments/{hannah.tenant}").status_code == 404
    assert [id] == [row["id"] for row in hannah.sandbox.control("GET", "/_truth")["xero"]["batch_payments"]]


@needs_specs
def test_batches_have_the_documented_shape(hannah: Person) -> None:
    """Answers to PUT and GET fit Xero's own schema."""
    schema = {"$ref": "#/components/schemas/BatchPayments"}
    answers = [put(hannah).json(), hannah.get("/BatchPayments")]
    assert [] == [problem for answer in answers for problem in xero_spec.accounting().problems(schema, answer)]
