"""The house checks itself: planted defects are found, told, stop their merchant's writes only, and clear when mended."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.books import access, breaches, checks, connections, links, repairs, stripe_check
from app.core import db
from app.core.work import Postpone
from app.merchants import alerts
from app.merchants.places import home
from app.merchants.troubles import disconnected, needs
from tests.fixtures.sandbox import SandboxServer
from tests.rooms.bookkeeping import Books, open_books
from tests.rooms.till import Till


@pytest.fixture
async def books(sandbox_server: SandboxServer, new_database: Callable[[], str]) -> AsyncIterator[Books]:
    """An organisation with everything imported."""
    async with open_books(sandbox_server, new_database()) as made:
        yield await made.synced()


async def turn(job: Any) -> timedelta:
    """One turn of a repeating job; how long until the next."""
    with pytest.raises(Postpone) as planned:
        await job
    return planned.value.at - datetime.now(UTC)


async def found() -> list[tuple[str, str]]:
    return [(row["kind"].split()[0], row["subject"]) for row in await breaches.open_ones()]


async def stranger() -> UUID:
    made: UUID = await db.fetch_value("INSERT INTO merchant (id) VALUES ($1) RETURNING id", uuid4())
    return made


async def test_all_is_whole(till: Till):
    """Ordinary days breach nothing, and the checks come again: in five minutes, and tonight."""
    await till.paid(await till.invoice())
    await till.work()
    assert timedelta(minutes=4) < await turn(checks.check_books()) < timedelta(minutes=6)
    await turn(checks.reconcile(till.clients, till.merchant_id))
    assert [] == await found()


async def test_what_changes_is_looked_at_and_the_rest_at_night(till: Till):
    """A change of a row, of the ledger or of a write is found within five minutes; what nobody noted, the next night."""
    await till.paid(await till.invoice())
    await till.work()
    await turn(checks.check_books())
    assert 0 == await db.fetch_value("SELECT count(*) FROM touched")
    payment_id = await db.fetch_value("SELECT id FROM payment")
    for wrong, right in (
        ("UPDATE payment SET refunded_minor = 1", "UPDATE payment SET refunded_minor = 0"),
        ("UPDATE write_back SET amount_minor = 1", "UPDATE write_back SET amount_minor = 4000"),
    ):
        await db.fetch(wrong)
        await turn(checks.check_books())
        assert [f"payment {payment_id}"] == [subject for _, subject in await found()]
        await db.fetch(right)
        await turn(checks.check_books())
        assert [] == await found()
    await db.fetch("UPDATE payment SET refunded_minor = 1")
    await db.fetch("DELETE FROM touched")
    await turn(checks.check_books())
    assert [] == await found()
    await db.fetch("DELETE FROM cursor WHERE name = $1", checks.WHOLE)
    await turn(checks.check_books())
    assert [("I2", f"payment {payment_id}")] == await found()


async def test_a_breach_stops_its_own_merchant(till: Till):
    """While one payment's books are wrong nothing new is written for its merchant; what waits goes on once it clears."""
    wrong = await till.paid(await till.invoice())
    await till.work()
    await db.fetch("UPDATE payment SET amount_minor = 4001 WHERE id = $1", wrong["id"])
    await turn(checks.check_books())
    assert [("I2", f"payment {wrong['id']}")] == await found()
    assert await breaches.stopped(till.merchant_id)
    assert not await breaches.stopped(await stranger())

    waiting = await till.paid(await till.invoice())
    await till.work()
    assert ("intended", breaches.PAUSED) == ((row := await till.write_back(waiting))["state"], row["last_error"])
    assert [] == await till.in_xero(waiting["invoice"])

    await db.fetch("UPDATE payment SET amount_minor = 4000 WHERE id = $1", wrong["id"])
    await turn(checks.check_books())
    await till.work()
    assert [] == await found()
    assert 1 == len(await till.in_xero(waiting["invoice"]))


