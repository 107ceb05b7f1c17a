"""A locked period waits for a person, who settles a payment and its fee with one press."""

from datetime import timedelta
from typing import Any

import pytest

from app.books import ledger, writeback
from app.core import db
from app.core.clock import date_in
from app.core.errors import NotFound, Refused
from app.merchants import troubles
from tests.rooms.till import Row, Till


async def locked(till: Till, days_ago: int = 1) -> Row:
    """A payment of four days ago with its fee, both refused, because Xero is locked up to so many days ago."""
    await till.choose(fees=True)
    payment = await till.paid(await till.invoice())
    await till.control("/_clock", {"advance": 5})
    await db.fetch("UPDATE payment SET paid_at = paid_at - interval '4 days'")
    await db.fetch("UPDATE write_back SET request = ''")
    await lock(till, days_ago)
    await till.hear()
    assert ["payment", "fee"] == [row["kind"] for row, _ in await writeback.attention(till.merchant_id)]
    return payment


async def lock(till: Till, days_ago: int | None) -> None:
    day = date_in("Europe/London") - timedelta(days=days_ago) if days_ago is not None else None
    await till.control("/_xero/organisations/harrow/lock", {"period_lock": day.isoformat() if day else ""})


async def dates(till: Till, payment: Row) -> set[Any]:
    """The days of the payment and its fee in Xero."""
    spent = [
        one for one in (await till.truth())["xero"]["bank_transactions"] if one["reference"].startswith("Payportal")
    ]
    return {one["date"] for one in [*await till.in_xero(payment["invoice"]), *spent]}


async def test_one_press_tries_both_again(till: Till):
    """The period is opened in Xero: trying the payment again records its fee with it."""
    payment = await locked(till)
    await lock(till, None)
    await writeback.retry(till.merchant_id, (await till.write_back(payment))["id"])
    await till.work()
    assert [] == await writeback.attention(till.merchant_id)
    assert 1 == len(await dates(till, payment))


async def test_the_first_open_day_takes_both(till: Till):
    """One press records the payment and its fee on the day after the lock date, and the trail says who chose that and why."""
    payment = await locked(till)
    (shown, _) = await troubles.failures(till.merchant_id)
    assert shown.can_redate
    said = await writeback.redate(till.clients, till.merchant_id, int(shown.id))
    await till.work()
    today = date_in("Europe/London")
    assert {today.isoformat()} == await dates(till, payment)
    assert str(today.year) in said
    assert [] == await writeback.attention(till.merchant_id)
    noted = await db.fetch("SELECT details FROM audit WHERE action = 'write_back_redated'")
    assert 2 == len(noted)
    assert f'"on":"{today}","why":"period_locked"' in noted[0]["details"]
    assert [] == await ledger.invariants()


async def test_money_is_never_recorded_before_it_came(till: Till):
    """The lock date was moved to long before the payment: one press records it on its own day, not on the day after the lock."""
    payment = await locked(till)
    await lock(till, 30)
    said = await writeback.redate(till.clients, till.merchant_id, (await till.write_back(payment))["id"])
    await till.work()
    paid_at = (await till.row("SELECT paid_at FROM payment WHERE id = $1", payment["id"]))["paid_at"]
    assert {date_in("Europe/London", paid_at).isoformat()} == await dates(till, payment)
    assert "own day" in said


async def test_a_day_to_come_is_not_offered(till: Till):
    """While today itself is locked there is no open day; the merchant reads so, and nothing changes."""
    payment = await locked(till, days_ago=0)
    written = await till.write_back(payment)
    with pytest.raises(Refused, match="up to and including today"):
        await writeback.redate(till.clients, till.merchant_id, written["id"])
    with pytest.raises(NotFound):
        await writeback.redate(till.clients, till.user_id, written["id"])
    assert "parked" == (await till.write_back(payment))["state"]


async def test_a_refund_in_a_locked_period_keeps_its_own_day(till: Till):
    """A payment that cannot be taken back because its day is locked waits; another day is not offered, one press is enough."""
    payment = await till.paid(await till.invoice())
    await till.work()
    await lock(till, 0)
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"]})
    await till.hear()
    (shown,) = await troubles.failures(till.merchant_id)
    assert ("refund", False, True) == (shown.what, shown.can_redate, shown.can_retry)
    assert "so it cannot be taken back" in shown.reason
    await lock(till, None)
    await writeback.retry(till.merchant_id, int(shown.id))
    await till.work()
    assert [] == await till.in_xero(payment["invoice"])
    assert [] == await ledger.invariants()
