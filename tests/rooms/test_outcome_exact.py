"""What came of a write, to the letter: the row, the ledger, the timeline, the audit trail, and what is asked for next."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.books import intents
from app.books.writeback import outcome
from app.books.writeback.rows import Fenced, Item
from app.books.writeback.timing import TIMING
from app.books.writeback.verdict import Verdicts
from app.books.writeback.words import reason_of
from app.core import db
from app.core.clock import from_now, now
from app.core.money import Money
from tests.rooms.shelf import PAID_AT, Row, Shelf, bring, held, one, write_back

Meant = Callable[[Shelf], Any]
FIVE = Money(500, "GBP")


async def payment_of(shelf: Shelf, **columns: Any) -> tuple[Row, Item]:
    """A payment whose write-back is being sent."""
    await shelf.choose("payments", "GBP", code="090", name="Stripe clearing")
    payment = await shelf.payment(4007, **columns)
    row_id = await intents.intend_payment(payment)
    await bring(row_id, "sending", sent_at=now(), absent_at=now(), reason="other", message="m", last_error="e")
    return payment, await held(row_id)


async def of_kind(shelf: Shelf, kind: str) -> Item:
    """A write-back of another kind, being sent."""
    for chosen in ("payments", "bank"):
        await shelf.choose(chosen, "GBP")
    await shelf.choose("fees")
    payment = await shelf.payment()
    row_id = {
        "fee": lambda: intents.intend_fee(payment, FIVE),
        "overpayment": lambda: intents.intend_overpayment(payment, FIVE),
        "reversal": lambda: intents.intend_reversal(payment),
    }
    if kind == "transfer":
        made = await intents.intend_transfer(await shelf.payout(900), shelf.connection)
    else:
        made = await row_id[kind]()
    await bring(made, "sending", sent_at=now())
    return await held(made)


async def test_a_payment_is_confirmed(shelf: Shelf):
    """The row with Xero's id, the ledger, the timeline with the account, the audit trail, and the invoice is read again."""
    payment, item = await payment_of(shelf, exception="overpaid")
    began = now()
    await outcome.confirm(item, "xero-1")
    row = await write_back(item.claim.id)
    expected = {
        "state": "confirmed", "xero_id": "xero-1", "reason": "", "message": "", "absent_at": None, "last_error": "",
        "sent_at": item.row["sent_at"],
    }  # fmt: skip
    assert expected == {name: row[name] for name in expected}
    assert abs(row["confirmed_at"] - began) < timedelta(minutes=5)
    assert {("unapplied", "GBP"): 4007, ("applied_in_xero", "GBP"): -4007} == await shelf.ledger(payment)
    assert "xero-1" == await db.fetch_value(
        "SELECT external_id FROM ledger_transaction WHERE payment = $1", payment["id"]
    )
    assert [("recorded", "Recorded in Xero", "£40.07 to Stripe clearing (090)")] == await shelf.lines()
    assert ("invoice.pull", f"{shelf.connection}:{shelf.xero_invoice_id}") in await shelf.asked()
    details = {
        "kind": "payment", "payment": str(payment["id"]), "minor": 4007, "currency": "GBP", "xero_id": "xero-1", "adopted": False,
    }  # fmt: skip
    assert ("write_back_confirmed", f"write_back:{row['id']}", details) == (await shelf.trail())[-1]
    assert "" == (await shelf.reread(payment["id"]))["exception"]


async def test_what_was_found_is_adopted(shelf: Shelf):
    """Said so in the audit trail; a payment that came late is still late; an account without a code is named without."""
    payment, item = await payment_of(shelf, exception="paid_late")
    await db.fetch("UPDATE account_choice SET code = '' WHERE connection = $1", shelf.connection)
    verdicts = Verdicts()
    assert not await outcome.adopted(item, [], verdicts)
    assert {} == verdicts.said
    assert await outcome.adopted(item, ["xero-2"], verdicts)
    assert {item.claim.id: None} == verdicts.said
    assert (await shelf.trail())[-1][2]["adopted"] is True
    assert "paid_late" == (await shelf.reread(payment["id"]))["exception"]
    assert "£40.07 to Stripe clearing" == (await shelf.lines())[-1][2]
    assert 0 == await db.fetch_value("SELECT count(*) FROM breach WHERE merchant = $1", shelf.merchant)


