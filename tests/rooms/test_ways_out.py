"""Whatever waits for the merchant says why, and has a way out that works."""

import pytest

from app.books import ledger, writeback
from app.books.writeback.words import REASONS
from app.core import db
from app.core.errors import NotFound, Refused
from app.merchants.troubles import failure, failures
from tests.rooms.till import Row, Till

STATES = ("parked", "intended", "sending", "unknown")


async def in_state(payment: Row, state: str, reason: str) -> int:
    """The payment's write-back, put into a state as if it had come there by itself; its id."""
    row_id: int = await db.fetch_value("SELECT id FROM write_back WHERE payment = $1", payment["id"])
    for step in {"parked": ["parked"], "sending": ["sending"], "unknown": ["sending", "unknown"]}.get(state, []):
        await db.fetch("UPDATE write_back SET state = $2 WHERE id = $1", row_id, step)
    await db.fetch(
        "UPDATE write_back SET reason = $2, next_at = NULL, dead_at = CASE WHEN $3 THEN NULL ELSE now() END WHERE id = $1",
        row_id,
        reason,
        state == "parked",
    )
    return row_id


async def test_everything_that_waits_has_words_and_a_way_out(till: Till):
    """Each reason, and each state in which work was put aside, is listed with words and at least one way that is open."""
    waiting = [("parked", reason) for reason in REASONS] + [(state, "") for state in STATES[1:]]
    for state, reason in waiting:
        payment = await till.paid(await till.invoice())
        row_id = await in_state(payment, state, reason)
        shown = await failure(till.merchant_id, row_id)
        assert shown.reason, (state, reason)
        assert shown.way_out.endswith("."), (state, reason)
        if shown.by_hand:
            await writeback.abandon(till.merchant_id, row_id, "Hannah Finch")
        else:
            assert shown.can_retry, (state, reason)
            await writeback.retry(till.merchant_id, row_id)
    assert [] == await failures(till.merchant_id)


async def test_done_is_said_by_the_owner_once_and_only_where_it_helps(till: Till):
    """A stranger finds nothing; what a person can mend is not marked as done; twice is said kindly."""
    payment = await till.paid(await till.invoice())
    row_id = await in_state(payment, "parked", "account_missing")
    with pytest.raises(NotFound):
        await writeback.abandon(till.user_id, row_id, "Tom")
    with pytest.raises(Refused, match="Choose an account"):
        await writeback.abandon(till.merchant_id, row_id, "Hannah Finch")
    await db.fetch("UPDATE write_back SET reason = 'invoice_paid' WHERE id = $1", row_id)
    await writeback.abandon(till.merchant_id, row_id, "Hannah Finch")
    with pytest.raises(Refused, match="not waiting"):
        await writeback.abandon(till.merchant_id, row_id, "Hannah Finch")
    happened = await till.row("SELECT title, detail FROM happening ORDER BY id DESC LIMIT 1")
    assert ("Marked as done", "Payment booked by hand, says Hannah Finch") == tuple(happened)


async def test_a_refund_after_one_that_came_back_is_taken_back_in_xero(till: Till):
    """A part refund that failed is forgotten; a later refund of everything still takes the payment back."""
    payment = await till.paid(await till.invoice())
    await till.work()
    made = await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"], "amount": 1500})
    await till.hear()
    await till.control(f"/_stripe/refunds/{made['id']}", {"outcome": "failed"})
    await till.hear()
    assert "abandoned" == (await till.write_back(payment, "reversal"))["state"]
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"]})
    await till.hear()
    assert [] == await till.in_xero(payment["invoice"])
    assert [] == await ledger.invariants()


async def test_more_refunds_after_a_person_booked_one_wait_again(till: Till):
    """Who booked a part refund by hand is asked again when more goes back, and nothing is deleted in Xero."""
    payment = await till.paid(await till.invoice())
    await till.work()
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"], "amount": 1500})
    await till.hear()
    await writeback.abandon(till.merchant_id, (await till.write_back(payment, "reversal"))["id"], "Hannah Finch")
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"]})
    await till.hear()
    assert ["refund_part"] == [row["reason"] for row, _ in await writeback.attention(till.merchant_id)]
    assert 1 == len(await till.in_xero(payment["invoice"]))
    assert [] == await ledger.invariants()
