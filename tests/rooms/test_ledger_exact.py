"""Every posting to the unit: what each fact about money writes into the ledger, and under which id."""

from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from app.books import ledger
from app.core import db
from app.core.clock import now
from app.core.money import Money
from tests.rooms.shelf import PAID_AT, Row, Shelf, bring, one, put

CLEARING, CONVERSION = ("stripe_clearing", "GBP"), ("conversion", "GBP")


def fact(shelf: Shelf, kind: str = "payment", external_id: str = "") -> ledger.Fact:
    return ledger.Fact(shelf.merchant, None, "stripe", external_id or str(uuid4()), kind, PAID_AT)


def pounds(minor: int) -> Money:
    return Money(minor, "GBP")


async def told(payment: Row) -> list[tuple[str, str, str]]:
    """The facts of a payment: source, id without its payment's own part, kind; oldest first."""
    rows = await db.fetch("SELECT * FROM ledger_transaction WHERE payment = $1 ORDER BY id", payment["id"])
    intent = payment["stripe_payment_intent_id"]
    return [(row["source"], row["external_id"].replace(intent, "pi"), row["kind"]) for row in rows]


# ---- writing


async def test_a_fact_is_written_whole(shelf: Shelf):
    """Who says so, under which id, when, of which payment, with each side; sides of zero are left out."""
    payment = await shelf.payment()
    known = ledger.Fact(shelf.merchant, payment["id"], "xero", "x-1", "applied", PAID_AT)
    sides = [
        *ledger.moved(pounds(7), debit="a", credit="b"),
        ("c", pounds(0)),
        *ledger.moved(Money(-2, "EUR"), debit="d", credit="e"),
    ]
    assert await ledger.record(known, sides)
    row = await one("SELECT * FROM ledger_transaction WHERE payment = $1", payment["id"])
    expected = {
        "merchant": shelf.merchant,
        "source": "xero",
        "external_id": "x-1",
        "kind": "applied",
        "occurred_at": PAID_AT,
    }
    assert expected == {name: row[name] for name in expected}
    assert row["recorded_at"] <= now()
    entries = await db.fetch(
        "SELECT account, amount_minor, currency FROM ledger_entry WHERE ledger_transaction = $1 ORDER BY id", row["id"]
    )
    assert [("a", 7, "GBP"), ("b", -7, "GBP"), ("d", -2, "EUR"), ("e", 2, "EUR")] == [tuple(entry) for entry in entries]
    assert {("a", "GBP"): 7, ("b", "GBP"): -7, ("d", "EUR"): -2, ("e", "EUR"): 2} == await ledger.balances(
        payment["id"]
    )
    assert not await ledger.record(known, sides)
    assert 4 == await db.fetch_value("SELECT count(*) FROM ledger_entry WHERE ledger_transaction = $1", row["id"])


async def test_many_facts_are_written_together(shelf: Shelf):
    """Each once, with its own sides, the first time counting where one is told twice; what is known is not written again."""
    payment = await shelf.payment()
    known, new, other = (
        ledger.Fact(shelf.merchant, payment["id"], "stripe", f"m-{n}", "line", PAID_AT) for n in range(3)
    )
    assert 0 == await ledger.record_all([])
    assert 1 == await ledger.record_all([(known, ledger.moved(pounds(1), debit="a", credit="b"))])
    entries: list[ledger.Entry] = [
        (known, ledger.moved(pounds(10), debit="a", credit="b")),
        (new, ledger.moved(pounds(100), debit="a", credit="b")),
        (new, ledger.moved(pounds(1000), debit="a", credit="b")),
        (other, [("a", pounds(0))]),
    ]
    assert 2 == await ledger.record_all(entries)
    assert {("a", "GBP"): 101, ("b", "GBP"): -101} == await shelf.ledger(payment)


async def test_what_does_not_balance_is_not_written(shelf: Shelf):
    """Neither the fact nor any of its sides; nor when two currencies balance only together."""
    for sides in ([("a", pounds(1))], [("a", pounds(1)), ("b", Money(-1, "EUR"))]):
        lame = fact(shelf)
        with pytest.raises(asyncpg.CheckViolationError):
            await ledger.record(lame, sides)
        assert 0 == await db.fetch_value(
            "SELECT count(*) FROM ledger_transaction WHERE external_id = $1", lame.external_id
        )


# ---- the life of a payment


