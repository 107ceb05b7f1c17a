"""Refunds as credit notes: with an account chosen for them, what goes back stands beside the payment in Xero, each once."""

from typing import Any
from uuid import uuid4

import pytest

from app.books import accounts, intents, ledger, payments, refunds, writeback
from app.core import db
from app.core.errors import NotFound, Refused
from app.core.money import Money
from tests.rooms.till import Row, Till


async def by_credit_note(till: Till, tax: str = "NONE") -> None:
    """Hannah has refunds recorded as credit notes on her sales account."""
    known = await accounts.chart(till.clients, till.connection_id)
    sales = next(one for one in known.refunds if one.name == "Sales")
    await accounts.choose(till.merchant_id, till.connection_id, known, "refunds", "", sales.id, tax)


async def recorded(till: Till, amount: str = "40.00") -> Row:
    """A payment that stands in Xero."""
    payment = await till.paid(await till.invoice(), amount)
    await till.work()
    return payment


async def refund(till: Till, payment: Row, minor: int) -> None:
    """By our own button, all the way."""
    await refunds.ask(till.merchant_id, payment["id"], Money(minor, "GBP"), "Hannah Finch", uuid4())
    await till.work()


async def notes(till: Till) -> list[tuple[str, int]]:
    """Our credit notes in Xero: status (PAID: nothing of it is left) and total."""
    found = (await till.truth())["xero"]["credit_notes"]
    return [(one["status"], one["total"]) for one in found if one["reference"].startswith("Payportal")]


async def went_back(till: Till) -> list[dict[str, Any]]:
    """The refunds of credit notes in Xero."""
    found = (await till.truth())["xero"]["payments"]
    return [one for one in found if one["type"] == "ARCREDITPAYMENT" and one["status"] == "AUTHORISED"]


async def states(till: Till, payment: Row) -> dict[str, str]:
    rows = await db.fetch("SELECT kind, state FROM write_back WHERE payment = $1 ORDER BY id", payment["id"])
    return {row["kind"]: row["state"] for row in rows}


@pytest.mark.parametrize("minor", [4000, 1500])
async def test_a_refund_becomes_a_credit_note_and_its_refund(till: Till, minor: int):
    """Whole or in part: the payment stays, one credit note and one refund of it stand beside it, the books are right."""
    await by_credit_note(till)
    payment = await recorded(till)
    await refund(till, payment, minor)
    assert [("PAID", minor)] == await notes(till)
    (back,) = await went_back(till)
    assert (minor, till.accounts["Stripe clearing"]) == (back["amount"], back["account"])
    assert 1 == len(await till.in_xero(payment["invoice"]))
    assert {"payment": "confirmed", "credit_note": "confirmed", "credit_refund": "confirmed"} == await states(
        till, payment
    )
    said = [
        "Refunded" if minor == 4000 else "Refunded in part",
        "Credit note recorded in Xero",
        "Refund recorded in Xero",
    ]
    assert said == (await till.lines(payment["invoice"]))[-3:]
    assert [] == await ledger.invariants()
    assert [] == await writeback.attention(till.merchant_id)
