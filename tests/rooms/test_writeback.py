"""Writing into Xero has exactly one effect, whatever breaks; what cannot be written waits with its reason."""

import asyncio

import pytest

from app.books import ledger, writeback
from app.books.writeback import outcome
from app.books.writeback.rows import Fenced, load, move, note
from app.books.writeback.timing import TIMING
from app.core import db, work
from app.core.errors import NotFound, Refused
from tests.rooms.till import Row, Till


async def confirmed(till: Till, payment: Row) -> None:
    """Work until the payment stands in Xero, exactly once, and the books are right."""

    async def there() -> bool:
        return (await till.write_back(payment))["state"] == "confirmed"

    await till.work_until(there)
    found = await till.in_xero(payment["invoice"])
    written = await till.write_back(payment)
    assert [written["xero_id"]] == [one["id"] for one in found if one["reference"] == written["reference"]]
    assert [] == await ledger.invariants()


async def parked(till: Till, payment: Row) -> str:
    """Work until the write waits for a person; its reason."""

    async def waits() -> bool:
        return (await till.write_back(payment))["state"] == "parked"

    await till.work_until(waits)
    return str((await till.write_back(payment))["reason"])


LOST = [
    pytest.param({"commit_then_reset": True}, id="taken, then the line is cut"),
    pytest.param({"reset_before_commit": True}, id="the line is cut before"),
    pytest.param({"status": 500}, id="500"),
    pytest.param({"status": 503, "body": "<html>offline</html>"}, id="503"),
    pytest.param({"truncate": 40}, id="half an answer"),
    pytest.param({"html": True}, id="a page instead of an answer"),
]


@pytest.mark.parametrize("fault", LOST)
async def test_a_lost_answer_is_searched_for_before_it_is_sent_again(till: Till, fault: dict[str, object]):
    """Whatever happens to the answer of a part payment, it is in Xero exactly once, and the books say so."""
    payment = await till.paid(await till.invoice())
    await till.fault(fault, nth=1)
    await till.work()
    assert (await till.write_back(payment))["state"] == "unknown"
    await confirmed(till, payment)
    assert 1 == len(await till.in_xero(payment["invoice"]))


@pytest.mark.parametrize("scope", ["app", "token"])
async def test_the_key_is_only_a_second_belt(till: Till, scope: str):
    """With keys that expire at once, belong to one token, or replay cached errors, the effect is the same: one."""
    modes = {"idempotency_seconds": 1, "idempotency_scope": scope, "cache_errors": True}
    await till.control("/_config", {"xero": {"modes": modes}})
    payment = await till.paid(await till.invoice())
    await till.fault({"commit_then_reset": True}, nth=1)
    await till.fault({"status": 500}, nth=2)
    await confirmed(till, payment)
    assert 1 == len(await till.in_xero(payment["invoice"]))


async def test_a_filter_that_matches_nothing_is_not_absence(till: Till):
    """When Xero's search by reference silently finds nothing, the invoice still shows that the payment is there."""
    await till.control("/_config", {"xero": {"modes": {"filter_broken": True}}})
    payment = await till.paid(await till.invoice())
    await till.fault({"commit_then_reset": True}, nth=1)
    await confirmed(till, payment)
    assert 1 == await till.calls("PUT", "/Payments")


async def test_no_answer_to_the_search_is_not_absence(till: Till):
    """While Xero cannot be asked, nothing is sent again."""
    payment = await till.paid(await till.invoice())
    await till.fault({"reset_before_commit": True}, nth=1)
    await till.work()
    await till.fault({"status": 503}, path="/xero/api/*", method="GET", times=3)
    await asyncio.sleep(TIMING.quiet)
    await till.work()
    assert 1 == await till.calls("PUT", "/Payments")
    assert "unknown" == (await till.write_back(payment))["state"]
    await db.fetch("UPDATE write_back SET next_at = now() WHERE next_at IS NOT NULL")
    await till.http.delete("/_faults")
    await confirmed(till, payment)


async def test_two_absences_lie_apart(till: Till):
    """One look that finds nothing is not enough: the second one comes after the wait, and only then it is sent."""
    TIMING.apart = 600
    payment = await till.paid(await till.invoice())
    await till.fault({"reset_before_commit": True}, nth=1)
    await till.work()
    await asyncio.sleep(TIMING.quiet)
    await till.work()
    row = await till.write_back(payment)
    assert ("unknown", True) == (row["state"], row["absent_at"] is not None)
    assert 1 == await till.calls("PUT", "/Payments")


@pytest.mark.parametrize("when", ["17", None])
async def test_a_rate_limit_costs_no_attempt(till: Till, when: str | None):
    """A 429 puts the write back to the start for later; it counts as no try, and nothing sleeps."""
    payment = await till.paid(await till.invoice())
    await till.fault({"rate_limit": {"problem": "minute", "retry_after": when}}, nth=1)
    await till.work()
    row = await till.write_back(payment)
    assert ("intended", 0, None) == (row["state"], row["attempts"], row["sent_at"])
    assert await db.fetch_value("SELECT next_at > now() + interval '10 seconds' FROM write_back")
    await db.fetch("UPDATE write_back SET next_at = now()")
    await db.fetch("DELETE FROM xero_budget")
    await confirmed(till, payment)


