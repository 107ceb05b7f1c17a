"""Attempts to pay: one Stripe checkout session each, frozen before Stripe is asked. The only writer of `attempt`.

An invoice has at most one live session (a partial unique index says so too): a second customer joins the first one's, and
another amount ends the old session before a new one is made.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import structlog

from app.books import timeline
from app.books.invoices_save import payable
from app.books.machines import ATTEMPT
from app.clients.bundle import Clients
from app.core import db, jobs, live, states
from app.core.clock import now
from app.core.errors import Refused, Upstream
from app.core.money import Money

Row = Mapping[str, Any]
# The request to Stripe for one attempt, from its id (also the client_reference_id) and the session's end. JSON only.
Builder = Callable[[UUID, datetime], dict[str, Any]]
# Whether another customer may join a session that was asked for so.
Joins = Callable[[dict[str, Any]], bool]

log = structlog.get_logger()
# Stripe takes 30 minutes to 24 hours, counted from when it makes the session: the margin lets a lost answer be asked again.
LIFETIME = timedelta(minutes=60)
# A session with less time left than this is not handed to another customer.
WORTH_JOINING = timedelta(minutes=5)
# Stripe refuses a session that would end within 30 minutes.
WORTH_SENDING = timedelta(minutes=31)
# When a request to Stripe that we never heard back from is looked into.
LOST_ANSWER = timedelta(minutes=3)

# Money on its way, and money received that the invoice's copy cannot show: not yet written, or written since it was read.
_NOT_IN_XERO = """
SELECT
  (SELECT COALESCE(sum(amount_minor), 0)::bigint FROM attempt WHERE invoice = $1 AND state = 'processing') AS slow,
  (SELECT COALESCE(sum(w.amount_minor), 0)::bigint
   FROM payment p JOIN write_back w ON w.payment = p.id AND w.kind = 'payment' JOIN invoice i ON i.id = p.invoice
   WHERE p.invoice = $1 AND (w.state IN ('intended', 'sending', 'unknown', 'parked')
     OR (w.state = 'confirmed' AND w.confirmed_at > i.seen_at))) AS waiting
