"""What an invoice does not take can be recorded as the customer's overpayment, once, and is followed when it goes back."""

from typing import Any

import pytest

from app.books import access, ledger, payments, writeback
from app.books.writeback.beside import write_beside
from app.books.writeback.rows import Fenced, load
from app.books.writeback.verdict import Verdicts
from app.core import db, work
from app.core.clock import now
from app.core.errors import NotFound, Refused
from app.merchants import troubles
from tests.rooms.till import Row, Till

BANK = "/xero/api/*/BankTransactions"


async def overpaid(till: Till, paid_elsewhere: str) -> Row:
    """A payment of 40 on an invoice of 100, of which somebody else paid so much first; it waits."""
    invoice_id = await till.invoice("100.00")
    payment = await till.paid(invoice_id, "40.00")
    await till.control(f"/_xero/invoices/{await till.xero_id(invoice_id)}/pay", {"amount": paid_elsewhere})
    await till.work()
    return payment


async def choose(till: Till, payment: Row) -> None:
    """The merchant presses Record an overpayment, and it is done."""
    written = await till.write_back(payment)
    await writeback.overpay(till.clients, till.merchant_id, written["id"])
    await till.work()


async def as_credit(till: Till) -> list[Any]:
    """The overpayments that Xero has of us."""
    rows = (await till.truth())["xero"]["bank_transactions"]
    return [one for one in rows if one["type"] == "RECEIVE-OVERPAYMENT" and one["status"] == "AUTHORISED"]


async def back(till: Till, payment: Row, **how: Any) -> Any:
    """A refund in Stripe's dashboard, heard of."""
    made = await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"], **how})
    await till.hear()
    return made


async def test_the_second_payment_becomes_an_overpayment(till: Till):
    """An invoice that is paid: all of the second payment is the customer's credit in Xero, and nothing waits any more."""
    payment = await overpaid(till, "100.00")
    (waiting,) = await troubles.failures(till.merchant_id)
    assert (True, True) == (waiting.can_overpay, bool(waiting.refund_href))
    await choose(till, payment)
    (credit,) = await as_credit(till)
    contact = await db.fetch_value("SELECT contact_id FROM invoice WHERE id = $1", payment["invoice"])
    assert (4000, contact) == (credit["total"], credit["contact"])
    assert [] == await troubles.failures(till.merchant_id)
    assert [] == await ledger.invariants()
    assert "overpayment_chosen" in [row["action"] for row in await db.fetch("SELECT action FROM audit")]


async def test_the_invoice_takes_its_part(till: Till):
    """More than is left: what is left is paid on the invoice, the difference is the customer's credit."""
    payment = await overpaid(till, "75.00")
    await choose(till, payment)
    assert [1500] == [one["total"] for one in await as_credit(till)]
    assert 2500 in [one["amount"] for one in await till.in_xero(payment["invoice"])]
    assert [] == await troubles.failures(till.merchant_id)
    assert [] == await ledger.invariants()


@pytest.mark.parametrize("fault", [{"commit_then_reset": True}, {"reset_before_commit": True}])
async def test_a_lost_answer_leaves_one_overpayment(till: Till, fault: dict[str, bool]):
    """Xero's answer is lost: the overpayment is looked for before it is sent again."""
    payment = await overpaid(till, "100.00")
    await till.fault(fault, path=BANK, nth=1)
    await choose(till, payment)

    async def there() -> bool:
        return (await till.write_back(payment, "overpayment"))["state"] == "confirmed"

    await till.work_until(there)
    assert 1 == len(await as_credit(till))


async def test_only_the_owner_chooses_and_once(till: Till):
    """A stranger finds nothing; twice is said kindly and makes one overpayment; what waits for something else is not one."""
    payment = await overpaid(till, "100.00")
    written = await till.write_back(payment)
    with pytest.raises(NotFound):
        await writeback.overpay(till.clients, till.user_id, written["id"])
    await choose(till, payment)
    with pytest.raises(Refused, match="not waiting"):
        await choose(till, payment)
    assert 1 == len(await as_credit(till))


async def test_a_refund_comes_out_of_the_overpayment(till: Till):
    """Refunding the difference leaves the payment, and asks a person for what Xero's API cannot; all of it takes both back."""
    payment = await overpaid(till, "75.00")
    await choose(till, payment)
    await back(till, payment, amount=1500)
    ((row, _),) = await writeback.attention(till.merchant_id)
    assert ("overpayment_back", "overpayment_refunded", 1500) == (row["kind"], row["reason"], row["amount_minor"])
    assert 2500 in [one["amount"] for one in await till.in_xero(payment["invoice"])]
    await writeback.abandon(till.merchant_id, row["id"], "Hannah Finch")
    await back(till, payment)
    assert 2500 not in [one["amount"] for one in await till.in_xero(payment["invoice"])]
    assert [] == await ledger.invariants()


