"""A write that begins anew while an earlier turn still runs is not forgotten, and is never written by both."""

import pytest

from app.books import ledger, payments, writeback
from app.books.writeback import outcome
from app.books.writeback.rows import load
from app.core import db, work
from app.core.clock import from_now
from app.runtime import ticks
from tests.rooms.till import Row, Till


async def held(till: Till, payment: Row) -> work.Claim:
    """A turn that has begun: the row is claimed."""
    claim = await work.claim("write_back", (await till.write_back(payment))["id"], 30)
    assert claim is not None
    return claim


async def test_a_retry_while_the_turn_still_runs_is_done(till: Till):
    """What the merchant tries again while the rest of its batch is still being sent is written, once."""
    payment = await till.paid(await till.invoice())
    claim = await held(till, payment)
    (item,) = await load([claim])
    await outcome.park(item, "period_locked")
    await writeback.retry(till.merchant_id, claim.id)
    await work.finish(claim)
    await till.work()
    assert 1 == len(await till.in_xero(payment["invoice"]))
    assert [] == await ledger.invariants()


async def test_a_refund_of_the_difference_while_the_turn_still_runs_is_done(till: Till):
    """What a refund makes fit again while the turn still runs is written with the amount that is left."""
    payment = await till.paid(await till.invoice())
    claim = await held(till, payment)
    (item,) = await load([claim])
    await outcome.park(item, "overpaid")
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"], "amount": 1000})
    await payments.settle(till.clients, till.account, payment["stripe_payment_intent_id"])
    await work.finish(claim)
    await till.work()
    assert [3000] == [one["amount"] for one in await till.in_xero(payment["invoice"])]


async def test_what_nobody_plans_is_a_breach_and_is_planned(till: Till):
    """A write under way that no turn is planned for breaks an invariant, and the clock plans it."""
    payment = await till.paid(await till.invoice())
    await db.fetch("UPDATE write_back SET next_at = NULL")
    assert ["I8 no write is forgotten"] == [breach.invariant for breach in await ledger.invariants()]
    await ticks.tick()
    await db.fetch("DELETE FROM job")
    await till.work()
    assert 1 == len(await till.in_xero(payment["invoice"]))
    assert [] == await ledger.invariants()


REFUSED = [
    pytest.param({"status": 400, "body": '{"Type":"ValidationException","Message":"No."}'}, id="not taken"),
    pytest.param(
        {"status": 403, "body": '{"Title":"Forbidden","Detail":"AuthenticationUnsuccessful"}'}, id="no access"
    ),
]


@pytest.mark.parametrize("fault", REFUSED)
async def test_a_refused_look_for_a_twin_is_let_be(till: Till, fault: dict[str, object]):
    """What is recorded stays so when Xero refuses to be asked about it once more, and nothing asks every second."""
    payment = await till.paid(await till.invoice())
    await till.work()
    await db.fetch("UPDATE write_back SET next_at = now()")
    await db.fetch("UPDATE job SET next_at = NULL")
    await till.fault(fault, path="/xero/api/*/Invoices/*", method="GET", times=5)
    await till.sweep.once()
    row = await till.write_back(payment)
    assert "confirmed" == row["state"]
    assert row["next_at"] is None or row["next_at"] > from_now(60)
    assert ("", []) == (row["reason"], await writeback.attention(till.merchant_id))
