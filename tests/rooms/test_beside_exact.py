"""Fees and payouts on their way into Xero, to the letter: looked for, sent together, and what is made of each answer."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.books.writeback.beside import write_beside
from app.books.writeback.rows import Item
from app.books.writeback.timing import TIMING
from app.books.writeback.verdict import Later, Verdicts
from app.core.clock import now
from tests.fixtures.xero_says import Says, XeroSays
from tests.rooms.shelf import Shelf, held, write_back
from tests.rooms.writing import (
    LOOKING,
    ONCE_MORE,
    REFUSED,
    after,
    entry,
    fee,
    moved,
    no,
    quiet,
    read,
    spent,
    states,
    told,
    transfer,
)

LOOK, SEND = "GET /BankTransactions", "PUT /BankTransactions"
Said = dict[int, Later | None]


async def write(xero: XeroSays, *items: Item) -> Said:
    """One turn with these rows; what it says of each."""
    verdicts = Verdicts()
    await write_beside(await xero.tenant(), list(items), verdicts)
    return verdicts.said


async def test_fees_are_sent_in_one_call(xero: XeroSays, shelf: Shelf):
    """Their frozen bytes, in order, under the key that stands in the rows; each is confirmed under its own id."""
    items = [await fee(shelf) for _ in range(3)]
    xero.when(LOOK, spent())
    xero.when(SEND, spent(*(entry(item, f"fee-{n}") for n, item in enumerate(items))))
    assert {item.claim.id: None for item in items} == await write(xero, *items)
    assert [LOOK, SEND] == xero.calls
    assert [{"BankTransactions": [read(item) for item in items]}] == xero.sent(SEND)
    for n, item in enumerate(items):
        row = await write_back(item.claim.id)
        assert ("confirmed", f"fee-{n}") == (row["state"], row["xero_id"])
        assert row["idempotency_key"] == xero.asked[-1].headers["idempotency-key"]


async def test_a_payout_is_sent_as_a_transfer(xero: XeroSays, shelf: Shelf):
    """To the place for transfers, and looked for there."""
    item = await transfer(shelf)
    xero.when("GET /BankTransfers", moved())
    xero.when("PUT /BankTransfers", moved(entry(item, "tr-1", "BankTransfer")))
    assert {item.claim.id: None} == await write(xero, item)
    assert ["GET /BankTransfers", "PUT /BankTransfers"] == xero.calls
    assert [{"BankTransfers": [read(item)]}] == xero.sent("PUT /BankTransfers")
    row = await write_back(item.claim.id)
    assert ("confirmed", "tr-1") == (row["state"], row["xero_id"])
    assert row["idempotency_key"] == xero.asked[-1].headers["idempotency-key"]


async def test_what_stands_in_xero_is_not_sent(xero: XeroSays, shelf: Shelf):
    """Also the first time: it is adopted, and only the other one is sent."""
    there, new = await fee(shelf), await fee(shelf)
    xero.when(LOOK, spent(entry(there, "old")))
    xero.when(SEND, spent(entry(new, "new")))
    assert {there.claim.id: None, new.claim.id: None} == await write(xero, there, new)
    assert [{"BankTransactions": [read(new)]}] == xero.sent(SEND)
    assert ["old", "new"] == [(await write_back(item.claim.id))["xero_id"] for item in (there, new)]


async def test_a_look_that_finds_everything_sends_nothing(xero: XeroSays, shelf: Shelf):
    """Nothing is left to send."""
    item = await transfer(shelf)
    xero.when("GET /BankTransfers", moved(entry(item, "old", "BankTransfer")))
    await write(xero, item)
    assert (["GET /BankTransfers"], ["confirmed"]) == (xero.calls, await states(item))


async def test_what_was_lost_is_sent_after_two_absences(xero: XeroSays, shelf: Shelf, noon: Any):
    """The first look that finds nothing is noted; the second, a while later, sends it; then it is looked at once more."""
    item = await fee(shelf, state="unknown", sent_at=now() - timedelta(hours=1))
    xero.when(LOOK, spent())
    xero.when(SEND, spent(entry(item, "fee-1")))
    assert {item.claim.id: after(TIMING.apart, ONCE_MORE)} == await write(xero, item)
    assert ([LOOK], noon) == (xero.calls, (await write_back(item.claim.id))["absent_at"])
    again = await fee(shelf, state="unknown", sent_at=now() - timedelta(hours=1), absent_at=now() - timedelta(hours=1))
    xero.when(SEND, spent(entry(again, "fee-2")))
    assert {again.claim.id: quiet(LOOKING)} == await write(xero, again)
    assert ([LOOK, LOOK, SEND], ["confirmed"]) == (xero.calls, await states(again))


async def test_one_that_waits_holds_up_no_other(xero: XeroSays, shelf: Shelf, noon: Any):
    """What is unclear is looked at again; what was never sent is sent beside it, and done."""
    lost, new = await fee(shelf, state="unknown", sent_at=now() - timedelta(hours=1)), await fee(shelf)
    xero.when(LOOK, spent())
    xero.when(SEND, spent(entry(new, "new")))
    assert {lost.claim.id: after(TIMING.apart, ONCE_MORE), new.claim.id: None} == await write(xero, lost, new)
    assert [{"BankTransactions": [read(new)]}] == xero.sent(SEND)


@pytest.mark.parametrize(("words", "reason"), [
    (("The account is archived.", "Choose another."), "account_archived"),
    (("It exceeds the amount outstanding.",), "other"),  # of an invoice; a fee has none to look at
    ((REFUSED,), "period_locked"),
    ((), "other"),
])  # fmt: skip
async def test_one_that_is_refused_waits_for_the_merchant(
    xero: XeroSays, shelf: Shelf, words: tuple[str, ...], reason: str
):
    """With the reason and all of Xero's words; the other one of the call is confirmed."""
    bad, good = await fee(shelf), await fee(shelf)
    xero.when(LOOK, spent())
    xero.when(SEND, spent(no(*words), entry(good, "good")))
    assert {bad.claim.id: None, good.claim.id: None} == await write(xero, bad, good)
    said = " ".join(words) or "Xero refused without saying why."
    assert (("parked", reason, said), ["confirmed"]) == (await told(bad), await states(good))


