"""Refunds as credit notes on their way into Xero, to the letter: what they wait for, what is sent, and what becomes of them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.books import intents
from app.books.writeback.crediting import write_credit
from app.books.writeback.rows import Item
from app.books.writeback.sending import send
from app.books.writeback.timing import TIMING
from app.books.writeback.twins import look_for_twins
from app.books.writeback.verdict import Later, Verdicts
from app.core import db, work
from app.core.clock import now
from tests.fixtures.xero_says import Says, XeroSays
from tests.rooms.shelf import Row, Shelf, bring, one, write_back
from tests.rooms.writing import (
    ONCE_MORE,
    REFUSED,
    after,
    credited,
    no,
    payment,
    payments,
    quiet,
    read,
    refund_failed,
    told,
)

NOTES, NOTE, SEND_NOTE = "GET /CreditNotes", "GET /CreditNotes/note-1", "PUT /CreditNotes"
REFUNDS, SEND_REFUND = "GET /Payments", "PUT /Payments"
CAME_BACK = ("abandoned", intents.WITHDRAWN, "The refund did not go through.")
ON = datetime(2026, 4, 2, 9, 30, tzinfo=UTC)
Said = dict[int, Later | None]


async def write(xero: XeroSays, item: Item) -> Said:
    verdicts = Verdicts()
    await write_credit(await xero.tenant(), item, verdicts)
    return verdicts.said


def notes(*papers: dict[str, Any]) -> dict[str, Any]:
    return {"CreditNotes": papers}


def note(of: Item, xero_id: str = "note-1", left: str = "15.00", **more: Any) -> dict[str, Any]:
    """The credit note of this row, with so much left of it."""
    paper = {"CreditNoteID": xero_id, "Reference": of.reference, "Status": "AUTHORISED", "RemainingCredit": left}
    return paper | more


async def payments_row(item: Item) -> Row:
    """The payment's own write."""
    return await one("SELECT * FROM write_back WHERE payment = $1 AND kind = 'payment'", item.row["payment"])


async def test_the_note_is_sent(xero: XeroSays, shelf: Shelf):
    """Its frozen bytes, under the key that stands in its row; with it, the refund of it is meant."""
    item = await credited(shelf)
    xero.when(NOTES, notes())
    xero.when(SEND_NOTE, notes(note(item)))
    assert {item.claim.id: None} == await write(xero, item)
    assert ([NOTES, SEND_NOTE], [{"CreditNotes": [read(item)]}]) == (xero.calls, xero.sent(SEND_NOTE))
    row = await write_back(item.claim.id)
    assert ("confirmed", "note-1") == (row["state"], row["xero_id"])
    assert row["idempotency_key"] == xero.asked[-1].headers["idempotency-key"]
    sql = "SELECT * FROM write_back WHERE payment = $1 AND kind = 'credit_refund'"
    meant = await one(sql, row["payment"])
    assert ("intended", 1500) == (meant["state"], meant["amount_minor"])
    assert [("refunded", "Credit note recorded in Xero", "£15.00")] == await shelf.lines()


async def test_the_refund_of_it_is_sent(xero: XeroSays, shelf: Shelf):
    """When the note still holds just enough."""
    item = await credited(shelf, "credit_refund")
    xero.when(REFUNDS, payments())
    xero.when(NOTE, notes(note(item)))
    xero.when(SEND_REFUND, payments(payment(item, "ref-1", "15.00")))
    assert {item.claim.id: None} == await write(xero, item)
    assert ([REFUNDS, NOTE, SEND_REFUND], [{"Payments": [read(item)]}]) == (xero.calls, xero.sent(SEND_REFUND))
    row = await write_back(item.claim.id)
    assert ("confirmed", "ref-1") == (row["state"], row["xero_id"])
    assert row["idempotency_key"] == xero.asked[-1].headers["idempotency-key"]
    assert [("refunded", "Refund recorded in Xero", "£15.00")] == await shelf.lines()


