"""Payments: money a customer paid through Stripe, once per payment intent. The only writer of `payment`.

Whatever tells us that something happened (a webhook, a poll, the return page's job) ends here: the intent is read again
from Stripe, and one transaction brings our row, the ledger and the write to Xero to what Stripe says. Calling it twenty
times at once does it once.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import structlog

from app.books import attempts
from app.books.credit_notes import FAILED
from app.books.payment_changes import FEE_SOON, Told, converge, describe
from app.books.payment_telling import amount_of, method_words, reread, tell
from app.clients.bundle import Clients
from app.clients.stripe_wire import IntentView, SessionView
from app.core import db, live
from app.core.clock import from_now, now
from app.core.errors import Upstream
from app.core.faultpoint import faultpoint
from app.core.money import from_stripe
from app.core.work import Postpone

__all__ = ["amount_of", "book_fee", "by_intent", "method_words", "note_exception", "one", "settle", "settle_session"]

Row = Mapping[str, Any]
log = structlog.get_logger()
FEE_LATER, FEE_PATIENCE_DAYS = 900, 30
# How often Stripe is read again when others change the payment meanwhile; then the work comes back a little later.
OVERTAKEN_TIMES = 4
# For how many seconds what Stripe says of a charge and of its refunds may differ because one was read before the other.
SETTLING = 600

_INSERT = """
INSERT INTO payment (id, merchant, connection, invoice, attempt, stripe_account_id, stripe_payment_intent_id, stripe_charge_id,
  livemode, state, amount_minor, currency, method_type, method_brand, method_last4, customer_email, failure, started_at,
  balance_transaction_id, settlement_currency, exchange_rate, exception, created_at, changed_at)
SELECT $1, i.merchant, i.connection, i.id, $2, $3, $4, '', $5, 'processing', $6, $7, '', '', '', '', '', $8, '', '', '', '',
  now(), now() FROM invoice i WHERE i.id = $9
