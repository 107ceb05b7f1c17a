"""Money from Stripe becomes one payment, once, whatever tells of it and however often."""

import asyncio

import pytest

from app.books import attempts, ledger, payments, stripe_events, writeback
from app.core import db
from app.core.errors import Refused, Upstream
from tests.rooms.till import Till


async def test_a_paid_session_becomes_a_payment_in_xero(till: Till):
    """A card payment is in the ledger at once and in Xero right after, on the clearing account, with our reference."""
    invoice_id = await till.invoice("100.00")
    payment = await till.paid(invoice_id, "40.00")
    assert ("succeeded", 4000, "GBP", "visa", "4242") == tuple(
        payment[name] for name in ("state", "amount_minor", "currency", "method_brand", "method_last4")
    )
    await till.work()
    (found,) = await till.in_xero(invoice_id)
    written = await till.write_back(payment)
    assert ("confirmed", found["id"], found["reference"]) == (
        written["state"],
        written["xero_id"],
        written["reference"],
    )
    assert (4000, till.accounts["Stripe clearing"]) == (found["amount"], found["account"])
    assert ["Paid in part", "Recorded in Xero"] == (await till.lines(invoice_id))[-2:]
    assert [] == await ledger.invariants()
    assert ("payment.recorded", str(payment["id"])) in till.asked


async def test_the_same_event_twenty_times_at_once(till: Till):
    """Twenty deliveries of one event in parallel make one payment, one ledger entry and one payment in Xero."""
    invoice_id = await till.invoice("100.00")
    attempt = await till.attempt(invoice_id)
    await till.pay(attempt)
    body = b'{"data":{"object":{"id":"%s"}}}' % attempt["stripe_session_id"].encode()
    event = {"type": "checkout.session.completed", "account": till.account, "livemode": False, "body": body}
    await asyncio.gather(*(stripe_events.handle(till.clients, event) for _ in range(20)))
    await asyncio.gather(*(till.sweep.once() for _ in range(5)))
    await till.work()
    assert 1 == await db.fetch_value("SELECT count(*) FROM payment")
    assert 1 == await db.fetch_value("SELECT count(*) FROM ledger_transaction WHERE kind = 'payment'")
    assert 1 == len(await till.in_xero(invoice_id))
    assert [] == await ledger.invariants()


async def test_a_declined_card_leaves_the_session_open(till: Till):
    """A declined card is told in Stripe's words, makes no payment, and the next card still pays."""
    attempt = await till.attempt(await till.invoice())
    await till.pay(attempt, card="4000000000000002")
    await till.hear()
    row = await till.row("SELECT state, failure FROM attempt")
    assert ("open", "Your card was declined.") == (row["state"], row["failure"])
    assert 0 == await db.fetch_value("SELECT count(*) FROM payment")
    assert "Payment attempt declined" in await till.lines(attempt["invoice"])
    await till.pay(attempt)
    await till.hear()
    assert "succeeded" == await db.fetch_value("SELECT state FROM payment")
    assert 1 == len(await till.in_xero(attempt["invoice"]))


async def test_the_fee_comes_from_the_balance_transaction(till: Till):
    """The fee is Stripe's own figure, in the ledger once, and in Xero when an account for fees was chosen."""
    await till.choose(fees=True)
    payment = await till.paid(await till.invoice())
    await till.control("/_clock", {"advance": 30})
    for _ in range(3):
        await payments.settle(till.clients, till.account, payment["stripe_payment_intent_id"])
    await till.work()
    truth = await till.truth()
    (line,) = [row for row in truth["stripe"]["balance_transactions"] if row["type"] == "charge"]
    payment = await payments.one(payment["id"]) or {}
    assert (line["fee"], line["id"]) == (payment["fee_minor"], payment["balance_transaction_id"])
    (spent,) = truth["xero"]["bank_transactions"]
    assert ("SPEND", line["fee"], till.accounts["Stripe clearing"]) == (spent["type"], spent["total"], spent["account"])
    assert {("fees", "GBP"): line["fee"]}.items() <= (await ledger.balances(payment["id"])).items()
    assert [] == await ledger.invariants()


async def test_a_whole_refund_takes_the_payment_back(till: Till):
    """A refund of everything in Stripe's dashboard deletes our payment in Xero and says so."""
    payment = await till.paid(await till.invoice())
    await till.work()
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"]})
    await till.hear()
    assert [] == await till.in_xero(payment["invoice"])
    assert "refunded" == await db.fetch_value("SELECT state FROM payment")
    assert "reversed" == (await till.write_back(payment))["state"]
    assert "confirmed" == (await till.write_back(payment, "reversal"))["state"]
    assert ["Refunded", "Taken back in Xero"] == (await till.lines(payment["invoice"]))[-2:]
    assert [] == await ledger.invariants()


async def test_a_refund_before_xero_heard_of_the_payment(till: Till):
    """Money that went back before it was recorded is never recorded."""
    payment = await till.paid(await till.invoice())
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"]})
    await payments.settle(till.clients, till.account, payment["stripe_payment_intent_id"])
    await till.work()
    assert [] == await till.in_xero(payment["invoice"])
    assert "abandoned" == (await till.write_back(payment))["state"]
    assert [] == await ledger.invariants()


