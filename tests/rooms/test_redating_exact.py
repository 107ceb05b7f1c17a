"""Another day for a write that waits for a locked period, to the letter: which day, for which rows, and in what words."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from app.books import intents
from app.books.writeback import choices
from app.core import db
from app.core.errors import NotFound, Refused
from app.core.money import Money
from tests.fixtures.clock import NOON
from tests.fixtures.till import Heard
from tests.fixtures.xero_says import Says, XeroSays
from tests.rooms.shelf import Row, Shelf, bring, write_back
from tests.rooms.writing import GONE, waiting

ORGANISATION = "GET /Organisation"


def locked(xero: XeroSays, period: date | None, year: date | None = None, meanwhile: Any = None) -> None:
    """Xero is locked up to and including these days."""

    def day(lock: date | None) -> str | None:
        return (
            f"/Date({int(datetime(lock.year, lock.month, lock.day, tzinfo=UTC).timestamp() * 1000)})/" if lock else None
        )

    paper = {"PeriodLockDate": day(period), "EndOfYearLockDate": day(year)}
    xero.when(ORGANISATION, Says({"Organisations": [paper]}, meanwhile=meanwhile))


async def dated(shelf: Shelf, *rows: Row) -> list[tuple[str, date | None]]:
    """State and chosen day of each."""
    found = [await write_back(row["id"]) for row in rows]
    return [(row["state"], row["dated_on"]) for row in found]


async def redate(xero: XeroSays, shelf: Shelf, row: Row) -> str:
    return await choices.redate(xero.clients, shelf.merchant, row["id"])


@pytest.mark.parametrize(("period", "year"), [
    (date(2026, 3, 31), None), (date(2026, 3, 31), date(2025, 12, 31)), (date(2025, 12, 31), date(2026, 3, 31)),
])  # fmt: skip
async def test_the_first_open_day_takes_what_waits_together(
    xero: XeroSays, shelf: Shelf, noon: object, heard: Heard, period: date, year: date | None
):
    """The day after the later lock; the fee goes with its payment, what waits for another reason does not. The trail says why."""
    row = await waiting(shelf, "period_locked")
    await shelf.choose("fees")
    paid = await shelf.reread(row["payment"])
    fee = await bring(await intents.intend_fee(paid, Money(76, "GBP")), "parked", reason="period_locked")
    back = await bring(await intents.intend_reversal(paid), "parked", reason="period_locked")
    more = await bring(await intents.intend_overpayment(paid, Money(1, "GBP")), "parked", reason="other")
    locked(xero, period, year)
    assert "Recording it on 1 April 2026." == await redate(xero, shelf, row)
    first = ("intended", date(2026, 4, 1))
    assert [first, first, ("parked", None), ("parked", None)] == await dated(shelf, row, fee, back, more)
    said = [(subject, what) for action, subject, what in await shelf.trail() if action == "write_back_redated"]
    why = {"on": "2026-04-01", "why": "period_locked"}
    assert [(f"write_back:{row['id']}", why), (f"write_back:{fee['id']}", why)] == said
    await heard({str(shelf.merchant)})


@pytest.mark.parametrize("lock", [None, date(2026, 2, 27), date(2026, 2, 28)])
async def test_a_day_that_is_open_again_stays(xero: XeroSays, shelf: Shelf, noon: object, lock: date | None):
    """Its own day, which was the first of March there: never before the money moved."""
    row = await waiting(shelf, "period_locked", dated_on=date(2026, 3, 9))
    locked(xero, lock)
    assert "Its own day is not locked any more; trying again." == await redate(xero, shelf, row)
    assert [("intended", None)] == await dated(shelf, row)
    assert {"on": "", "why": "period_locked"} == (await shelf.trail())[-1][2]


@pytest.mark.parametrize(("zone", "lock", "said"), [
    ("Pacific/Auckland", date(2026, 3, 1), "Its own day is not locked any more; trying again."),
    ("America/New_York", date(2026, 3, 1), "Recording it on 2 March 2026."),
    ("", date(2026, 3, 1), "Recording it on 2 March 2026."),
    ("Pacific/Auckland", date(2026, 5, 1), "Recording it on 2 May 2026."),
])  # fmt: skip
async def test_days_are_the_organisations_own(
    xero: XeroSays, shelf: Shelf, noon: object, zone: str, lock: date, said: str
):
    """The payment's day, and today, are as the calendar there shows them."""
    row = await waiting(shelf, "period_locked")
    await db.fetch("UPDATE connection SET timezone = $2 WHERE id = $1", shelf.connection, zone)
    locked(xero, lock)
    assert said == await redate(xero, shelf, row)


