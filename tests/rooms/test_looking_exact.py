"""Looking in Xero for what we may have written, to the letter: what is asked, what counts as ours, and what cannot be said."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.books.writeback.rows import Item
from app.books.writeback.search import Seen, beside, look
from app.core.errors import Upstream
from tests.fixtures.xero_says import Says, XeroSays
from tests.rooms.shelf import PAID_AT, Shelf
from tests.rooms.writing import due, entry, fee, invoice, invoices, lost, moved, payment, payments, spent, transfer

SPENT, MOVED, SEARCH = "GET /BankTransactions", "GET /BankTransfers", "GET /Payments"


def of(item: Item) -> str:
    return f"GET /Invoices/{item.invoice_id}"


def elsewhere(item: Item) -> Item:
    """The same, for another invoice."""
    return replace(item, row=dict(item.row) | {"xero_invoice_id": str(uuid4())})


# ---- payments


async def test_one_read_is_enough_for_what_was_never_sent(xero: XeroSays, shelf: Shelf):
    """The invoice itself, which shows its payments; nobody else's is taken for ours."""
    item = await due(shelf)
    xero.when(of(item), invoices(invoice(item, "60.00", payment("Rent", "rent"), payment(item, "", "40.00"))))
    seen = await look(await xero.tenant(), [item])
    assert ([of(item)], [], ["rent"]) == (xero.calls, seen.of(item), seen.payments["Rent"])
    found = seen.invoices[item.invoice_id]
    assert found
    assert "60.00" == str(found.due)


async def test_what_the_invoice_shows_is_ours_by_its_reference(xero: XeroSays, shelf: Shelf):
    """Each id once; without a further search, since the invoice names what it shows."""
    item = await due(shelf)
    shown = [payment(item, one, "39.00") for one in ("a", "b", "a")]
    xero.when(of(item), invoices(invoice(item, "60.00", *shown)))
    seen = await look(await xero.tenant(), [item])
    assert (["a", "b"], [of(item)]) == (seen.of(item), xero.calls)


async def test_an_invoice_that_is_gone_is_noted_as_gone(xero: XeroSays, shelf: Shelf):
    """It shows no payments, and that is an answer."""
    item = await due(shelf)
    xero.when(of(item), Says(status=404))
    seen = await look(await xero.tenant(), [item])
    assert ({item.invoice_id: None}, []) == (seen.invoices, seen.of(item))


async def test_two_payments_of_one_invoice_are_one_read(xero: XeroSays, shelf: Shelf):
    """Of the invoice itself."""
    items = [await due(shelf), await due(shelf)]
    xero.when(of(items[0]), invoices(invoice(items[0])))
    await look(await xero.tenant(), items)
    assert [of(items[0])] == xero.calls


async def test_several_invoices_are_one_read(xero: XeroSays, shelf: Shelf):
    """Of all of them by id, with no other filter; what the list leaves out is asked for by itself before it counts as gone."""
    first = await due(shelf)
    second, third = elsewhere(await due(shelf)), elsewhere(await due(shelf))
    xero.when("GET /Invoices", invoices(invoice(second), invoice(first)))
    xero.when(of(third), Says(status=404))
    seen = await look(await xero.tenant(), [first, second, third, first])
    assert ["GET /Invoices", of(third)] == xero.calls
    wanted = ",".join(item.invoice_id for item in (first, second, third))
    assert {"page": "1", "pageSize": "100", "order": "UpdatedDateUTC ASC", "IDs": wanted} == xero.asked[0].query
    assert {first.invoice_id, second.invoice_id, third.invoice_id} == set(seen.invoices)
    assert [False, False, True] == [seen.invoices[item.invoice_id] is None for item in (first, second, third)]


async def test_two_invoices_are_one_read(xero: XeroSays, shelf: Shelf):
    """Already two are asked for together."""
    items = [await due(shelf), elsewhere(await due(shelf))]
    xero.when("GET /Invoices", invoices(*(invoice(item) for item in items)))
    await look(await xero.tenant(), items)
    assert ["GET /Invoices"] == xero.calls


async def test_what_may_have_arrived_is_searched_for_in_two_ways(xero: XeroSays, shelf: Shelf):
    """By invoice and by reference, of what is in doubt only; each way may find it, and it counts once."""
    item, other = await lost(shelf), elsewhere(await due(shelf))
    xero.when("GET /Invoices", invoices(invoice(item), invoice(other)))
    mine = payment(item, "a")
    xero.when(SEARCH, payments(mine), payments(mine, payment(item, "b"), payment(other, "c")))
    seen = await look(await xero.tenant(), [item, other])
    assert ["GET /Invoices", SEARCH, SEARCH] == xero.calls
    wheres = [one.query["where"] for one in xero.asked[1:]]
    assert [f'Invoice.InvoiceID==guid("{item.invoice_id}")', f'Reference=="{item.reference}"'] == wheres
    assert (["a", "b"], []) == (seen.of(item), seen.of(other))


@pytest.mark.parametrize("way", [0, 1])
async def test_either_way_may_find_it_alone(xero: XeroSays, shelf: Shelf, way: int):
    """A filter that silently matches nothing is not absence."""
    item = await lost(shelf)
    xero.when(of(item), invoices(invoice(item)))
    answers = [payments(), payments()]
    answers[way] = payments(payment(item, "a"))
    xero.when(SEARCH, *answers)
    assert ["a"] == (await look(await xero.tenant(), [item])).of(item)