async def test_an_expired_token_is_renewed_once(till: Till):
    """A token that Xero no longer takes is renewed, and the write goes through in the same turn."""
    payment = await till.paid(await till.invoice())
    await till.control("/_clock", {"advance": 1900})
    await confirmed(till, payment)
    assert 1 == len(await till.in_xero(payment["invoice"]))


async def test_a_locked_period_waits_and_goes_on(till: Till):
    """A payment in a locked period waits, in the merchant's words; after the lock is moved, one press records it."""
    payment = await till.paid(await till.invoice())
    await till.control("/_xero/organisations/harrow/lock", {"period_lock": "2030-12-31"})
    assert "period_locked" == await parked(till, payment)
    ((row, words),) = await writeback.attention(till.merchant_id)
    assert "the period is locked in Xero" == words.short
    assert "Not recorded in Xero yet" in await till.lines(payment["invoice"])
    await till.control("/_xero/organisations/harrow/lock", {"period_lock": ""})
    await writeback.retry(till.merchant_id, row["id"])
    await confirmed(till, payment)
    assert [] == await writeback.attention(till.merchant_id)


async def test_an_archived_account_waits_for_another_choice(till: Till):
    """A clearing account that was archived is told; the next try uses the account chosen since."""
    payment = await till.paid(await till.invoice())
    await till.control(f"/_xero/accounts/{till.accounts['Stripe clearing']}/archive")
    assert "account_archived" == await parked(till, payment)
    await till.control(f"/_xero/accounts/{till.accounts['Stripe clearing']}/restore")
    row = await till.write_back(payment)
    await writeback.retry(till.merchant_id, row["id"])
    await confirmed(till, payment)


async def test_without_a_chosen_account_nothing_is_guessed(till: Till):
    """Money in a currency for which no account is chosen waits, and goes on by itself once one is."""
    await db.fetch("DELETE FROM account_choice")
    payment = await till.paid(await till.invoice())
    assert "account_missing" == await parked(till, payment)
    await till.choose()
    assert 1 == await writeback.account_chosen(till.connection_id)
    await confirmed(till, payment)


async def test_voided_while_paying(till: Till):
    """An invoice voided while the customer paid: the money is kept in the ledger, and the merchant is told what to do."""
    payment = await till.paid(await till.invoice())
    await till.control(f"/_xero/invoices/{await till.xero_id(payment['invoice'])}/void")
    assert "invoice_voided" == await parked(till, payment)
    assert -4000 == (await ledger.balances(payment["id"]))["unapplied", "GBP"]
    assert "voided" == await db.fetch_value("SELECT exception FROM payment")
    assert [] == await ledger.invariants()


async def test_paid_elsewhere_while_paying(till: Till):
    """An invoice that somebody paid at the bank meanwhile is not paid twice in Xero."""
    payment = await till.paid(await till.invoice())
    await till.control(f"/_xero/invoices/{await till.xero_id(payment['invoice'])}/pay", {})
    assert "invoice_paid" == await parked(till, payment)
    assert "paid_elsewhere" == await db.fetch_value("SELECT exception FROM payment")


async def test_more_than_is_left(till: Till):
    """A payment greater than what is left waits for the merchant instead of being cut down or refused by surprise."""
    payment = await till.paid(await till.invoice())
    await till.control(f"/_xero/invoices/{await till.xero_id(payment['invoice'])}/pay", {"amount": "70.00"})
    assert "overpaid" == await parked(till, payment)
    assert 0 == await till.calls("PUT", "/Payments")


async def test_another_currency_than_was_paid(till: Till):
    """An invoice that changed its currency while the customer paid is never paid in the wrong one."""
    payment = await till.paid(await till.invoice())
    await till.control(f"/_xero/invoices/{await till.xero_id(payment['invoice'])}/change", {"currency": "EUR"})
    assert "currency_changed" == await parked(till, payment)
    assert 0 == await till.calls("PUT", "/Payments")


async def test_a_payment_that_came_late_is_not_overlooked(till: Till):
    """If the first try turns out to have been late rather than lost, the second look finds both and says so."""
    payment = await till.paid(await till.invoice())
    await till.fault({"reset_before_commit": True}, nth=1)
    await confirmed(till, payment)
    row = await till.write_back(payment)
    target = await till.xero_id(payment["invoice"])
    await till.control(f"/_xero/invoices/{target}/pay", {"amount": "40.00", "reference": row["reference"]})
    # on a busy machine the look may have been taken already
    await db.fetch("UPDATE write_back SET next_at = now() WHERE id = $1", row["id"])
    await till.work()
    assert "Recorded twice in Xero" in await till.lines(payment["invoice"])