@pytest.mark.parametrize(("lock", "goes"), [(date(2026, 4, 30), True), (date(2026, 5, 1), False)])
async def test_a_day_to_come_is_not_chosen(xero: XeroSays, shelf: Shelf, noon: datetime, lock: date, goes: bool):
    """Today is the last one that may be; otherwise it is said which one would be the first."""
    assert NOON == noon
    row = await waiting(shelf, "period_locked")
    locked(xero, lock)
    if goes:
        assert "Recording it on 1 May 2026." == await redate(xero, shelf, row)
    else:
        words = r"^Xero is locked up to and including today: 2 May 2026 would be the first open day\.$"
        with pytest.raises(Refused, match=words):
            await redate(xero, shelf, row)
        assert [("parked", None)] == await dated(shelf, row)


async def test_a_payout_keeps_the_day_of_its_arrival(xero: XeroSays, shelf: Shelf, noon: object):
    """Counted from when the bank had it."""
    await shelf.choose("bank", "GBP")
    await shelf.choose("payments", "GBP")
    made = await intents.intend_transfer(await shelf.payout(900), shelf.connection)
    row = await bring(made, "parked", reason="period_locked")
    locked(xero, date(2026, 3, 3))
    assert "Its own day is not locked any more; trying again." == await redate(xero, shelf, row)
    await bring(made, "parked", reason="period_locked")
    locked(xero, date(2026, 3, 4))
    assert "Recording it on 5 March 2026." == await redate(xero, shelf, row)


async def test_another_day_is_only_for_what_may_have_one(xero: XeroSays, shelf: Shelf):
    """What waits for a locked period and can carry a day, and its own merchant; Xero is not asked otherwise."""
    row, other = await waiting(shelf, "period_locked"), await waiting(shelf, "other")
    under_way = await waiting(shelf, "period_locked", state="unknown")
    for refused in (other, under_way):
        with pytest.raises(Refused, match=GONE):
            await redate(xero, shelf, refused)
    with pytest.raises(NotFound):
        await choices.redate(xero.clients, uuid4(), row["id"])
    assert [] == xero.calls
    kinds = ("payment", "fee", "overpayment", "transfer", "credit_note", "credit_refund", "reversal", "exchange")
    may = [choices.may_redate({"kind": kind, "reason": "period_locked"}) for kind in kinds]
    assert ([True] * 6 + [False] * 2, False) == (may, choices.may_redate({"kind": "payment", "reason": "other"}))


async def test_what_goes_on_meanwhile_keeps_its_day(xero: XeroSays, shelf: Shelf, noon: object):
    """Tried again while Xero was asked: the choice is refused, and nothing of it remains."""
    row = await waiting(shelf, "period_locked")

    async def meanwhile() -> None:
        await bring(row["id"], "sending")

    locked(xero, date(2026, 3, 31), meanwhile=meanwhile)
    with pytest.raises(Refused, match=GONE):
        await redate(xero, shelf, row)
    assert [("sending", None)] == await dated(shelf, row)


def test_the_first_open_day():
    """The day after the latest lock; none where nothing is locked."""
    assert choices.first_open(None, None) is None
    assert (
        date(2027, 1, 1) == choices.first_open(date(2026, 12, 31), None) == choices.first_open(None, date(2026, 12, 31))
    )
