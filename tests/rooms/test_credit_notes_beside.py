"""Credit notes beside what else may happen to a payment: unclear, parked, disputed, booked by hand, taken back by the bank."""

from datetime import timedelta

import pytest

from app.books import accounts, connections, ledger, payments, writeback
from app.core import db
from app.core.clock import date_in
from app.core.errors import Refused
from app.merchants import mapping
from tests.rooms.test_credit_notes import by_credit_note, fail, notes, recorded, refund, states, went_back
from tests.rooms.test_overpayments import back, choose, overpaid
from tests.rooms.till import Row, Till


async def heard(till: Till, payment: Row, minor: int) -> str:
    """A refund in Stripe's dashboard, heard of; its id."""
    made = await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"], "amount": minor})
    await payments.settle(till.clients, till.account, payment["stripe_payment_intent_id"])
    return str(made["id"])


async def waiting(till: Till) -> list[tuple[str, str, int]]:
    """What waits for a person: kind, reason, amount."""
    return [(row["kind"], row["reason"], row["amount_minor"]) for row, _ in await writeback.attention(till.merchant_id)]


async def unclear_then_parked(till: Till) -> Row:
    """Xero did not take a payment, which nobody knew when a part was refunded; then it is parked, for its period is locked."""
    await by_credit_note(till)
    payment = await till.paid(await till.invoice())
    await till.fault({"reset_before_commit": True}, times=1)
    await till.work(1)
    assert "unknown" == (await till.write_back(payment))["state"]
    await heard(till, payment, 1000)
    assert {"payment": "unknown", "credit_note": "intended"} == await states(till, payment)
    await till.control("/_xero/organisations/harrow/lock", {"period_lock": "2999-01-01"})

    async def parked() -> bool:
        return (await till.write_back(payment))["state"] == "parked"

    await till.work_until(parked)
    await till.control("/_xero/organisations/harrow/lock", {"period_lock": ""})
    return payment


async def test_a_payment_written_smaller_has_no_note_for_the_difference(till: Till):
    """More was refunded while it was parked: what is left is written, and nothing beside it for what went back before."""
    payment = await unclear_then_parked(till)
    await heard(till, payment, 500)
    await writeback.retry(till.merchant_id, (await till.write_back(payment))["id"])
    await till.work()
    assert ([2500], []) == ([one["amount"] for one in await till.in_xero(payment["invoice"])], await notes(till))
    await refund(till, payment, 700)
    assert ([("PAID", 700)], []) == (await notes(till), await waiting(till))


async def test_a_payment_that_is_withdrawn_leaves_no_note_waiting(till: Till):
    """All of it went back before Xero took it: neither it nor a note is written, and nobody is bothered."""
    payment = await unclear_then_parked(till)
    await heard(till, payment, 3000)
    await till.work()
    assert ([], [], []) == (await till.in_xero(payment["invoice"]), await notes(till), await waiting(till))


async def test_a_lost_dispute_takes_no_note_away(till: Till):
    """Part was refunded before: with an account chosen that gets its note by one press; the disputed rest stays a person's."""
    payment = await recorded(till)
    await refund(till, payment, 1000)
    ((row, _),) = await writeback.attention(till.merchant_id)
    dispute = await till.control("/_stripe/disputes", {"charge": payment["stripe_charge_id"]})
    await till.hear()
    await till.control(f"/_stripe/disputes/{dispute['id']}", {"outcome": "lost"})
    await till.hear()
    await by_credit_note(till)
    await writeback.credit(till.merchant_id, row["id"])
    await till.work()
    assert ([("PAID", 1000)], 1) == (await notes(till), len(await till.in_xero(payment["invoice"])))
    assert "dispute_lost" == await db.fetch_value("SELECT state FROM payment")


@pytest.mark.parametrize("written", [True, False])
async def test_one_fails_and_another_is_made_unheard(till: Till, written: bool):
    """The same amount went back by another refund while nothing was heard: the second has its note, the first one none."""
    await by_credit_note(till)
    payment = await recorded(till)
    if not written:
        await till.control("/_xero/organisations/harrow/lock", {"period_lock": "2999-01-01"})
    first = await heard(till, payment, 1500)
    await till.work()
    await till.control("/_xero/organisations/harrow/lock", {"period_lock": ""})
    await till.control(f"/_stripe/refunds/{first}", {"outcome": "failed"})
    await heard(till, payment, 1500)
    await till.work()
    assert [("PAID", 1500)] * (2 if written else 1) == await notes(till)
    assert ([("credit_back", "credit_refund_failed", 1500)] if written else []) == await waiting(till)