@pytest.mark.parametrize(("make", "at"), [(fee, SEND), (transfer, "PUT /BankTransfers")])
async def test_a_call_that_is_refused_as_a_whole(
    xero: XeroSays, shelf: Shelf, make: Callable[[Shelf], Coroutine[Any, Any, Item]], at: str
):
    """One that went alone waits for the merchant; nothing else is asked of Xero."""
    item = await make(shelf)
    xero.when(LOOK, spent())
    xero.when("GET /BankTransfers", moved())
    xero.when(at, Says({"Elements": [no(REFUSED)]}, 400))
    assert {item.claim.id: None} == await write(xero, item)
    assert (("parked", "period_locked", REFUSED), 2) == (await told(item), len(xero.calls))


async def test_a_lost_answer_is_looked_for_later(xero: XeroSays, shelf: Shelf, noon: Any):
    """And what stands there then is adopted, with the amount that was meant."""
    item = await fee(shelf)
    xero.when(LOOK, spent())
    xero.when(SEND, Says(cut=True))
    assert {item.claim.id: quiet()} == await write(xero, item)
    assert ["unknown"] == await states(item)
    xero.when(LOOK, spent(entry(item, "fee-1")))
    assert {item.claim.id: None} == await write(xero, await held(item.claim.id))
    assert ("confirmed", 1) == ((await states(item))[0], len(xero.sent(SEND)))
    assert Decimal("0.76") == xero.sent(SEND)[0]["BankTransactions"][0]["LineItems"][0]["UnitAmount"]
