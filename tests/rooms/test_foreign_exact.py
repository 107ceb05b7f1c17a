"""Requests and tasks in other currencies, against the database alone: Stripe's own figures, to the unit, or a reason to wait."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.books import intents
from app.books.intents_requests import RATE_PATIENCE, WAITS, part_of
from app.core import db
from app.core.clock import now
from app.core.money import Money
from tests.rooms.shelf import PAID_AT, Row, Shelf, write_back

DOLLARS: dict[str, Any] = {"currency": "USD", "settlement_currency": "GBP", "settled_minor": 4001}


async def request(row_id: int | None) -> dict[str, Any]:
    text = (await write_back(row_id))["request"]
    return dict(msgspec.json.decode(text)) if text else {}


async def parked(shelf: Shelf, payment: Row) -> Row | None:
    """What a person is asked to do about an exchange, if anything."""
    return await intents.of_payment(payment["id"], "exchange")


@given(st.integers(-(10**12), 10**12), st.integers(0, 10**12), st.integers(1, 10**12))
def test_a_proportion_is_the_nearest_unit(whole: int, part: int, of: int):
    """Never further than half a unit from the exact share, halves away from zero; all of it is all of it."""
    share = part_of(whole, part, of)
    assert 2 * abs(share * of - whole * part) <= of
    assert part_of(-whole, part, of) == -share
    assert whole == part_of(whole, of, of)
    assert (0, 1, -1, 2) == (part_of(1, 1, 3), part_of(1, 1, 2), part_of(-1, 1, 2), part_of(3, 1, 2))


@pytest.mark.parametrize(("kept_in", "columns", "brought"), [
    ("GBP", DOLLARS, 40.01), ("USD", DOLLARS, None), ("", DOLLARS, None), ("EUR", DOLLARS, None),
    ("GBP", DOLLARS | {"settlement_currency": "", "paid_at": PAID_AT}, None),
])  # fmt: skip
async def test_a_payment_carries_what_stripe_credited(
    shelf: Shelf, kept_in: str, columns: dict[str, Any], brought: float | None
):
    """Where its account is kept in the currency Stripe settled in; elsewhere Xero's own rate counts."""
    await shelf.choose("payments", "USD", account_currency=kept_in)
    await db.fetch("UPDATE connection SET base_currency = 'NZD' WHERE id = $1", shelf.connection)
    sent = await request(await intents.intend_payment(await shelf.payment(5000, **columns)))
    assert (50, brought) == (sent["Amount"], sent.get("BankAmount"))


async def test_a_part_carries_its_share(shelf: Shelf):
    """Half of the payment brings half of what it was settled for, to the nearest penny."""
    await shelf.choose("payments", "USD", account_currency="GBP")
    row_id = await intents.intend_payment(await shelf.payment(5000, **DOLLARS))
    assert row_id is not None
    assert await intents.resize(row_id, Money(2500, "USD"))
    assert await intents.freeze(row_id)
    sent = await request(row_id)
    assert (25, 20.01) == (sent["Amount"], sent["BankAmount"])


async def test_no_rate_is_guessed_before_stripe_has_said_it(shelf: Shelf):
    """For an hour the request waits; then Xero's own rate counts."""
    await shelf.choose("payments", "USD", account_currency="GBP")
    assert timedelta(hours=1) == RATE_PATIENCE
    for age, reason in ((timedelta(minutes=50), WAITS), (timedelta(minutes=70), "")):
        unsettled = DOLLARS | {"settlement_currency": "", "settled_minor": None, "paid_at": now() - age}
        row_id = await intents.intend_payment(await shelf.payment(5000, **unsettled))
        assert row_id is not None
        assert reason == await intents.obstacle(row_id)
        assert bool(reason) is ((await write_back(row_id))["request"] == "")
    assert "" == await intents.obstacle(10**9)


@pytest.mark.parametrize(("accounts", "source"), [
    ({"USD": "GBP", "GBP": "GBP"}, "USD"), ({"USD": "USD", "GBP": "GBP"}, "GBP"), ({"USD": "GBP"}, "USD"),
    ({"GBP": "GBP"}, "GBP"), ({"USD": "USD"}, "fee_currency"), ({"EUR": "GBP"}, "account_missing"), ({}, "account_missing"),
])  # fmt: skip
async def test_a_fee_is_spent_in_its_own_currency(shelf: Shelf, accounts: dict[str, str], source: str):
    """From the payment's own account if that is kept in it, else from the one chosen for it, else not at all."""
    await shelf.choose("fees", code="404")
    for currency, kept_in in accounts.items():
        await shelf.choose("payments", currency, account_currency=kept_in, xero_account_id=currency)
    row_id = await intents.intend_fee(await shelf.payment(5000, **DOLLARS), Money(76, "GBP"))
    assert row_id is not None
    sent = await request(row_id)
    if len(source) == 3:
        assert source == sent["BankAccount"]["AccountID"]
    else:
        assert ({}, source) == (sent, await intents.obstacle(row_id))


