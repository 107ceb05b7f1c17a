"""Payouts to the unit: what Stripe sends to the bank, each of its lines, and what of them the ledger had not heard of."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from app.books import intents, ledger, payouts
from app.clients.stripe_wire import LineView, PayoutView
from app.core import db
from app.core.clock import now
from app.core.money import Money
from tests.rooms.shelf import ACCOUNT, PAID_AT, Row, Shelf, one, put

CLEARING, CONVERSION = ("stripe_clearing", "GBP"), ("conversion", "GBP")


def line(kind: str, gross: int, fee: int = 0, **more: Any) -> LineView:
    values: dict[str, Any] = {
        "id": f"txn_{uuid4().hex}", "kind": kind, "amount": gross, "fee": fee, "net": gross - fee, "currency": "gbp",
        "source": "src_1", "payment_intent": "", "description": "Words", "created": PAID_AT,
    }  # fmt: skip
    return LineView(**values | more)


def view(status: str = "paid", **more: Any) -> PayoutView:
    values: dict[str, Any] = {
        "id": f"po_{uuid4().hex}", "status": status, "amount": 5000, "currency": "gbp", "created": PAID_AT,
        "arrives": datetime(2026, 3, 4, tzinfo=UTC), "automatic": True, "explained": True, "failure": "", "livemode": False,
    }  # fmt: skip
    return PayoutView(**values | more)


async def in_all(shelf: Shelf) -> dict[tuple[str, str], int]:
    """What each account of the merchant holds."""
    rows = await db.fetch(
        "SELECT account, currency, sum(amount_minor)::bigint AS minor FROM ledger_entry e JOIN ledger_transaction t "
        "ON t.id = e.ledger_transaction WHERE t.merchant = $1 GROUP BY 1, 2",
        shelf.merchant,
    )
    return {(row["account"], row["currency"]): row["minor"] for row in rows if row["minor"]}


async def test_a_payout_is_stored_once(shelf: Shelf):
    """As Stripe tells it, and booked from the balance to the bank, however often it is told."""
    said = view(amount=5007, automatic=False)
    for _ in range(2):
        row = await payouts._held(shelf.merchant, ACCOUNT, said)
    expected = {
        "merchant": shelf.merchant, "stripe_account_id": ACCOUNT, "stripe_payout_id": said.id, "amount_minor": 5007,
        "currency": "GBP", "automatic": False, "arrives_on": date(2026, 3, 4), "failure": "", "created_at": PAID_AT,
        "state": "pending", "explained_at": None,
    }  # fmt: skip
    assert expected == {name: row[name] for name in expected}
    assert {("bank", "GBP"): 5007, CLEARING: -5007} == await in_all(shelf)
    booked = await one("SELECT * FROM ledger_transaction WHERE merchant = $1", shelf.merchant)
    assert ("stripe", said.id, "payout", None, PAID_AT) == tuple(
        booked[name] for name in ("source", "external_id", "kind", "payment", "occurred_at")
    )


@pytest.mark.parametrize("status", ["failed", "canceled"])
async def test_a_payout_sent_back_returns_to_the_balance(shelf: Shelf, status: str):
    """Once, with Stripe's words cut to what fits, and its day moved where the bank says another one."""
    said, began = view(status, failure="x" * 600, arrives=datetime(2026, 3, 9, tzinfo=UTC)), now()
    payout = await payouts._held(shelf.merchant, ACCOUNT, view("pending", id=said.id))
    await shelf.choose("bank", "GBP")
    meant = await intents.intend_transfer(payout, shelf.connection)
    for _ in range(2):
        await payouts._move(payout, said)
    row = await one("SELECT * FROM payout WHERE id = $1", payout["id"])
    assert (status, "x" * 500, date(2026, 3, 9)) == (row["state"], row["failure"], row["arrives_on"])
    assert began <= row["changed_at"] <= now()
    assert {} == await in_all(shelf)
    assert ["payout", "payout_returned"] == [
        one["kind"]
        for one in await db.fetch("SELECT kind FROM ledger_transaction WHERE external_id = $1 ORDER BY id", said.id)
    ]
    assert "abandoned" == await db.fetch_value("SELECT state FROM write_back WHERE id = $1", meant)