ON CONFLICT (stripe_account_id, stripe_payment_intent_id) DO NOTHING RETURNING *
"""


class _Overtaken(Exception):
    """The payment changed while Stripe was read: what was read may be older than what we know."""


async def one(payment_id: UUID) -> Row | None:
    """The payment, or None."""
    row: Row | None = await db.fetch_row("SELECT * FROM payment WHERE id = $1", payment_id)
    return row


async def by_intent(stripe_account_id: str, payment_intent_id: str) -> Row | None:
    """The payment made by this intent on this account, or None."""
    row: Row | None = await db.fetch_row(
        "SELECT * FROM payment WHERE stripe_account_id = $1 AND stripe_payment_intent_id = $2",
        stripe_account_id,
        payment_intent_id,
    )
    return row


async def settle(
    clients: Clients, stripe_account_id: str, payment_intent_id: str, session_id: str | None = None
) -> UUID | None:
    """Converge to what Stripe says about an intent; the payment's id, or None while there is no payment of ours.

    `session_id` is a hint that saves a call; it is believed only if the session at Stripe names this intent. Raises
    Upstream when Stripe does not answer, and when our own answer with the session's id is still on its way (come back).
    """
    for _ in range(OVERTAKEN_TIMES):
        before = await _version(stripe_account_id, payment_intent_id)
        intent = await clients.stripe.intent(stripe_account_id, payment_intent_id)
        attempt = await _match(clients, stripe_account_id, intent, session_id)
        if attempt is None:
            return None
        with suppress(_Overtaken):
            return await _take(clients, attempt, intent, before)
    raise Upstream("The payment is just being changed.", code="overtaken", retry_after=2)


async def settle_session(clients: Clients, stripe_account_id: str, session_id: str) -> UUID | None:
    """The same, for an event that names a session; also notes a session that ended unpaid."""
    session = await clients.stripe.session(stripe_account_id, session_id)
    attempt = await attempts.by_session(stripe_account_id, session_id)
    if attempt is None:
        await _wait_for_our_own(stripe_account_id, [session])
        return None
    if session.status == "expired":
        await attempts.mark_expired(attempt["id"])
        await live.announce(attempt["invoice"])
    if not session.payment_intent:
        return None
    await attempts.note_intent(attempt["id"], session.payment_intent)
    for _ in range(OVERTAKEN_TIMES):
        before = await _version(stripe_account_id, session.payment_intent)
        intent = await clients.stripe.intent(stripe_account_id, session.payment_intent)
        with suppress(_Overtaken):
            return await _take(clients, attempt, intent, before, over=session.status == "complete")
    raise Upstream("The payment is just being changed.", code="overtaken", retry_after=2)


async def book_fee(clients: Clients, payment_id: UUID) -> None:
    """Read the balance transaction and book the fee (job payment.fee); Postpone while Stripe has none yet.

    On an account that left it stays unknown: there is nobody to ask.
    """
    payment = await one(payment_id)
    if payment is None or payment["balance_transaction_id"] or payment["state"] == "failed":
        return
    try:
        await settle(clients, payment["stripe_account_id"], payment["stripe_payment_intent_id"])
    except Upstream as error:
        if error.code != "disconnected":
            raise
        log.warning("payment.fee.unknown", payment=str(payment_id))
        return  # the account left, and Stripe tells us no more of what it kept
    payment = await one(payment_id)
    if payment is None or payment["balance_transaction_id"]:
        return
    age = (now() - payment["created_at"]).total_seconds()
    if age < FEE_PATIENCE_DAYS * 86_400:
        raise Postpone(from_now(FEE_SOON if age < 300 else FEE_LATER), "Stripe has not booked it yet.")


async def note_exception(payment_id: UUID, exception: str) -> None:
    """Remember, in a short word, why a payment could not be applied as it was; "" takes it back."""
    await db.fetch("UPDATE payment SET exception = $2 WHERE id = $1 AND exception <> $2", payment_id, exception)


async def _match(clients: Clients, account: str, intent: IntentView, session_id: str | None) -> Row | None:
    """Our attempt behind an intent: by the session that Stripe says it belongs to, on the same account."""
    known = await attempts.by_intent(account, intent.id)
    if known:
        return known
    if session_id:
        session = await clients.stripe.session(account, session_id)
        sessions = [session] if session.payment_intent == intent.id else []
    else:
        sessions = await clients.stripe.sessions_of_intent(account, intent.id)
    for session in sessions:
        attempt = await attempts.by_session(account, session.id)
        if attempt:
            await attempts.note_intent(attempt["id"], intent.id)
            return attempt
    await _wait_for_our_own(account, sessions)
    log.info("payment.not_ours", sessions=len(sessions))
    return None


async def _wait_for_our_own(account: str, sessions: list[SessionView]) -> None:
    """Raises Upstream: come back, when a session may be one that we are just making; permanent, when it looks like ours
    and is not in our books.

    The session's own reference is only a reason to wait or to tell: it is text that anybody with that account may write.
    """
    for session in sessions:
        hint = session.client_reference_id
        waiting = await db.fetch_value(
            "SELECT 1 FROM attempt WHERE stripe_account_id = $1 AND idempotency_key = 'attempt-' || $2 "
            "AND stripe_session_id IS NULL AND created_at > now() - interval '1 hour'",
            account,
            hint,
        )
        if waiting:
            raise Upstream("The session is not in our books yet.", code="too_early", retry_after=3)
        if hint and hint == session.attempt and await _unknown(hint):
            # put aside, where it is counted: our books are older than what we did (a backup was restored)
            log.error("payment.unknown_session", attempt=hint)
            raise Upstream("A session of our own is not in our books.", permanent=True, code="unknown_session")


async def _unknown(attempt_id: str) -> bool:
    """Whether this is an attempt's id, and none of ours."""
    return not await db.fetch_value("SELECT 1 FROM attempt WHERE idempotency_key = 'attempt-' || $1", attempt_id)


def _ours(clients: Clients, attempt: Row, intent: IntentView) -> bool:
    """Mode and currency must be those we asked for; anything else moves nothing and is told to the operator."""
    fits = intent.livemode == clients.settings.live and intent.currency.upper() == attempt["currency"]
    if not fits:
        log.error("payment.mismatch", attempt=str(attempt["id"]), livemode=intent.livemode, currency=intent.currency)
    return fits


async def _version(account: str, payment_intent_id: str) -> str:
    """What changes with every change of the payment's row; "" while there is none. Noted before Stripe is read."""
    sql = "SELECT xmin::text FROM payment WHERE stripe_account_id = $1 AND stripe_payment_intent_id = $2"
    return await db.fetch_value(sql, account, payment_intent_id) or ""


