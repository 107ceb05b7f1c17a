"""An invoice has one live checkout session; its request is frozen before Stripe is asked."""

import asyncio

import pytest

from app.books import access, attempts, invoices, links, reconciliation, writeback
from app.core import db, work
from app.core.errors import Refused, Upstream
from app.core.work import Postpone
from payportal import checkout
from tests.rooms.till import Till


async def sessions(till: Till) -> list[str]:
    """The states of all sessions at Stripe."""
    return sorted(one["status"] for one in (await till.truth())["stripe"]["sessions"])


async def test_fifty_customers_share_one_session(till: Till):
    """However many press Pay for the same amount at once, Stripe makes one session, and all are sent to it."""
    invoice_id = await till.invoice()
    opened = await asyncio.gather(*(till.attempt(invoice_id) for _ in range(50)))
    assert 1 == len({one["stripe_session_id"] for one in opened})
    assert ["open"] == await sessions(till)
    assert 1 == await db.fetch_value("SELECT count(*) FROM attempt")


async def test_another_amount_ends_the_old_session_first(till: Till):
    """When the amount changes, the old session is ended at Stripe before the new one is made."""
    invoice_id = await till.invoice()
    first = await till.attempt(invoice_id, "40.00")
    second = await till.attempt(invoice_id, "30.00")
    assert ["expired", "open"] == await sessions(till)
    first = await attempts.one(first["id"]) or {}
    assert ("canceled", "open", 3000) == (first["state"], second["state"], second["amount_minor"])


async def test_a_session_that_was_just_paid_is_honoured(till: Till):
    """If the customer paid while we meant to end the session, the payment counts and no second one is opened."""
    invoice_id = await till.invoice()
    first = await till.attempt(invoice_id, "40.00")
    await till.pay(first)
    with pytest.raises(Refused):
        await till.attempt(invoice_id, "30.00")
    await till.work()
    assert ("succeeded", 4000) == tuple(await till.row("SELECT state, amount_minor FROM payment"))
    assert 1 == len(await till.in_xero(invoice_id))


async def test_money_that_xero_does_not_show_yet_counts(till: Till):
    """What was paid but is not in Xero yet cannot be paid a second time; what is really left can."""
    invoice_id = await till.invoice("100.00")
    await till.paid(invoice_id, "40.00")
    with pytest.raises(attempts.OnItsWay):
        await till.attempt(invoice_id, "60.01")
    rest = await till.attempt(invoice_id, "60.00")
    assert "open" == rest["state"]
    await till.work()
    await till.pay(rest)
    await till.hear()
    assert 10000 == sum(one["amount"] for one in await till.in_xero(invoice_id))


async def test_a_session_with_little_time_left_is_not_joined(till: Till):
    """A customer is not sent to a session that ends within five minutes."""
    invoice_id = await till.invoice()
    first = await till.attempt(invoice_id)
    await db.fetch("UPDATE attempt SET expires_at = now() + interval '4 minutes'")
    second = await till.attempt(invoice_id)
    assert first["stripe_session_id"] != second["stripe_session_id"]
    assert ["expired", "open"] == await sessions(till)


async def test_a_lost_answer_of_stripe_makes_no_second_session(till: Till):
    """When Stripe's answer is lost for good, the frozen request under its own key finds the same session again."""
    invoice_id = await till.invoice()
    await till.fault({"commit_then_reset": True}, path="/stripe/v1/checkout/sessions", method="POST", times=3)
    with pytest.raises(Upstream):
        await till.attempt(invoice_id)
    assert "created" == await db.fetch_value("SELECT state FROM attempt")
    opened = await till.attempt(invoice_id)
    assert "open" == opened["state"]
    assert ["open"] == await sessions(till)


async def test_what_stripe_refuses_fails_and_frees_the_invoice(till: Till):
    """An amount below Stripe's minimum fails the attempt with its words; another amount can be tried at once."""
    invoice_id = await till.invoice()
    with pytest.raises(Upstream):
        await till.attempt(invoice_id, "00.10")
    assert "failed" == await db.fetch_value("SELECT state FROM attempt")
    assert "open" == (await till.attempt(invoice_id))["state"]


async def test_the_webhook_may_be_faster_than_our_own_answer(till: Till):
    """A payment heard of before we stored the session's id is waited for, not lost, and then recorded."""
    attempt = await till.attempt(await till.invoice())
    await db.fetch("UPDATE attempt SET stripe_session_id = NULL")
    await till.pay(attempt)
    await till.hear()
    assert 0 == await db.fetch_value("SELECT count(*) FROM payment")
    assert 0 < await db.fetch_value("SELECT count(*) FROM inbox WHERE next_at IS NOT NULL AND dead_at IS NULL")
    await attempts.mark_open(attempt["id"], attempt["stripe_session_id"], "")
    await db.fetch("UPDATE inbox SET next_at = now() WHERE next_at IS NOT NULL")
    await till.work()
    assert "succeeded" == await db.fetch_value("SELECT state FROM payment")