@pytest.mark.parametrize("other", [
    {"Status": "DELETED"}, {"Status": "VOIDED"}, {"Amount": "40.01"}, {"Reference": "Payportal OTHER"}, {"PaymentID": ""},
], ids=["deleted", "voided", "another amount", "another reference", "no id"])  # fmt: skip
async def test_what_the_search_shows_is_filtered_again(xero: XeroSays, shelf: Shelf, other: dict[str, str]):
    """Only what lives, of this amount and reference, is ours; what comes after it is looked at all the same."""
    item = await lost(shelf)
    xero.when(of(item), invoices(invoice(item)))
    xero.when(SEARCH, payments(payment(item, "no") | other, payment(item, "a")), payments())
    assert ["a"] == (await look(await xero.tenant(), [item])).of(item)


@pytest.mark.parametrize(
    ("reference", "amount", "searched"), [("", "40.00", True), ("", "39.00", False), ("Rent", "40.00", False)]
)
async def test_a_payment_without_a_reference_could_be_ours(
    xero: XeroSays, shelf: Shelf, reference: str, amount: str, searched: bool
):
    """One of the same amount: then the search decides, although ours was never sent."""
    item = await due(shelf)
    shown = [payment("Rent", "rent", "40.00"), payment(reference, "x", amount)]
    xero.when(of(item), invoices(invoice(item, "60.00", *shown)))
    xero.when(SEARCH, payments(payment(item, "x")))
    seen = await look(await xero.tenant(), [item])
    assert (["x"] if searched else [], 3 if searched else 1) == (seen.of(item), len(xero.calls))


async def test_no_answer_is_not_absence(xero: XeroSays, shelf: Shelf):
    """Whichever of the reads fails, the look fails."""
    item = await lost(shelf)
    for failing in (0, 1, 2):
        answers = [invoices(invoice(item)), payments(), payments()]
        says = [Says(status=500) if n == failing else answer for n, answer in enumerate(answers)]
        xero.when(of(item), says[0])
        xero.when(SEARCH, *says[1:])
        with pytest.raises(Upstream):
            await look(await xero.tenant(), [item])


def test_what_was_seen_is_noted_once(shelf: Shelf):
    """By reference; what has no id is nothing."""
    seen = Seen()
    for xero_id in ("a", "", "a", "b"):
        seen.add("R", xero_id)
    assert {"R": ["a", "b"]} == seen.payments


# ---- fees and payouts


async def test_fees_are_looked_for_from_when_their_money_moved(xero: XeroSays, shelf: Shelf):
    """The oldest of them, a little earlier since clocks differ; all that live under their references, each once."""
    late = await fee(shelf)
    late = replace(late, row=dict(late.row) | {"moved_at": PAID_AT + timedelta(days=3)})
    item = await fee(shelf)
    rows = [
        entry("Rent", "rent"), entry(item, "gone", Status="DELETED"), entry(item, "void", Status="VOIDED"),
        entry(item, "a"), entry(item, "b"), entry(item, "a"), entry(late, "c"),
    ]  # fmt: skip
    xero.when(SPENT, spent(*rows))
    assert {item.reference: ["a", "b"], late.reference: ["c"]} == await beside(await xero.tenant(), [late, item])
    (asked,) = xero.asked
    assert {"page": "1", "pageSize": "1000"} == asked.query
    assert "2026-03-01T23:15:00" == asked.headers["if-modified-since"]


async def test_a_payout_is_looked_for_among_transfers(xero: XeroSays, shelf: Shelf):
    """In the same way, without pages."""
    item = await transfer(shelf)
    kind = "BankTransfer"
    rows = [entry("Rent", "rent", kind), entry(item, "gone", kind, Status="DELETED"), entry(item, "a", kind)]
    xero.when(MOVED, moved(*rows))
    assert {item.reference: ["a"]} == await beside(await xero.tenant(), [item])
    assert ([MOVED], "2026-03-01T23:15:00") == (xero.calls, xero.asked[0].headers["if-modified-since"])


async def test_every_page_is_looked_through(xero: XeroSays, shelf: Shelf):
    """From the first to one that is less than Xero's smallest full page: it may cut the size that was asked for."""
    item = await fee(shelf)
    full: list[dict[str, Any]] = [{}] * 99
    pages = [spent(entry(item, "a"), *full), spent(*full, entry(item, "b")), spent(*full)]
    xero.when(SPENT, *pages)
    assert ["a", "b"] == (await beside(await xero.tenant(), [item]))[item.reference]
    assert ["1", "2", "3"] == [one.query["page"] for one in xero.asked]
    assert 1 == len({one.headers["if-modified-since"] for one in xero.asked})


async def test_more_than_can_be_looked_through_is_no_answer(xero: XeroSays, shelf: Shelf):
    """After fifty thousand it is said so, rather than that there is nothing."""
    item = await fee(shelf)
    xero.when(SPENT, spent(*[{}] * 1000))
    with pytest.raises(Upstream, match=r"^Xero has more of these than can be looked through\.$") as raised:
        await beside(await xero.tenant(), [item])
    error: Any = raised.value
    assert ("too_many", False, None) == (error.code, error.permanent, error.retry_after)
    assert [str(page) for page in range(1, 51)] == [one.query["page"] for one in xero.asked]
