"""What a merchant may choose for a write that waits, to the letter: an overpayment, a credit note, or another day."""

from typing import Any
from uuid import uuid4

import pytest

from app.books import intents
from app.books.writeback import choices
from app.core import db
from app.core.clock import now
from app.core.errors import NotFound, Refused, Upstream
from app.core.money import Money
from tests.fixtures.till import Heard
from tests.fixtures.xero_says import Says, XeroSays
from tests.rooms.shelf import Row, Shelf, bring, one, put, write_back
from tests.rooms.writing import GONE, waiting

ORGANISATION = "GET /Organisation"


def takes(xero: XeroSays, shelf: Shelf, due: str, meanwhile: Any = None, **more: Any) -> None:
    """So much is due on the invoice by now."""
    paper = {"InvoiceID": shelf.xero_invoice_id, "Status": "AUTHORISED", "CurrencyCode": "GBP", "AmountDue": due} | more
    xero.when(f"GET /Invoices/{shelf.xero_invoice_id}", Says({"Invoices": [paper]}, meanwhile=meanwhile))


async def overpay(xero: XeroSays, shelf: Shelf, row: Row) -> None:
    await choices.overpay(xero.clients, shelf.merchant, row["id"])


async def over(row: Row) -> list[tuple[str, int]]:
    """State and amount of the payment's overpayment, if one is meant."""
    sql = "SELECT state, amount_minor FROM write_back WHERE payment = $1 AND kind = 'overpayment'"
    return [tuple(found) for found in await db.fetch(sql, row["payment"])]


async def became(row: Row) -> tuple[str, str, int]:
    found = await write_back(row["id"])
    return found["state"], found["reason"], found["amount_minor"]


# ---- an overpayment


async def test_what_the_invoice_takes_is_paid_and_the_rest_is_over(xero: XeroSays, shelf: Shelf, heard: Heard):
    """Both are meant anew with their own amounts; the trail and the timeline say who chose what, and open pages hear of it."""
    row = await waiting(shelf)
    takes(xero, shelf, "25.00")
    await overpay(xero, shelf, row)
    assert (("intended", "", 2500), [("intended", 1500)]) == (await became(row), await over(row))
    details = {"payment": str(row["payment"]), "minor": 1500, "currency": "GBP"}
    assert ("overpayment_chosen", f"write_back:{row['id']}", details) == (await shelf.trail())[-1]
    assert [("recorded", "To be recorded as an overpayment", "£15.00")] == await shelf.lines()
    await heard({str(shelf.merchant), str(shelf.invoice)})


@pytest.mark.parametrize("more", [
    {"AmountDue": "0.00"}, {"Status": "PAID"}, {"Status": "VOIDED"}, {"CurrencyCode": "EUR"}, None,
])  # fmt: skip
async def test_where_the_invoice_takes_nothing_all_of_it_is_over(
    xero: XeroSays, shelf: Shelf, more: dict[str, str] | None
):
    """The payment's own write is settled by that."""
    row = await bring((await waiting(shelf, "invoice_paid"))["id"], "parked", next_at=now())
    takes(xero, shelf, "50.00", **(more or {}))
    if more is None:
        xero.when(f"GET /Invoices/{shelf.xero_invoice_id}", Says(status=404))
    await overpay(xero, shelf, row)
    assert (("abandoned", intents.OVERPAID, 4000), [("intended", 4000)]) == (await became(row), await over(row))
    assert (None, "£40.00") == ((await write_back(row["id"]))["next_at"], (await shelf.lines())[-1][2])


@pytest.mark.parametrize("due", ["40.00", "40.01"])
async def test_where_the_invoice_takes_all_of_it_nothing_is_over(xero: XeroSays, shelf: Shelf, due: str, heard: Heard):
    """It is simply tried again."""
    row = await waiting(shelf)
    takes(xero, shelf, due)
    await overpay(xero, shelf, row)
    assert (("intended", "", 4000), []) == (await became(row), await over(row))
    assert ([], False) == (
        await shelf.lines(),
        any(action == "overpayment_chosen" for action, *_ in await shelf.trail()),
    )
    await heard({str(shelf.merchant), str(shelf.invoice)})


async def test_an_overpayment_is_only_for_what_may_be_one(xero: XeroSays, shelf: Shelf):
    """A payment that waits for such a reason, and its own merchant; Xero is not asked otherwise."""
    row, under_way, locked = await waiting(shelf), await waiting(shelf, state="unknown"), await waiting(shelf, "other")
    await shelf.choose("fees")
    fee = await intents.intend_fee(await shelf.reread(row["payment"]), Money(100, "GBP"))
    fee_row = await bring(fee, "parked", reason="overpaid")
    for refused in (under_way, locked, fee_row):
        with pytest.raises(Refused, match=GONE):
            await overpay(xero, shelf, refused)
    with pytest.raises(NotFound):
        await choices.overpay(xero.clients, uuid4(), row["id"])
    assert ([], ("parked", "overpaid", 4000)) == (xero.calls, await became(row))


@pytest.mark.parametrize(("due", "sets"), [
    ("25.00", "state = 'intended'"), ("0.00", "state = 'intended'"), ("25.00", "sent_at = now()"),
])  # fmt: skip
async def test_what_goes_on_meanwhile_is_not_written_twice(xero: XeroSays, shelf: Shelf, due: str, sets: str):
    """Tried again while Xero was asked, or perhaps in Xero already: the choice is refused, and nothing of it remains."""
    row = await waiting(shelf)

    async def meanwhile() -> None:
        await db.fetch(f"UPDATE write_back SET {sets} WHERE id = $1", row["id"])

    takes(xero, shelf, due, meanwhile)
    with pytest.raises(Refused, match=GONE):
        await overpay(xero, shelf, row)
    assert (4000, [], []) == ((await became(row))[2], await over(row), await shelf.lines())