async def test_a_part_refund_waits_for_a_person(till: Till):
    """A refund of a part leaves Xero as it is and is put before the merchant, who may mark it as done."""
    payment = await till.paid(await till.invoice())
    await till.work()
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"], "amount": 1500})
    await till.hear()
    assert 1 == len(await till.in_xero(payment["invoice"]))
    ((row, words),) = await writeback.attention(till.merchant_id)
    assert ("refund_part", "part of the payment was refunded in Stripe") == (row["reason"], words.short)
    await writeback.abandon(till.merchant_id, row["id"], "Hannah Finch")
    assert [] == await writeback.attention(till.merchant_id)
    assert ("refunded_part", 1500) == tuple(await till.row("SELECT state, refunded_minor FROM payment"))
    assert [] == await ledger.invariants()


async def test_pressing_try_again_on_a_part_refund_takes_nothing_back(till: Till):
    """What waits for a part refund cannot be tried again: the payment stays in Xero, and the way out is named."""
    payment = await till.paid(await till.invoice())
    await till.work()
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"], "amount": 1500})
    await till.hear()
    with pytest.raises(Refused, match="mark this as done"):
        await writeback.retry(till.merchant_id, (await till.write_back(payment, "reversal"))["id"])
    await till.work()
    assert 1 == len(await till.in_xero(payment["invoice"]))
    assert "refund_part" == (await till.write_back(payment, "reversal"))["reason"]


async def test_only_what_is_left_is_recorded(till: Till):
    """A part refunded before Xero heard of the payment is never recorded; the rest is, and the books hold both."""
    payment = await till.paid(await till.invoice())
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"], "amount": 1500})
    await payments.settle(till.clients, till.account, payment["stripe_payment_intent_id"])
    await till.work()
    assert [2500] == [one["amount"] for one in await till.in_xero(payment["invoice"])]
    assert [] == await writeback.attention(till.merchant_id)
    assert [] == await ledger.invariants()


async def test_an_overpayment_is_mended_by_refunding_the_difference(till: Till):
    """When more was paid than is left, refunding the difference in Stripe records the rest by itself."""
    payment = await till.paid(await till.invoice("100.00"), "40.00")
    target = await till.xero_id(payment["invoice"])
    await till.control(f"/_xero/invoices/{target}/pay", {"amount": "70.00"})
    await till.work()
    assert "overpaid" == (await till.write_back(payment))["reason"]
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"], "amount": 1000})
    await till.hear()
    assert {7000, 3000} == {one["amount"] for one in await till.in_xero(payment["invoice"])}
    assert [] == await writeback.attention(till.merchant_id)
    assert [] == await ledger.invariants()


async def test_a_refund_of_a_reconciled_payment_waits_for_a_person(till: Till):
    """A payment matched with the bank statement is never taken back behind the bookkeeper's back."""
    payment = await till.paid(await till.invoice())
    await till.work()
    (found,) = await till.in_xero(payment["invoice"])
    await till.control(f"/_xero/payments/{found['id']}/reconcile")
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"]})
    await till.hear()
    assert 1 == len(await till.in_xero(payment["invoice"]))
    assert "reconciled" == (await till.write_back(payment, "reversal"))["reason"]


async def test_a_bank_debit_is_recorded_when_it_arrives(till: Till):
    """A slow payment is on its way for days, nothing is in Xero meanwhile, and a second one is refused."""
    invoice_id = await till.invoice("100.00")
    attempt = await till.attempt(invoice_id, "100.00")
    await till.pay(attempt, card=None, bank="00012345")
    await till.hear()
    assert "processing" == await db.fetch_value("SELECT state FROM payment")
    assert [] == await till.in_xero(invoice_id)
    assert "Payment on its way" in await till.lines(invoice_id)
    with pytest.raises(attempts.OnItsWay):
        await till.attempt(invoice_id, "100.00")
    charge = (await till.truth())["stripe"]["charges"][-1]
    await till.control("/_stripe/debits", {"charge": charge["id"], "outcome": "succeed"})
    await till.hear()
    assert "succeeded" == await db.fetch_value("SELECT state FROM payment")
    assert 1 == len(await till.in_xero(invoice_id))
    await till.control("/_stripe/debits", {"charge": charge["id"], "outcome": "fail_late"})
    await till.hear()
    assert "failed" == await db.fetch_value("SELECT state FROM payment")
    assert [] == await till.in_xero(invoice_id)
    assert [] == await ledger.invariants()