async def test_a_payout_follows_what_stripe_says(shelf: Shelf):
    """On its way, then there; an unknown word changes nothing."""
    payout = await payouts._held(shelf.merchant, ACCOUNT, view("pending"))
    for status, state in (
        ("in_transit", "in_transit"),
        ("resting", "in_transit"),
        ("paid", "paid"),
        ("in_transit", "paid"),
    ):
        await payouts._move(payout, view(status, id=payout["stripe_payout_id"]))
        assert state == await db.fetch_value("SELECT state FROM payout WHERE id = $1", payout["id"])
    assert {("bank", "GBP"): 5000, CLEARING: -5000} == await in_all(shelf)


async def test_lines_are_stored_as_they_are(shelf: Shelf):
    """Each with its amounts, words, time and the payment it belongs to, on this account only; twice told they stand once."""
    payment = await shelf.payment(stripe_payment_intent_id="pi_mine")
    await shelf.payment(stripe_payment_intent_id="pi_mine", stripe_account_id="acct_other")
    payout = await shelf.payout(5000)
    said = [
        line("charge", 4000, 76, payment_intent="pi_mine", source="ch_1", description="One"),
        line("charge", 900, 40, payment_intent="pi_of_somebody", created=datetime(2026, 3, 2, tzinfo=UTC)),
        line("adjustment", -55, currency="jpy"),
    ]
    for _ in range(2):
        await payouts._explain(payout, said)
    rows = await db.fetch("SELECT * FROM payout_line WHERE payout = $1 ORDER BY id", payout["id"])
    names = (
        "payment",
        "balance_transaction_id",
        "kind",
        "source_id",
        "description",
        "gross_minor",
        "fee_minor",
        "net_minor",
        "currency",
        "at",
    )
    assert [
        (payment["id"], said[0].id, "charge", "ch_1", "One", 4000, 76, 3924, "GBP", PAID_AT),
        (None, said[1].id, "charge", "src_1", "Words", 900, 40, 860, "GBP", said[1].created),
        (None, said[2].id, "adjustment", "src_1", "Words", -55, 0, -55, "JPY", PAID_AT),
    ] == [tuple(row[name] for name in names) for row in rows]  # fmt: skip
    assert await db.fetch_value("SELECT explained_at IS NOT NULL FROM payout WHERE id = $1", payout["id"])
    assert {
        CLEARING: 860,
        ("other", "GBP"): -860,
        ("stripe_clearing", "JPY"): -55,
        ("other", "JPY"): 55,
    } == await in_all(shelf)


@pytest.mark.parametrize(("kind", "gross", "fee", "booked"), [
    ("charge", 4000, 76, {}), ("payment", 4000, 76, {}), ("refund", -1000, 0, {}), ("payout", -5000, 0, {}),
    ("payout_failure", 5000, 0, {}), ("refund", -1000, -10, {CLEARING: 10, ("fees", "GBP"): -10}),
    ("adjustment", -4000, 2000, {CLEARING: -2000, ("fees", "GBP"): 2000}),
])  # fmt: skip
async def test_of_a_payment_of_ours_only_the_fee_is_new(
    shelf: Shelf, kind: str, gross: int, fee: int, booked: dict[Any, int]
):
    """Payment, refund and dispute told the rest themselves."""
    payment = await shelf.payment(settlement_currency="GBP")
    told_line = line(kind, gross, fee, payment_intent=payment["stripe_payment_intent_id"])
    await payouts._explain(await shelf.payout(1), [told_line])
    assert booked == await in_all(shelf) == await shelf.ledger(payment)
    if booked:
        row = await one("SELECT * FROM ledger_transaction WHERE payment = $1", payment["id"])
        assert ("stripe", told_line.id, "line", PAID_AT) == (
            row["source"],
            row["external_id"],
            row["kind"],
            row["occurred_at"],
        )


async def test_what_moved_in_another_currency_is_booked_there(shelf: Shelf):
    """A refund of dollars takes pounds from the balance, and a dispute its fee besides."""
    payment = await shelf.payment(5000, "USD", settlement_currency="GBP")
    of = {"payment_intent": payment["stripe_payment_intent_id"]}
    await payouts._explain(
        await shelf.payout(1),
        [line("refund", -800, **of), line("adjustment", -2400, 2000, **of), line("charge", 4000, 76, **of)],
    )
    assert {CLEARING: -5200, CONVERSION: 3200, ("fees", "GBP"): 2000} == await shelf.ledger(payment)


async def test_what_comes_to_nothing_is_no_fact(shelf: Shelf):
    """A line of nothing is stored and not booked."""
    await payouts._explain(await shelf.payout(1), [line("adjustment", 0)])
    assert 0 == await db.fetch_value("SELECT count(*) FROM ledger_transaction WHERE merchant = $1", shelf.merchant)


