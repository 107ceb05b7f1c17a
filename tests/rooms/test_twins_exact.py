"""What stands in Xero twice, to the letter: where it is looked for, how it is told, and when it is over."""

from typing import Any
from uuid import uuid4

import pytest

from app.books import access, breaches
from app.books.ledger import Breach
from app.books.writeback.rows import Item
from app.books.writeback.twins import look_for_twins, recheck
from app.books.writeback.verdict import Verdicts
from app.core import db
from app.core.clock import now
from app.core.errors import Upstream
from app.core.work import Postpone
from tests.fixtures.xero_says import Says, XeroSays
from tests.rooms.shelf import PAID_AT, Shelf, bring, put, write_back
from tests.rooms.writing import due, entry, fee, invoice, invoices, moved, payment, payments, spent, transfer


async def alarm(shelf: Shelf, subject: str, kind: str = breaches.TWICE) -> None:
    await breaches.alarm(Breach(kind, shelf.merchant, subject))


async def standing(shelf: Shelf) -> list[tuple[str, str]]:
    """The breaches that stand, as kind and subject."""
    return [(row["kind"], row["subject"]) for row in await breaches.open_ones(shelf.merchant)]


async def recorded(shelf: Shelf, kind: str = "payment", xero_id: str = "a") -> Item:
    """A row that was sent twice, and is confirmed."""
    make = {"payment": due, "fee": fee, "transfer": transfer}[kind]
    return await make(shelf, state="confirmed", sent_at=PAID_AT, xero_id=xero_id)


def shows(xero: XeroSays, item: Item, kind: str, *ids: str) -> None:
    """These stand in Xero under the row's reference."""
    if kind == "payment":
        shown = [payment(item, one, str(item.amount)) for one in ids]
        xero.when(f"GET /Invoices/{item.invoice_id}", invoices(invoice(item, "0.00", *shown)))
        xero.when("GET /Payments", payments())
    elif kind == "fee":
        xero.when("GET /BankTransactions", spent(*(entry(item, one) for one in ids)))
    else:
        xero.when("GET /BankTransfers", moved(*(entry(item, one, "BankTransfer") for one in ids)))


@pytest.mark.parametrize("kind", ["payment", "fee", "transfer"])
@pytest.mark.parametrize(("ids", "twice"), [((), False), (("a",), False), (("a", "b"), True)])
async def test_two_are_a_breach(xero: XeroSays, shelf: Shelf, kind: str, ids: tuple[str, ...], twice: bool):
    """One is not, and none is not; the look is over either way, and the row stays as it is."""
    item, verdicts = await recorded(shelf, kind), Verdicts()
    shows(xero, item, kind, *ids)
    await look_for_twins(await xero.tenant(), item, verdicts)
    assert {item.claim.id: None} == verdicts.said
    assert ([(breaches.TWICE, f"write-back {item.claim.id}")] if twice else []) == await standing(shelf)
    row = await write_back(item.claim.id)
    assert ("confirmed", "a") == (row["state"], row["xero_id"])


@pytest.mark.parametrize(("kind", "kept"), [("payment", "a"), ("payment", "b"), ("fee", "b"), ("transfer", "b")])
async def test_one_that_was_removed_ends_it(xero: XeroSays, shelf: Shelf, kind: str, kept: str):
    """Whichever of the two: ours is then the one that was kept."""
    item = await recorded(shelf, kind)
    await alarm(shelf, f"write-back {item.claim.id}")
    shows(xero, item, kind, kept)
    assert await recheck(xero.clients, shelf.merchant)
    assert [] == await standing(shelf)
    assert kept == (await write_back(item.claim.id))["xero_id"]


async def test_both_removed_ends_it_too(xero: XeroSays, shelf: Shelf):
    """Nothing stands twice; that nothing stands at all is another check's to tell."""
    item = await recorded(shelf)
    await alarm(shelf, f"write-back {item.claim.id}")
    shows(xero, item, "payment")
    assert await recheck(xero.clients, shelf.merchant)
    assert ([], "a") == (await standing(shelf), (await write_back(item.claim.id))["xero_id"])


async def test_two_that_stand_still_go_on(xero: XeroSays, shelf: Shelf):
    """The breach stands as it was told; one that is over beside it is cleared."""
    item, over = await recorded(shelf, "fee"), await recorded(shelf)
    for one in (item, over):
        await alarm(shelf, f"write-back {one.claim.id}")
    ((first, *_),) = [await breaches.open_ones(shelf.merchant)]
    shows(xero, item, "fee", "a", "b")
    shows(xero, over, "payment", "a")
    assert not await recheck(xero.clients, shelf.merchant)
    (still,) = await breaches.open_ones(shelf.merchant)
    assert (first["id"], f"write-back {item.claim.id}") == (still["id"], still["subject"])
    assert "a" == (await write_back(item.claim.id))["xero_id"]


async def test_only_what_was_told_is_looked_at(xero: XeroSays, shelf: Shelf):
    """Breaches of another kind, and other merchants', are not touched, nor is Xero asked."""
    other = await Shelf().open()
    await alarm(shelf, "write-back 1", breaches.TOTALS)
    await alarm(other, f"write-back {uuid4()}")
    assert await recheck(xero.clients, shelf.merchant)
    assert ([(breaches.TOTALS, "write-back 1")], 1) == (await standing(shelf), len(await standing(other)))
    assert [] == xero.calls


async def test_what_is_not_recorded_keeps_its_id(xero: XeroSays, shelf: Shelf):
    """Taken back meanwhile, it is not given another one."""
    item = await recorded(shelf)
    await bring(item.claim.id, "reversed")
    await alarm(shelf, f"write-back {item.claim.id}")
    shows(xero, item, "payment", "b")
    assert await recheck(xero.clients, shelf.merchant)
    assert "a" == (await write_back(item.claim.id))["xero_id"]


async def test_no_answer_ends_nothing(xero: XeroSays, shelf: Shelf):
    """Nor does a connection that broke: the breach stands."""
    item = await recorded(shelf)
    await alarm(shelf, f"write-back {item.claim.id}")
    xero.when(f"GET /Invoices/{item.invoice_id}", Says(status=503))
    with pytest.raises(Upstream):
        await recheck(xero.clients, shelf.merchant)
    xero.when(f"GET /Invoices/{item.invoice_id}", Says(status=401, headers={"WWW-Authenticate": "insufficient_scope"}))
    with pytest.raises(access.Broken):
        await recheck(xero.clients, shelf.merchant)
    assert [(breaches.TWICE, f"write-back {item.claim.id}")] == await standing(shelf)


@pytest.mark.parametrize(("used", "asked"), [(39, True), (40, False)])
async def test_looking_again_leaves_calls_for_money(xero: XeroSays, shelf: Shelf, used: int, asked: bool):
    """It takes no more of Xero's minute than syncing does."""
    item = await recorded(shelf, "fee")
    await alarm(shelf, f"write-back {item.claim.id}")
    times: dict[str, Any] = {"minute_start": now(), "minute_used": used, "day_start": now()}
    await put("xero_budget", id=uuid4(), xero_tenant_id=xero.tenant_id, **times)
    shows(xero, item, "fee", "a")
    if asked:
        assert await recheck(xero.clients, shelf.merchant)
    else:
        with pytest.raises(Postpone):
            await recheck(xero.clients, shelf.merchant)
    assert asked is bool(xero.calls)
    assert 1 == await db.fetch_value("SELECT count(*) FROM breach WHERE merchant = $1", shelf.merchant)
