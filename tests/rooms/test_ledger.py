"""The ledger balances, never changes, and its invariants notice what is wrong."""

from uuid import uuid4

import asyncpg
import pytest

from app.books import ledger
from app.core import db
from app.core.clock import now
from app.core.money import Money
from tests.rooms.till import Till

POUND = Money(100, "GBP")


def fact(till: Till, kind: str = "payment", external_id: str = "") -> ledger.Fact:
    return ledger.Fact(till.merchant_id, uuid4(), "stripe", external_id or str(uuid4()), kind, now())


async def test_postgresql_keeps_the_books(till: Till):
    """A transaction that does not balance is refused, and nothing written can be changed or deleted."""
    payment = await till.paid(await till.invoice())
    row_id = await db.fetch_value("SELECT id FROM ledger_transaction WHERE payment = $1", payment["id"])
    with pytest.raises(asyncpg.CheckViolationError):
        await db.fetch(
            "INSERT INTO ledger_entry (ledger_transaction, account, amount_minor, currency) VALUES ($1, 'fees', 5, 'GBP')",
            row_id,
        )
    for sql in (
        "UPDATE ledger_entry SET amount_minor = 1",
        "DELETE FROM ledger_entry",
        "DELETE FROM ledger_transaction",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await db.fetch(sql)


async def test_a_fact_is_written_once(till: Till):
    """The same fact told twice is one transaction."""
    payment = await till.paid(await till.invoice())
    for _ in range(2):
        await ledger.received(payment)
    assert 1 == await db.fetch_value("SELECT count(*) FROM ledger_transaction WHERE payment = $1", payment["id"])


async def test_money_is_not_mixed(till: Till):
    """A settlement in another currency books the conversion beside the fee, balanced in each currency."""
    payment = await till.paid(await till.invoice())
    await ledger.settled(payment, "txn_fx", Money(5100, "USD"), Money(170, "USD"))
    balances = await ledger.balances(payment["id"])
    assert (4930, 170, -5100) == tuple(balances[name, "USD"] for name in ("stripe_clearing", "fees", "conversion"))
    assert (0, 4000) == (balances["stripe_clearing", "GBP"], balances["conversion", "GBP"])
    assert [] == await ledger.invariants()


async def test_i2_notices_a_cent_that_is_nowhere(till: Till):
    """A payment whose ledger does not hold all of its money is a breach that names it."""
    payment = await till.paid(await till.invoice())
    await db.fetch("UPDATE payment SET amount_minor = 4001")
    assert [f"payment {payment['id']}"] == [breach.what for breach in await ledger.invariants()]


async def test_i3_notices_a_write_without_its_entry(till: Till):
    """A payment that is said to be in Xero without the ledger saying so is a breach."""
    await till.paid(await till.invoice())
    await db.fetch("UPDATE write_back SET state = 'confirmed', next_at = NULL")
    (breach,) = await ledger.invariants()
    assert ("I3 in Xero exactly once", till.merchant_id) == (breach.invariant, breach.merchant_id)


async def test_i4_and_i5_notice_what_stands_still(till: Till):
    """A write that stays unclear and an event that nobody works on are breaches."""
    await till.paid(await till.invoice())
    await db.fetch("UPDATE write_back SET state = 'sending', sent_at = now() - interval '20 minutes'")
    await db.fetch(
        "INSERT INTO inbox (source, account, event_id, type, body, next_at, received_at) "
        "VALUES ('stripe', 'a', 'e', 't', '', now(), now() - interval '6 minutes')"
    )
    assert {"I4 no write stays unclear", "I5 events are worked on"} == {b.invariant for b in await ledger.invariants()}