async def test_a_payment_is_received_and_applied(shelf: Shelf):
    """Into the balance and owed to Xero; then in Xero, and out of it again."""
    payment = await shelf.payment(4007)
    await ledger.received(payment)
    assert {CLEARING: 4007, ("unapplied", "GBP"): -4007} == await shelf.ledger(payment)
    row = await one("SELECT * FROM ledger_transaction WHERE payment = $1", payment["id"])
    assert (PAID_AT, shelf.merchant) == (row["occurred_at"], row["merchant"])
    await ledger.applied(payment, "x-9", pounds(4000))
    assert {CLEARING: 4007, ("unapplied", "GBP"): -7, ("applied_in_xero", "GBP"): -4000} == await shelf.ledger(payment)
    await ledger.unapplied(payment, "x-9", pounds(4000))
    assert {CLEARING: 4007, ("unapplied", "GBP"): -4007} == await shelf.ledger(payment)
    assert [("stripe", "pi", "payment"), ("xero", "x-9", "applied"), ("xero", "x-9", "unapplied")] == await told(
        payment
    )


async def test_refunds_come_and_go(shelf: Shelf):
    """Each refund and each that came back is a fact of its own, numbered, dated when we heard of it."""
    payment, began = await shelf.payment(), now()
    await ledger.received(payment)
    for change, left in ((1000, 1000), (500, 1500), (-500, 1000), (1, 1001), (-1001, 0)):
        await ledger.refunded(payment, change)
        held = await ledger.balances(payment["id"])
        assert (left, 4000 - left) == (held["refunds", "GBP"], held[CLEARING])
    assert [
        ("stripe", "pi:1", "refund"), ("stripe", "pi:2", "refund"), ("stripe", "pi:1", "refund_returned"),
        ("stripe", "pi:3", "refund"), ("stripe", "pi:2", "refund_returned"),
    ] == (await told(payment))[1:]  # fmt: skip
    assert began <= await db.fetch_value(
        "SELECT min(occurred_at) FROM ledger_transaction WHERE payment = $1 AND kind = 'refund'", payment["id"]
    )


async def test_a_debit_bounces_and_comes_after_all(shelf: Shelf):
    """All of it goes, and all of it returns; what never went does not return."""
    payment = await shelf.payment()
    await ledger.received(payment)
    await ledger.came_after_all(payment)
    for _ in range(2):
        await ledger.bounced(payment)
        assert {("refunds", "GBP"): 4000, ("unapplied", "GBP"): -4000} == await shelf.ledger(payment)
        await ledger.came_after_all(payment)
        assert {CLEARING: 4000, ("unapplied", "GBP"): -4000} == await shelf.ledger(payment)
    facts = [("stripe", f"pi:{n}", kind) for n in (1, 2) for kind in ("bounced", "bounce_returned")]
    assert facts == (await told(payment))[1:]


async def test_a_dispute_holds_and_gives_back(shelf: Shelf):
    """What the bank holds leaves the balance, and comes back when it is won."""
    payment = await shelf.payment()
    await ledger.disputed(payment, pounds(3000), returned=False)
    assert {CLEARING: -3000, ("disputes", "GBP"): 3000} == await shelf.ledger(payment)
    await ledger.disputed(payment, pounds(2000), returned=True)
    assert {CLEARING: -1000, ("disputes", "GBP"): 1000} == await shelf.ledger(payment)
    assert [("stripe", "pi:1", "dispute"), ("stripe", "pi:1", "dispute_won")] == await told(payment)


async def test_a_fee_is_kept_once(shelf: Shelf):
    """Out of the balance, under the balance transaction's id."""
    payment = await shelf.payment()
    for _ in range(2):
        await ledger.settled(payment, "txn_1", pounds(4000), pounds(76))
    assert {CLEARING: -76, ("fees", "GBP"): 76} == await shelf.ledger(payment)
    assert [("stripe", "txn_1", "settlement")] == await told(payment)


async def test_another_currency_leaves_nothing_behind(shelf: Shelf):
    """Paid in dollars, settled in pounds: the dollars are in between, the pounds in the balance less the fee."""
    payment = await shelf.payment(5000, "USD")
    await ledger.received(payment)
    await ledger.settled(payment, "txn_fx", pounds(4000), pounds(76))
    assert {
        CLEARING: 3924, ("fees", "GBP"): 76, CONVERSION: -4000, ("conversion", "USD"): 5000, ("unapplied", "USD"): -5000,
    } == await shelf.ledger(payment)  # fmt: skip