async def test_found_twice_is_told_loudly(shelf: Shelf):
    """The first one is adopted; the other is a breach, a line that says what to do, and is looked at again."""
    _, item = await payment_of(shelf)
    began = now()
    assert await outcome.adopted(item, ["xero-1", "xero-2"], Verdicts())
    assert "xero-1" == (await write_back(item.claim.id))["xero_id"]
    breach = await one("SELECT * FROM breach WHERE merchant = $1", shelf.merchant)
    assert ("I9 written once", f"write-back {item.claim.id}") == (breach["kind"], breach["subject"])
    detail = f"Remove one of those with the reference {item.reference} in Xero."
    assert ("attention", "Recorded twice in Xero", detail) == (await shelf.lines())[0]
    again = await db.fetch_value(
        "SELECT next_at FROM job WHERE kind = 'house.reconcile' AND subject = $1", str(shelf.merchant)
    )
    assert began + timedelta(seconds=TIMING.twice) <= again <= from_now(TIMING.twice)


async def test_a_transfer_found_twice_has_no_invoice_to_say_so(shelf: Shelf):
    """The breach stands without a line."""
    item = await of_kind(shelf, "transfer")
    await outcome.twice(item, ["a", "b"])
    assert 1 == await db.fetch_value("SELECT count(*) FROM breach WHERE merchant = $1", shelf.merchant)
    assert [] == await shelf.lines()


async def test_a_taking_back_that_waited_goes_on(shelf: Shelf):
    """When the payment it waited for stands in Xero."""
    payment, item = await payment_of(shelf)
    back = await intents.intend_reversal(payment)
    await bring(back, "parked", reason="payment_waits")
    await outcome.confirm(item, "xero-1")
    assert "intended" == (await write_back(back))["state"]


async def test_a_fee_and_a_transfer_are_confirmed(shelf: Shelf):
    """With their ids; no ledger of the payment's own, and a payout has no invoice to read again."""
    for kind, about in (("fee", "payment"), ("transfer", "payout")):
        item = await of_kind(shelf, kind)
        await db.fetch("DELETE FROM job")
        await outcome.confirm(item, f"xero-{kind}")
        row = await write_back(item.claim.id)
        assert ("confirmed", f"xero-{kind}") == (row["state"], row["xero_id"])
        assert str(row[about]) == (await shelf.trail())[-1][2]["payment"]
        assert (kind == "fee") is any(kind == "invoice.pull" for kind, _ in await shelf.asked())
        await db.fetch("DELETE FROM account_choice WHERE connection = $1", shelf.connection)
    assert [] == await shelf.lines()


async def test_an_overpayment_is_confirmed(shelf: Shelf):
    """What was over is the customer's credit, and in Xero."""
    item = await of_kind(shelf, "overpayment")
    await outcome.confirm(item, "xero-over")
    payment = await shelf.reread(item.row["payment"])
    assert {("unapplied", "GBP"): 500, ("applied_in_xero", "GBP"): -500} == await shelf.ledger(payment)
    assert [("recorded", "Recorded in Xero", "£5.00, as an overpayment: the customer’s credit")] == await shelf.lines()


@pytest.mark.parametrize("state", ["confirmed", "parked"])
async def test_a_payment_is_taken_back(shelf: Shelf, state: str):
    """The payment's row is reversed with its amount in ledger and timeline; one that is not in Xero is left alone."""
    item = await of_kind(shelf, "reversal")
    payment = await shelf.reread(item.row["payment"])
    written = await intents.intend_payment(payment)
    await bring(written, state, amount_minor=3900)
    await db.fetch("UPDATE payment SET refunded_minor = 4000, state = 'refunded' WHERE id = $1", payment["id"])
    await outcome.confirm(item, "xero-back")
    if state == "confirmed":
        assert "reversed" == (await write_back(written))["state"]
        assert {("unapplied", "GBP"): -3900, ("applied_in_xero", "GBP"): 3900} == await shelf.ledger(payment)
        assert [
            ("refunded", "Taken back in Xero", "£39.00, because it went back to the customer")
        ] == await shelf.lines()
    else:
        assert ("parked", {}) == ((await write_back(written))["state"], await shelf.ledger(payment))


async def test_nobody_writes_what_somebody_else_holds(shelf: Shelf):
    """Whoever lost the row changes nothing: not the row, not the ledger, not the timeline."""
    payment, item = await payment_of(shelf)
    await held(item.claim.id)
    for late in (
        outcome.confirm(item, "x"),
        outcome.park(item, "other"),
        outcome.unclear(item),
        outcome.not_taken(item),
    ):
        with pytest.raises(Fenced):
            await late
    assert "sending" == (await write_back(item.claim.id))["state"]
    assert ({}, []) == (await shelf.ledger(payment), await shelf.lines())


