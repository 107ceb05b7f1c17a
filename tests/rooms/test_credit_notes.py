"""Refunds as credit notes: with an account chosen for them, what goes back stands beside the payment in Xero, each once."""

from typing import Any
from uuid import uuid4

import pytest

from app.books import access, accounts, intents, ledger, payments, refunds, writeback
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


async def test_each_refund_has_a_credit_note_of_its_own(till: Till):
    """Two parts by our button, the rest in Stripe's dashboard, told many times over: three of each, and nothing is left."""
    await by_credit_note(till)
    payment = await recorded(till)
    await refund(till, payment, 1000)
    await refund(till, payment, 1250)
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"]})
    for _ in range(3):
        await payments.settle(till.clients, till.account, payment["stripe_payment_intent_id"])
        await till.work()
    assert [1000, 1250, 1750] == [total for _, total in await notes(till)]
    assert [1000, 1250, 1750] == [one["amount"] for one in await went_back(till)]
    assert 1 == len(await till.in_xero(payment["invoice"]))
    assert [] == await ledger.invariants()


async def test_what_was_chosen_is_on_the_note(till: Till):
    """The customer, the account, the tax rate, the currency and the day of the refund, as one line that says what for."""
    await by_credit_note(till, "OUTPUT2")
    payment = await recorded(till)
    await refund(till, payment, 1200)
    note = next(one for one in (await till.truth())["xero"]["credit_notes"] if one["reference"].startswith("Payportal"))
    invoice = await till.row("SELECT * FROM invoice WHERE id = $1", payment["invoice"])
    (line,) = note["lines"]
    assert (invoice["contact_id"], "GBP", "ACCRECCREDIT") == (note["contact"], note["currency"], note["type"])
    assert f"Refund of invoice {invoice['number']}" == line["description"]
    assert ("200", "OUTPUT2") == (line["account"], line["tax_type"])
    assert (1000, 200, 1200) == (note["subtotal"], note["tax"], note["total"])


@pytest.mark.parametrize("path", ["/xero/api/*/CreditNotes", "/xero/api/*/Payments"])
@pytest.mark.parametrize("fault", [{"commit_then_reset": True}, {"reset_before_commit": True}, {"status": 500}])
async def test_a_lost_answer_makes_nothing_twice(till: Till, path: str, fault: dict[str, Any]):
    """Xero's answer to the note, or to its refund, is lost: it is looked for before it is sent again."""
    await by_credit_note(till)
    payment = await recorded(till)
    await till.fault(fault, path=path, times=1)
    await refund(till, payment, 1500)
    await till.work_until(lambda: _all_written(payment))
    assert [("PAID", 1500)] == await notes(till)
    assert [1500] == [one["amount"] for one in await went_back(till)]


async def _all_written(payment: Row) -> bool:
    sql = "SELECT count(*) FROM write_back WHERE payment = $1 AND kind LIKE 'credit%' AND state = 'confirmed'"
    return bool(await db.fetch_value(sql, payment["id"]) == 2)


async def test_books_from_a_backup_write_nothing_twice(till: Till):
    """Rows that were lost after they had been written find what stands in Xero under the same references."""
    await by_credit_note(till)
    payment = await recorded(till)
    await refund(till, payment, 1500)
    await db.fetch("DELETE FROM write_back WHERE kind LIKE 'credit%'")
    await db.fetch("UPDATE payment SET refunded_minor = 0 WHERE id = $1", payment["id"])
    await payments.settle(till.clients, till.account, payment["stripe_payment_intent_id"])
    await till.work()
    assert await _all_written(payment)
    assert ([("PAID", 1500)], 1) == (await notes(till), len(await went_back(till)))


async def test_what_goes_back_before_xero_heard_of_it_needs_no_note(till: Till):
    """Only the rest of the payment is recorded; a refund after that gets its note, of its own amount."""
    await by_credit_note(till)
    payment = await till.paid(await till.invoice())
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"], "amount": 1000})
    await payments.settle(till.clients, till.account, payment["stripe_payment_intent_id"])
    await till.work()
    assert ([3000], []) == ([one["amount"] for one in await till.in_xero(payment["invoice"])], await notes(till))
    await refund(till, payment, 500)
    assert [("PAID", 500)] == await notes(till)


async def test_a_payment_that_waits_is_credited_when_it_stands(till: Till):
    """Xero's answer to the payment is lost: no note is written until it is certain that the payment is there."""
    await by_credit_note(till)
    payment = await till.paid(await till.invoice())
    await till.fault({"commit_then_reset": True}, times=1)
    await till.work(1)
    assert "unknown" == (await till.write_back(payment))["state"]
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"], "amount": 1000})
    await payments.settle(till.clients, till.account, payment["stripe_payment_intent_id"])
    await till.work(1)
    assert [] == await notes(till)
    await till.work_until(lambda: _all_written(payment))
    assert [("PAID", 1000)] == await notes(till)


async def test_a_refund_that_fails_at_once_leaves_nothing(till: Till):
    """Before Xero heard of it: neither note nor refund is written, and nobody is bothered."""
    await by_credit_note(till)
    payment = await recorded(till)
    await till.control("/_xero/organisations/harrow/lock", {"period_lock": "2999-01-01"})
    await refund(till, payment, 1500)
    ((row, words),) = await writeback.attention(till.merchant_id)
    assert ("credit_note", "the period is locked in Xero") == (row["kind"], words.short)
    await fail(till)
    assert {"payment": "confirmed", "credit_note": "abandoned"} == await states(till, payment)
    assert [] == await writeback.attention(till.merchant_id)
    assert [] == await ledger.invariants()