# ---- where a payout is transferred


async def transfers(payout: Row) -> list[Any]:
    """What is meant: the organisation, and why a person must do it (nothing where nobody must)."""
    rows = await db.fetch(
        "SELECT connection, reason FROM write_back WHERE payout = $1 AND kind = 'transfer'", payout["id"]
    )
    return [(row["connection"], row["reason"]) if row["reason"] else row["connection"] for row in rows]


@pytest.mark.parametrize(("columns", "meant"), [
    ({"state": "paid", "automatic": True, "explained_at": PAID_AT}, True), ({"state": "paid", "automatic": False}, True),
    ({"state": "paid", "automatic": True}, False), ({"state": "in_transit", "automatic": True, "explained_at": PAID_AT}, False),
    ({"state": "in_transit", "automatic": False}, False),
])  # fmt: skip
async def test_a_payout_is_transferred_when_it_is_there_and_explained(
    shelf: Shelf, columns: dict[str, Any], meant: bool
):
    """One made by hand has no lines to wait for."""
    await shelf.choose("bank", "GBP")
    payout = await shelf.payout(5000, **columns)
    await payouts._record(payout["id"])
    assert ([shelf.connection] if meant else []) == await transfers(payout)


async def test_a_payout_goes_where_its_payments_are(shelf: Shelf):
    """To the organisation whose invoices were paid, or the only one that wants it; what is mixed or foreign, a person moves."""
    here, other = shelf.connection, uuid4()
    await put("connection", id=other, merchant=shelf.merchant, xero_tenant_id=str(uuid4()), timezone="UTC")
    await shelf.choose("bank", "GBP")
    paid: dict[str, Any] = {"state": "paid", "explained_at": PAID_AT}
    only = await shelf.payout(1, **paid)
    await payouts._record(only["id"])
    assert [here] == await transfers(only)
    await put("account_choice", id=uuid4(), connection=other, kind="bank", currency="GBP", xero_account_id="b")
    doubtful, theirs, both = [await shelf.payout(n, **paid) for n in (2, 3, 4)]
    ours = [await shelf.payment(), await shelf.payment(connection=other)]
    for payout, those in ((theirs, ours[1:]), (both, ours)):
        await payouts._explain(
            payout, [line("charge", 1, payment_intent=one["stripe_payment_intent_id"]) for one in those]
        )
    wanted: list[tuple[Row, list[Any]]] = [(doubtful, []), (theirs, [other])]
    for payout, where in wanted:
        await payouts._record(payout["id"])
        assert where == await transfers(payout)
    await payouts._record(both["id"])
    assert ["payout_mixed"] == [row[1] for row in await transfers(both)]
    await db.fetch("UPDATE connection SET state = 'disconnected' WHERE id = $1", other)
    await payouts._record(doubtful["id"])
    assert [here] == await transfers(doubtful)
    foreign, nothing = await shelf.payout(5, "EUR", **paid), await shelf.payout(0, **paid)
    wanted = [(foreign, [(here, "payout_currency")]), (nothing, [])]
    for payout, where in wanted:
        await payouts._record(payout["id"])
        assert where == await transfers(payout)
    await payouts._record(uuid4())


async def test_a_payout_is_the_merchants_own(shelf: Shelf):
    """Found by its merchant, by nobody else."""
    payout = await shelf.payout(5000)
    found = await payouts.one(shelf.merchant, payout["id"])
    assert found is not None
    assert payout["id"] == found["id"]
    assert await payouts.one(uuid4(), payout["id"]) is None
    assert await payouts.one(shelf.merchant, uuid4()) is None


# ---- fees by payout


