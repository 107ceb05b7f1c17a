"""Each event that is listened to rings one bell; all orders of delivery end in the same books."""

import itertools
from typing import Any

import msgspec
import pytest

from app.books import ledger, stripe_events
from app.core import db, inbox
from tests.rooms.till import Till


def event(till: Till, kind: str, about: Any, account: str = "") -> dict[str, Any]:
    """A stored event, as the inbox gives it."""
    body = msgspec.json.encode({"data": {"object": about}})
    return {"type": kind, "account": account or till.account, "livemode": False, "body": body}


def test_no_type_is_named_twice():
    """Each type that is listened to is asked for once by the poll."""
    assert len(stripe_events.HANDLED) == len(set(stripe_events.HANDLED))


@pytest.mark.parametrize(
    "kind",
    [
        *stripe_events.ACCOUNT,
        "v2.core.account[configuration.merchant].capability_status_updated",
        "v2.core.account.closed",
    ],
)
async def test_account_events_ask_for_the_account(till: Till, kind: str):
    """Any event about an account leads to reading that account again."""
    await stripe_events.handle(till.clients, event(till, kind, {}))
    assert str(till.merchant_id) == await db.fetch_value("SELECT subject FROM job WHERE kind = 'stripe.account'")


async def test_unknown_types_and_strangers_change_nothing(till: Till):
    """A type nobody listens to, or an account that is not ours, is no error and asks for nothing."""
    await stripe_events.handle(till.clients, event(till, "charge.lunar.eclipse", {"id": "x"}))
    await stripe_events.handle(till.clients, event(till, "account.updated", {}, "acct_stranger"))
    assert 0 == await db.fetch_value("SELECT count(*) FROM job WHERE kind = 'stripe.account'")


async def test_an_object_that_stripe_does_not_have_is_let_go(till: Till):
    """An event that names nothing Stripe knows is not tried again for ever."""
    await stripe_events.handle(till.clients, event(till, "payment_intent.succeeded", {"id": "pi_none"}))
    await stripe_events.handle(till.clients, event(till, "checkout.session.completed", {"id": "cs_none"}))


REFUSALS = [
    pytest.param(403, {"message": "The key lacks a permission.", "type": "invalid_request_error"}, False, id="our key"),
    pytest.param(
        400, {"message": "Unknown.", "code": "parameter_unknown", "type": "invalid_request_error"}, True, id="we"
    ),
]


@pytest.mark.parametrize(("status", "error", "aside"), REFUSALS)
async def test_an_event_is_not_let_go_for_a_fault_of_ours(till: Till, status: int, error: Any, aside: bool):
    """What our key may not read comes back within minutes; what we ask wrongly is put aside, where it is seen."""
    attempt = await till.attempt(await till.invoice())
    await till.pay(attempt)
    body = msgspec.json.encode({"error": error}).decode()
    await till.fault({"status": status, "body": body}, path="/stripe/v1/checkout/sessions/*", method="GET", times=1)
    raw = msgspec.json.encode({"data": {"object": {"id": attempt["stripe_session_id"]}}})
    await inbox.receive("stripe", till.account, "evt_1", "checkout.session.completed", raw)
    await till.work()
    soon = "next_at > now() AND next_at < now() + interval '10 minutes'"
    row = await till.row(f"SELECT dead_at IS NOT NULL AS dead, COALESCE({soon}, FALSE) AS soon FROM inbox")
    assert (aside, not aside) == (row["dead"], row["soon"])
    await db.fetch("UPDATE inbox SET next_at = now(), dead_at = NULL")
    await till.work()
    assert "succeeded" == await db.fetch_value("SELECT state FROM payment")


async def test_every_order_of_delivery_ends_in_the_same_books(till: Till):
    """The events of a payment that was partly refunded, in every order: one payment, one ledger."""
    attempt = await till.attempt(await till.invoice())
    done = await till.pay(attempt)
    await till.control("/_clock", {"advance": 30})
    charge = (await till.truth())["stripe"]["charges"][-1]["id"]
    await till.control("/_stripe/refunds", {"charge": charge, "amount": 1000})
    about = {"id": charge, "payment_intent": done["payment_intent"]}
    events = [
        event(till, "checkout.session.completed", {"id": attempt["stripe_session_id"]}),
        event(till, "payment_intent.succeeded", {"id": done["payment_intent"]}),
        event(till, "charge.updated", about),
        event(till, "charge.refunded", about),
    ]
    ends = set()
    for order in itertools.permutations(events):
        await _forget()
        for one in order:
            await stripe_events.handle(till.clients, one)
        payment_id = await db.fetch_value("SELECT id FROM payment")
        ends.add(tuple(sorted((await ledger.balances(payment_id)).items())))
        assert [] == await ledger.invariants()
    assert 1 == len(ends)


async def _forget() -> None:
    """As if nothing had been heard yet: the attempt open, no payment, no books."""
    await db.fetch("TRUNCATE ledger_entry, ledger_transaction, write_back, payment, happening CASCADE")
    await db.fetch("ALTER TABLE attempt DISABLE TRIGGER USER")
    await db.fetch("UPDATE attempt SET state = 'open', stripe_payment_intent_id = ''")
    await db.fetch("ALTER TABLE attempt ENABLE TRIGGER USER")