async def test_what_was_begun_is_finished(till: Till):
    """A write whose answer was lost is looked for and adopted although its merchant's writes are stopped."""
    payment = await till.paid(await till.invoice())
    await till.fault({"commit_then_reset": True}, times=1)
    await till.work()
    assert "unknown" == (await till.write_back(payment))["state"]
    await db.fetch("INSERT INTO breach (merchant, kind, subject) VALUES ($1, 'I4 x', 'y')", till.merchant_id)

    async def recorded() -> bool:
        return bool((await till.write_back(payment))["state"] == "confirmed")

    await till.work_until(recorded)
    assert 1 == len(await till.in_xero(payment["invoice"]))


async def test_a_breach_is_told_once_and_kept(till: Till):
    """Found three times it is one alarm; found again after it cleared it is a new one; the trail has both ends."""
    payment = await till.paid(await till.invoice())
    for amount in (4001, 4001, 4000, 4001):
        await db.fetch("UPDATE payment SET amount_minor = $1", amount)
        await turn(checks.check_books())
    assert [f"payment {payment['id']}"] * 2 == [row["subject"] for row in await db.fetch("SELECT subject FROM breach")]
    rows = await db.fetch("SELECT action FROM audit WHERE action LIKE 'breach%' ORDER BY number")
    assert ["breach_found", "breach_cleared", "breach_found"] == [row["action"] for row in rows]


async def test_the_merchant_is_told(till: Till):
    """The dashboard says in plain words what is paused, and leads to the invoice."""
    invoice_id = await till.invoice()
    payment = await till.paid(invoice_id)
    await db.fetch(
        "INSERT INTO breach (merchant, kind, subject) VALUES ($1, 'I3 in Xero exactly once', $2)",
        till.merchant_id, f"payment {payment['id']}",
    )  # fmt: skip
    words, href = await needs(await home(till.merchant_id))
    assert words.startswith("Recording in Xero is paused")
    assert f"/invoices/{invoice_id}" == href


async def test_a_lost_organisation_is_told_before_a_pause(till: Till):
    """While Xero lets us into no organisation the merchant reads that, and not that recording goes on by itself."""
    payment = await till.paid(await till.invoice())
    insert = "INSERT INTO breach (merchant, kind, subject) VALUES ($1, 'I3 in Xero exactly once', $2)"
    await db.fetch(insert, till.merchant_id, f"payment {payment['id']}")
    for state, paused in (("connected", True), ("broken", False), ("disconnected", False), ("connected", True)):
        await db.fetch("UPDATE connection SET state = $1", state)
        place = await home(till.merchant_id)
        assert paused is (await needs(place))[0].startswith("Recording in Xero is paused")
        assert paused is (disconnected(place) is None)


async def test_a_mail_tells_of_a_breach_once(till: Till):
    """A breach that still stands when its job comes is told to the merchant's people once; one that cleared is not."""
    await db.fetch("UPDATE app_user SET email = 'hannah@example.com'")
    payment = await till.paid(await till.invoice())
    for amount in (4001, 4001, 4000):
        await db.fetch("UPDATE payment SET amount_minor = $1", amount)
        await turn(checks.check_books())
        (job,) = await db.fetch("SELECT subject FROM job WHERE kind = 'breach.alert'")
        await alerts.tell_breach(till.clients, int(job["subject"]))
    (mail,) = await db.fetch("SELECT * FROM mail")
    assert "Recording in Xero is paused" == mail["subject"]
    assert f"/invoices/{payment['invoice']}" in mail["text"]
    await db.fetch("DELETE FROM mail")
    await alerts.tell_breach(till.clients, int(job["subject"]))
    assert 0 == await db.fetch_value("SELECT count(*) FROM mail")


async def test_stripes_totals(till: Till, monkeypatch: pytest.MonkeyPatch):
    """I6: a fee that is not Stripe's is found and named, and clears when it is put right."""
    monkeypatch.setattr(stripe_check, "SETTLED", timedelta(seconds=-5))
    payment = await till.paid(await till.invoice())

    async def booked() -> bool:
        await till.hear()
        return bool(await db.fetch_value("SELECT balance_transaction_id FROM payment WHERE id = $1", payment["id"]))

    await till.work_until(booked)
    await db.fetch("UPDATE payment SET fee_minor = fee_minor + 1")
    assert checks.AGAIN >= (await turn(checks.reconcile(till.clients, till.merchant_id))).total_seconds()
    assert [("I6", f"payment {payment['id']}")] == await found()
    await db.fetch("UPDATE payment SET fee_minor = fee_minor - 1")
    await turn(checks.reconcile(till.clients, till.merchant_id))
    assert [] == await found()


