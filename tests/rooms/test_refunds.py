"""A refund by our button goes to Stripe once, whatever breaks, and its fate is told."""

import asyncio
from uuid import uuid4

import pytest

from app.books import ledger, payments, refunds
from app.core import db
from app.core.errors import NotFound, Refused
from app.core.money import Money
from app.core.work import Postpone
from app.merchants import refunding, troubles
from app.merchants.places import home
from app.runtime import ticks
from tests.rooms.shelf import Shelf
from tests.rooms.till import Row, Till

REFUNDS = "/stripe/v1/refunds"


async def ask(till: Till, payment: Row, minor: int) -> None:
    """Hannah asks for a refund with a form of its own."""
    await refunds.ask(till.merchant_id, payment["id"], Money(minor, "GBP"), "Hannah Finch", uuid4())


async def made(till: Till) -> list[int]:
    """What Stripe really sent back, or tries to."""
    return [one["amount"] for one in (await till.truth())["stripe"]["refunds"] if one["status"] != "failed"]


async def state(till: Till) -> str:
    return str((await till.row("SELECT state FROM refund"))["state"])


async def test_a_full_refund_takes_the_payment_back_in_xero(till: Till):
    """All of a recorded payment goes back: once at Stripe, out of Xero, and the books are right."""
    payment = await till.paid(await till.invoice())
    await till.work()
    await ask(till, payment, 4000)
    await till.work()
    assert [4000] == await made(till)
    assert "succeeded" == await state(till)
    assert [] == await till.in_xero(payment["invoice"])
    assert ["Refund asked for", "Refunded", "Taken back in Xero"] == (await till.lines(payment["invoice"]))[-3:]
    assert [] == await ledger.invariants()


async def test_the_same_form_twenty_times_is_one_refund(till: Till):
    """However often and however fast the button is pressed, one refund is made."""
    payment, key = await till.paid(await till.invoice()), uuid4()
    typed = {"choice": "part", "amount": "15.00", "key": key.hex}
    answers = await asyncio.gather(
        *(refunding.ask(till.merchant_id, payment["id"], typed, "Hannah Finch") for _ in range(20))
    )
    assert [{}] * 20 == answers
    await till.work()
    assert [1500] == await made(till)
    assert 1 == await db.fetch_value("SELECT count(*) FROM refund")


@pytest.mark.parametrize("fault", [{"commit_then_reset": True}, {"reset_before_commit": True}, {"status": 500}])
async def test_a_lost_answer_does_not_refund_twice(till: Till, fault: dict[str, object]):
    """Stripe fails, or its answer is lost: it waits and looks before it asks again, even with the key long forgotten."""
    payment = await till.paid(await till.invoice())
    await till.fault(fault, path=REFUNDS, method="POST", times=3)
    await ask(till, payment, 1500)
    refund_id = await db.fetch_value("SELECT id FROM refund")
    with pytest.raises(Postpone):
        await refunds.send(till.clients, refund_id)
    assert "asked" == await state(till)
    await db.fetch("UPDATE refund SET idempotency_key = 'forgotten'")
    await refunds.send(till.clients, refund_id)
    assert [1500] == await made(till)
    assert "succeeded" == await state(till)
    await refunds.send(till.clients, refund_id)
    assert [1500] == await made(till)


async def test_a_refund_whose_job_died_is_shown_and_tried_again(till: Till):
    """Put aside or forgotten, a refund that Stripe does not have is told to the merchant, planned by the clock, and sent."""
    payment = await till.paid(await till.invoice())
    await till.work()
    await ask(till, payment, 1500)
    assert "" == (await troubles.needs(await home(till.merchant_id)))[0]
    await db.fetch("UPDATE job SET faults = 8 WHERE kind = 'refund.send'")  # its worker died as often
    await till.work()
    assert ("asked", []) == (await state(till), await made(till))
    words, href = await troubles.needs(await home(till.merchant_id))
    assert words.startswith("A refund of £15.00 has not reached Stripe yet.")
    assert f"/invoices/{payment['invoice']}" == href
    (shown,) = await refunding.received(till.merchant_id, payment["invoice"])
    assert [(True, "not sent to Stripe yet, and tried again by itself")] == [
        (one.bad, one.words) for one in shown.refunds
    ]

    await ticks.tick()
    assert 0 == await db.fetch_value("SELECT count(*) FROM job WHERE kind = 'refund.send' AND next_at IS NOT NULL")
    for lost in ("UPDATE job SET dead_at = now() - interval '1 day'", "DELETE FROM job"):
        await db.fetch(lost)
        await ticks.tick()
        assert 1 == await db.fetch_value("SELECT count(*) FROM job WHERE kind = 'refund.send' AND next_at <= now()")
    await till.work()
    assert ("succeeded", [1500]) == (await state(till), await made(till))
    assert "" == (await troubles.needs(await home(till.merchant_id)))[0]


async def test_pending_then_sent(till: Till):
    """A refund that waits says so, and is told when it has gone through."""
    attempt = await till.attempt(await till.invoice())
    await till.pay(attempt, card="4000000000007726")
    payment_id = await payments.settle_session(till.clients, till.account, attempt["stripe_session_id"])
    payment = await till.row("SELECT * FROM payment WHERE id = $1", payment_id)
    await ask(till, payment, 4000)
    await till.work()
    assert "pending" == await state(till)
    (shown,) = await refunding.received(till.merchant_id, payment["invoice"])
    assert ["on its way to the customer"] == [one.words for one in shown.refunds]
    await end(till, "succeeded")
    assert "succeeded" == await state(till)