"""


class OnItsWay(Refused):
    """A payment that Xero does not show yet already covers what is left."""


class Superseded(Exception):
    """A live session stands in the way; it must end at Stripe first."""

    def __init__(self, attempt: Row) -> None:
        super().__init__(str(attempt["id"]))
        self.attempt = attempt


async def one(attempt_id: UUID) -> Row | None:
    """The attempt, or None."""
    row: Row | None = await db.fetch_row("SELECT * FROM attempt WHERE id = $1", attempt_id)
    return row


async def by_session(stripe_account_id: str, session_id: str) -> Row | None:
    """The attempt that made this session on this account, or None: never found by metadata, which anybody can write."""
    row: Row | None = await db.fetch_row(
        "SELECT * FROM attempt WHERE stripe_account_id = $1 AND stripe_session_id = $2", stripe_account_id, session_id
    )
    return row


async def by_intent(stripe_account_id: str, payment_intent_id: str) -> Row | None:
    """The attempt known to have led to this payment intent on this account, or None."""
    row: Row | None = await db.fetch_row(
        "SELECT * FROM attempt WHERE stripe_account_id = $1 AND stripe_payment_intent_id = $2",
        stripe_account_id,
        payment_intent_id,
    )
    return row


async def live_for_invoice(invoice_id: UUID) -> Row | None:
    """The attempt a customer could still pay with, else one whose money is on its way, else None."""
    row: Row | None = await db.fetch_row(
        "SELECT * FROM attempt WHERE invoice = $1 AND state IN ('created', 'open', 'processing') "
        "ORDER BY state = 'processing', created_at DESC LIMIT 1",
        invoice_id,
    )
    return row


async def open_attempt(
    clients: Clients,
    *,
    merchant_id: UUID,
    invoice_id: UUID,
    pay_link_id: UUID | None,
    stripe_account_id: str,
    amount: Money,
    build: Builder,
    joins: Joins = lambda _: True,
) -> Row:
    """An attempt with a live session at Stripe for exactly this amount: joined, or made.

    A session for another amount, or one that must not be joined, is ended first; when the customer has just paid with it,
    Refused says so, as it does when the invoice, its amount due or the link no longer allow it. Raises OnItsWay when a
    payment that Xero does not show yet covers what is left, Upstream when Stripe does not answer (safe to ask again: the
    request is frozen).
    """
    for _ in range(3):
        try:
            async with db.transaction():
                attempt = await _reserve(merchant_id, invoice_id, pay_link_id, stripe_account_id, amount, build, joins)
        except Superseded as found:
            if not await end(clients, found.attempt):
                raise Refused("This invoice is just being paid. Please look again in a moment.") from found
            continue
        return attempt if attempt["state"] == "open" else await submit(clients, attempt)
    raise Refused("Somebody else is paying this invoice right now. Please try again in a moment.")


async def _reserve(
    merchant_id: UUID, invoice_id: UUID, pay_link_id: UUID | None, stripe_account_id: str, amount: Money, build: Builder,
    joins: Joins,
) -> Row:  # fmt: skip
    await _refuse_unpayable(merchant_id, invoice_id, pay_link_id, amount)
    found: Row | None = await db.fetch_row(
        "SELECT * FROM attempt WHERE invoice = $1 AND state IN ('created', 'open') FOR NO KEY UPDATE", invoice_id
    )
    if found is None:
        return await _insert(merchant_id, invoice_id, pay_link_id, stripe_account_id, amount, build)
    same = (found["amount_minor"], found["currency"], found["stripe_account_id"])
    least = WORTH_JOINING if found["state"] == "open" else WORTH_SENDING
    fits = same == (amount.minor, amount.currency, stripe_account_id) and joins(msgspec.json.decode(found["params"]))
    if fits and found["expires_at"] - now() > least:
        return found
    raise Superseded(found)


async def _refuse_unpayable(merchant_id: UUID, invoice_id: UUID, pay_link_id: UUID | None, amount: Money) -> None:
    """Hold the invoice and look once more: what the page showed may have changed since Xero was asked."""
    invoice = await db.fetch_row(
        "SELECT status, due_minor, currency FROM invoice WHERE id = $1 AND merchant = $2 FOR NO KEY UPDATE",
        invoice_id,
        merchant_id,
    )
    if invoice is None:
        raise Refused("This invoice is no longer here.")
    live = "SELECT active FROM pay_link WHERE id = $1 AND invoice = $2"
    if pay_link_id and not await db.fetch_value(live, pay_link_id, invoice_id):
        raise Refused("This link is no longer in use.")
    if not payable(invoice):
        raise Refused("This invoice cannot be paid any more.")
    if invoice["currency"] != amount.currency:
        raise Refused("This invoice is in another currency now. Please load the page again.")
    await _refuse_twice(invoice_id, invoice, amount)


async def _refuse_twice(invoice_id: UUID, invoice: Row, amount: Money) -> None:
    """Money that Xero does not show yet counts as paid, so that nobody pays the same part twice."""
    row = await db.fetch_row(_NOT_IN_XERO, invoice_id)
    assert row is not None
    slow, waiting = row["slow"], row["waiting"]
    if slow + waiting + amount.minor <= invoice["due_minor"]:
        return
    if slow:
        raise OnItsWay("A payment for this invoice is already on its way.")
    if waiting:
        raise OnItsWay("A payment for this invoice is just being recorded. Please look again in a moment.")
    raise Refused("This is more than is left to pay. Please load the page again.")


async def _insert(
    merchant_id: UUID, invoice_id: UUID, pay_link_id: UUID | None, stripe_account_id: str, amount: Money, build: Builder
) -> Row:
    attempt_id, created = uuid4(), now().replace(microsecond=0)
    expires = created + LIFETIME
    params = msgspec.json.encode(build(attempt_id, expires)).decode()
    row: Row | None = await db.fetch_row(
        "INSERT INTO attempt (id, merchant, invoice, pay_link, stripe_account_id, amount_minor, currency, state, "
        "idempotency_key, params, session_url, stripe_payment_intent_id, failure, expires_at, created_at, changed_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, 'created', $8, $9, '', '', '', $10, $11, $11) RETURNING *",
        attempt_id, merchant_id, invoice_id, pay_link_id, stripe_account_id, amount.minor, amount.currency,
        f"attempt-{attempt_id}", params, expires, created,
    )  # fmt: skip
    assert row is not None
    await jobs.ask("attempt.check", attempt_id, at=created + LOST_ANSWER)
    return row


async def submit(clients: Clients, attempt: Row) -> Row:
    """Make the session of a created attempt at Stripe, as often as it takes: same request, same key, same session."""
    params = msgspec.json.decode(attempt["params"])
    try:
        session = await clients.stripe.create_session(attempt["stripe_account_id"], params, attempt["idempotency_key"])
    except Upstream as error:
        if error.permanent:
            await mark_failed(attempt["id"], error.message)
        raise
    await mark_open(attempt["id"], session.id, session.url or "")
    return await one(attempt["id"]) or attempt


async def end(clients: Clients, attempt: Row) -> bool:
    """End a live attempt at Stripe, so that nobody can pay with it; False when it has just been paid.

    A created attempt may have a session we never heard of: the frozen request is asked again and tells which.
    """
    if attempt["state"] == "created":
        try:
            attempt = await submit(clients, attempt)
        except Upstream as error:
            if error.permanent:
                return True
            raise
    account, session_id = attempt["stripe_account_id"], attempt["stripe_session_id"]
    try:
        session = await clients.stripe.expire_session(account, session_id)
    except Upstream as error:
        if not error.permanent:
            raise
        try:
            session = await clients.stripe.session(account, session_id)
        except Upstream as silent:
            if await ran_out(attempt, silent):
                return True
            raise
    if session.status == "complete":
        await jobs.ask("attempt.check", attempt["id"])
        return False
    if session.status == "open":
        raise Upstream("Stripe did not end the session.", code="still_open")
    await mark_canceled(attempt["id"])
    return True


async def ran_out(attempt: Row, error: Upstream) -> bool:
    """Mark an attempt as expired that Stripe will never tell us of (its account left) and whose time has passed."""
    if not error.permanent or attempt["expires_at"] > now():
        return False
    await mark_expired(attempt["id"])
    return True


async def mark_open(attempt_id: UUID, session_id: str, url: str) -> bool:
    """Stripe made the session. The webhook may have been faster: then only the session's id is noted."""
    sql = "UPDATE attempt SET stripe_session_id = $2, session_url = $3 WHERE id = $1 AND stripe_session_id IS NULL"
    async with db.transaction():
        await db.fetch(sql, attempt_id, session_id, url)
        moved = await states.move(ATTEMPT, attempt_id, "open", changed_at=now())
        if moved:
            await jobs.ask("attempt.check", attempt_id, at=now() + LIFETIME)
    return moved


