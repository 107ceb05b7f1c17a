"""Whatever waits for the merchant says why, and has a way out that works."""

from typing import Any

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


def buttons(shown: Any) -> list[str]:
    """What the page offers, beside refunds, overpayments and other days, which have tests of their own."""
    fix = shown.fix.words if shown.fix else ""
    return [*filter(None, [fix]), *(["Try again"] if shown.can_retry else []), *(["Done"] if shown.by_hand else [])]


async def press(till: Till, row_id: int, button: str) -> None:
    """What happens behind a button, up to where the person has done their part."""
    if button == "Done":
        await writeback.abandon(till.merchant_id, row_id, "Hannah Finch")
    elif button == "Try again":
        await writeback.retry(till.merchant_id, row_id)
    elif button == "Choose an account":
        await till.choose()
        await writeback.account_chosen(till.connection_id)
    else:
        await till.connect()


WAITING = [("parked", reason) for reason in REASONS] + [(state, "") for state in STATES[1:]]


@pytest.mark.timeout(180)
async def test_every_button_settles_what_waits(till: Till):
    """Each reason, and each state in which work was put aside, has words and buttons; each button, pressed, ends the waiting."""
    pressed = 0
    for state, reason in WAITING:
        offered = ["?"]
        while offered:
            payment = await till.paid(await till.invoice())
            row_id = await in_state(payment, state, reason)
            shown = await failure(till.merchant_id, row_id)
            assert shown.reason, (state, reason)
            assert shown.way_out.endswith("."), (state, reason)
            offered = buttons(shown) if offered == ["?"] else offered
            assert offered, (state, reason)
            button, pressed = offered.pop(), pressed + 1
            await press(till, row_id, button)
            target = "abandoned" if button == "Done" else "confirmed"

            async def ended(payment: Row = payment, target: str = target) -> bool:
                return (await till.write_back(payment))["state"] == target

            await till.work_until(ended)
            assert (target == "confirmed") == bool(await till.in_xero(payment["invoice"])), (state, reason, button)
            await db.fetch("DELETE FROM xero_budget")
    assert pressed > len(WAITING)
    assert [] == await failures(till.merchant_id)


async def test_an_account_is_chosen_where_none_was(till: Till):
    """Trying again would fail again, so the page leads to the accounts; once one is chosen the payment goes on by itself."""
    invoice_id = await till.invoice()
    await db.fetch("DELETE FROM account_choice")
    payment = await till.paid(invoice_id)
    await till.work()
    [shown] = await failures(till.merchant_id)
    assert (f"/settings/accounts?connection={till.connection_id}", False) == (shown.fix.href, shown.can_retry)
    await till.choose()
    await writeback.account_chosen(till.connection_id)
    await till.work()
    assert 1 == len(await till.in_xero(payment["invoice"]))


async def test_everything_posts_once_and_in_order_after_days_without_xero(till: Till):
    """Payments that came while Xero was disconnected wait, and after a reconnect each stands there once, in the order it came."""
    invoices = [await till.invoice() for _ in range(3)]
    await till.control("/_xero/organisations/harrow/disconnect")
    await db.fetch("UPDATE xero_grant SET expires_at = now() - interval '3 days'")
    paid = []
    for invoice_id, amount in ((0, "40.00"), (1, "30.00"), (0, "35.00"), (2, "20.00"), (0, "25.00")):
        paid.append(await till.paid(invoices[invoice_id], amount))
        await till.work()
        assert [] == await till.in_xero(invoices[invoice_id])
    shown = await failures(till.merchant_id)
    assert [("Reconnect to Xero", False)] * 5 == [(one.fix.words, one.can_retry) for one in shown]

    await till.connect()
    await till.work()
    assert [] == await failures(till.merchant_id)
    there = [one["reference"] for one in (await till.truth())["xero"]["payments"] if one["status"] == "AUTHORISED"]
    ours = [(await till.write_back(payment))["reference"] for payment in paid]
    assert ours == [reference for reference in there if reference in ours]
    assert [3, 1, 1] == [len(await till.in_xero(invoice_id)) for invoice_id in invoices]
    assert [] == await ledger.invariants()


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
    assert ["refund_more"] == [row["reason"] for row, _ in await writeback.attention(till.merchant_id)]
    assert 1 == len(await till.in_xero(payment["invoice"]))
    assert [] == await ledger.invariants()
