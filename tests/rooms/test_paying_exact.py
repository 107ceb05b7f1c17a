"""Payments on their way into Xero, to the letter: who is sent, who waits, and what is made of each element's answer."""

from datetime import timedelta
from typing import Any

import pytest

from app.books.writeback.paying import write_payments
from app.books.writeback.rows import Item
from app.books.writeback.timing import TIMING
from app.books.writeback.verdict import Later, Verdicts
from app.core import db
from app.core.clock import from_now, now
from tests.fixtures.xero_says import Says, XeroSays
from tests.rooms.shelf import Shelf, write_back
from tests.rooms.writing import (
    LOOKING,
    ONCE_MORE,
    REFUSED,
    after,
    due,
    invoice,
    invoices,
    lost,
    no,
    payment,
    payments,
    quiet,
    read,
    states,
    told,
)

SEND, SEARCH = "PUT /Payments", "GET /Payments"
SPENT = "The payment exceeds the amount outstanding on this document."
Said = dict[int, Later | None]


def of(item: Item) -> str:
    return f"GET /Invoices/{item.invoice_id}"


async def write(xero: XeroSays, *items: Item) -> Said:
    """One turn with these rows; what it says of each."""
    verdicts = Verdicts()
    await write_payments(await xero.tenant(), list(items), verdicts)
    return verdicts.said


async def test_payments_are_sent_in_one_call(xero: XeroSays, shelf: Shelf, points: list[str]):
    """Their frozen bytes, in order, under the key that stands in the rows; each is confirmed under its own id."""
    items = [await due(shelf, minor) for minor in (1000, 2000, 3000)]
    xero.when(of(items[0]), invoices(invoice(items[0], "60.00")))
    answers = [payment(item, f"pay-{n}", str(item.amount)) for n, item in enumerate(items)]
    xero.when(SEND, payments(answers[0], answers[1] | {"Reference": ""}, answers[2]))
    assert {item.claim.id: None for item in items} == await write(xero, *items)
    assert [of(items[0]), SEND] == xero.calls
    assert [{"Payments": [read(item) for item in items]}] == xero.sent(SEND)
    for n, item in enumerate(items):
        row = await write_back(item.claim.id)
        assert ("confirmed", f"pay-{n}") == (row["state"], row["xero_id"])
        assert row["idempotency_key"] == xero.asked[-1].headers["idempotency-key"]
    assert ["K11", "K10", "K12", "K11", "K13", "K14", "K15", "K16", "K16", "K16"] == points


async def test_what_stands_in_xero_is_not_sent(xero: XeroSays, shelf: Shelf):
    """It is adopted, also the first time; only the other one is sent."""
    there, new = await due(shelf), await due(shelf)
    xero.when(of(there), invoices(invoice(there, "60.00", payment(there, "old"))))
    xero.when(SEND, payments(payment(new, "new")))
    assert {there.claim.id: None, new.claim.id: None} == await write(xero, there, new)
    assert [{"Payments": [read(new)]}] == xero.sent(SEND)
    assert ["old", "new"] == [(await write_back(item.claim.id))["xero_id"] for item in (there, new)]


async def test_a_look_that_finds_everything_sends_nothing(xero: XeroSays, shelf: Shelf):
    """Not even an empty call."""
    item = await due(shelf)
    xero.when(of(item), invoices(invoice(item, "0.00", payment(item, "old"), Status="PAID")))
    assert {item.claim.id: None} == await write(xero, item)
    assert ([of(item)], ["confirmed"]) == (xero.calls, await states(item))


async def test_what_was_lost_is_sent_after_two_absences(xero: XeroSays, shelf: Shelf, noon: Any):
    """The first look that finds nothing is noted; the second, a while later, sends it; then it is looked at once more."""
    first, second, new = (
        await lost(shelf),
        await lost(shelf, absent_at=now() - timedelta(hours=1)),
        await due(shelf, 100),
    )
    xero.when(of(first), invoices(invoice(first)))
    xero.when(SEARCH, payments())
    xero.when(SEND, payments(payment(second, "a"), payment(new, "b", "1.00")))
    said = await write(xero, first, second, new)
    assert {first.claim.id: after(TIMING.apart, ONCE_MORE), second.claim.id: quiet(LOOKING), new.claim.id: None} == said
    assert [{"Payments": [read(second), read(new)]}] == xero.sent(SEND)
    assert ["unknown", "confirmed", "confirmed"] == await states(first, second, new)
    assert noon == (await write_back(first.claim.id))["absent_at"]