async def test_what_stands_in_xero_is_not_sent(xero: XeroSays, shelf: Shelf):
    """Also the first time; a note that was refunded need not be asked about."""
    item = await credited(shelf)
    xero.when(NOTES, notes(note(item, "gone", Status="VOIDED"), note(item, "old")))
    assert {item.claim.id: None} == await write(xero, item)
    refund = await credited(shelf, "credit_refund")
    xero.when(REFUNDS, payments(payment("Payportal OTHER", "no"), payment(refund, "old", "15.00")))
    assert {refund.claim.id: None} == await write(xero, refund)
    assert ([NOTES, REFUNDS], ["old", "old"]) == (
        xero.calls,
        [(await write_back(row.claim.id))["xero_id"] for row in (item, refund)],
    )


async def test_where_they_are_looked_for(xero: XeroSays, shelf: Shelf):
    """Among those that changed since the refund, page by page; refunds among Xero's refunds of credit notes."""
    paged = {"pagination": {"pageCount": 2}}
    item, refund = await credited(shelf), await credited(shelf, "credit_refund")
    xero.when(NOTES, notes() | paged, notes(note(item, "old")) | paged)
    xero.when(REFUNDS, payments() | paged, payments(payment(refund, "old")) | paged)
    await write(xero, item)
    await write(xero, refund)
    assert [NOTES, NOTES, REFUNDS, REFUNDS] == xero.calls
    assert ["1", "2", "1", "2"] == [asked.query["page"] for asked in xero.asked]
    sql = "SELECT refunded_at FROM stripe_refund WHERE stripe_refund_id = $1"
    came = [await db.fetch_value(sql, one.row["stripe_refund_id"]) for one in (item, refund)]
    since = [datetime.fromisoformat(asked.headers["if-modified-since"]).replace(tzinfo=UTC) for asked in xero.asked]
    early = [came[at] - moment for at, moment in zip((0, 0, 1, 1), since, strict=True)]
    assert all(timedelta(minutes=15) <= one <= timedelta(minutes=15, seconds=1) for one in early)
    assert [None, 'PaymentType=="ARCREDITPAYMENT"'] == [xero.asked[at].query.get("where") for at in (0, 2)]


@pytest.mark.parametrize("says", [
    Says(status=404),
    {"Status": "VOIDED"}, {"Status": "PAID"}, {"RemainingCredit": "14.99"},
], ids=["gone", "voided", "used up", "too little left"])  # fmt: skip
async def test_a_note_that_was_used_waits_for_the_merchant(xero: XeroSays, shelf: Shelf, says: Any):
    """Nothing is forced: a person decides."""
    item = await credited(shelf, "credit_refund")
    xero.when(REFUNDS, payments())
    xero.when(NOTE, says if isinstance(says, Says) else notes(note(item) | says))
    assert {item.claim.id: None} == await write(xero, item)
    assert (("parked", "credit_used", ""), [REFUNDS, NOTE]) == (await told(item), xero.calls)


@pytest.mark.parametrize(("state", "expected"), [
    ("parked", ("parked", "payment_waits", "")),
    ("unknown", ("intended", "", "")),
    ("abandoned", ("abandoned", intents.WITHDRAWN, "There is nothing to take back.")),
])  # fmt: skip
async def test_a_note_waits_for_its_payment(
    xero: XeroSays, shelf: Shelf, noon: object, state: str, expected: tuple[str, str, str]
):
    """Until it is certain that it stands in Xero; the refund of a note needs only the note."""
    item = await credited(shelf)
    await bring((await payments_row(item))["id"], state)
    wait = after(TIMING.waiting, "The payment itself is not certain in Xero yet.")
    assert {item.claim.id: wait if state == "unknown" else None} == await write(xero, item)
    assert (expected, []) == (await told(item), xero.calls)
    refund = await credited(shelf, "credit_refund")
    await bring((await payments_row(refund))["id"], state)
    xero.when(REFUNDS, payments(payment(refund, "old", "15.00")))
    await write(xero, refund)
    assert "confirmed" == (await told(refund))[0]


# ---- a refund that fails


@pytest.mark.parametrize("kind", ["credit_note", "credit_refund"])
async def test_what_was_not_sent_is_given_up(xero: XeroSays, shelf: Shelf, kind: str):
    """When Stripe's refund fails before: Xero need not be asked."""
    item = await credited(shelf, kind)
    await refund_failed(item)
    assert {item.claim.id: None} == await write(xero, item)
    assert (CAME_BACK, []) == (await told(item), xero.calls)