async def test_xero_refuses_between_the_look_and_the_write(till: Till):
    """When the bookkeeper is faster by a moment, Xero's refusal is looked into and told as what it is."""
    payment = await till.paid(await till.invoice())
    target = await till.xero_id(payment["invoice"])
    await till.fault({"delay": 0.5}, nth=1)
    work = asyncio.create_task(till.work())
    await till.wait_until(lambda: till.calls("GET", target))
    await till.control(f"/_xero/invoices/{target}/pay", {})
    await work
    assert "invoice_paid" == await parked(till, payment)


async def test_a_broken_connection_parks_and_a_reconnect_resumes_in_order(till: Till):
    """What is paid while Xero is disconnected is recorded once after the reconnect, oldest first."""
    invoice_id = await till.invoice("100.00")
    paid = [await till.paid(invoice_id, amount) for amount in ("10.00", "20.00", "30.00")]
    await till.control("/_xero/organisations/harrow/disconnect")
    assert ["disconnected"] * 3 == [await parked(till, payment) for payment in paid]
    await till.connect()
    assert 0 == await writeback.resume(till.connection_id)
    for payment in paid:
        await confirmed(till, payment)
    assert [1000, 2000, 3000] == [one["amount"] for one in await till.in_xero(invoice_id)]


async def test_two_workers_and_two_sweeps_on_one_row(till: Till):
    """However many workers reach for it at once, a payment is sent once."""
    payment = await till.paid(await till.invoice())
    await asyncio.gather(*(till.sweep.once() for _ in range(8)))
    await confirmed(till, payment)
    assert 1 == await till.calls("PUT", "/Payments")


async def test_a_worker_that_lost_its_lease_writes_nothing(till: Till):
    """Whoever finds another fencing number in the row stops before the bytes leave."""
    payment = await till.paid(await till.invoice())
    await till.fault({"delay": 1.0}, path="/xero/api/*/Invoices/*", method="GET", nth=1)
    slow = asyncio.create_task(till.work(1))
    await till.wait_until(lambda: db.fetch_value("SELECT lease_until FROM write_back"))
    await db.fetch("UPDATE write_back SET fence = fence + 1, lease_until = NULL")
    await till.work()
    await slow
    await confirmed(till, payment)
    assert 1 == await till.calls("PUT", "/Payments")


async def test_a_stale_claim_changes_nothing(till: Till):
    """Whoever holds an old fencing number can neither send, nor confirm, nor park, whatever the state allows."""
    payment = await till.paid(await till.invoice())
    held = await work.claim("write_back", (await till.write_back(payment))["id"], 30)
    assert held
    (stale,) = await load([held])
    await db.fetch("UPDATE write_back SET fence = fence + 1")
    for act in (
        outcome.confirm(stale, "x"),
        outcome.park(stale, "other"),
        move(stale, "sending"),
        note(stale, absent_at=None),
    ):
        with pytest.raises(Fenced):
            await act
    assert "intended" == (await till.write_back(payment))["state"]
    assert [] == await ledger.invariants()


async def test_retrying_is_for_the_owner_and_for_what_waits(till: Till):
    """A stranger's retry finds nothing, and what is not waiting cannot be pushed."""
    payment = await till.paid(await till.invoice())
    row = await till.write_back(payment)
    with pytest.raises(NotFound):
        await writeback.retry(till.user_id, row["id"])
    with pytest.raises(Refused):
        await writeback.retry(till.merchant_id, row["id"])


async def test_a_payment_already_in_xero_is_adopted(till: Till):
    """After a restore from a backup, a payment that Xero shows under our reference is taken as ours, not sent again."""
    payment = await till.paid(await till.invoice())
    row = await till.write_back(payment)
    target = await till.xero_id(payment["invoice"])
    await till.control(f"/_xero/invoices/{target}/pay", {"amount": "40.00", "reference": row["reference"]})
    await confirmed(till, payment)
    assert 0 == await till.calls("PUT", "/Payments")


async def test_the_date_is_the_organisations_own(till: Till):
    """The payment's date in Xero is the calendar day of the payment where the organisation is."""
    await db.fetch("UPDATE connection SET timezone = 'Pacific/Auckland'")
    payment = await till.paid(await till.invoice())
    expected = await db.fetch_value("SELECT (paid_at AT TIME ZONE 'Pacific/Auckland')::date::text FROM payment")
    await confirmed(till, payment)
    (found,) = await till.in_xero(payment["invoice"])
    assert expected == found["date"]


async def test_the_fee_survives_a_lost_answer(till: Till):
    """The fee is in Xero exactly once although the answer to it was lost."""
    await till.choose(fees=True)
    await till.control("/_stripe/modes", {"balance_seconds": 0})
    await till.fault({"commit_then_reset": True}, path="/xero/api/*/BankTransactions", nth=1)
    payment = await till.paid(await till.invoice())
    await till.control("/_clock", {"advance": 60})
    await till.hear()

    async def there() -> bool:
        return bool(await db.fetch_value("SELECT 1 FROM write_back WHERE kind = 'fee' AND state = 'confirmed'"))

    await till.work_until(there)
    assert 1 == len((await till.truth())["xero"]["bank_transactions"])
    assert payment["id"]