@pytest.mark.parametrize(("more", "reason", "exception"), [
    ({"Status": "VOIDED"}, "invoice_voided", "voided"), ({"Status": "PAID"}, "invoice_paid", "paid_elsewhere"),
    ({"CurrencyCode": "EUR"}, "currency_changed", ""), ({"AmountDue": "39.99"}, "overpaid", "overpaid"),
    ({"Status": "DRAFT"}, "invoice_not_approved", ""),
])  # fmt: skip
async def test_what_the_invoice_does_not_take_waits_for_the_merchant(
    xero: XeroSays, shelf: Shelf, more: dict[str, str], reason: str, exception: str
):
    """With the reason, and without being sent."""
    item = await due(shelf)
    xero.when(of(item), invoices(invoice(item) | more))
    assert {item.claim.id: None} == await write(xero, item)
    assert (("parked", reason, ""), [of(item)]) == (await told(item), xero.calls)
    assert exception == (await shelf.reread(item.row["payment"]))["exception"]


async def test_an_invoice_that_is_gone_takes_nothing(xero: XeroSays, shelf: Shelf):
    """The money waits for the merchant."""
    item = await due(shelf)
    xero.when(of(item), Says(status=404))
    await write(xero, item)
    assert ("parked", "invoice_gone", "") == await told(item)


async def test_payments_of_one_invoice_share_what_is_due(xero: XeroSays, shelf: Shelf, noon: Any):
    """What fits beside the others is sent; what does not is looked at again right after them, since more may be due by then."""
    items = [await due(shelf) for _ in range(3)]
    small = await due(shelf, 2000)
    xero.when(of(small), invoices(invoice(small)))
    xero.when(SEND, payments(payment(items[0], "a"), payment(items[1], "b"), payment(small, "c", "20.00")))
    said = await write(xero, *items, small)
    later = after(0, "After the other payment of the same invoice.")
    assert {items[0].claim.id: None, items[1].claim.id: None, items[2].claim.id: later, small.claim.id: None} == said
    assert [{"Payments": [read(items[0]), read(items[1]), read(small)]}] == xero.sent(SEND)
    assert ["confirmed", "confirmed", "intended", "confirmed"] == await states(*items, small)


async def test_what_alone_is_too_much_does_not_wait_for_others(xero: XeroSays, shelf: Shelf):
    """It is put before the merchant at once; the others are sent."""
    much, fits = await due(shelf, 10001), await due(shelf)
    xero.when(of(much), invoices(invoice(much)))
    xero.when(SEND, payments(payment(fits)))
    assert {much.claim.id: None, fits.claim.id: None} == await write(xero, much, fits)
    assert ("parked", "overpaid", "") == await told(much)


# ---- answers


async def test_an_answer_in_another_order_is_no_answer(xero: XeroSays, shelf: Shelf, noon: Any):
    """When one element names another row, nothing is known of any."""
    items = [await due(shelf), await due(shelf)]
    xero.when(of(items[0]), invoices(invoice(items[0])))
    xero.when(SEND, payments(payment(items[0], "a"), payment("Payportal OTHER", "b")))
    assert {item.claim.id: quiet() for item in items} == await write(xero, *items)
    assert ["unknown", "unknown"] == await states(*items)


async def test_another_amount_than_was_sent_is_looked_into(xero: XeroSays, shelf: Shelf, noon: Any):
    """That one is unclear; its neighbour is confirmed."""
    odd, good = await due(shelf), await due(shelf)
    xero.when(of(odd), invoices(invoice(odd)))
    xero.when(SEND, payments(payment(odd, "a", "39.99"), payment(good, "b")))
    assert {odd.claim.id: quiet(), good.claim.id: None} == await write(xero, odd, good)
    assert ["unknown", "confirmed"] == await states(odd, good)