async def test_what_may_be_there_is_looked_for_first(xero: XeroSays, shelf: Shelf, noon: object):
    """What is found is recorded as it is, for a person to remove; what is absent twice is given up."""
    sent: dict[str, Any] = {"state": "unknown", "sent_at": now() - timedelta(hours=1)}
    there, first = await credited(shelf, **sent), await credited(shelf, **sent)
    second = await credited(shelf, **sent, absent_at=now() - timedelta(hours=1))
    for item in (there, first, second):
        await refund_failed(item)
    xero.when(NOTES, notes(note(there, "old")))
    assert {there.claim.id: None} == await write(xero, there)
    assert {first.claim.id: after(TIMING.apart, ONCE_MORE)} == await write(xero, first)
    assert {second.claim.id: None} == await write(xero, second)
    assert [("confirmed", "", ""), ("unknown", "", ""), CAME_BACK] == [
        await told(one) for one in (there, first, second)
    ]
    assert {NOTES} == set(xero.calls)


# ---- answers


@pytest.mark.parametrize("kind", ["credit_note", "credit_refund"])
async def test_a_refusal_waits_for_the_merchant(xero: XeroSays, shelf: Shelf, kind: str):
    """With its reason, in Xero's words."""
    item = await credited(shelf, kind)
    xero.when(NOTES, notes())
    xero.when(REFUNDS, payments())
    xero.when(NOTE, notes(note(item)))
    xero.when(SEND_NOTE, notes(no(REFUSED)))
    xero.when(SEND_REFUND, payments(no(REFUSED)))
    assert {item.claim.id: None} == await write(xero, item)
    assert ("parked", "period_locked", REFUSED) == await told(item)


async def test_a_lost_answer_is_looked_for_later(xero: XeroSays, shelf: Shelf, noon: object):
    """As with everything that is written."""
    item = await credited(shelf)
    xero.when(NOTES, notes())
    xero.when(SEND_NOTE, Says(status=500))
    assert {item.claim.id: quiet()} == await write(xero, item)
    assert "unknown" == (await told(item))[0]


async def test_each_goes_alone(xero: XeroSays, shelf: Shelf):
    """In a turn of its own, in its own way; the other one waits for its turn."""
    first, other = await credited(shelf), await credited(shelf)
    await db.fetch("UPDATE write_back SET lease_until = NULL WHERE kind = 'credit_note'")
    xero.when(NOTES, notes(note(first, "old")))
    held = await work.claim("write_back", first.claim.id, 15)
    assert held
    await send(xero.clients, held)
    assert ("confirmed", "intended", [NOTES]) == ((await told(first))[0], (await told(other))[0], xero.calls)


@pytest.mark.parametrize("kind", ["credit_note", "credit_refund"])
async def test_two_are_a_breach(xero: XeroSays, shelf: Shelf, kind: str):
    """Under one reference only one may stand."""
    item = await credited(shelf, kind, state="confirmed", sent_at=now())
    xero.when(NOTES, notes(note(item, "a"), note(item, "b")))
    xero.when(REFUNDS, payments(payment(item, "a"), payment(item, "b")))
    await look_for_twins(await xero.tenant(), item, Verdicts())
    assert 1 == await db.fetch_value("SELECT count(*) FROM breach WHERE merchant = $1", shelf.merchant)


# ---- what is frozen


async def frozen(item: Item, **refund: Any) -> Any:
    """The element as it is made now, with the refund changed to this; or why it cannot be made."""
    sets = "".join(f", {name} = ${at}" for at, name in enumerate(refund, start=2))
    sql = f"UPDATE stripe_refund SET status = status{sets} WHERE stripe_refund_id = $1"
    await db.fetch(sql, item.row["stripe_refund_id"], *refund.values())
    await bring(item.claim.id, "intended", request="", request_sha256="")
    why = await intents.obstacle(item.claim.id)
    return why or json.loads((await write_back(item.claim.id))["request"])