@pytest.mark.parametrize(("state", "columns", "expected"), [
    ("intended", {}, ("intended", 1500)), ("parked", {"reason": "account_archived"}, ("parked", 1500)),
    ("abandoned", {"reason": intents.WITHDRAWN}, ("intended", 1500)),
])  # fmt: skip
async def test_an_overpayment_that_is_meant_already_grows(
    xero: XeroSays, shelf: Shelf, state: str, columns: dict[str, Any], expected: tuple[str, int]
):
    """By what the invoice takes less now, to no more than was paid; one that was withdrawn begins anew with that."""
    row = await waiting(shelf)
    if state != "abandoned":
        await bring(row["id"], "parked", amount_minor=3500)
    made = await intents.intend_overpayment(await shelf.reread(row["payment"]), Money(500, "GBP"))
    await bring(made, state, **columns)
    takes(xero, shelf, "25.00")
    await overpay(xero, shelf, row)
    assert ([expected], 2500) == (await over(row), (await became(row))[2])


@pytest.mark.parametrize(("state", "reason"), [("confirmed", ""), ("abandoned", intents.BY_HAND)])
async def test_an_overpayment_that_is_in_xero_does_not_grow(xero: XeroSays, shelf: Shelf, state: str, reason: str):
    """It is refused with a way out, and nothing is changed."""
    row = await waiting(shelf)
    made = await intents.intend_overpayment(await shelf.reread(row["payment"]), Money(500, "GBP"))
    await bring(made, state, reason=reason)
    takes(xero, shelf, "25.00")
    words = r"^An overpayment of this payment is in Xero already\. Refund the customer, or record the rest there\.$"
    with pytest.raises(Refused, match=words):
        await overpay(xero, shelf, row)
    assert (("parked", "overpaid", 4000), [(state, 500)]) == (await became(row), await over(row))


@pytest.mark.parametrize(("used", "goes"), [(51, True), (52, False)])
async def test_a_person_who_presses_is_served_before_syncing(xero: XeroSays, shelf: Shelf, used: int, goes: bool):
    """With the calls that pages have, for either choice; after that it is said so."""
    times: dict[str, Any] = {"minute_start": now(), "minute_used": used, "day_start": now()}
    rows = {"overpaid": choices.overpay, "period_locked": choices.redate}
    takes(xero, shelf, "25.00")
    xero.when(ORGANISATION, {"Organisations": [{}]})
    for reason, deed in rows.items():
        row = await waiting(shelf, reason)
        await db.fetch("DELETE FROM xero_budget WHERE xero_tenant_id = $1", xero.tenant_id)
        await put("xero_budget", id=uuid4(), xero_tenant_id=xero.tenant_id, **times)
        if goes:
            await deed(xero.clients, shelf.merchant, row["id"])
        else:
            with pytest.raises(Upstream):
                await deed(xero.clients, shelf.merchant, row["id"])
    assert (2 if goes else 0) == len(xero.calls)


# ---- a credit note


async def taking_back(shelf: Shelf, reason: str = "reconciled") -> Row:
    """A reversal that cannot be, of a payment of which all was refunded."""
    paid = await shelf.payment(refunded_minor=4000, state="refunded")
    await shelf.choose("payments", "GBP")
    await bring(await intents.intend_payment(paid), "confirmed", xero_id="pay-1", sent_at=now())
    refund = {"stripe_refund_id": "re_1", "status": "succeeded", "amount_minor": 4000, "refunded_at": now()}
    await put("stripe_refund", payment=paid["id"], **refund)
    return await bring(await intents.intend_reversal(paid), "parked", reason=reason, next_at=None)


async def test_what_cannot_be_taken_back_is_credited(shelf: Shelf, heard: Heard):
    """The taking back is settled by that, the note is meant, and open pages hear of it."""
    row = await taking_back(shelf)
    await shelf.choose("refunds", code="200")
    await choices.credit(shelf.merchant, row["id"])
    assert ("abandoned", intents.CREDITED, 4000) == await became(row)
    note = await one("SELECT * FROM write_back WHERE payment = $1 AND kind = 'credit_note'", row["payment"])
    assert ("intended", 4000) == (note["state"], note["amount_minor"])
    await heard({str(shelf.merchant), str(shelf.invoice)})


async def test_a_credit_note_is_only_for_what_may_be_one(shelf: Shelf):
    """A taking back that waits for such a reason, with an account chosen, and its own merchant."""
    row = await taking_back(shelf)
    with pytest.raises(Refused, match=r"^Choose an account for credit notes under Settings first\.$"):
        await choices.credit(shelf.merchant, row["id"])
    await shelf.choose("refunds", code="200")
    with pytest.raises(NotFound):
        await choices.credit(uuid4(), row["id"])
    for state, reason in (("unknown", "reconciled"), ("parked", "other")):
        await bring(row["id"], state, reason=reason)
        with pytest.raises(Refused, match=GONE):
            await choices.credit(shelf.merchant, row["id"])
    assert 0 == await db.fetch_value(
        "SELECT count(*) FROM write_back WHERE kind = 'credit_note' AND payment = $1", row["payment"]
    )
    payment = {"kind": "payment", "reason": "reconciled"}
    assert [False, True, False] == [
        choices.may_credit(one) for one in (payment, payment | {"kind": "reversal"}, {"kind": "reversal", "reason": ""})
    ]