async def _take(clients: Clients, attempt: Row, intent: IntentView, before: str, *, over: bool = False) -> UUID | None:
    """`over`: the session takes no other card, so that what failed is a slow payment that we never heard of before.

    `before` is the payment's version from before Stripe was read. Raises _Overtaken when it moved meanwhile: then somebody
    may have read something newer, and what we hold must not be written over it.
    """
    if not _ours(clients, attempt, intent):
        return None
    failed = over and intent.status in {"requires_payment_method", "canceled"}
    if not before and not failed and intent.status not in {"succeeded", "processing"}:
        if intent.last_error:
            await attempts.declined(attempt["id"], intent.last_error)
        return None
    told = await _listen(clients, attempt["stripe_account_id"], intent, known=bool(before))
    payment_id = await _store(attempt, told, before)
    faultpoint("K09")
    return payment_id


async def _listen(clients: Clients, account: str, intent: IntentView, *, known: bool) -> Told:
    """What else must be read before the transaction: a disputed charge's disputes, the refunds of what was refunded.

    Raises Upstream (come back) while Stripe does not list all that it says was refunded.
    """
    charge = intent.charge
    if charge is None:
        return Told(intent)
    disputes = await clients.stripe.disputes(account, charge.id) if charge.disputed else []
    if not charge.amount_refunded and not (known and await _was_refunded(account, intent.id)):
        return Told(intent, disputes)
    refunds = await clients.stripe.refunds(account, intent.id)
    live = sum(one.amount for one in refunds if one.status not in FAILED)
    fresh = any(one.created > from_now(-SETTLING) for one in refunds)
    if live < charge.amount_refunded and (fresh or sum(one.amount for one in refunds) < charge.amount_refunded):
        raise Upstream("Stripe does not list the refund yet.", code="too_early", retry_after=3)
    return Told(intent, disputes, refunds)


async def _was_refunded(account: str, payment_intent_id: str) -> bool:
    """Whether we have heard of a refund, which may have failed since."""
    payment = await by_intent(account, payment_intent_id)
    return payment is not None and payment["refunded_minor"] > 0


async def _store(attempt: Row, told: Told, before: str) -> UUID:
    """One transaction, one lock order (invoice, attempt, payment, write-back): insert or converge."""
    async with db.transaction():
        await db.fetch("SELECT 1 FROM invoice WHERE id = $1 FOR NO KEY UPDATE", attempt["invoice"])
        await db.fetch("SELECT 1 FROM attempt WHERE id = $1 FOR NO KEY UPDATE", attempt["id"])
        payment = await (_held(attempt, told.intent, before) if before else _insert(attempt, told.intent))
        faultpoint("K08")
        if told.intent.status == "processing":
            await _on_its_way(payment, told)
        else:
            await converge(payment, told)
    return UUID(str(payment["id"]))


async def _held(attempt: Row, intent: IntentView, before: str) -> Row:
    """The payment's row, locked, as it was before Stripe was read. Raises _Overtaken when it is another one by now."""
    where = "FROM payment WHERE stripe_account_id = $1 AND stripe_payment_intent_id = $2"
    await db.fetch(f"SELECT 1 {where} FOR NO KEY UPDATE", attempt["stripe_account_id"], intent.id)
    # a statement of its own: one that waited for the lock may show the row as it was when it began
    row: Row | None = await db.fetch_row(
        f"SELECT *, xmin::text AS version {where}", attempt["stripe_account_id"], intent.id
    )
    if row is None or row["version"] != before:
        raise _Overtaken
    return row


async def _insert(attempt: Row, intent: IntentView) -> Row:
    """The amount is what Stripe says was paid, in the currency that was asked for. Raises _Overtaken if it is here by now."""
    amount = from_stripe(intent.amount, intent.currency)
    row: Row | None = await db.fetch_row(
        _INSERT, uuid4(), attempt["id"], attempt["stripe_account_id"], intent.id, intent.livemode, amount.minor,
        amount.currency, intent.created, attempt["invoice"],
    )  # fmt: skip
    if row is None:
        raise _Overtaken
    if amount.minor != attempt["amount_minor"]:
        log.error(
            "payment.amount_differs", attempt=str(attempt["id"]), asked=attempt["amount_minor"], paid=amount.minor
        )
    return row


async def _on_its_way(payment: Row, told: Told) -> None:
    """A bank debit: said to everybody, written into Xero only when it has arrived."""
    if not await attempts.mark_processing(payment["attempt"]):
        return
    payment = await describe(payment, told.charge)
    await db.fetch("UPDATE payment SET changed_at = clock_timestamp() WHERE id = $1", payment["id"])
    payment = await reread(payment)
    await tell(payment, "processing", "Payment on its way", f"{amount_of(payment)} from {method_words(payment)}")