async def test_a_dispute_that_is_lost_is_told_as_one(till: Till):
    """The bank kept all of it: the merchant does not read of a refund they never made."""
    payment = await overpaid(till, "75.00")
    await choose(till, payment)
    dispute = await till.control("/_stripe/disputes", {"charge": payment["stripe_charge_id"]})
    await till.hear()
    await till.control(f"/_stripe/disputes/{dispute['id']}", {"outcome": "lost"})
    await till.hear()
    found = {row["kind"]: row["reason"] for row, _ in await writeback.attention(till.merchant_id)}
    assert "overpayment_disputed" == found["overpayment_back"]
    assert [] == await ledger.invariants()


async def test_a_refund_that_fails_is_no_longer_asked_for(till: Till):
    """The refund of an overpayment came back: nobody is asked to book it."""
    payment = await overpaid(till, "100.00")
    await choose(till, payment)
    made = await back(till, payment)
    assert ["overpayment_refunded"] == [row["reason"] for row, _ in await writeback.attention(till.merchant_id)]
    await till.control(f"/_stripe/refunds/{made['id']}", {"outcome": "failed"})
    await till.hear()
    assert [] == await writeback.attention(till.merchant_id)
    assert "succeeded" == (await till.row("SELECT state FROM payment WHERE id = $1", payment["id"]))["state"]
    assert [] == await ledger.invariants()


async def test_a_settled_overpayment_is_not_asked_for_again(till: Till):
    """What a person recorded of the overpayment's refund stays done when the rest of the payment is refunded, too."""
    payment = await overpaid(till, "75.00")
    await choose(till, payment)
    await back(till, payment, amount=1500)
    ((row, _),) = await writeback.attention(till.merchant_id)
    await writeback.abandon(till.merchant_id, row["id"], "Hannah Finch")
    await back(till, payment)
    assert [] == await writeback.attention(till.merchant_id)


async def test_a_refund_of_both_parts_that_fails_takes_nothing_back(till: Till):
    """More than the overpayment was refunded and came back: nobody is asked to book any of it, and the payment stays."""
    payment = await overpaid(till, "75.00")
    await choose(till, payment)
    made = await back(till, payment, amount=2000)
    reasons = [row["reason"] for row, _ in await writeback.attention(till.merchant_id)]
    assert ["overpayment_refunded", "refund_part"] == sorted(reasons)
    await till.control(f"/_stripe/refunds/{made['id']}", {"outcome": "failed"})
    await till.hear()
    assert [] == await writeback.attention(till.merchant_id)
    assert 2500 in [one["amount"] for one in await till.in_xero(payment["invoice"])]
    assert [] == await ledger.invariants()


async def test_a_refund_while_the_overpayment_is_looked_for(till: Till):
    """What a refund makes smaller while a turn looks in Xero is not sent as it was, and then recorded as it is."""
    payment = await overpaid(till, "75.00")
    await writeback.overpay(till.clients, till.merchant_id, (await till.write_back(payment))["id"])
    claim = await work.claim("write_back", (await till.write_back(payment, "overpayment"))["id"], 30)
    assert claim is not None
    held = await load([claim])
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"], "amount": 500})
    await payments.settle(till.clients, till.account, payment["stripe_payment_intent_id"])
    async with access.tenant(till.clients, till.connection_id, "writeback") as tenant:
        with pytest.raises(Fenced):
            await write_beside(tenant, held, Verdicts())
    await work.come_back(claim, now(), "", counts=False)
    await till.work()
    assert [1000] == [one["total"] for one in await as_credit(till)]
    assert [] == await ledger.invariants()


async def test_two_sessions_that_both_succeed(till: Till):
    """Two customers pay the same invoice in full at once: both payments are in Xero, the second as a credit."""
    invoice_id = await till.invoice("40.00")
    first = await till.attempt(invoice_id)
    await db.fetch("UPDATE attempt SET state = 'expired' WHERE id = $1", first["id"])
    second = await till.attempt(invoice_id)
    for attempt in (first, second):
        await till.pay(attempt)
        await payments.settle_session(till.clients, till.account, attempt["stripe_session_id"])
        await till.work()
    ((row, _),) = await writeback.attention(till.merchant_id)
    await writeback.overpay(till.clients, till.merchant_id, row["id"])
    await till.work()
    assert ([4000], [4000]) == (
        [one["amount"] for one in await till.in_xero(invoice_id)],
        [one["total"] for one in await as_credit(till)],
    )
    assert [] == await ledger.invariants()
