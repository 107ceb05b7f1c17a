"""What no webhook told is found by asking, and enters by the same door."""

from datetime import timedelta

import pytest

from app.books import ledger, reconciliation, repairs
from app.core import db
from app.core.clock import now
from app.core.work import Postpone
from app.runtime import ticks
from tests.rooms.test_payouts import pay_out, with_bank
from tests.rooms.till import Till


async def test_payments_without_any_webhook(till: Till):
    """Customers who paid while no webhook arrived are found by the poll, each once, however often it runs."""
    paid = [await till.attempt(await till.invoice()) for _ in range(3)]
    for attempt in paid:
        await till.pay(attempt)
    for _ in range(3):
        await till.hear()
    assert 3 == await db.fetch_value("SELECT count(*) FROM payment WHERE state = 'succeeded'")
    for attempt in paid:
        assert 1 == len(await till.in_xero(attempt["invoice"]))


async def test_a_loss_is_an_alarm(till: Till):
    """Events that a webhook should have brought long ago are counted; those just made are not."""
    await till.pay(await till.attempt(await till.invoice()))
    assert 0 == await till.hear()
    await db.fetch("DELETE FROM inbox")
    await db.fetch("DELETE FROM cursor")
    repairs.GRACE, before = timedelta(seconds=-3600), repairs.GRACE
    try:
        found = await reconciliation.catch_up(till.clients)
    finally:
        repairs.GRACE = before
    assert 0 < found
    assert found == await repairs.this_week(till.merchant_id, "stripe")
    assert {"xero": 0, "stripe": found} == await repairs.today()


async def test_the_cursor_stands_until_everything_is_stored(till: Till):
    """When Stripe fails in the middle, the next poll begins where the last good one began."""
    await till.hear()
    before = await db.fetch_value("SELECT value FROM cursor")
    await till.pay(await till.attempt(await till.invoice()))
    await till.fault({"status": 500}, path="/stripe/v1/events", method="GET", times=3)
    await till.hear()
    assert before == await db.fetch_value("SELECT value FROM cursor")
    await till.hear()
    assert 1 == await db.fetch_value("SELECT count(*) FROM payment")


async def test_one_account_that_left_does_not_hold_up_the_others(till: Till):
    """An account that disconnected is looked at again by its own job; the others are polled all the same."""
    await till.control(f"/_stripe/accounts/{till.account}", {"action": "deauthorise"})
    await reconciliation.catch_up(till.clients)
    assert await db.fetch_value("SELECT 1 FROM job WHERE kind = 'stripe.account'")


async def test_the_poll_repeats(till: Till):
    """Each account has its job, which plans its own next turn, a minute later; one that left is polled no more."""
    await ticks.tick()
    assert till.account == await db.fetch_value("SELECT subject FROM job WHERE kind = 'stripe.poll'")
    with pytest.raises(Postpone) as planned:
        await reconciliation.poll_stripe(till.clients, till.account)
    assert timedelta(seconds=50) < planned.value.at - now() < timedelta(seconds=70)
    await db.fetch("UPDATE stripe_account SET disconnected_at = now()")
    await reconciliation.poll_stripe(till.clients, till.account)


async def test_books_from_a_backup_find_what_they_had_written_since(till: Till):
    """After a restore the payment is heard of again and found in Xero by its reference, not written a second time."""
    attempt = await till.attempt(await till.invoice("100.00"))
    await till.pay(attempt)
    await till.hear()
    assert 1 == len(await till.in_xero(attempt["invoice"]))
    await db.fetch("TRUNCATE ledger_entry, ledger_transaction, write_back, payment, inbox, cursor, job CASCADE")
    await db.fetch("ALTER TABLE attempt DISABLE TRIGGER USER")
    await db.fetch("UPDATE attempt SET state = 'open', stripe_payment_intent_id = ''")
    await db.fetch("ALTER TABLE attempt ENABLE TRIGGER USER")
    await till.hear()
    (found,) = await till.in_xero(attempt["invoice"])
    assert ("confirmed", found["id"]) == tuple(await till.row("SELECT state, xero_id FROM write_back"))


async def test_fees_and_payouts_from_a_backup_are_not_doubled(till: Till):
    """After a restore the fee and the payout's transfer are found in Xero by their references, not written once more."""
    await with_bank(till)
    attempt = await till.attempt(await till.invoice("100.00"))
    await till.pay(attempt)
    await pay_out(till)
    before = await beside(till)
    assert {"fee", "transfer"} == before.keys()
    await db.fetch(
        "TRUNCATE ledger_entry, ledger_transaction, write_back, payout_line, payout, payment, inbox, cursor, job CASCADE"
    )
    await db.fetch("ALTER TABLE attempt DISABLE TRIGGER USER")
    await db.fetch("UPDATE attempt SET state = 'open', stripe_payment_intent_id = ''")
    await db.fetch("ALTER TABLE attempt ENABLE TRIGGER USER")
    await till.hear()
    await till.hear()
    assert before == await beside(till)
    known = {
        row["kind"]: row["xero_id"] for row in await db.fetch("SELECT * FROM write_back WHERE state = 'confirmed'")
    }
    assert before == {kind: [known[kind]] for kind in before}
    assert [] == await ledger.invariants()


async def beside(till: Till) -> dict[str, list[str]]:
    """The fees and transfers of ours that stand in Xero: their ids."""
    xero = (await till.truth())["xero"]
    names = {"fee": "bank_transactions", "transfer": "bank_transfers"}
    ours = {
        kind: [one["id"] for one in xero[name] if one["reference"].startswith("Payportal ")]
        for kind, name in names.items()
    }
    return {kind: ids for kind, ids in ours.items() if ids}


async def test_a_session_of_ours_that_the_books_do_not_know_is_an_alarm(till: Till):
    """After a restore, money on a session that the backup does not have is put aside and counted, not passed over."""
    attempt = await till.attempt(await till.invoice())
    await till.pay(attempt)
    await db.fetch("TRUNCATE attempt CASCADE")
    await till.hear()
    aside = "SELECT count(*) FROM inbox WHERE dead_at IS NOT NULL AND last_error LIKE 'A session of our own%'"
    assert 0 < await db.fetch_value(aside)
    assert 0 == await db.fetch_value("SELECT count(*) FROM payment")