async def note_intent(attempt_id: UUID, payment_intent_id: str) -> None:
    """Remember which payment intent Stripe made for the session; it stays the same through declined cards."""
    await db.fetch(
        "UPDATE attempt SET stripe_payment_intent_id = $2 WHERE id = $1 AND stripe_payment_intent_id <> $2",
        attempt_id,
        payment_intent_id,
    )


async def mark_processing(attempt_id: UUID) -> bool:
    """The customer chose a method that takes days."""
    return await _move(attempt_id, "processing")


async def mark_succeeded(attempt_id: UUID) -> bool:
    """Stripe says paid, also when we had given the attempt up."""
    return await _move(attempt_id, "succeeded")


async def mark_failed(attempt_id: UUID, why: str) -> bool:
    """Stripe refused to make a session, or a slow payment did not come."""
    return await _move(attempt_id, "failed", failure=why[:500])


async def mark_expired(attempt_id: UUID) -> bool:
    """Stripe ended the session in its time."""
    return await _move(attempt_id, "expired")


async def mark_canceled(attempt_id: UUID) -> bool:
    """We ended the session."""
    return await _move(attempt_id, "canceled")


async def declined(attempt_id: UUID, why: str) -> bool:
    """A card was declined, in Stripe's words; the attempt stays open for another one. False when that is known already."""
    async with db.transaction():
        row = await db.fetch_row(
            "UPDATE attempt SET failure = $2, changed_at = now() WHERE id = $1 AND state IN ('created', 'open') "
            "AND failure <> $2 RETURNING merchant, invoice",
            attempt_id,
            why[:500],
        )
        if row is None:
            return False
        await timeline.add(row["merchant"], row["invoice"], "declined", "Payment attempt declined", why[:500])
        await live.announce(row["merchant"])
        await live.announce(row["invoice"])
    return True


async def _move(attempt_id: UUID, target: str, failure: str | None = None) -> bool:
    also: dict[str, Any] = {} if failure is None else {"failure": failure}
    moved = await states.move(ATTEMPT, attempt_id, target, changed_at=now(), **also)
    if moved:
        log.info("attempt.moved", attempt=str(attempt_id), state=target)
    return moved