@pytest.mark.parametrize(
    ("clearing", "bank", "fits"),
    [("EUR", "EUR", True), ("GBP", "EUR", False), ("EUR", "GBP", False), ("GBP", "GBP", False)],
)
async def test_a_payout_moves_between_accounts_of_its_currency(shelf: Shelf, clearing: str, bank: str, fits: bool):
    """Whichever way it goes; between others Xero would take the amount for another currency's."""
    await shelf.choose("payments", "EUR", account_currency=clearing)
    await shelf.choose("bank", "EUR", account_currency=bank)
    for minor, source, target in (
        (5001, "payments-account", "bank-account"),
        (-5001, "bank-account", "payments-account"),
    ):
        row_id = await intents.intend_transfer(await shelf.payout(minor, "EUR"), shelf.connection)
        assert row_id is not None
        sent = await request(row_id)
        if fits:
            moved = (sent["FromBankAccount"]["AccountID"], sent["ToBankAccount"]["AccountID"], sent["Amount"])
            assert (source, target, 50.01) == moved
        else:
            assert ({}, "payout_currency") == (sent, await intents.obstacle(row_id))


async def test_a_payout_is_put_before_the_merchant_once(shelf: Shelf):
    """With its reason and amount; told by mail a little later."""
    payout, began = await shelf.payout(5000), now()
    for reason in ("payout_mixed", "payout_currency"):
        await intents.transfer_by_hand(payout, shelf.connection, reason)
    row = await db.fetch_row("SELECT * FROM write_back WHERE payout = $1", payout["id"])
    assert row is not None
    expected = {
        "merchant": shelf.merchant, "connection": shelf.connection, "kind": "transfer", "state": "parked", "invoice": None,
        "reason": "payout_mixed", "amount_minor": 5000, "currency": "GBP",
    }  # fmt: skip
    assert expected == {name: row[name] for name in expected}
    assert intents.reference_of(payout["stripe_account_id"], payout["stripe_payout_id"], "transfer") == row["reference"]
    soon = await db.fetch_value(
        "SELECT next_at FROM job WHERE kind = 'merchant.alert' AND subject = $1", str(shelf.merchant)
    )
    assert began + timedelta(seconds=30) <= soon


@pytest.mark.parametrize(
    ("kept_in", "bank", "asked"), [("USD", True, True), ("GBP", True, False), ("", True, False), ("USD", False, False)]
)
async def test_money_that_stripe_changed_is_moved_by_a_person(shelf: Shelf, kept_in: str, bank: bool, asked: bool):
    """Where its account is kept in another currency than Stripe made of it, and payouts are recorded."""
    await shelf.choose("payments", "USD", account_currency=kept_in)
    await db.fetch("UPDATE connection SET base_currency = 'NZD' WHERE id = $1", shelf.connection)
    if bank:
        await shelf.choose("bank", "GBP")
    assert bank is await intents.records_payouts(shelf.connection)
    payment = await shelf.payment(5000, **DOLLARS)
    await intents.intend_exchange(payment, Money(4001, "GBP"))
    row = await parked(shelf, payment)
    assert asked is (row is not None)
    if row:
        told = (row["state"], row["reason"], row["amount_minor"], row["currency"], row["message"], row["request"])
        assert ("parked", "exchanged", 5000, "USD", "Stripe made £40.01 of $50.00.", "") == told


@pytest.mark.parametrize(("more", "words"), [(12, "£0.12 more"), (-7, "£0.07 less")])
async def test_a_refund_at_another_rate_is_told_to_the_penny(shelf: Shelf, more: int, words: str):
    """How much more or less it took than the payment had brought; only where that account is kept in it."""
    payment = await shelf.payment(5000, **DOLLARS)
    await shelf.choose("bank", "GBP")
    await intents.intend_difference(payment, Money(more, "GBP"))
    await shelf.choose("payments", "USD", account_currency="USD")
    await intents.intend_difference(payment, Money(more, "GBP"))
    assert await parked(shelf, payment) is None
    await db.fetch(
        "UPDATE account_choice SET account_currency = 'GBP' WHERE connection = $1 AND kind = 'payments'",
        shelf.connection,
    )
    await intents.intend_difference(payment, Money(more, "GBP"))
    row = await parked(shelf, payment)
    assert row is not None
    told = (row["state"], row["reason"], row["amount_minor"], row["currency"], row["message"])
    assert (
        "parked",
        "refund_rate",
        abs(more),
        "GBP",
        f"Stripe took {words} for the refund than the payment had brought.",
    ) == told