async def test_each_element_has_its_own_outcome(xero: XeroSays, shelf: Shelf):
    """One refused with all of Xero's words, the others confirmed, whichever stands first."""
    bad, good = await due(shelf), await due(shelf)
    xero.when(of(bad), invoices(invoice(bad)))
    xero.when(SEND, payments(no(REFUSED, "Move the lock date."), payment(good, "b")))
    assert {bad.claim.id: None, good.claim.id: None} == await write(xero, bad, good)
    assert ("parked", "period_locked", f"{REFUSED} Move the lock date.") == await told(bad)
    assert ["confirmed"] == await states(good)


@pytest.mark.parametrize(("more", "reason"), [
    ({"Status": "PAID", "AmountDue": "0.00"}, "invoice_paid"), ({"AmountDue": "39.99"}, "overpaid"),
    ({"CurrencyCode": "EUR"}, "currency_changed"), ({}, "other"),
])  # fmt: skip
async def test_an_invoice_that_was_paid_a_moment_before(
    xero: XeroSays, shelf: Shelf, more: dict[str, str], reason: str
):
    """Xero refuses the amount: the invoice is looked at once more, and says why; if it does not, Xero's words stand."""
    item = await due(shelf)
    xero.when(of(item), invoices(invoice(item)), invoices(invoice(item) | more))
    xero.when(SEND, payments(no(SPENT)))
    assert {item.claim.id: None} == await write(xero, item)
    assert (("parked", reason, SPENT), [of(item), SEND, of(item)]) == (await told(item), xero.calls)


async def test_what_does_not_fit_because_it_is_there_already(xero: XeroSays, shelf: Shelf):
    """Ours stands on the invoice: it is adopted."""
    item = await due(shelf)
    xero.when(of(item), invoices(invoice(item)), invoices(invoice(item, "0.00", payment(item, "old"))))
    xero.when(SEND, payments(no(SPENT)))
    assert {item.claim.id: None} == await write(xero, item)
    assert ("confirmed", "old") == ((await states(item))[0], (await write_back(item.claim.id))["xero_id"])


async def test_a_second_look_that_fails_is_taken_later(xero: XeroSays, shelf: Shelf, noon: Any):
    """Xero did not take it, and cannot be asked why: as if never sent, in a while."""
    item = await due(shelf)
    xero.when(of(item), invoices(invoice(item)), Says(status=503))
    xero.when(SEND, payments(no(SPENT)))
    assert {item.claim.id: after(TIMING.waiting, "Looking at the invoice once more.")} == await write(xero, item)
    row = await write_back(item.claim.id)
    assert ("intended", None, "") == (row["state"], row["sent_at"], row["idempotency_key"])


async def test_a_second_look_that_has_no_call_left_is_taken_later(xero: XeroSays, shelf: Shelf, noon: Any):
    """In the same way when our own budget ends between the two."""
    item = await due(shelf)

    async def used_up() -> None:
        sql = "UPDATE xero_budget SET blocked_until = $2 WHERE xero_tenant_id = $1"
        await db.fetch(sql, xero.tenant_id, from_now(600))

    xero.when(of(item), invoices(invoice(item)))
    xero.when(SEND, Says(payments(no(SPENT)), meanwhile=used_up))
    assert {item.claim.id: after(TIMING.waiting, "Looking at the invoice once more.")} == await write(xero, item)
    assert ([of(item), SEND], ["intended"]) == (xero.calls, await states(item))


async def test_what_was_sent_is_marked_before_it_leaves(xero: XeroSays, shelf: Shelf, noon: Any):
    """When Xero hears of it, the row says so."""
    item = await due(shelf)
    seen: list[Any] = []

    async def look() -> None:
        seen.append(await write_back(item.claim.id))

    xero.when(of(item), invoices(invoice(item)))
    xero.when(SEND, Says(payments(payment(item)), meanwhile=look))
    await write(xero, item)
    assert [("sending", noon)] == [(row["state"], row["sent_at"]) for row in seen]
    assert xero.asked[-1].headers["idempotency-key"] == seen[0]["idempotency_key"]