async def test_an_attempt_is_looked_at_when_it_ends(till: Till):
    """Without any webhook, an open attempt is read again from Stripe: paid, expired or still open."""
    paid = await till.attempt(await till.invoice())
    await till.pay(paid)
    await reconciliation.check_attempt(till.clients, paid["id"])
    assert "succeeded" == await db.fetch_value("SELECT state FROM attempt WHERE id = $1", paid["id"])
    left = await till.attempt(await till.invoice())
    with pytest.raises(Postpone):
        await reconciliation.check_attempt(till.clients, left["id"])
    await till.control("/_clock", {"advance": 3700})
    await reconciliation.check_attempt(till.clients, left["id"])
    assert "expired" == await db.fetch_value("SELECT state FROM attempt WHERE id = $1", left["id"])


async def test_late_money_is_taken(till: Till):
    """Money that arrives on an attempt we had given up is recorded, and marked as late."""
    attempt = await till.attempt(await till.invoice())
    await attempts.mark_canceled(attempt["id"])
    await till.pay(attempt)
    await till.hear()
    assert ("succeeded", "paid_late") == tuple(await till.row("SELECT state, exception FROM payment"))
    assert "succeeded" == await db.fetch_value("SELECT state FROM attempt")
    assert 1 == len(await till.in_xero(attempt["invoice"]))


async def test_the_request_is_frozen(till: Till):
    """The stored request is the one Stripe got: its key, its end and its reference never change."""
    attempt = await till.attempt(await till.invoice())
    again = await attempts.submit(till.clients, attempt)
    assert (attempt["stripe_session_id"], attempt["params"]) == (again["stripe_session_id"], again["params"])
    assert str(attempt["id"]) in attempt["params"]
    assert f"attempt-{attempt['id']}" == attempt["idempotency_key"]


CHANGES = [
    pytest.param("status = 'VOIDED'", id="void"),
    pytest.param("due_minor = 3999", id="less is due"),
    pytest.param("due_minor = 0, status = 'PAID'", id="paid"),
    pytest.param("currency = 'EUR'", id="another currency"),
]


@pytest.mark.parametrize("change", CHANGES)
async def test_nothing_is_opened_for_what_cannot_be_paid_any_more(till: Till, change: str):
    """What changed between the page and the click is seen under the lock: no session is made, nothing is stored."""
    invoice_id = await till.invoice()
    await db.fetch(f"UPDATE invoice SET {change} WHERE id = $1", invoice_id)
    with pytest.raises(Refused):
        await till.attempt(invoice_id, "40.00")
    assert 0 == await db.fetch_value("SELECT count(*) FROM attempt")


async def test_nothing_is_opened_through_a_link_that_was_switched_off(till: Till):
    """A link that was switched off after its page was opened leads to no session."""
    invoice_id = await till.invoice()
    link = await links.ensure(till.clients.keys, invoice_id)
    await db.fetch("UPDATE pay_link SET active = FALSE")
    with pytest.raises(Refused):
        await till.attempt(invoice_id, "40.00", link["id"])
    assert 0 == await db.fetch_value("SELECT count(*) FROM attempt")


async def test_an_answer_asked_for_before_the_payment_was_written_does_not_hide_it(till: Till):
    """A read of the invoice from before we wrote, stored after: the payment still counts, and is not taken twice."""
    invoice_id = await till.invoice("100.00")
    payment = await till.paid(invoice_id, "100.00")
    connection = await till.row("SELECT * FROM connection WHERE id = $1", till.connection_id)
    asked = await invoices.asking()
    async with access.tenant(till.clients, till.connection_id) as tenant:
        before = await tenant.invoice(await till.xero_id(invoice_id))
    assert before
    await db.fetch("UPDATE invoice SET xero_updated_at = $2 WHERE id = $1", invoice_id, before.updated_at)
    held = await work.claim("write_back", (await till.write_back(payment))["id"], 30)
    assert held
    await writeback.send(till.clients, held)
    await invoices.save(connection, [before], asked=asked)
    assert "confirmed" == (await till.write_back(payment))["state"]
    with pytest.raises(attempts.OnItsWay):
        await till.attempt(invoice_id, "40.00")


async def test_an_attempt_on_an_account_that_left_ends_in_its_time(till: Till):
    """When Stripe lets us read nothing any more, a session counts as ended when its time has passed, and not before."""
    attempt = await till.attempt(await till.invoice())
    await till.control(f"/_stripe/accounts/{till.account}", {"action": "deauthorise"})
    with pytest.raises(Postpone):
        await reconciliation.check_attempt(till.clients, attempt["id"])
    with pytest.raises(Upstream):
        await attempts.end(till.clients, attempt)
    await db.fetch("UPDATE attempt SET expires_at = now() - interval '1 minute'")
    gone = await attempts.one(attempt["id"]) or {}
    await reconciliation.check_attempt(till.clients, attempt["id"])
    assert "expired" == await db.fetch_value("SELECT state FROM attempt")
    assert await attempts.end(till.clients, gone)


async def test_a_change_of_an_invoice_whose_account_left_is_let_be(till: Till):
    """The invoice changes while a session is open on an account that left: its check ends it in time, and no job is put aside."""
    invoice_id = await till.invoice()
    await till.attempt(invoice_id)
    await till.control(f"/_stripe/accounts/{till.account}", {"action": "deauthorise"})
    await checkout.expire_stale(till.clients, invoice_id)  # there is no link to pay it by
    assert "open" == await db.fetch_value("SELECT state FROM attempt")
