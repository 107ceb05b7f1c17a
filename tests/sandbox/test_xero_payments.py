"""Payments at the sandbox's Xero follow the rules of the real one."""

from __future__ import annotations

from typing import Any

from tests.sandbox.xero_people import Person


def messages(answer: Any) -> list[str]:
    return [e["Message"] for element in answer.json()["Elements"] for e in element["ValidationErrors"]]


def test_a_full_payment_pays_the_invoice(hannah: Person) -> None:
    """A payment of all that is due turns the invoice PAID, with its date."""
    payment = hannah.pay("INV-2041", 1284).json()["Payments"][0]
    assert payment["Invoice"]["AmountDue"] == 0
    invoice = hannah.invoice("INV-2041")
    assert ("PAID", 0, 1284) == (invoice["Status"], invoice["AmountDue"], invoice["AmountPaid"])
    assert "FullyPaidOnDate" in invoice
