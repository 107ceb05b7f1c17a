"""Taking a payment back in Xero, to the letter: what it waits for, what it makes of what it finds, and of each answer."""

from typing import Any

import pytest

from app.books import intents
from app.books.writeback import reversals
from app.books.writeback.reversals import write_reversal
from app.books.writeback.rows import Fenced, Item
from app.books.writeback.timing import TIMING
from app.books.writeback.verdict import Later, Verdicts
from app.core import db
from app.core.clock import from_now
from app.core.errors import Upstream
from app.core.work import Postpone
from tests.fixtures.xero_says import Says, XeroSays
from tests.rooms.shelf import Shelf, bring, held, write_back
from tests.rooms.writing import REFUSED, after, in_hand, no, payment, payments, quiet, told

LOOK, TAKE = "GET /Payments/pay-1", "POST /Payments/pay-1"
NOTHING, CAME_BACK = "There is nothing to take back.", "The refund did not go through."
Said = dict[int, Later | None]


async def taking_back(shelf: Shelf, written: str = "confirmed", **columns: Any) -> tuple[Item, int]:
    """A reversal in our hands, and the row of its payment in this state ("": there is none); all of the money went back."""
    gone: dict[str, Any] = {"refunded_minor": 4000, "state": "refunded"}
    paid = await shelf.payment(**gone | columns)
    row_id = 0
    if written:
        await shelf.choose("payments", "GBP")
        row_id = await intents.intend_payment(paid) or 0
        await bring(row_id, written, xero_id="pay-1")
    return await in_hand(await intents.intend_reversal(paid), "intended"), row_id


async def write(xero: XeroSays, item: Item) -> Said:
    verdicts = Verdicts()
    await write_reversal(await xero.tenant(), item, verdicts)
    return verdicts.said


async def became(*row_ids: int) -> list[str]:
    return [(await write_back(row_id))["state"] for row_id in row_ids]


async def test_a_payment_is_deleted(xero: XeroSays, shelf: Shelf, noon: Any, points: list[str]):
    """Marked as sent before it leaves; then both rows say so, and nothing more is to do."""
    item, written = await taking_back(shelf)
    await bring(item.claim.id, "intended", absent_at=noon)
    seen: list[Any] = []

    async def look() -> None:
        seen.append(await write_back(item.claim.id))

    xero.when(LOOK, payments(payment("whatever")))
    xero.when(TAKE, Says(payments(payment("whatever", Status="DELETED")), meanwhile=look))
    assert {item.claim.id: None} == await write(xero, item)
    assert ([LOOK, TAKE], [{"Status": "DELETED"}]) == (xero.calls, xero.sent(TAKE))
    assert [("sending", noon, None)] == [(row["state"], row["sent_at"], row["absent_at"]) for row in seen]
    row = await write_back(item.claim.id)
    assert ("confirmed", "pay-1") == (row["state"], row["xero_id"])
    assert ["reversed"] == await became(written)
    assert [False] == [what["adopted"] for action, _, what in await shelf.trail() if action == "write_back_confirmed"]
    assert ["K11", "K20", "K11", "K13", "K14", "K16"] == points


@pytest.mark.parametrize("says", [Says(status=404), Says(payments(payment("x", Status="DELETED")))])
async def test_what_is_gone_already_is_taken_back(xero: XeroSays, shelf: Shelf, says: Says):
    """Deleted in Xero by somebody: adopted, and nothing is sent."""
    item, written = await taking_back(shelf)
    xero.when(LOOK, says)
    assert {item.claim.id: None} == await write(xero, item)
    row = await write_back(item.claim.id)
    assert ([LOOK], "confirmed", "pay-1") == (xero.calls, row["state"], row["xero_id"])
    assert ["reversed"] == await became(written)
    assert [True] == [what["adopted"] for action, _, what in await shelf.trail() if action == "write_back_confirmed"]