async def test_a_bounced_debit_is_no_refund(till: Till):
    """Reconciled, so it waits; a credit note is refused with words, and the other ways out stay."""
    await by_credit_note(till)
    attempt = await till.attempt(await till.invoice())
    done = await till.pay(attempt, card=None, bank="00012345")
    charge = next(
        one for one in (await till.truth())["stripe"]["charges"] if one["payment_intent"] == done["payment_intent"]
    )
    await till.control("/_stripe/debits", {"charge": charge["id"], "outcome": "succeed"})
    await till.hear()
    payment = await till.row("SELECT * FROM payment")
    (found,) = await till.in_xero(payment["invoice"])
    await till.control(f"/_xero/payments/{found['id']}/reconcile")
    await till.control("/_stripe/debits", {"charge": charge["id"], "outcome": "fail_late"})
    await till.hear()
    ((row, _),) = await writeback.attention(till.merchant_id)
    with pytest.raises(Refused, match="The bank took this payment back"):
        await writeback.credit(till.merchant_id, row["id"])
    ((row, words),) = await writeback.attention(till.merchant_id)
    assert ("reconciled", True) == (row["reason"], words.retry)


async def test_the_day_that_was_chosen_counts_for_both(till: Till):
    """The refund's day is locked: one press puts the note and its refund on the first open one."""
    await by_credit_note(till)
    payment = await recorded(till)
    today = date_in("Europe/London")
    await till.control("/_xero/organisations/harrow/lock", {"period_lock": (today - timedelta(days=1)).isoformat()})
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"], "amount": 1000})
    await payments.settle(till.clients, till.account, payment["stripe_payment_intent_id"])
    await db.fetch("UPDATE stripe_refund SET refunded_at = refunded_at - interval '4 days'")
    await db.fetch("UPDATE write_back SET request = '' WHERE kind = 'credit_note'")
    await till.work()
    ((row, _),) = await writeback.attention(till.merchant_id)
    assert ("credit_note", "period_locked") == (row["kind"], row["reason"])
    await writeback.redate(till.clients, till.merchant_id, row["id"])
    await till.work()
    assert ([], [("PAID", 1000)]) == (await waiting(till), await notes(till))
    assert {today.isoformat()} == {one["date"] for one in await went_back(till)}


async def test_the_refund_of_a_payment_booked_by_hand_is_told(till: Till):
    """Who booked the payment books its refund; and reads of it when that fails."""
    await by_credit_note(till)
    payment = await till.paid(await till.invoice())
    await till.control("/_xero/organisations/harrow/lock", {"period_lock": "2999-01-01"})
    await till.work()
    await writeback.abandon(till.merchant_id, (await till.write_back(payment))["id"], "Hannah Finch")
    await refund(till, payment, 1500)
    assert [("reversal", "refund_by_hand", 1500)] == await waiting(till)
    ((row, _),) = await writeback.attention(till.merchant_id)
    await writeback.abandon(till.merchant_id, row["id"], "Hannah Finch")
    await fail(till)
    assert [("refund_back", "refund_undone", 1500)] == await waiting(till)


async def test_a_refund_booked_by_hand_that_fails_is_told(till: Till):
    """It stands in Xero although the money came back: the person who booked it reads so, once."""
    payment = await recorded(till)
    await refund(till, payment, 1000)
    ((row, _),) = await writeback.attention(till.merchant_id)
    await writeback.abandon(till.merchant_id, row["id"], "Hannah Finch")
    await fail(till)
    assert [("refund_back", "refund_undone", 1000)] == await waiting(till)
    assert [] == await ledger.invariants()


async def test_what_is_no_longer_usable_stays_chosen(till: Till):
    """The account was archived in Xero: the settings show it as such, and saving them asks for another one."""
    await by_credit_note(till)
    known = await accounts.chart(till.clients, till.connection_id)
    less = accounts.Chart([one for one in known.accounts if one.name != "Sales"], known.rates)
    connection = await connections.one(till.merchant_id, till.connection_id)
    shown = await mapping.read(connection, less)
    assert "Sales (no longer usable)" == dict(shown.refund_options)[shown.refund_account]
    form = {one.field: one.chosen for one in shown.currencies} | {"refund_account": shown.refund_account}
    errors = await mapping.save(till.merchant_id, till.connection_id, less, shown, form)
    assert ["refund_account"] == list(errors)
    assert ("refunds", "") in await accounts.chosen(till.connection_id)


async def test_beside_an_overpayment_a_failed_refund_is_told(till: Till):
    """What goes back comes out of the overpayment first; the note of the next refund is a person's to remove when that fails."""
    payment = await overpaid(till, "75.00")
    await choose(till, payment)
    await by_credit_note(till)
    await back(till, payment, amount=1500)
    assert [] == await notes(till)
    made = await back(till, payment, amount=1000)
    assert [("PAID", 1000)] == await notes(till)
    await till.control(f"/_stripe/refunds/{made['id']}", {"outcome": "failed"})
    await till.hear()
    assert ("credit_back", "credit_refund_failed", 1000) in await waiting(till)
    assert [] == await ledger.invariants()