async def test_fees_of_a_payout_are_booked_at_once(shelf: Shelf):
    """Where the merchant wants them so: what the payments of this organisation cost, less what their own writes have booked."""
    await shelf.choose("payments", "GBP")
    await shelf.choose("fees", code="404")
    single, *rest = [await shelf.payment(4000) for _ in range(3)]
    assert await intents.intend_fee(single, Money(76, "GBP")) is not None
    payout, other = await shelf.payout(11_000), await shelf.payout(1)
    await payouts._explain(
        payout,
        [line("charge", 4000, 76, payment_intent=payment["stripe_payment_intent_id"]) for payment in (single, *rest)],
    )
    assert await intents.intend_fees(payout, shelf.connection) is None
    await db.fetch(
        "UPDATE account_choice SET by_payout = true WHERE connection = $1 AND kind = 'fees'", shelf.connection
    )
    assert await intents.intend_fee(rest[0], Money(76, "GBP")) is None
    row_id = await intents.intend_fees(payout, shelf.connection)
    assert row_id is not None
    for again, where in ((payout, shelf.connection), (other, shelf.connection), (payout, uuid4())):
        assert await intents.intend_fees(again, where) is None
    row = await one("SELECT * FROM write_back WHERE id = $1", row_id)
    expected = {
        "merchant": shelf.merchant, "connection": shelf.connection, "invoice": None, "payment": None, "payout": payout["id"],
        "kind": "fee", "amount_minor": 152, "currency": "GBP", "state": "intended",
        "reference": intents.reference_of(payout["stripe_account_id"], payout["stripe_payout_id"], "fee"),
    }  # fmt: skip
    assert expected == {name: row[name] for name in expected}
    assert (
        '{"Type":"SPEND","Contact":{"Name":"Stripe"},"LineAmountTypes":"Inclusive","LineItems":[{"Description":'
        f'"Stripe fees of payout {payout["stripe_payout_id"]}","Quantity":1,"UnitAmount":1.52,"AccountCode":"404"}}],'
        f'"BankAccount":{{"AccountID":"payments-account"}},"Date":"2026-03-04","Reference":"{row["reference"]}"}}'
    ) == row["request"]


async def test_what_stripe_charges_for_no_payment_in_particular_is_booked_with_them(shelf: Shelf):
    """All that Stripe itself charges beside payments is in the one entry of the payout; what others charge is not."""
    await shelf.choose("payments", "GBP")
    await shelf.choose("fees", code="404")
    await db.fetch("UPDATE account_choice SET by_payout = true WHERE kind = 'fees'")
    payout = await shelf.payout(11_000)
    charged = ("stripe_fee", "stripe_fx_fee", "tax_fee", "payment_network_cost", "application_fee")
    await payouts._explain(payout, [line(kind, -(10**at)) for at, kind in enumerate(charged)])
    row_id = await intents.intend_fees(payout, shelf.connection)
    assert 1111 == await db.fetch_value("SELECT amount_minor FROM write_back WHERE id = $1", row_id)


@pytest.mark.parametrize(("refunded", "taken", "kept_in", "expected"), [
    (5000, 4013, "GBP", [(12, "Stripe took £0.12 more for the refund than the payment had brought.")]),
    (5000, 3994, "GBP", [(7, "Stripe took £0.07 less for the refund than the payment had brought.")]),
    (5000, 4001, "GBP", []),  # at the rate at which it came
    (2500, 4013, "GBP", []),  # not all of it has gone back
    (5000, 4013, "USD", []),  # the account is kept in the payment's own currency
])  # fmt: skip
async def test_what_a_refund_cost_at_another_rate_is_put_before_the_merchant(
    shelf: Shelf, refunded: int, taken: int, kept_in: str, expected: list[tuple[int, str]]
):
    """When all of a payment went back, to the penny, once, as the payout's line says it."""
    await shelf.choose("payments", "USD", account_currency=kept_in)
    await shelf.choose("bank", "GBP")
    payment = await shelf.payment(5000, "USD", settlement_currency="GBP", settled_minor=4001)
    await ledger.received(payment)
    await ledger.settled(payment, f"txn_{uuid4().hex}", Money(4001, "GBP"), Money(0, "GBP"))
    await ledger.refunded(payment, refunded)
    back = line("refund", -taken, payment_intent=payment["stripe_payment_intent_id"])
    for _ in range(2):
        await payouts._explain(await shelf.payout(100), [back])
    told = await db.fetch(
        "SELECT amount_minor, message FROM write_back WHERE payment = $1 AND kind = 'exchange'", payment["id"]
    )
    assert expected == [tuple(row) for row in told]


async def test_a_refund_in_its_own_currency_costs_nothing_more(shelf: Shelf):
    """Nor one of which the settlement is not known."""
    await shelf.choose("payments", "GBP", account_currency="GBP")
    await shelf.choose("bank", "GBP")
    for settled_in in ("GBP", ""):
        payment = await shelf.payment(5000, settlement_currency=settled_in)
        back = line("refund", -4000, payment_intent=payment["stripe_payment_intent_id"])
        await payouts._explain(await shelf.payout(100), [back])
        assert await intents.of_payment(payment["id"], "exchange") is None
