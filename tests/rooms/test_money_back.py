"""Money that goes back and forth after it was paid: refunds that fail, disputes that are decided twice."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from app.books import attempts, ledger, payments, writeback
from app.clients.stripe import Stripe
from app.clients.stripe_wire import BalanceView, DisputeView, RefundView
from app.core import db
from app.core.clock import date_in, now
from tests.rooms.till import Row, Till


class Says:
    """Stripe that says of one payment what it is made to say; the payment itself was really made."""

    def __init__(self, till: Till, payment: Row, told: Any) -> None:
        self._till, self._payment, self._told = till, payment, told
        self._disputes: list[DisputeView] = []
        self._refunds: list[RefundView] = []

    @classmethod
    async def of(cls, till: Till, payment: Row) -> "Says":
        return cls(till, payment, await till.clients.stripe.intent(till.account, payment["stripe_payment_intent_id"]))

    async def intent(self, _account: str, _id: str) -> Any:
        return self._told

    async def disputes(self, _account: str, _id: str) -> list[DisputeView]:
        return self._disputes

    async def refunds(self, _account: str, _id: str) -> list[RefundView]:
        return self._refunds

    async def refunded(self, minor: int) -> None:
        """So much has been refunded by now: by one more refund, or because those before it failed."""
        more = minor - self._told.charge.amount_refunded
        if more < 0:
            self._refunds = [replace(one, status="failed") for one in self._refunds]
        made = minor if more < 0 else more
        if made:
            name = f"re_{len(self._refunds)}"
            self._refunds.append(RefundView(name, "succeeded", made, "gbp", "", "", now(), None, ""))
        await self._say(replace(self._told.charge, amount_refunded=minor))

    async def disputed(self, *statuses: str, minor: int = 4000, currency: str = "gbp") -> None:
        """These are the disputes by now."""
        self._disputes = [
            DisputeView(f"dp_{n}", status, "fraudulent", minor, currency) for n, status in enumerate(statuses)
        ]
        await self._say(replace(self._told.charge, disputed=True))

    async def booked(self, at: datetime) -> None:
        """Stripe booked the money then."""
        balance = self._told.charge.balance or BalanceView("txn_1", 10000, 150, 9850, "gbp", "")
        await self._say(replace(self._told.charge, balance=replace(balance, created=at)))

    async def _say(self, charge: Any) -> None:
        self._told = replace(self._told, charge=charge)
        clients = replace(self._till.clients, stripe=cast("Stripe", self))
        await payments.settle(clients, self._till.account, self._payment["stripe_payment_intent_id"])


async def state(payment: Row) -> tuple[str, str]:
    row = await db.fetch_row("SELECT state, exception FROM payment WHERE id = $1", payment["id"])
    assert row is not None
    return tuple(row)


async def held(payment: Row) -> int:
    """What the ledger says that the bank holds."""
    return (await ledger.balances(payment["id"])).get((ledger.DISPUTES, "GBP"), 0)


async def test_a_refund_that_fails_after_it_was_taken_back(till: Till):
    """It is put before the merchant and counts as paid; one click records it again, and it can be refunded once more."""
    invoice_id = await till.invoice("40.00")
    payment = await till.paid(invoice_id)
    await till.work()
    stripe = await Says.of(till, payment)
    await stripe.refunded(4000)
    await till.work()
    assert [] == await till.in_xero(invoice_id)
    await stripe.refunded(0)
    assert ("succeeded", "refund_failed") == await state(payment)
    ((row, words),) = await writeback.attention(till.merchant_id)
    assert words.retry
    assert "refund did not go through" in words.short
    with pytest.raises(attempts.OnItsWay):
        await till.attempt(invoice_id)
    await writeback.retry(till.merchant_id, row["id"])
    await till.work()
    assert [4000] == [one["amount"] for one in await till.in_xero(invoice_id)]
    assert ("succeeded", "") == await state(payment)
    assert [] == await ledger.invariants()
    await stripe.refunded(4000)
    await till.work()
    assert [] == await till.in_xero(invoice_id)
    assert [] == await writeback.attention(till.merchant_id)
    assert [] == await ledger.invariants()


async def test_a_refund_that_fails_before_anything_was_recorded(till: Till):
    """A payment withdrawn because it was refunded is recorded after all when the refund fails."""
    payment = await till.paid(await till.invoice())
    stripe = await Says.of(till, payment)
    await stripe.refunded(4000)
    await till.work()
    assert "abandoned" == (await till.write_back(payment))["state"]
    await stripe.refunded(1000)
    await till.work()
    assert [3000] == [one["amount"] for one in await till.in_xero(payment["invoice"])]
    assert [] == await ledger.invariants()


async def test_a_refund_that_fails_after_only_the_rest_was_recorded(till: Till):
    """What came back is in no invoice: it is put before the merchant, once, and withdrawn when it goes back after all."""
    payment = await till.paid(await till.invoice())
    stripe = await Says.of(till, payment)
    await stripe.refunded(1000)
    await till.work()
    assert [3000] == [one["amount"] for one in await till.in_xero(payment["invoice"])]
    await stripe.refunded(0)
    ((row, words),) = await writeback.attention(till.merchant_id)
    assert ("rest", 1000) == (row["kind"], row["amount_minor"])
    assert words.refund
    await stripe.refunded(1000)
    assert [] == await writeback.attention(till.merchant_id)
    await stripe.refunded(0)
    ((row, _),) = await writeback.attention(till.merchant_id)
    await writeback.abandon(till.merchant_id, row["id"], "Hannah Finch")
    await stripe.refunded(0)
    assert [] == await writeback.attention(till.merchant_id)
    assert [] == await ledger.invariants()


async def test_a_dispute_that_is_won_after_everything_was_refunded(till: Till):
    """The payment is refunded, not paid, and the bank holds nothing."""
    payment = await till.paid(await till.invoice())
    await till.work()
    stripe = await Says.of(till, payment)
    await stripe.disputed("needs_response")
    await stripe.refunded(4000)
    await till.work()
    await stripe.disputed("won")
    assert ("refunded", "") == await state(payment)
    assert 0 == await held(payment)
    assert [] == await till.in_xero(payment["invoice"])
    assert [] == await ledger.invariants()


async def test_a_dispute_lost_before_the_payment_was_recorded(till: Till):
    """Money that the bank has kept is not written into Xero; won on appeal, it is."""
    payment = await till.paid(await till.invoice())
    stripe = await Says.of(till, payment)
    await stripe.disputed("lost")
    await till.work()
    assert [] == await till.in_xero(payment["invoice"])
    assert ("dispute_lost", "") == await state(payment)
    assert 4000 == await held(payment)
    assert [] == await ledger.invariants()
    await stripe.disputed("appeal_under_review")
    assert ("disputed", "") == await state(payment)
    assert 4000 == await held(payment)
    await stripe.disputed("won")
    await till.work()
    assert ("succeeded", "") == await state(payment)
    assert 0 == await held(payment)
    assert 1 == len(await till.in_xero(payment["invoice"]))
    assert [] == await ledger.invariants()


async def test_a_prevented_dispute_took_the_money(till: Till):
    """Stripe settled it with the bank at once and debited the merchant: it is held to be lost, in the books and on the page."""
    payment = await till.paid(await till.invoice())
    await till.work()
    await till.control("/_stripe/disputes", {"charge": payment["stripe_charge_id"], "prevented": True})
    await till.hear()
    assert ("dispute_lost", "") == await state(payment)
    balances = await ledger.balances(payment["id"])
    assert (0, 4000) == (balances.get((ledger.CLEARING, "GBP"), 0) + balances[ledger.FEES, "GBP"], await held(payment))
    assert "Dispute lost" in await till.lines(payment["invoice"])
    assert [] == await ledger.invariants()


async def test_a_dispute_in_another_currency(till: Till):
    """What a bank holds in its own currency is never booked as so many pounds."""
    payment = await till.paid(await till.invoice())
    stripe = await Says.of(till, payment)
    await stripe.disputed("needs_response", minor=5100, currency="usd")
    assert 4000 == await held(payment)
    assert [] == await ledger.invariants()


async def test_a_refund_of_a_payment_that_waits_for_a_person(till: Till):
    """The taking back waits in sight with the payment, and follows by itself when the payment is put right."""
    payment = await till.paid(await till.invoice())
    parked = (
        "UPDATE write_back SET state = 'sending'",
        "UPDATE write_back SET state = 'parked', reason = 'unclear', next_at = NULL",
    )
    for step in parked:
        await db.fetch(step)
    await db.fetch("UPDATE write_back SET sent_at = now() - interval '1 day'")
    stripe = await Says.of(till, payment)
    await stripe.refunded(4000)
    await till.work()
    reasons = [row["reason"] for row, _ in await writeback.attention(till.merchant_id)]
    assert ["unclear", "payment_waits"] == reasons
    await writeback.retry(till.merchant_id, (await till.write_back(payment))["id"])

    async def taken_back() -> bool:
        return (await till.write_back(payment))["state"] == "reversed"

    await till.work_until(taken_back)
    assert [] == await till.in_xero(payment["invoice"])
    assert [] == await writeback.attention(till.merchant_id)
    assert [] == await ledger.invariants()


async def test_a_slow_payment_has_the_day_it_was_booked(till: Till):
    """Heard of two days late, a bank debit is recorded on the day Stripe booked it."""
    invoice_id = await till.invoice("100.00")
    attempt = await till.attempt(invoice_id, "100.00")
    await till.pay(attempt, card=None, bank="00012345")
    await till.hear()
    charge = (await till.truth())["stripe"]["charges"][-1]
    await till.control("/_stripe/debits", {"charge": charge["id"], "outcome": "succeed"})
    payment = await till.row("SELECT * FROM payment")
    stripe = await Says.of(till, payment)
    await stripe.booked(now() - timedelta(days=2))
    await till.work()
    (found,) = await till.in_xero(invoice_id)
    assert date_in("Europe/London", now() - timedelta(days=2)).isoformat() == found["date"][:10]