@pytest.mark.parametrize("more", [{"IsReconciled": True}, {"BatchPaymentID": "batch-1"}])
async def test_what_is_reconciled_waits_for_the_merchant(xero: XeroSays, shelf: Shelf, more: dict[str, Any]):
    """Xero would not delete it, nor one that was paid in together with others."""
    item, written = await taking_back(shelf)
    xero.when(LOOK, payments(payment("x") | more))
    assert {item.claim.id: None} == await write(xero, item)
    assert (("parked", "reconciled", ""), [LOOK]) == (await told(item), xero.calls)
    assert ["confirmed"] == await became(written)


# ---- what it waits for


async def test_while_the_payment_waits_for_a_person_so_does_this(xero: XeroSays, shelf: Shelf):
    """In sight, and Xero is not asked."""
    item, written = await taking_back(shelf, "parked")
    assert {item.claim.id: None} == await write(xero, item)
    assert (("parked", "payment_waits", ""), [], ["parked"]) == (await told(item), xero.calls, await became(written))


@pytest.mark.parametrize("state", ["intended", "sending", "unknown"])
async def test_while_the_payment_is_not_certain_this_comes_back(xero: XeroSays, shelf: Shelf, noon: Any, state: str):
    """In a while, for the reason that is said."""
    item, _ = await taking_back(shelf, state)
    later = after(TIMING.waiting, "The payment itself is not certain in Xero yet.")
    assert {item.claim.id: later} == await write(xero, item)
    assert (("intended", "", ""), []) == (await told(item), xero.calls)


@pytest.mark.parametrize("state", ["", "abandoned", "reversed"])
async def test_where_nothing_was_written_nothing_is_taken_back(xero: XeroSays, shelf: Shelf, state: str):
    """It is given up by itself, and says why."""
    item, _ = await taking_back(shelf, state)
    assert {item.claim.id: None} == await write(xero, item)
    assert (("abandoned", intents.WITHDRAWN, NOTHING), []) == (await told(item), xero.calls)


async def test_only_the_payments_own_write_counts(xero: XeroSays, shelf: Shelf):
    """Another kind of row of the same payment is nothing to take back."""
    item, _ = await taking_back(shelf, "")
    await shelf.choose("fees")
    await shelf.choose("payments", "GBP")
    paid = await shelf.reread(item.row["payment"])
    await bring(await intents.intend_fee(paid, item.money), "confirmed", xero_id="pay-1")
    assert {item.claim.id: None} == await write(xero, item)
    assert ("abandoned", intents.WITHDRAWN, NOTHING) == await told(item)


async def test_a_person_may_be_faster(xero: XeroSays, shelf: Shelf):
    """A payment that was put right since it was read holds nothing up."""
    for state, becomes in (("confirmed", "intended"), ("parked", "parked"), ("", "intended")):
        item, _ = await taking_back(shelf, state)
        await reversals._wait_for_a_person(item)
        assert becomes == (await told(item))[0]
        await db.fetch("DELETE FROM account_choice WHERE connection = $1", shelf.connection)


@pytest.mark.parametrize(("columns", "expected"), [
    ({"state": "refunded_part", "refunded_minor": 3999}, ("parked", "refund_part", "")),
    ({"state": "refunded_part", "refunded_minor": 1}, ("parked", "refund_part", "")),
    ({"state": "succeeded", "refunded_minor": 0}, ("abandoned", "withdrawn", CAME_BACK)),
])  # fmt: skip
async def test_money_that_did_not_all_go_back(
    xero: XeroSays, shelf: Shelf, columns: dict[str, Any], expected: tuple[str, str, str]
):
    """What was refunded in part a person books; what came back needs nothing. The payment stands in Xero as it is."""
    item, written = await taking_back(shelf, **columns)
    xero.when(LOOK, payments(payment("x", IsReconciled=True)))
    assert {item.claim.id: None} == await write(xero, item)
    assert (expected, [LOOK], ["confirmed"]) == (await told(item), xero.calls, await became(written))