async def fail(till: Till) -> None:
    """The customer's bank sends the newest refund back."""
    refund_id = await db.fetch_value("SELECT stripe_refund_id FROM stripe_refund ORDER BY id DESC LIMIT 1")
    await till.control(f"/_stripe/refunds/{refund_id}", {"outcome": "failed"})
    await till.hear()


async def test_a_refund_that_fails_later_is_told(till: Till):
    """The note and its refund stand in Xero: a person removes them, once, and the next refund is recorded by itself again."""
    await by_credit_note(till)
    payment = await recorded(till)
    await refund(till, payment, 1500)
    await fail(till)
    ((row, words),) = await writeback.attention(till.merchant_id)
    assert ("credit_back", 1500) == (row["kind"], row["amount_minor"])
    assert not words.retry
    await writeback.abandon(till.merchant_id, row["id"], "Hannah Finch")
    assert [] == await writeback.attention(till.merchant_id)
    await refund(till, payment, 4000)
    assert [1500, 4000] == [total for _, total in await notes(till)]
    assert [] == await writeback.attention(till.merchant_id)
    assert [] == await ledger.invariants()


async def test_a_note_that_was_used_is_not_refunded(till: Till):
    """Somebody voided it in Xero before its refund was written: a person decides, nothing is forced."""
    await by_credit_note(till)
    payment = await recorded(till)
    await till.fault({"reset_before_commit": True}, path="/xero/api/*/Payments", times=1)
    await refund(till, payment, 1500)
    assert [("AUTHORISED", 1500)] == await notes(till)
    note_id = await db.fetch_value("SELECT xero_id FROM write_back WHERE kind = 'credit_note'")
    async with access.tenant(till.clients, till.connection_id, "page") as tenant:
        await tenant._write("POST", f"/CreditNotes/{note_id}", b'{"Status":"VOIDED"}')

    async def waits() -> bool:
        return bool(await writeback.attention(till.merchant_id))

    await till.work_until(waits)
    ((row, _),) = await writeback.attention(till.merchant_id)
    assert ("credit_refund", "credit_used") == (row["kind"], row["reason"])
    assert [] == await went_back(till)


async def test_what_cannot_be_taken_back_is_credited_by_one_press(till: Till):
    """Reconciled in Xero, so it waits; with an account chosen, one press records a credit note beside the payment."""
    payment = await recorded(till)
    (found,) = await till.in_xero(payment["invoice"])
    await till.control(f"/_xero/payments/{found['id']}/reconcile")
    await refund(till, payment, 4000)
    ((row, words),) = await writeback.attention(till.merchant_id)
    assert ("reconciled", True) == (row["reason"], words.credit)
    with pytest.raises(Refused, match="Choose an account for credit notes"):
        await writeback.credit(till.merchant_id, row["id"])
    with pytest.raises(NotFound):
        await writeback.credit(uuid4(), row["id"])
    await by_credit_note(till)
    await writeback.credit(till.merchant_id, row["id"])
    await till.work()
    assert ([("PAID", 4000)], [4000]) == (await notes(till), [one["amount"] for one in await went_back(till)])
    assert 1 == len(await till.in_xero(payment["invoice"]))
    assert [] == await writeback.attention(till.merchant_id)
    with pytest.raises(Refused, match="not waiting"):
        await writeback.credit(till.merchant_id, row["id"])


async def test_what_waited_is_credited_with_the_next_refund(till: Till):
    """A part refund waited for a person; the account is chosen, and the next refund takes both along."""
    payment = await recorded(till)
    await refund(till, payment, 1000)
    ((row, _),) = await writeback.attention(till.merchant_id)
    assert "refund_part" == row["reason"]
    await by_credit_note(till)
    await refund(till, payment, 500)
    assert [500, 1000] == sorted(total for _, total in await notes(till))
    assert [] == await writeback.attention(till.merchant_id)


async def test_what_a_person_booked_stays_theirs(till: Till):
    """A part was marked as done by hand: whatever is refunded later is not guessed at, it waits for that person too."""
    payment = await recorded(till)
    await refund(till, payment, 1000)
    ((row, _),) = await writeback.attention(till.merchant_id)
    await writeback.abandon(till.merchant_id, row["id"], "Hannah Finch")
    await by_credit_note(till)
    for minor, uncovered in ((500, 1500), (200, 1700), (2300, 4000)):
        await refund(till, payment, minor)
        ((row, words),) = await writeback.attention(till.merchant_id)
        assert ("refund_more", uncovered, False) == (row["reason"], row["amount_minor"], words.credit)
    with pytest.raises(Refused):
        await writeback.credit(till.merchant_id, row["id"])
    assert ([], 1) == (await notes(till), len(await till.in_xero(payment["invoice"])))


async def test_without_the_account_a_payment_is_taken_back(till: Till):
    """Chosen no more: what is refunded whole from then on is deleted in Xero, as before."""
    await by_credit_note(till)
    await accounts.forget(till.merchant_id, till.connection_id, "refunds")
    payment = await recorded(till)
    await refund(till, payment, 4000)
    assert ([], []) == (await notes(till), await till.in_xero(payment["invoice"]))


async def test_only_an_account_for_money_earned_takes_credit_notes(till: Till):
    """A bank account, or a tax rate that is not in the list, is refused with words."""
    known = await accounts.chart(till.clients, till.connection_id)
    clearing, sales = till.accounts["Stripe clearing"], known.refunds[0].id
    for account, tax in ((clearing, "NONE"), (sales, "NOSUCH")):
        with pytest.raises(Refused):
            await accounts.choose(till.merchant_id, till.connection_id, known, "refunds", "", account, tax)
    assert await intents.chosen(till.connection_id, "refunds", "") is None
