"""Credit notes where Stripe settles in another currency, and payments that the bank takes back."""

from app.books import ledger, writeback
from app.core import db
from tests.rooms.test_credit_notes import by_credit_note, notes, went_back
from tests.rooms.test_foreign import euros, held, paid
from tests.rooms.test_payouts import explained, pay_out
from tests.rooms.till import Row, Till


async def left_on_clearing(till: Till, payment: Row) -> int:
    """What a payment and the refunds of its credit notes leave on the clearing account in Xero, in pence."""
    came = sum(one["bank_amount"] for one in await till.in_xero(payment["invoice"]))
    return int(came - sum(one["bank_amount"] for one in await went_back(till)))


async def test_the_refunds_own_figure_leaves_the_account(till: Till):
    """All goes back after the rate moved: Xero hears what Stripe took for it, so that no difference is left to a person."""
    await euros(till)
    await by_credit_note(till)
    payment = await paid(till)
    await till.paid(await till.invoice("900.00"), "900.00")
    await till.control("/_clock", {"advance": 5})
    await till.hear()
    await till.control("/_stripe/modes", {"exchange": 1.02})
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"]})
    await till.hear()
    await till.work()
    settled = await db.fetch_value("SELECT settled_minor FROM payment WHERE id = $1", payment["id"])
    (back,) = await went_back(till)
    took = round(settled * 1.02)
    assert (10000, took) == (back["amount"], back["bank_amount"])
    assert settled - took == await left_on_clearing(till, payment)
    await pay_out(till)
    assert (0, []) == ((await explained(till))["residue"].minor, await writeback.attention(till.merchant_id))
    assert 0 == (await held(till))["EUR"]
    assert [] == await ledger.invariants()


async def test_the_bank_takes_a_debit_back_after_it_was_recorded(till: Till):
    """No refund of anybody's: the payment is taken back in Xero, with or without an account for credit notes."""
    await by_credit_note(till)
    attempt = await till.attempt(await till.invoice())
    done = await till.pay(attempt, card=None, bank="00012345")
    (charge,) = [
        one for one in (await till.truth())["stripe"]["charges"] if one["payment_intent"] == done["payment_intent"]
    ]
    await till.control("/_stripe/debits", {"charge": charge["id"], "outcome": "succeed"})
    await till.hear()
    payment = await till.row("SELECT * FROM payment")
    assert 1 == len(await till.in_xero(payment["invoice"]))
    await till.control("/_stripe/debits", {"charge": charge["id"], "outcome": "fail_late"})
    await till.hear()
    assert ([], []) == (await till.in_xero(payment["invoice"]), await notes(till))