@pytest.mark.parametrize("columns", [{"state": "failed", "refunded_minor": 0}, {"refunded_minor": 4001}])
async def test_money_that_bounced_went_back_whole(xero: XeroSays, shelf: Shelf, columns: dict[str, Any]):
    """As did a refund of more than was paid."""
    item, written = await taking_back(shelf, **columns)
    xero.when(LOOK, payments(payment("x")))
    xero.when(TAKE, payments(payment("x")))
    assert {item.claim.id: None} == await write(xero, item)
    assert ["confirmed", "reversed"] == await became(item.claim.id, written)


async def test_what_was_given_up_leaves_no_trace(xero: XeroSays, shelf: Shelf):
    """Also one that may have been sent: nothing is there to be taken back."""
    item, _ = await taking_back(shelf, "abandoned")
    await bring(item.claim.id, "unknown", sent_at=from_now(-3600))
    assert {item.claim.id: None} == await write(xero, await held(item.claim.id))
    row = await write_back(item.claim.id)
    assert ("abandoned", None) == (row["state"], row["sent_at"])


# ---- what comes of the call


async def test_no_call_left(xero: XeroSays, shelf: Shelf):
    """Between the look and the call: as if never sent, and the pause is told."""
    item, _ = await taking_back(shelf)

    async def used_up() -> None:
        sql = "UPDATE xero_budget SET blocked_until = $2 WHERE xero_tenant_id = $1"
        await db.fetch(sql, xero.tenant_id, from_now(600))

    xero.when(LOOK, Says(payments(payment("x")), meanwhile=used_up))
    with pytest.raises(Postpone):
        await write(xero, item)
    row = await write_back(item.claim.id)
    assert ([LOOK], "intended", None) == (xero.calls, row["state"], row["sent_at"])


async def test_a_limit_costs_nothing(xero: XeroSays, shelf: Shelf):
    """As if never sent; Xero's own pause goes on."""
    item, _ = await taking_back(shelf)
    xero.when(LOOK, payments(payment("x")))
    xero.when(TAKE, Says(status=429, headers={"Retry-After": "17", "X-Rate-Limit-Problem": "minute"}))
    with pytest.raises(Upstream) as raised:
        await write(xero, item)
    row = await write_back(item.claim.id)
    assert (17, "intended", None) == (raised.value.retry_after, row["state"], row["sent_at"])


@pytest.mark.parametrize(("words", "reason"), [
    (REFUSED, "refund_locked"), ("The account is archived.", "account_archived"), ("No.", "other"),
])  # fmt: skip
async def test_a_refusal_waits_for_the_merchant(xero: XeroSays, shelf: Shelf, words: str, reason: str):
    """With a reason of its own for a locked period, in Xero's words."""
    item, written = await taking_back(shelf)
    xero.when(LOOK, payments(payment("x")))
    xero.when(TAKE, Says({"Elements": [no(words)]}, 400))
    assert {item.claim.id: None} == await write(xero, item)
    assert (("parked", reason, words), ["confirmed"]) == (await told(item), await became(written))


@pytest.mark.parametrize("says", [Says(status=500), Says(cut=True)])
async def test_a_lost_answer_is_looked_for_later(xero: XeroSays, shelf: Shelf, noon: Any, says: Says):
    """Deleting twice is deleting once: the next turn looks."""
    item, written = await taking_back(shelf)
    xero.when(LOOK, payments(payment("x")))
    xero.when(TAKE, says)
    assert {item.claim.id: quiet()} == await write(xero, item)
    row = await write_back(item.claim.id)
    assert ("unknown", noon, ["confirmed"]) == (row["state"], row["sent_at"], await became(written))


async def test_nothing_leaves_for_a_row_that_is_not_ours_any_more(
    xero: XeroSays, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
):
    """What took too long between the commit and the first byte is not sent."""
    monkeypatch.setattr(TIMING, "leave", -1.0)
    item, written = await taking_back(shelf)
    xero.when(LOOK, payments(payment("x")))
    with pytest.raises(Fenced):
        await write(xero, item)
    assert ([LOOK], ["intended", "confirmed"]) == (xero.calls, await became(item.claim.id, written))