async def end(till: Till, outcome: str) -> None:
    """Stripe ends the refund."""
    refund_id = await db.fetch_value("SELECT stripe_refund_id FROM refund")
    await till.control(f"/_stripe/refunds/{refund_id}", {"outcome": outcome})
    await till.hear()


async def test_a_refund_that_comes_back_is_told(till: Till):
    """A refund may fail after it succeeded: the merchant reads why, and the money counts as received again."""
    payment = await till.paid(await till.invoice())
    await ask(till, payment, 4000)
    await till.work()
    await end(till, "failed")
    assert "failed" == await state(till)
    assert "A refund did not go through" in await till.lines(payment["invoice"])
    row = await payments.one(payment["id"])
    assert row is not None
    assert ("succeeded", 0, 4000) == (row["state"], row["refunded_minor"], (await refunds.left(row)).minor)
    assert [] == await ledger.invariants()


async def test_what_stripe_refuses_is_said(till: Till):
    """What was refunded in Stripe meanwhile cannot go back again; Stripe's words are shown and nothing is retried."""
    payment = await till.paid(await till.invoice())
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"]})
    await ask(till, payment, 4000)
    await till.work()
    assert "refused" == await state(till)
    (shown,) = await refunding.received(till.merchant_id, payment["invoice"])
    assert "already been refunded" in shown.refunds[0].words
    assert [4000] == await made(till)


async def test_only_the_owner_and_only_what_is_left(till: Till):
    """A stranger finds nothing; more than is left is refused with the amount; what was asked for counts."""
    payment = await till.paid(await till.invoice())
    with pytest.raises(NotFound):
        await refunds.ask(till.user_id, payment["id"], Money(1, "GBP"), "Tom", uuid4())
    await ask(till, payment, 3000)
    for minor in (1001, 0, -5):
        with pytest.raises(Refused, match=r"£10\.00"):
            await ask(till, payment, minor)
    assert {"amount": "Enter an amount in GBP, up to £10.00."} == await refunding.ask(
        till.merchant_id, payment["id"], {"choice": "part", "amount": "ten", "key": uuid4().hex}, "Hannah Finch"
    )


async def test_a_second_payment_of_a_paid_invoice_can_be_sent_back(till: Till):
    """Two customers pay one invoice: the second payment waits with the choice, and refunding it settles the matter."""
    invoice_id = await till.invoice("40.00")
    first = await till.attempt(invoice_id)
    await db.fetch("UPDATE attempt SET state = 'expired' WHERE id = $1", first["id"])
    second = await till.attempt(invoice_id)
    for attempt in (first, second):
        await till.pay(attempt)
        await payments.settle_session(till.clients, till.account, attempt["stripe_session_id"])
        await till.work()
    (waiting,) = await troubles.failures(till.merchant_id, invoice_id)
    assert ("payment", True, True) == (waiting.what, waiting.by_hand, bool(waiting.refund_href))
    payment_id = await db.fetch_value("SELECT payment FROM write_back WHERE id = $1", int(waiting.id))
    await refunding.form(till.merchant_id, payment_id)
    await ask(till, await till.row("SELECT * FROM payment WHERE id = $1", payment_id), 4000)
    await till.work()
    assert [] == await troubles.failures(till.merchant_id)
    assert [4000] == [one["amount"] for one in await till.in_xero(invoice_id)]
    assert [] == await ledger.invariants()


async def test_the_surplus_of_an_overpayment_is_proposed(till: Till):
    """Who paid more than was left is offered the difference back, and the rest is recorded by itself."""
    invoice_id = await till.invoice("100.00")
    payment = await till.paid(invoice_id, "40.00")
    await till.control(f"/_xero/invoices/{await till.xero_id(invoice_id)}/pay", {"amount": "75.00"})
    await till.work()
    (waiting,) = await troubles.failures(till.merchant_id, invoice_id)
    assert waiting.reason.startswith("the customer paid more")
    await db.fetch("UPDATE invoice SET due_minor = 2500 WHERE id = $1", invoice_id)
    form = await refunding.form(till.merchant_id, payment["id"])
    assert ("part", "15.00") == (form["values"]["choice"], form["values"]["amount"])
    await ask(till, payment, 1500)
    await till.work()
    assert 2500 in [one["amount"] for one in await till.in_xero(invoice_id)]
    assert [] == await troubles.failures(till.merchant_id)
    assert [] == await ledger.invariants()


async def test_a_part_that_no_card_can_take_is_refused_with_words(shelf: Shelf):
    """Cards take thousandths of a dinar in tens only: said on the form, and nothing is left to be sent in vain."""
    payment = await shelf.payment(4000, "KWD")
    with pytest.raises(Refused, match=r"Enter an amount that ends in 0\.$"):
        await refunds.ask(shelf.merchant, payment["id"], Money(1234, "KWD"), "Hannah Finch", uuid4())
    assert [] == await refunds.of_payment(payment["id"])
    await refunds.ask(shelf.merchant, payment["id"], Money(1230, "KWD"), "Hannah Finch", uuid4())
