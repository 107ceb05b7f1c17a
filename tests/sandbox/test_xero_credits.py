"""Credit notes, overpayments and prepayments at the sandbox's Xero, and taking back what was applied."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.xero_people import Person

APPLIED = "This document cannot be edited as it has a payment or credit note allocated to it."


def said(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.text
    return [e["Message"] for element in answer.json()["Elements"] for e in element["ValidationErrors"]]


def note(person: Person, **changes: Any) -> dict[str, Any]:
    """A credit note of 30.00 without tax, for the customer of INV-2041."""
    contact = person.invoice("INV-2041")["Contact"]["ContactID"]
    line = {"Description": "Goodwill", "Quantity": 1, "UnitAmount": "30.00", "AccountCode": "200", "TaxType": "NONE"}
    wire = {"Type": "ACCRECCREDIT", "Contact": {"ContactID": contact}, "LineItems": [line], **changes}
    answer = person.api("PUT", "/CreditNotes", wire)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()["CreditNotes"][0]
    return made


def apply(person: Person, noun: str, id: str, amount: Any) -> Any:
    body = {"Allocations": [{"Invoice": {"InvoiceID": person.invoice("INV-2041")["InvoiceID"]}, "Amount": amount}]}
    return person.api("PUT", f"/{noun}/{id}/Allocations", body)


def received(person: Person, kind: str, line: dict[str, Any]) -> dict[str, Any]:
    """Money received beside an invoice, as RECEIVE-OVERPAYMENT or RECEIVE-PREPAYMENT."""
    contact = {"ContactID": person.invoice("INV-2041")["Contact"]["ContactID"]}
    wire = {"Type": kind, "Contact": contact, "BankAccount": {"Code": "615"}, "LineItems": [line]}
    answer = person.api("PUT", "/BankTransactions", wire)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()["BankTransactions"][0]
    return made


def test_a_draft_note_is_applied_only_once_approved(hannah: Person) -> None:
    """A draft cannot be allocated; approved it can, and it then is PAID with nothing left."""
    draft = note(hannah)
    assert ("DRAFT", 30) == (draft["Status"], draft["RemainingCredit"])
    assert "Authorised" in said(apply(hannah, "CreditNotes", draft["CreditNoteID"], 30))[0]
    approved = hannah.api("POST", f"/CreditNotes/{draft['CreditNoteID']}", {"Status": "AUTHORISED"})
    assert approved.json()["CreditNotes"][0]["Status"] == "AUTHORISED"
    assert apply(hannah, "CreditNotes", draft["CreditNoteID"], 30).status_code == 200
    done = hannah.get(f"/CreditNotes/{draft['CreditNoteID']}")["CreditNotes"][0]
    assert ("PAID", 0, 1) == (done["Status"], done["RemainingCredit"], len(done["Allocations"]))
    assert hannah.invoice("INV-2041")["AmountCredited"] == 30


def test_a_note_with_something_applied_is_closed(hannah: Person) -> None:
    """Neither its lines nor its life can change then; its reference can."""
    id = note(hannah, Status="AUTHORISED")["CreditNoteID"]
    apply(hannah, "CreditNotes", id, 10)
    assert said(hannah.api("POST", f"/CreditNotes/{id}", {"Status": "VOIDED"})) == [APPLIED]
    line = {"Description": "More", "Quantity": 1, "UnitAmount": 99, "AccountCode": "200"}
    assert said(hannah.api("POST", f"/CreditNotes/{id}", {"LineItems": [line]})) == [APPLIED]
    renamed = hannah.api("POST", f"/CreditNotes/{id}", {"Reference": "as agreed"})
    assert renamed.json()["CreditNotes"][0]["Reference"] == "as agreed"


def test_a_void_note_is_worth_nothing(hannah: Person) -> None:
    """Voided it has no credit left, takes no allocation, and cannot come back."""
    id = note(hannah, Status="AUTHORISED")["CreditNoteID"]
    voided = hannah.api("POST", "/CreditNotes", {"CreditNoteID": id, "Status": "VOIDED"}).json()["CreditNotes"][0]
    assert ("VOIDED", 0) == (voided["Status"], voided["RemainingCredit"])
    assert "Authorised" in said(apply(hannah, "CreditNotes", id, 10))[0]
    refused = hannah.api("POST", f"/CreditNotes/{id}", {"Status": "AUTHORISED"})
    assert said(refused) == ["Credit note not of valid status for modification"]


def test_taking_an_allocation_back_opens_both(hannah: Person) -> None:
    """DELETE of an allocation: the invoice owes again, the note has its credit again."""
    id = note(hannah, Status="AUTHORISED")["CreditNoteID"]
    allocation = apply(hannah, "CreditNotes", id, 30).json()["Allocations"][0]["AllocationID"]
    gone = hannah.api("DELETE", f"/CreditNotes/{id}/Allocations/{allocation}")
    assert (200, True) == (gone.status_code, gone.json()["IsDeleted"])
    assert hannah.invoice("INV-2041")["AmountDue"] == 1284
    assert hannah.get(f"/CreditNotes/{id}")["CreditNotes"][0]["RemainingCredit"] == 30
    assert hannah.api("DELETE", f"/CreditNotes/{id}/Allocations/{allocation}").status_code == 404


def test_a_refund_of_a_note_is_a_payment_of_its_own_type(hannah: Person) -> None:
    """PUT Payments with a CreditNote is an ARCREDITPAYMENT; it uses the credit up, and deleted gives it back."""
    id = note(hannah, Status="AUTHORISED")["CreditNoteID"]
    body = {"CreditNote": {"CreditNoteID": id}, "Account": {"Code": "615"}, "Amount": "20.00"}
    payment = hannah.api("PUT", "/Payments", body).json()["Payments"][0]
    assert "ARCREDITPAYMENT" == payment["PaymentType"]
    assert hannah.get(f"/CreditNotes/{id}")["CreditNotes"][0]["RemainingCredit"] == 10
    assert "exceeds" in said(hannah.api("PUT", "/Payments", body))[0]
    hannah.api("POST", f"/Payments/{payment['PaymentID']}", {"Status": "DELETED"})
    assert hannah.get(f"/CreditNotes/{id}")["CreditNotes"][0]["RemainingCredit"] == 30


@pytest.mark.parametrize(
    ("kind", "line", "noun", "id_name"),
    [
        ("RECEIVE-OVERPAYMENT", {"Description": "Twice", "LineAmount": "84.00"}, "Overpayments", "OverpaymentID"),
        (
            "RECEIVE-PREPAYMENT",
            {"Description": "Ahead", "Quantity": 1, "UnitAmount": "84.00", "AccountCode": "200", "TaxType": "NONE"},
            "Prepayments",
            "PrepaymentID",
        ),
    ],
)
def test_money_received_beside_an_invoice(
    hannah: Person, kind: str, line: dict[str, Any], noun: str, id_name: str
) -> None:
    """It is a credit applied by itself, refunded as a payment of its own type, and not editable as a bank transaction."""
    made = received(hannah, kind, line)
    id = made[id_name]
    assert apply(hannah, noun, id, "80.00").status_code == 200
    assert hannah.invoice("INV-2041")["AmountDue"] == 1204
    refund = {noun[:-1]: {id_name: id}, "Account": {"Code": "615"}, "Amount": "4.00"}
    payment = hannah.api("PUT", "/Payments", refund).json()["Payments"][0]
    assert f"AR{noun[:-1].upper()}PAYMENT" == payment["PaymentType"]
    row = hannah.get(f"/{noun}/{id}")[noun][0]
    assert ("PAID", 0, kind) == (row["Status"], row["RemainingCredit"], row["Type"])
    deleted = hannah.api("POST", f"/BankTransactions/{made['BankTransactionID']}", {"Status": "DELETED"})
    assert said(deleted) == ["This bank transaction cannot be edited"]


def test_an_overpayment_has_one_line_coded_to_receivables(hannah: Person) -> None:
    """Two lines are refused; the one is coded by Xero itself."""
    made = received(hannah, "RECEIVE-OVERPAYMENT", {"Description": "Twice", "LineAmount": "5.00"})
    assert ["610"] == [line["AccountCode"] for line in made["LineItems"]]
    contact = {"ContactID": hannah.invoice("INV-2041")["Contact"]["ContactID"]}
    two = [{"Description": "Twice", "LineAmount": "5.00"}] * 2
    wire = {"Type": "RECEIVE-OVERPAYMENT", "Contact": contact, "BankAccount": {"Code": "615"}, "LineItems": two}
    assert "exactly one line" in said(hannah.api("PUT", "/BankTransactions", wire))[0]


def test_a_credit_note_prints(hannah: Person) -> None:
    """As PDF, by its number too."""
    made = note(hannah, Status="AUTHORISED")
    assert hannah.api("GET", f"/CreditNotes/{made['CreditNoteNumber']}/pdf").content.startswith(b"%PDF-")