async def test_a_bank_debit_that_does_not_arrive(till: Till):
    """A slow payment that bounces is told to the merchant; Xero never hears of it, and the invoice can be paid again."""
    invoice_id = await till.invoice("100.00")
    attempt = await till.attempt(invoice_id, "100.00")
    await till.pay(attempt, card=None, bank="00012345")
    await till.hear()
    charge = (await till.truth())["stripe"]["charges"][-1]
    await till.control("/_stripe/debits", {"charge": charge["id"], "outcome": "fail"})
    await till.hear()
    assert ("failed", "failed") == tuple(await till.row("SELECT p.state, a.state FROM payment p, attempt a"))
    assert [] == await till.in_xero(invoice_id)
    assert "open" == (await till.attempt(invoice_id, "100.00"))["state"]
    assert [] == await ledger.invariants()


@pytest.mark.parametrize(("outcome", "state"), [("won", "succeeded"), ("lost", "dispute_lost")])
async def test_a_dispute_moves_state_and_ledger_only(till: Till, outcome: str, state: str):
    """A dispute is told and booked in the ledger; what stands in Xero is left for the merchant to decide."""
    payment = await till.paid(await till.invoice())
    await till.work()
    dispute = await till.control("/_stripe/disputes", {"charge": payment["stripe_charge_id"]})
    await till.hear()
    assert "disputed" == await db.fetch_value("SELECT state FROM payment")
    assert 4000 == (await ledger.balances(payment["id"]))["disputes", "GBP"]
    await till.control(f"/_stripe/disputes/{dispute['id']}", {"outcome": outcome})
    await till.hear()
    assert state == await db.fetch_value("SELECT state FROM payment")
    held = (await ledger.balances(payment["id"]))["disputes", "GBP"]
    assert (0 if outcome == "won" else 4000) == held
    assert 1 == len(await till.in_xero(payment["invoice"]))
    assert [] == await ledger.invariants()


async def test_text_in_an_event_moves_no_money(till: Till):
    """An event that points at another merchant's attempt by its reference, account or shape changes nothing."""
    invoice_id = await till.invoice()
    attempt = await till.attempt(invoice_id)
    other = await till.control("/_stripe/accounts", {"country": "GB"})
    for body in (
        b'{"data":{"object":{"id":"cs_forged","client_reference_id":"%s"}}}' % str(attempt["id"]).encode(),
        b'{"data":{"object":{"id":["cs"]}}}',
        b'{"data":[]}',
        b"not json",
    ):
        for account in (till.account, other["id"]):
            event = {"type": "checkout.session.completed", "account": account, "livemode": False, "body": body}
            await stripe_events.handle(till.clients, event)
    assert 0 == await db.fetch_value("SELECT count(*) FROM payment")
    assert "open" == await db.fetch_value("SELECT state FROM attempt")


async def test_an_event_of_the_other_mode_is_ignored(till: Till):
    """A live event in a test installation (or the other way round) moves nothing."""
    attempt = await till.attempt(await till.invoice())
    await till.pay(attempt)
    body = b'{"data":{"object":{"id":"%s"}}}' % attempt["stripe_session_id"].encode()
    event = {"type": "checkout.session.completed", "account": till.account, "livemode": True, "body": body}
    await stripe_events.handle(till.clients, event)
    assert 0 == await db.fetch_value("SELECT count(*) FROM payment")


async def test_a_sale_that_is_not_ours_is_left_alone(till: Till):
    """A payment the merchant took elsewhere with the same Stripe account makes nothing here and is not retried."""
    params = {
        "mode": "payment",
        "line_items": [
            {"price_data": {"currency": "gbp", "unit_amount": 900, "product_data": {"name": "Mug"}}, "quantity": 1}
        ],
        "success_url": "http://localhost:9/",
    }
    session = await till.clients.stripe.create_session(till.account, params, "elsewhere")
    done = await till.control("/_stripe/pay", {"session": session.id})
    assert await payments.settle(till.clients, till.account, done["payment_intent"]) is None
    await till.hear()
    assert 0 == await db.fetch_value("SELECT count(*) FROM payment")
    assert 0 == await db.fetch_value("SELECT count(*) FROM inbox WHERE next_at IS NOT NULL")


async def test_a_fee_on_an_account_that_left_is_let_go(till: Till):
    """The account left before Stripe said what it kept: nothing is put aside, and nothing is asked for ever."""
    await till.control("/_stripe/modes", {"balance_seconds": 3600})
    payment = await till.paid(await till.invoice())
    await till.control(f"/_stripe/accounts/{till.account}", {"action": "deauthorise"})
    await payments.book_fee(till.clients, payment["id"])
    assert "" == await db.fetch_value("SELECT balance_transaction_id FROM payment")


async def test_an_answer_about_nothing_moves_nothing(till: Till):
    """Stripe answers with every field empty: that is no word about the payment, and it is asked again."""
    attempt = await till.attempt(await till.invoice())
    await till.pay(attempt)
    await till.fault({"duplicate_keys": True}, "/stripe/v1/payment_intents/*", "GET", times=1)
    with pytest.raises(Upstream, match="cannot be read"):
        await payments.settle_session(till.clients, till.account, attempt["stripe_session_id"])
    assert 0 == await db.fetch_value("SELECT count(*) FROM payment")
    assert await payments.settle_session(till.clients, till.account, attempt["stripe_session_id"]) is not None