async def test_a_payment_nobody_told_of(till: Till, monkeypatch: pytest.MonkeyPatch):
    """Money at Stripe that no webhook and no poll brought is brought in by the nightly look, and counted as a repair."""
    monkeypatch.setattr(stripe_check, "SETTLED", timedelta(seconds=-5))
    attempt = await till.attempt(await till.invoice())
    await till.pay(attempt)
    assert 0 == await db.fetch_value("SELECT count(*) FROM payment")

    async def brought() -> bool:
        await db.fetch("DELETE FROM cursor")
        await turn(checks.reconcile(till.clients, till.merchant_id))
        return bool(await db.fetch_value("SELECT count(*) FROM payment"))

    await till.wait_until(brought)
    assert 1 == await repairs.this_week(till.merchant_id, "stripe")
    assert [] == await found()


async def test_the_mirror(books: Books):
    """I7: a linked invoice that Xero does not have, or that our copy will not follow, is found; mended, it clears."""
    keys = books.clients.keys
    rows = await db.fetch(
        "SELECT id FROM invoice WHERE status = 'AUTHORISED' AND due_minor > 0 ORDER BY number LIMIT 2"
    )
    first, second = (row["id"] for row in rows)
    for invoice_id in (first, second):
        await links.ensure(keys, invoice_id)
    await db.fetch(
        "UPDATE invoice SET due_minor = due_minor + 1, xero_updated_at = now() + interval '1 day' WHERE id = $1", first
    )
    known = await db.fetch_value("SELECT xero_invoice_id FROM invoice WHERE id = $1", second)
    await db.fetch("UPDATE invoice SET xero_invoice_id = $2, seen_at = now() WHERE id = $1", second, str(uuid4()))
    await turn(checks.reconcile(books.clients, books.merchant_id))
    assert {("I7", f"invoice {first}"), ("I7", f"invoice {second}")} == set(await found())

    await db.fetch("UPDATE invoice SET xero_updated_at = NULL WHERE id = $1", first)
    await db.fetch("DELETE FROM invoice WHERE xero_invoice_id = $1", known)
    await db.fetch("UPDATE invoice SET xero_invoice_id = $2 WHERE id = $1", second, known)
    await turn(checks.reconcile(books.clients, books.merchant_id))
    assert [] == await found()


async def test_a_lost_notification_is_counted(books: Books):
    """An invoice that a poll found changed long after the fact counts as a repair; one that was told does not."""
    await db.fetch("UPDATE connection SET changed_cursor = now() - interval '1 hour'")
    await db.fetch("UPDATE invoice SET due_minor = due_minor + 1 WHERE number = (SELECT max(number) FROM invoice)")
    told = await db.fetch_value("SELECT xero_invoice_id FROM invoice ORDER BY number LIMIT 1")
    changed = [row["id"] for row in await db.fetch("SELECT id FROM invoice ORDER BY number LIMIT 2")]
    await db.fetch("UPDATE invoice SET xero_updated_at = now() - interval '5 minutes' WHERE id = ANY($1)", changed)
    await db.fetch(
        "INSERT INTO job (kind, subject, next_at) VALUES ('invoice.pull', $1, now())",
        f"{books.connection_id}:{told}",
    )
    await repairs.count_invoices(books.merchant_id, changed)
    assert 1 == await repairs.this_week(books.merchant_id)
    await repairs.count(books.merchant_id, "xero", 2)
    assert (3, {"xero": 3, "stripe": 0}) == (await repairs.this_week(books.merchant_id), await repairs.today())