@pytest.mark.parametrize(("reason", "exception"), [
    ("invoice_voided", "voided"), ("invoice_gone", "voided"), ("invoice_paid", "paid_elsewhere"), ("overpaid", "overpaid"),
    ("other", ""),
])  # fmt: skip
async def test_what_cannot_be_written_is_put_before_the_merchant(shelf: Shelf, reason: str, exception: str):
    """The row with its reason and Xero's words, the payment's own word, a line, the audit trail, one mail a little later."""
    payment, item = await payment_of(shelf)
    began = now()
    await outcome.park(item, reason, "y" * 1200)
    row = await write_back(item.claim.id)
    told = (row["state"], row["reason"], row["message"], row["absent_at"], row["sent_at"])
    assert ("parked", reason, "y" * 1000, None, None) == told
    assert exception == (await shelf.reread(payment["id"]))["exception"]
    ((kind, title, detail),) = await shelf.lines()
    assert ("attention", "Not recorded in Xero yet") == (kind, title)
    assert detail[0].isupper()
    details = {"kind": "payment", "payment": str(payment["id"]), "minor": 4007, "currency": "GBP", "reason": reason}
    assert ("write_back_parked", f"write_back:{row['id']}", details) == (await shelf.trail())[-1]
    soon = await db.fetch_value(
        "SELECT next_at FROM job WHERE kind = 'merchant.alert' AND subject = $1", str(shelf.merchant)
    )
    assert began + timedelta(seconds=30) <= soon <= from_now(30)


async def test_what_may_be_in_xero_keeps_its_trace(shelf: Shelf):
    """Put aside with the time it was sent, so that a retry searches first; the words are the reason's own."""
    _, item = await payment_of(shelf)
    await outcome.park(item, "unclear", keep_trace=True)
    row = await write_back(item.claim.id)
    assert ("parked", item.row["sent_at"], "") == (row["state"], row["sent_at"], row["message"])
    words = reason_of("unclear")
    detail = f"Xero has not said for a long time whether it took it. {words.way_out}"
    assert [("attention", "Not recorded in Xero yet", detail)] == await shelf.lines()


async def test_a_taking_back_that_waits_says_so(shelf: Shelf):
    """In words of its own; a payout has no invoice on which to say anything."""
    await outcome.park(await of_kind(shelf, "reversal"), "reconciled")
    assert "Not taken back in Xero yet" == (await shelf.lines())[0][1]
    await db.fetch("DELETE FROM account_choice WHERE connection = $1", shelf.connection)
    await outcome.park(await of_kind(shelf, "transfer"), "overpaid")
    assert 1 == len(await shelf.lines())


async def test_a_lost_answer_is_unclear(shelf: Shelf):
    """Sent, and not known what came of it: the time it was sent stays, and all of one call come back after the quiet."""
    _, item = await payment_of(shelf)
    other = await held((await shelf.meant())["id"])
    await bring(other.claim.id, "sending", sent_at=PAID_AT)
    verdicts, began = Verdicts(), now()
    await outcome.all_unclear([item, other], verdicts)
    for one_item in (item, other):
        row = await write_back(one_item.claim.id)
        assert ("unknown", None) == (row["state"], row["absent_at"])
        assert row["sent_at"] is not None
        later = verdicts.said[one_item.claim.id]
        assert later is not None
        assert "Xero's answer was lost." == later.why
        assert began + timedelta(seconds=TIMING.quiet) <= later.at <= from_now(TIMING.quiet)


async def test_what_was_surely_not_taken_is_as_if_never_sent(shelf: Shelf):
    """Intended again, without a trace and with a fresh key."""
    _, item = await payment_of(shelf)
    await bring(item.claim.id, "sending", idempotency_key="k")
    await outcome.untouched([item])
    row = await write_back(item.claim.id)
    assert ("intended", None, "") == (row["state"], row["sent_at"], row["idempotency_key"])


async def test_what_was_sent_twice_is_looked_at_again(shelf: Shelf):
    """One that was sent before comes back after the quiet; one that went through at once is done."""
    _, item = await payment_of(shelf)
    verdicts, began = Verdicts(), now()
    outcome.look_again(item, verdicts)
    later = verdicts.said[item.claim.id]
    assert later is not None
    assert "Recorded; looking that it is there once." == later.why
    assert began + timedelta(seconds=TIMING.quiet) <= later.at <= from_now(TIMING.quiet)
    fresh = await held((await shelf.meant())["id"])
    outcome.look_again(fresh, verdicts)
    assert verdicts.said[fresh.claim.id] is None