@pytest.mark.parametrize("late", [False, True])
async def test_money_back_in_another_currency_leaves_nothing_behind(shelf: Shelf, late: bool):
    """Refunded, disputed or bounced, before or after it was known in what it was settled: no dollar stays in the balance."""
    payment = await shelf.payment(5000, "USD")
    await ledger.received(payment)

    async def settle() -> Row:
        await ledger.settled(payment, f"txn_{payment['id']}", pounds(4000), pounds(76))
        await db.fetch("UPDATE payment SET settlement_currency = 'GBP' WHERE id = $1", payment["id"])
        return await shelf.reread(payment["id"])

    now_known = payment if late else await settle()
    await ledger.refunded(now_known, 1000)
    await ledger.disputed(now_known, Money(4000, "USD"), returned=False)
    await ledger.disputed(now_known, Money(500, "USD"), returned=True)
    known = await settle() if late else now_known
    for change in (Money(2500, "USD"), Money(-2500, "USD")):
        await ledger.refunded(known, change.minor)
    await ledger.bounced(known)
    await ledger.came_after_all(known)
    held = await shelf.ledger(payment)
    assert ("stripe_clearing", "USD") not in held
    assert {CLEARING: 3924, ("fees", "GBP"): 76, CONVERSION: -4000} == {
        name: minor for name, minor in held.items() if name[1] == "GBP"
    }
    assert ("refunds", "USD") not in held  # all that was away came after all
    assert (3500, 1500) == (held["disputes", "USD"], held["conversion", "USD"])


async def test_the_same_currency_stays_in_the_balance(shelf: Shelf):
    """Settled in what was paid: a refund leaves the balance itself."""
    payment = await shelf.payment(settlement_currency="GBP")
    await ledger.refunded(payment, 100)
    assert {CLEARING: -100, ("refunds", "GBP"): 100} == await shelf.ledger(payment)


# ---- what does not hold


async def looked_at(doubtful: list[str]) -> tuple[set[tuple[str, Any, str]], set[str], bool]:
    """What `changed` found wrong, what it looked at, and whether that was all."""
    found, looked, whole = await ledger.changed(doubtful)
    return {(one.invariant, one.merchant_id, one.what) for one in found}, looked, whole


async def test_only_what_changed_is_looked_at(shelf: Shelf):
    """A payment and its postings are looked at once after they changed, and again while they are in doubt."""
    await ledger.changed([])
    payment = await shelf.payment(4000)
    await ledger.received(payment)
    entry = await db.fetch_value("SELECT id FROM ledger_transaction WHERE payment = $1", payment["id"])
    names = {f"payment {payment['id']}", f"ledger transaction {entry}"}
    assert (set(), names, True) == await looked_at([])
    assert (set(), set(), True) == await looked_at([])
    assert (set(), names, True) == await looked_at([*names, "write-back 1", "event 2"])


async def test_a_cent_that_is_nowhere_is_found(shelf: Shelf):
    """A payment whose postings do not hold all of its money, by whichever look; told until it is whole."""
    payment = await shelf.payment(4000)
    await ledger.received(payment)
    await ledger.changed([])
    await db.fetch("UPDATE payment SET amount_minor = 4001 WHERE id = $1", payment["id"])
    breach = ("I2 each cent is somewhere", shelf.merchant, f"payment {payment['id']}")
    found, looked, _ = await looked_at([])
    assert breach in found
    assert {breach[2]} == looked
    assert breach in {(one.invariant, one.merchant_id, one.what) for one in await ledger.invariants()}
    assert breach in (await looked_at([breach[2]]))[0]
    await db.fetch("UPDATE payment SET amount_minor = 4000 WHERE id = $1", payment["id"])
    assert (set(), {breach[2]}, True) == await looked_at([])


async def test_what_is_said_to_be_in_xero_is_in_the_ledger(shelf: Shelf):
    """A write that is confirmed without its posting, and a posting without its write."""
    row = await shelf.meant(4000)
    payment = await shelf.reread(row["payment"])
    await ledger.received(payment)
    subject = f"payment {payment['id']}"
    await bring(row["id"], "confirmed")
    assert ("I3 in Xero exactly once", shelf.merchant, subject) in (await looked_at([subject]))[0]
    await ledger.applied(payment, str(uuid4()), pounds(4000))
    assert [] == [one for one in (await looked_at([subject]))[0] if one[2] == subject]


async def test_what_stands_still_is_found_by_every_look(shelf: Shelf):
    """A write that stays unclear, one that nobody plans, and an event that nobody works on."""
    unclear, forgotten = await shelf.meant(), await shelf.meant()
    await bring(unclear["id"], "sending", sent_at=PAID_AT)
    await bring(forgotten["id"], "intended", next_at=None)
    await put(
        "inbox",
        source="stripe",
        account="a",
        event_id=f"evt_{uuid4()}",
        type="t",
        body=b"",
        next_at=PAID_AT,
        received_at=PAID_AT,
    )
    wanted = {
        ("I4 no write stays unclear", shelf.merchant, f"write-back {unclear['id']}"),
        ("I8 no write is forgotten", shelf.merchant, f"write-back {forgotten['id']}"),
    }
    for found in (await ledger.changed([]))[0], await ledger.invariants():
        told = {(one.invariant, one.merchant_id, one.what) for one in found}
        assert wanted <= told
        assert [None] == [merchant for invariant, merchant, _ in told if invariant == "I5 events are worked on"]