async def test_a_poll_counts_what_it_finds(books: Books, monkeypatch: pytest.MonkeyPatch):
    """A new invoice that only the poll brought is a repair; not so after days in which nobody could have told us."""
    monkeypatch.setattr(repairs, "GRACE", timedelta(seconds=-3600))
    books.new_invoice()
    await books.poll()
    assert 1 == await repairs.this_week(books.merchant_id)
    await db.fetch("UPDATE connection SET synced_at = now() - interval '2 days'")
    books.new_invoice()
    await books.poll()
    assert 1 == await repairs.this_week(books.merchant_id)


async def written_twice(till: Till) -> tuple[Any, Any]:
    """A part payment (and its write-back) that stands in Xero twice, and was found so."""
    payment = await till.paid(await till.invoice())
    await till.work()
    written = await till.write_back(payment)
    async with access.tenant(till.clients, till.connection_id) as tenant:
        await tenant.put_payments(b'{"Payments":[%s]}' % written["request"].encode(), "another key")
    await db.fetch("UPDATE write_back SET next_at = now()")
    await till.work()
    return payment, written


async def test_what_was_written_twice_stops_the_writes(till: Till):
    """I9: a part payment that stands in Xero twice stops the merchant's writes, until one of the two is gone."""
    payment, written = await written_twice(till)
    assert [("I9", f"write-back {written['id']}")] == await found()
    assert "Recorded twice in Xero" in await till.lines(payment["invoice"])
    for job in (checks.check_books(), checks.reconcile(till.clients, till.merchant_id)):
        await turn(job)
        assert await breaches.stopped(till.merchant_id)
    assert "stands in Xero twice" in (await needs(await home(till.merchant_id)))[0]

    async with access.tenant(till.clients, till.connection_id) as tenant:
        await tenant.delete_payment(written["xero_id"])
    await turn(checks.reconcile(till.clients, till.merchant_id))
    assert [] == await found()
    (kept,) = await till.in_xero(payment["invoice"])
    assert kept["id"] == (await till.write_back(payment))["xero_id"]


async def test_what_cannot_be_asked_stops_nobody_else(till: Till):
    """What stands twice (or differs) in an organisation that left is set aside; connected again, it is asked at once."""
    payment, written = await written_twice(till)
    await db.fetch(
        "INSERT INTO breach (merchant, kind, subject) VALUES ($1, $2, $3)",
        till.merchant_id, breaches.MIRROR, f"invoice {payment['invoice']}",
    )  # fmt: skip
    await connections.disconnect(till.clients, till.merchant_id, till.connection_id)
    assert not await breaches.stopped(till.merchant_id)
    await db.fetch("INSERT INTO breach (merchant, kind, subject) VALUES ($1, 'I4 x', 'write-back 1')", till.merchant_id)
    assert ["I4 x"] == [row["kind"] for row in await breaches.in_force(till.merchant_id)]
    await db.fetch("DELETE FROM breach WHERE kind = 'I4 x'")
    next_turn = await turn(checks.reconcile(till.clients, till.merchant_id))
    assert checks.tonight(till.merchant_id) - datetime.now(UTC) - next_turn < timedelta(minutes=1)
    assert {"I9", "I7"} == {kind for kind, _ in await found()}

    await till.connect()
    assert await breaches.stopped(till.merchant_id)
    due = "SELECT next_at <= now() FROM job WHERE kind = 'house.reconcile' AND subject = $1"
    assert await db.fetch_value(due, str(till.merchant_id))
    async with access.tenant(till.clients, till.connection_id) as tenant:
        await tenant.delete_payment(written["xero_id"])
    await db.fetch("DELETE FROM breach WHERE kind = $1", breaches.MIRROR)
    await turn(checks.reconcile(till.clients, till.merchant_id))
    assert [] == await found()


def test_nights_are_spread():
    """Merchants are looked at in the small hours, not all at once, and tomorrow when today's turn has passed."""
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    times = {checks.tonight(UUID(int=number * 977), noon) for number in range(50)}
    assert 50 == len(times)
    assert all(2 <= at.hour < 4 and at.day == 23 for at in times)
    assert 22 == checks.tonight(UUID(int=0), noon.replace(hour=1)).day
