"""Whatever order Stripe tells a payment's life in, and however late, the books end as they would have in the true order."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from app.books import ledger, payments, stripe_check, stripe_events
from app.core import db
from app.core.broker import Sweep
from app.core.work import Lane
from tests.rooms.stripe_lives import (
    Event,
    Life,
    Recorded,
    Step,
    debit,
    debits,
    dispute,
    forget,
    is_declined,
    is_disputed,
    is_refunded,
    live,
    pays,
    settles,
)
from tests.rooms.till import Till

LIVES: dict[str, list[tuple[Step, Sequence[str]]]] = {
    "declined, paid": [
        (is_declined, ["payment_intent.created", "payment_intent.payment_failed"]),
        (pays, ["checkout.session.completed", "payment_intent.succeeded"]),
        (settles, ["charge.updated"]),
    ],
    "paid, refunded": [
        (pays, ["checkout.session.completed", "payment_intent.succeeded"]),
        (settles, ["charge.updated"]),
        (is_refunded, ["charge.refunded", "refund.created"]),
    ],
    "paid, disputed, lost": [
        (pays, ["checkout.session.completed", "payment_intent.succeeded"]),
        (settles, ["charge.updated"]),
        (is_disputed, ["charge.dispute.created"]),
        (dispute("lost"), ["charge.dispute.closed"]),
    ],
    "paid, disputed, won, refunded": [
        (pays, ["checkout.session.completed"]),
        (settles, ["charge.updated"]),
        (is_disputed, ["charge.dispute.created"]),
        (dispute("won"), ["charge.dispute.closed"]),
        (is_refunded, ["charge.refunded"]),
    ],
    "debited, bounced": [
        (debits, ["checkout.session.completed", "payment_intent.processing"]),
        (debit("succeed"), ["checkout.session.async_payment_succeeded", "payment_intent.succeeded"]),
        (debit("fail_late"), ["charge.refunded"]),
    ],
    "debited, never arrived": [
        (debits, ["checkout.session.completed", "payment_intent.processing"]),
        (debit("fail"), ["checkout.session.async_payment_failed", "payment_intent.payment_failed"]),
    ],
}


def orders(life: Life) -> Iterator[tuple[tuple[int, Event], ...]]:
    """Every order of the life's events; the true one first."""
    return itertools.permutations(life.events)


async def tell(till: Till, life: Life, order: Sequence[tuple[int, Event]], *, write_between: bool) -> None:
    """Deliver the events so. Stripe stands where it must have stood by then at the latest; at the end, at its end."""
    stripe = Recorded(life)
    clients = stripe.beside(till.clients)
    writing = Sweep([Lane("write_back", till._write_back, "writeback", max_faults=50)])
    for place, (stage, event) in enumerate(order, start=1):
        stripe.now = max(stripe.now, stage)
        await stripe_events.handle(clients, event)
        if write_between or place == len(order):
            while await writing.once():
                pass


async def ends(till: Till, life: Life) -> dict[str, Any]:
    """Where a telling ended: Xero, the payment, and what is left on each account of the ledger."""
    payment = await db.fetch_row("SELECT id, state, refunded_minor, fee_minor, amount_minor FROM payment")
    balances = await ledger.balances(payment["id"]) if payment else {}
    if (
        payment and payment["state"] == "failed"
    ):  # money that came and went unheard leaves no trace; heard, two that cancel
        back = balances.pop(("refunds", "GBP"), 0)
        balances["unapplied", "GBP"] = balances.get(("unapplied", "GBP"), 0) + back
    lost = bool(payment and payment["state"] == "dispute_lost")
    if lost:  # recorded before it was lost, a person decides; after, it never is
        applied = balances.pop(("applied_in_xero", "GBP"), 0)
        assert [-applied] * bool(applied) == [one["amount"] for one in await till.in_xero(life.invoice)]
        balances["unapplied", "GBP"] = balances.get(("unapplied", "GBP"), 0) + applied
    return {
        "xero": [] if lost else [one["amount"] for one in await till.in_xero(life.invoice)],
        "over": await db.fetch_value("SELECT state NOT IN ('created', 'open', 'processing') FROM attempt"),
        "payments": await db.fetch_value("SELECT count(*) FROM payment"),
        "payment": tuple(payment)[1:] if payment else None,
        "ledger": {name: minor for name, minor in sorted(balances.items()) if minor},
        "waiting": await db.fetch_value("SELECT count(*) FROM write_back WHERE state = 'parked'"),
    }


@pytest.mark.timeout(180)
@pytest.mark.parametrize("story", LIVES, ids=list(LIVES))
async def test_every_order_of_a_life_ends_alike(till: Till, story: str):
    """All orders of one life's events, Xero written between them or after them, end in the same books and the same Xero.

    Only a lost dispute is told apart: money that was recorded before stays, money that was not is not recorded any more.
    """
    # what one telling wrote is taken out again, and references repeat: Xero is not to remember the answer it gave
    await till.control("/_config", {"xero": {"modes": {"idempotency_seconds": 0}}})
    life = await live(till, LIVES[story])
    expected: dict[str, Any] = {}
    for number, order in enumerate(orders(life)):
        await forget(till, life)
        await tell(till, life, order, write_between=number % 2 == 0)
        found = await ends(till, life)
        expected = expected or found
        assert expected == found, [event["type"] for _, event in order]
        assert [] == await ledger.invariants()
    assert (1, True) == (expected["payments"], expected["over"])


async def test_a_debit_that_came_and_went_unheard_agrees_with_stripe(till: Till):
    """Money that arrived and bounced before we heard of either costs its fee, and the nightly comparison agrees."""
    attempt = await till.attempt(await till.invoice())
    await till.pay(attempt, card=None, bank="00012345")
    charge = (await till.truth())["stripe"]["charges"][-1]["id"]
    await till.control("/_stripe/debits", {"charge": charge, "outcome": "succeed"})
    await till.control("/_clock", {"advance": 5})
    await till.control("/_stripe/debits", {"charge": charge, "outcome": "fail_late"})
    await payments.settle_session(till.clients, till.account, attempt["stripe_session_id"])
    payment = await till.row("SELECT * FROM payment")
    assert payment["state"] == "failed"
    assert payment["fee_minor"] > 0
    balances = await ledger.balances(payment["id"])
    assert -payment["fee_minor"] == balances["stripe_clearing", "GBP"]
    assert [] == await ledger.invariants()
    assert await stripe_check._agrees(till.clients, payment)
