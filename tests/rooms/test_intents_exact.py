"""How a row that means something for Xero may change, before and after it was sent, and what may not."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.books import intents
from app.core import db
from app.core.clock import now
from app.core.money import Money
from app.core.wake import BELL
from tests.rooms.shelf import PAID_AT, Row, Shelf, bring, one, write_back

POUND = Money(100, "GBP")


async def transfer(shelf: Shelf) -> tuple[Row, int]:
    await shelf.choose("payments", "GBP")
    await shelf.choose("bank", "GBP")
    payout = await shelf.payout(5000)
    row_id = await intents.intend_transfer(payout, shelf.connection)
    assert row_id is not None
    return payout, row_id


@pytest.mark.parametrize("state", ["intended", "parked"])
async def test_a_payout_sent_back_is_not_transferred(shelf: Shelf, state: str):
    """What was not sent yet is let go, with words; there is nothing to take out."""
    payout, row_id = await transfer(shelf)
    await bring(row_id, state)
    await intents.untransfer(payout)
    row = await write_back(row_id)
    words = (row["state"], row["reason"], row["message"], row["next_at"])
    assert ("abandoned", "withdrawn", "The bank sent the payout back.", None) == words
    await intents.untransfer(payout)
    assert 1 == await db.fetch_value("SELECT count(*) FROM write_back WHERE payout = $1", payout["id"])


@pytest.mark.parametrize("state", ["intended", "parked", "unknown", "confirmed", "abandoned"])
async def test_a_transfer_that_may_be_in_xero_is_put_before_the_merchant(shelf: Shelf, state: str):
    """What may be in Xero is left there and shown as a task, once, and the merchant is told by mail."""
    payout, row_id = await transfer(shelf)
    await bring(row_id, state, sent_at=now(), reason="by_hand")
    for _ in range(2):
        await intents.untransfer(payout)
    assert state == (await write_back(row_id))["state"]
    back = await one("SELECT * FROM write_back WHERE payout = $1 AND kind = 'transfer_back'", payout["id"])
    expected = {
        "merchant": shelf.merchant, "connection": shelf.connection, "invoice": None, "payment": None, "state": "parked",
        "reason": "payout_failed", "message": "", "amount_minor": 5000, "currency": "GBP", "next_at": None,
        "reference": intents.reference_of(payout["stripe_account_id"], payout["stripe_payout_id"], "transfer_back"),
    }  # fmt: skip
    assert expected == {name: back[name] for name in expected}
    assert ("merchant.alert", str(shelf.merchant)) in await shelf.asked()


async def test_nothing_was_transferred_and_nothing_is_taken_back(shelf: Shelf):
    """A payout that was never meant for Xero leaves no task."""
    payout = await shelf.payout(100)
    await intents.untransfer(payout)
    assert 0 == await db.fetch_value("SELECT count(*) FROM write_back WHERE payout = $1", payout["id"])


async def test_a_row_is_put_aside_with_its_reason(shelf: Shelf):
    """Parked: the reason, at most a thousand letters of what Xero said, and nobody works on it any more."""
    row = await shelf.meant()
    assert await intents.park(row["id"], "other", "x" * 1200)
    row = await write_back(row["id"])
    assert ("parked", "other", "x" * 1000, None) == (row["state"], row["reason"], row["message"], row["next_at"])
    assert not await intents.park(row["id"], "unclear")
    assert "other" == (await write_back(row["id"]))["reason"]


async def test_only_what_never_left_is_given_up(shelf: Shelf):
    """An intended row may be let go; one that is being sent may not."""
    row = await shelf.meant()
    await bring(row["id"], "sending")
    assert not await intents.give_up(row["id"], "Gone.")
    await bring(row["id"], "intended")
    assert await intents.give_up(row["id"], "Gone.")
    row = await write_back(row["id"])
    told = (row["state"], row["reason"], row["message"], row["next_at"])
    assert ("abandoned", intents.WITHDRAWN, "Gone.", None) == told


async def test_asked_again_it_begins_anew(shelf: Shelf):
    """What Xero never had is frozen anew, due now, counted from nothing, out of the hands of whoever held it."""
    row = await shelf.meant()
    await bring(
        row["id"], "parked", reason="other", message="m", absent_at=now(), attempts=7, dead_at=now(), lease_until=now(),
        idempotency_key="key", fence=4, next_at=None,
    )  # fmt: skip
    assert not await intents.ask_again(row["id"], source="reversed")
    assert await intents.ask_again(row["id"])
    row = await write_back(row["id"])
    expected = {
        "state": "intended", "reason": "", "message": "", "absent_at": None, "attempts": 0, "dead_at": None,
        "lease_until": None, "request": "", "request_sha256": "", "idempotency_key": "", "fence": 5,
    }  # fmt: skip
    assert expected == {name: row[name] for name in expected}
    assert timedelta(0) <= now() - row["next_at"] < timedelta(minutes=5)
    assert not await intents.ask_again(row["id"])
    assert 5 == (await write_back(row["id"]))["fence"]


async def test_asked_again_later_with_its_bytes(shelf: Shelf):
    """What Xero may have keeps its bytes and key, and comes back when it is told to."""
    row = await shelf.meant()
    at = datetime(2030, 1, 1, tzinfo=UTC)
    await bring(row["id"], "reversed", sent_at=now(), idempotency_key="key")
    assert await intents.ask_again(row["id"], at, source="reversed")
    again = await write_back(row["id"])
    assert (row["request"], "key", at) == (again["request"], again["idempotency_key"], again["next_at"])
    assert again["sent_at"] is not None


async def test_what_nobody_plans_is_planned(shelf: Shelf):
    """Open rows without a time are due now and counted; what is done, put aside or planned is left alone."""
    rows = {}
    for state in ("intended", "sending", "unknown", "parked", "confirmed"):
        row_id = await intents.intend_reversal(await shelf.payment())
        rows[state] = await bring(row_id, state, next_at=None)
    dead = await bring(await intents.intend_reversal(await shelf.payment()), "intended", next_at=None, dead_at=now())
    planned = await bring(await intents.intend_reversal(await shelf.payment()), "intended", next_at=PAID_AT)
    assert 3 == await intents.unwedge()
    assert 0 == await intents.unwedge()
    due = {state for state, row in rows.items() if (await write_back(row["id"]))["next_at"]}
    assert {"intended", "sending", "unknown"} == due
    assert (await write_back(dead["id"]))["next_at"] is None
    assert PAID_AT == (await write_back(planned["id"]))["next_at"]


@pytest.mark.parametrize(
    ("state", "reason", "goes"),
    [("parked", "payment_waits", True), ("parked", "other", False), ("intended", "", False)],
)
async def test_a_taking_back_goes_on_when_its_payment_stands(shelf: Shelf, state: str, reason: str, goes: bool):
    """Only one that waited for the payment itself."""
    payment = await shelf.payment()
    await intents.go_on_taking_back(payment["id"])
    row_id = await intents.intend_reversal(payment)
    before = await bring(row_id, state, reason=reason, fence=1)
    await intents.go_on_taking_back(payment["id"])
    after = await write_back(row_id)
    assert (("intended", 2) if goes else (before["state"], 1)) == (after["state"], after["fence"])


async def test_a_row_of_a_payment_is_found_by_its_kind(shelf: Shelf):
    """Of the payment and the kind that was asked for; inside a transaction it is held."""
    payment, other = await shelf.payment(), await shelf.payment()
    row_id = await intents.intend_reversal(payment)
    await intents.intend_reversal(other)
    found = await intents.of_payment(payment["id"], "reversal")
    assert found is not None
    assert row_id == found["id"]
    assert await intents.of_payment(payment["id"], "payment") is None
    locks = (
        "SELECT count(*) FROM pg_locks WHERE relation = 'write_back'::regclass AND mode = $1 AND pid = pg_backend_pid()"
    )
    async with db.transaction():
        await intents.of_payment(payment["id"], "reversal")
        assert 1 == await db.fetch_value(locks, "RowShareLock")


async def test_a_payment_taken_back_can_be_written_again(shelf: Shelf):
    """A clean sheet with the new amount, before the merchant; the taking back may be asked for once more."""
    payment = await shelf.payment()
    await shelf.choose("payments", "GBP")
    row_id, reversal = await intents.intend_payment(payment), await intents.intend_reversal(payment)
    assert row_id is not None
    assert not await intents.reopen(row_id, POUND, "refund_failed")
    await bring(
        row_id, "reversed", xero_id="x", sent_at=now(), absent_at=now(), confirmed_at=now(), message="m", idempotency_key="k",
    )  # fmt: skip
    await bring(reversal, "confirmed", sent_at=now())
    assert await intents.reopen(row_id, POUND, "refund_failed")
    row = await write_back(row_id)
    expected = {
        "state": "parked", "reason": "refund_failed", "message": "", "amount_minor": 100, "request": "", "request_sha256": "",
        "idempotency_key": "", "xero_id": "", "sent_at": None, "absent_at": None, "confirmed_at": None, "next_at": None,
    }  # fmt: skip
    assert expected == {name: row[name] for name in expected}
    back = await write_back(reversal)
    assert ("reversed", None) == (back["state"], back["sent_at"])


@pytest.mark.parametrize(("state", "sent", "can"), [
    ("intended", False, True), ("parked", False, True), ("intended", True, False), ("sending", False, False),
    ("confirmed", False, False),
])  # fmt: skip
async def test_only_what_never_left_changes_its_amount(shelf: Shelf, state: str, sent: bool, can: bool):
    """Another amount is frozen anew; what Xero may have seen keeps its own."""
    row = await shelf.meant()
    other = await shelf.meant(9900)
    await bring(row["id"], state, sent_at=now() if sent else None)
    assert can is await intents.resize(row["id"], POUND)
    after = await write_back(row["id"])
    assert ((100, "", "") if can else (4000, row["request"], row["request_sha256"])) == (
        after["amount_minor"], after["request"], after["request_sha256"],
    )  # fmt: skip
    assert other["request"] == (await write_back(other["id"]))["request"]


async def test_whoever_can_go_on_is_woken(shelf: Shelf):
    """A row that is meant, asked again or planned anew wakes a worker by its own id, once it is committed; a task does not."""
    await intents.unwedge()  # whatever other tests left behind
    heard: list[tuple[str, int]] = []
    rung, loop = asyncio.Event(), asyncio.get_running_loop()

    def hear(table: str, row_id: int) -> None:
        heard.append((table, row_id))
        if len(heard) == 4:
            loop.call_soon_threadsafe(rung.set)

    BELL.install(hear)
    try:
        payment = await shelf.payment()
        async with db.transaction():
            first = await intents.intend_payment(payment)
            assert [] == heard
        assert first is not None
        await bring(first, "parked")
        await intents.ask_again(first)
        await bring(first, "intended", next_at=None)
        await intents.unwedge()
        await intents.put_before_merchant(payment, "overpayment_back", POUND, "refund_part")
        last = await intents.intend_reversal(payment)
        await asyncio.wait_for(rung.wait(), 30)
        assert [("write_back", first)] * 3 + [("write_back", last)] == heard
    finally:
        BELL.install(None)
