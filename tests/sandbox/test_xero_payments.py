"""Payments at the sandbox's Xero follow the rules of the real one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.process import Sandbox
from tests.sandbox.xero_people import Person

EXCEEDS = "Payment amount exceeds the amount outstanding on this document"
NOT_AUTHORISED = "Payments can only be made against Authorised documents"


def messages(answer: Any) -> list[str]:
    return [e["Message"] for element in answer.json()["Elements"] for e in element["ValidationErrors"]]


def key(value: str) -> dict[str, dict[str, str]]:
    return {"headers": {"Idempotency-Key": value}}


def test_a_full_payment_pays_the_invoice(hannah: Person) -> None:
    """A payment of all that is due turns the invoice PAID, with its date."""
    payment = hannah.pay("INV-2041", 1284).json()["Payments"][0]
    assert payment["Invoice"]["AmountDue"] == 0
    invoice = hannah.invoice("INV-2041")
    assert ("PAID", 0, 1284) == (invoice["Status"], invoice["AmountDue"], invoice["AmountPaid"])
    assert "FullyPaidOnDate" in invoice


def test_part_payments_add_up_to_the_cent(hannah: Person) -> None:
    """Parts lower AmountDue exactly; the last one pays."""
    for _ in range(3):
        assert hannah.pay("INV-2041", "0.01").status_code == 200
    assert "1283.97" in hannah.api("GET", "/Invoices/INV-2041").text
    assert hannah.pay("INV-2041", "1283.97").json()["Payments"][0]["Invoice"]["Status"] == "PAID"


def test_more_than_is_due_is_refused(hannah: Person) -> None:
    """Over-amounts are refused with the recorded text, never turned into an overpayment."""
    answer = hannah.pay("INV-2041", "1284.01")
    assert (400, [EXCEEDS]) == (answer.status_code, messages(answer))
    body = answer.json()
    assert (10, "ValidationException") == (body["ErrorNumber"], body["Type"])
    assert body["Elements"][0]["Reference"] == "test"


@pytest.mark.parametrize("number", ["INV-2048", "INV-2030", "INV-2035"])
def test_only_authorised_documents_take_payments(hannah: Person, number: str) -> None:
    """Drafts, voided and paid invoices refuse."""
    assert NOT_AUTHORISED in messages(hannah.pay(number, 1))


@pytest.mark.parametrize(
    ("account", "said"),
    [
        ({"Code": "999"}, "Account could not be found"),
        ({"Code": "200"}, "Account type is invalid for making a payment to/from"),
        ({"Code": "610"}, "Account type is invalid for making a payment to/from"),
        ({"Code": "091"}, "Account 'Old till' is archived and cannot be used"),
    ],
)
def test_accounts_that_cannot_take_payments(hannah: Person, account: dict[str, str], said: str) -> None:
    """Unknown, wrong and archived accounts are refused by name."""
    assert [said] == messages(hannah.pay("INV-2041", 1, Account=account))


def test_bank_or_enabled_is_a_union(hannah: Person) -> None:
    """A BANK account works though its flag is false, and an enabled account works though it is no bank."""
    rows = {row["Code"]: row for row in hannah.get("/Accounts")["Accounts"]}
    assert rows["615"]["EnablePaymentsToAccount"] is False
    assert hannah.pay("INV-2041", 1, Account={"AccountID": rows["615"]["AccountID"]}).status_code == 200
    assert hannah.pay("INV-2041", 1, Account={"Code": "881"}).status_code == 200


def test_a_locked_period_takes_no_payment(hannah: Person) -> None:
    """On and before the lock date nothing is taken; the day after is open."""
    lock = {"period_lock": "2026-10-31"}
    hannah.sandbox.control("POST", "/_xero/organisations/harrow/lock", lock)
    said = messages(hannah.pay("INV-2041", 1, Date="2026-10-31"))
    assert said == ["The document date cannot be before the period lock date, currently set at 31 October 2026"]
    assert hannah.pay("INV-2041", 1, Date="2026-11-01").status_code == 200


def test_one_bad_element_fails_the_batch(hannah: Person) -> None:
    """Without summarizeErrors=false one bad payment refuses all; together they may not exceed what is due."""
    id, account = hannah.invoice("INV-2041")["InvoiceID"], {"Code": "615"}
    parts = [{"Invoice": {"InvoiceID": id}, "Account": account, "Amount": amount} for amount in ("1000", "500")]
    answer = hannah.api("PUT", "/Payments", {"Payments": parts})
    assert (400, [EXCEEDS]) == (answer.status_code, messages(answer))
    assert hannah.invoice("INV-2041")["AmountPaid"] == 0


def test_with_summarize_errors_false_failures_come_as_200(hannah: Person) -> None:
    """Each element stands alone, the answer is 200, and a refused one has a zero PaymentID."""
    id, account = hannah.invoice("INV-2041")["InvoiceID"], {"Code": "615"}
    parts = [{"Invoice": {"InvoiceID": id}, "Account": account, "Amount": amount} for amount in ("1000", "500")]
    answer = hannah.api("PUT", "/Payments", {"Payments": parts}, params={"summarizeErrors": "false"})
    good, bad = answer.json()["Payments"]
    assert (200, "OK", "ERROR") == (answer.status_code, good["StatusAttributeString"], bad["StatusAttributeString"])
    assert bad["PaymentID"] == "00000000-0000-0000-0000-000000000000"
    assert bad["HasValidationErrors"] is True
    assert hannah.invoice("INV-2041")["AmountPaid"] == 1000


def test_deleting_opens_the_invoice_again(hannah: Person) -> None:
    """POST with Status DELETED is the only change; the payment stays listed as DELETED."""
    payment = hannah.pay("INV-2041", 1284).json()["Payments"][0]["PaymentID"]
    assert hannah.api("POST", f"/Payments/{payment}", {"Amount": 5}).status_code == 400
    assert hannah.api("POST", f"/Payments/{payment}", {"Status": "DELETED"}).status_code == 200
    assert ("AUTHORISED", 1284) == (hannah.invoice("INV-2041")["Status"], hannah.invoice("INV-2041")["AmountDue"])
    assert hannah.get(f"/Payments/{payment}")["Payments"][0]["Status"] == "DELETED"
    assert hannah.api("POST", f"/Payments/{payment}", {"Status": "DELETED"}).status_code == 400


def test_a_reconciled_payment_is_not_deleted_by_api(hannah: Person) -> None:
    """What the bookkeeper reconciled only the bookkeeper removes."""
    payment = hannah.pay("INV-2041", 10).json()["Payments"][0]["PaymentID"]
    hannah.sandbox.control("POST", f"/_xero/payments/{payment}/reconcile")
    assert hannah.get(f"/Payments/{payment}")["Payments"][0]["IsReconciled"] is True
    assert hannah.api("POST", f"/Payments/{payment}", {"Status": "DELETED"}).status_code == 400
    hannah.sandbox.control("POST", f"/_xero/payments/{payment}/remove")
    assert hannah.invoice("INV-2041")["AmountDue"] == 1284


def test_the_same_key_pays_once(hannah: Person) -> None:
    """A repeated Idempotency-Key replays the first answer; another body under it is refused."""
    one = hannah.pay("INV-2041", 10, **key("k-1")).json()
    two = hannah.pay("INV-2041", 10, **key("k-1")).json()
    assert one == two
    other = hannah.pay("INV-2041", 11, **key("k-1"))
    assert other.status_code == 400
    assert other.json()["Message"] == "Idempotency Key: k-1 is used with a different request."
    assert hannah.invoice("INV-2041")["AmountPaid"] == 10


def test_the_key_is_forgotten_after_six_minutes(hannah: Person) -> None:
    """A key is no durable guard: six minutes later it pays again."""
    hannah.pay("INV-2041", 10, **key("k-1"))
    hannah.sandbox.control("POST", "/_clock", {"advance": 361})
    hannah.pay("INV-2041", 10, **key("k-1"))
    assert hannah.invoice("INV-2041")["AmountPaid"] == 20


def test_errors_are_cached_under_the_key(hannah: Person) -> None:
    """A refused payment stays refused under its key, though the invoice could now take it."""
    hannah.pay("INV-2041", 1284)
    payment = hannah.get("/Payments", where='Reference=="test"')["Payments"][0]["PaymentID"]
    assert hannah.pay("INV-2041", 10, **key("k-1")).status_code == 400
    hannah.api("POST", f"/Payments/{payment}", {"Status": "DELETED"})
    assert hannah.pay("INV-2041", 10, **key("k-1")).status_code == 400
    assert hannah.pay("INV-2041", 10, **key("k-2")).status_code == 200


def test_keys_longer_than_128_are_refused(hannah: Person) -> None:
    """129 characters are too many."""
    assert hannah.pay("INV-2041", 10, **key("k" * 129)).status_code == 400


def test_keys_can_be_scoped_to_the_token(hannah: Person) -> None:
    """In the token mode a refreshed token makes the same key pay again."""
    hannah.sandbox.config(modes={"idempotency_scope": "token"})
    hannah.pay("INV-2041", 10, **key("k-1"))
    hannah.refresh()
    hannah.pay("INV-2041", 10, **key("k-1"))
    assert hannah.invoice("INV-2041")["AmountPaid"] == 20


def test_payments_are_found_by_invoice_and_reference(hannah: Person) -> None:
    """The optimised filters of the documentation work; anything else is a QueryParseException."""
    hannah.pay("INV-2041", 10, Reference="pp-1")
    id = hannah.invoice("INV-2041")["InvoiceID"]
    for test in (f'Invoice.InvoiceID==guid("{id}")', 'Reference="pp-1" AND Status=="AUTHORISED"'):
        found = hannah.get("/Payments", where=test)["Payments"]
        assert ["pp-1"] == [row["Reference"] for row in found]
    refused = hannah.api("GET", "/Payments", params={"where": "Amount==10"})
    assert (400, "QueryParseException") == (refused.status_code, refused.json()["Type"])


def test_search_can_lag_and_filters_can_break(hannah: Person) -> None:
    """In these modes a search finds nothing though the payment is there."""
    hannah.pay("INV-2041", 10, Reference="pp-1")
    hannah.sandbox.config(modes={"search_lag_seconds": 60})
    assert hannah.get("/Payments", where='Reference=="pp-1"')["Payments"] == []
    hannah.sandbox.config(modes={"search_lag_seconds": 0, "filter_broken": True})
    assert hannah.get("/Payments", where='Reference=="pp-1"')["Payments"] == []
    assert hannah.invoice("INV-2041")["AmountPaid"] == 10


def test_credits_lower_what_is_due_without_a_payment(hannah: Person) -> None:
    """A credit note makes an invoice PAID with no payment row at all."""
    id = hannah.invoice("INV-2041")["InvoiceID"]
    hannah.sandbox.control("POST", f"/_xero/invoices/{id}/credit")
    invoice = hannah.invoice("INV-2041")
    assert ("PAID", 1284, []) == (invoice["Status"], invoice["AmountCredited"], invoice["Payments"])


def test_truth_and_api_agree(hannah: Person, sandbox: Sandbox) -> None:
    """The oracle lists what was paid, with its reference."""
    payment = hannah.pay("INV-2041", 10, Reference="pp-9").json()["Payments"][0]["PaymentID"]
    told = [row for row in sandbox.control("GET", "/_truth")["xero"]["payments"] if row["reference"] == "pp-9"]
    assert [(payment, 1000, "615")] == [(row["id"], row["amount"], row["account_code"]) for row in told]