@pytest.mark.parametrize(("account", "said"), [
    ({"code": "200", "tax_type": "OUTPUT2"}, {"AccountCode": "200", "TaxType": "OUTPUT2"}),
    ({"code": "", "tax_type": ""}, {"AccountID": "refunds-account"}),
])  # fmt: skip
async def test_what_a_note_says(xero: XeroSays, shelf: Shelf, account: dict[str, str], said: dict[str, str]):
    """One line, on the account and tax rate that were chosen, on the day of the refund."""
    await shelf.choose("refunds", **account)
    await shelf.choose("payments", "GBP")
    item = await credited(shelf)
    line = {"Description": "Refund of invoice INV-1", "Quantity": 1, "UnitAmount": 15.0} | said
    assert {
        "Type": "ACCRECCREDIT", "Status": "AUTHORISED", "Contact": {"ContactID": "con-1"}, "Date": "2026-04-02",
        "LineAmountTypes": "Inclusive", "LineItems": [line], "CurrencyCode": "GBP", "Reference": item.reference,
    } == await frozen(item, refunded_at=ON)  # fmt: skip
    await db.fetch("DELETE FROM account_choice WHERE connection = $1 AND kind = 'refunds'", shelf.connection)
    assert "refunds_account" == await frozen(item)


async def test_what_a_refund_says(xero: XeroSays, shelf: Shelf):
    """The note, and the account that the payment went to."""
    item = await credited(shelf, "credit_refund")
    assert {
        "CreditNote": {"CreditNoteID": "note-1"}, "Account": {"AccountID": "payments-account"}, "Date": "2026-04-02",
        "Amount": 15.0, "Reference": item.reference,
    } == await frozen(item, refunded_at=ON)  # fmt: skip


@pytest.mark.parametrize(("kept_in", "moved", "ago", "bank"), [
    ("GBP", (1700, "EUR"), 0, None), ("EUR", (1700, "EUR"), 0, 17.0), ("JPY", (1700, "JPY"), 0, 1700),
    ("EUR", (1700, "USD"), 0, None), ("EUR", (None, ""), 3599, intents.WAITS), ("EUR", (None, ""), 3600, None),
])  # fmt: skip
async def test_a_refund_in_another_currency(
    xero: XeroSays, shelf: Shelf, noon: object, kept_in: str, moved: tuple[int, str], ago: int, bank: Any
):
    """Stripe's own figure, where the account is kept in that currency; for an hour it is waited for, then Xero's rate counts."""
    await shelf.choose("refunds", code="200")
    await shelf.choose("payments", "GBP", account_currency=kept_in)
    item = await credited(shelf, "credit_refund")
    when = now() - timedelta(seconds=ago)
    said = await frozen(item, moved_minor=moved[0], moved_currency=moved[1], refunded_at=when)
    assert bank == (said if isinstance(said, str) else said.get("BankAmount"))


async def test_a_part_of_a_refund_carries_its_share(xero: XeroSays, shelf: Shelf):
    """When the note is for half of what Stripe moved, so is its refund."""
    await shelf.choose("refunds", code="200")
    await shelf.choose("payments", "GBP", account_currency="EUR")
    item = await credited(shelf, "credit_refund")
    assert 8.51 == (await frozen(item, amount_minor=3000, moved_minor=1701, moved_currency="EUR"))["BankAmount"]


async def test_each_refund_is_meant_once(xero: XeroSays, shelf: Shelf):
    """Under a reference of its own for each kind; another refund of the same payment is another one."""
    item = await credited(shelf)
    paid = await shelf.reread(item.row["payment"])
    once = item.row["stripe_refund_id"]
    assert await intents.intend_of_refund(paid, once, "credit_note", item.money) is None
    made = [
        await intents.intend_of_refund(paid, refund, kind, item.money)
        for refund, kind in (("re_other", "credit_note"), (once, "credit_refund"))
    ]
    rows = [await write_back(row_id) for row_id in made]
    assert ["re_other", once] == [row["stripe_refund_id"] for row in rows]
    assert 3 == len({item.reference, *(row["reference"] for row in rows)})
    assert item.reference == intents.reference_of(paid["stripe_account_id"], once, "credit_note")
    of = ("merchant", "connection", "invoice", "payment", "payout", "amount_minor", "currency")
    assert {tuple(item.row[name] for name in of)} == {tuple(row[name] for name in of) for row in rows}
