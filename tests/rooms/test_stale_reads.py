"""What was read from Stripe before somebody else read something newer is not written over it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

from app.books import ledger, payments
from app.clients.bundle import Clients
from app.clients.stripe import Stripe
from app.core import db
from tests.rooms.till import Row, Till


class Slow:
    """Stripe whose first answer to `method` is held back until `go`; everything else is the real one."""

    def __init__(self, stripe: Stripe, method: str) -> None:
        self._stripe, self._method = stripe, method
        self.read, self.go = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        real: Callable[..., Awaitable[Any]] = getattr(self._stripe, name)
        if name != self._method:
            return real

        async def held_back(*args: Any) -> Any:
            answer = await real(*args)
            if not self.read.is_set():
                self.read.set()
                await self.go.wait()
            return answer

        return held_back

    def beside(self, clients: Clients) -> Clients:
        return replace(clients, stripe=cast("Stripe", self))


async def state(payment: Row) -> tuple[Any, ...]:
    """What the payment's row says, and what is meant for Xero."""
    row = await db.fetch_row("SELECT state, refunded_minor, exception FROM payment WHERE id = $1", payment["id"])
    kinds = await db.fetch("SELECT kind, state FROM write_back WHERE payment = $1 ORDER BY id", payment["id"])
    assert row is not None
    return (*row, *(tuple(one) for one in kinds))


async def test_a_declined_card_read_late_does_not_fail_what_was_paid_since(till: Till):
    """A read from before the customer's second card changes nothing of the payment that the second card made."""
    attempt = await till.attempt(await till.invoice())
    done = await till.pay(attempt, card="4000000000000002")
    slow = Slow(till.clients.stripe, "sessions_of_intent")
    late = asyncio.create_task(payments.settle(slow.beside(till.clients), till.account, done["payment_intent"]))
    await slow.read.wait()
    await till.pay(attempt)
    assert await payments.settle_session(till.clients, till.account, attempt["stripe_session_id"])
    slow.go.set()
    await late
    row = await till.row("SELECT * FROM payment")
    assert ("succeeded", 0, "", ("payment", "intended")) == await state(row)
    await till.work()
    assert 1 == len(await till.in_xero(attempt["invoice"]))
    assert [] == await ledger.invariants()


async def test_a_charge_read_before_its_refund_takes_no_refund_back(till: Till):
    """A read from before a refund leaves the refund, and what it means for Xero, as they are."""
    invoice_id = await till.invoice()
    payment = await till.paid(invoice_id)
    await till.work()
    slow = Slow(till.clients.stripe, "intent")
    late = asyncio.create_task(
        payments.settle(slow.beside(till.clients), till.account, payment["stripe_payment_intent_id"])
    )
    await slow.read.wait()
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"]})
    await payments.settle(till.clients, till.account, payment["stripe_payment_intent_id"])
    refunded = await state(payment)
    slow.go.set()
    await late
    assert refunded == await state(payment)
    await till.work()
    assert [] == await till.in_xero(invoice_id)
    assert [] == await ledger.invariants()


async def test_what_was_taken_for_failed_and_is_paid_after_all(till: Till):
    """When Stripe says paid, a payment that we took for failed is paid, in the books and in Xero."""
    invoice_id = await till.invoice()
    payment = await till.paid(invoice_id)
    told = await till.clients.stripe.intent(till.account, payment["stripe_payment_intent_id"])
    wrong = Recalled(till.clients.stripe, replace(told, status="requires_payment_method", last_error="No."))
    await payments.settle(wrong.beside(till.clients), till.account, told.id)
    assert ("failed", 0, "", ("payment", "abandoned")) == await state(payment)
    await payments.settle(till.clients, till.account, told.id)
    assert ("succeeded", 0, "", ("payment", "intended")) == await state(payment)
    await till.work()
    assert 1 == len(await till.in_xero(invoice_id))
    assert [] == await ledger.invariants()


class Recalled(Slow):
    """Stripe with one intent as it never was, or as it was long ago."""

    def __init__(self, stripe: Stripe, intent: Any) -> None:
        super().__init__(stripe, "intent")
        self._intent = intent

    def __getattr__(self, name: str) -> Any:
        async def said(*_args: Any) -> Any:
            return self._intent

        return said if name == "intent" else getattr(self._stripe, name)
