"""Refunds by our own button. The only writer of `refund`.

The row with its key is committed before Stripe is called; a call whose answer was lost is looked up before it is repeated.
One whose job was put aside (or is gone) is planned again by the clock, and shown to the merchant until Stripe has it.
What a refund means for the payment, the ledger and Xero is `payments`' business, as for one made in Stripe's dashboard.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

import structlog

from app.books import audit, payments, timeline
from app.books.machines import REFUND
from app.clients.bundle import Clients
from app.clients.stripe_wire import RefundView
from app.core import db, jobs, live, states
from app.core.clock import from_now, now
from app.core.errors import NotFound, Refused, Upstream
from app.core.money import BadAmount, Money, to_stripe
from app.core.work import Postpone

Row = Mapping[str, Any]
log = structlog.get_logger()

_STATES = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}
_REASONS = {
    "insufficient_funds": "your Stripe balance does not hold enough",
    "lost_or_stolen_card": "the card was lost or stolen",
    "expired_or_canceled_card": "the card has expired or was cancelled",
    "charge_for_pending_refund_disputed": "the customer disputed the payment meanwhile",
    "declined": "the customer’s bank declined it",
    "merchant_request": "it was cancelled in Stripe",
}
_ASK = """
INSERT INTO refund (id, merchant, payment, amount_minor, currency, idempotency_key, failure, asked_by, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, '', $7, now(), now())
"""
_READ = """
SELECT r.*, p.invoice, p.stripe_account_id, p.stripe_payment_intent_id FROM refund r JOIN payment p ON p.id = r.payment
"""
# Not with Stripe yet and planned by nobody, or for so long that the merchant should know.
_STUCK = "(r.state = 'asked' AND (j.next_at IS NULL OR r.created_at < now() - interval '1 hour'))"
_WITH_JOB = "FROM refund r LEFT JOIN job j ON j.kind = 'refund.send' AND j.subject = r.id::text"
# What was put aside died eight times in a row: it gets eight more tries every half day.
_FORGOTTEN = f"""
SELECT r.id {_WITH_JOB}
WHERE r.state = 'asked' AND j.next_at IS NULL AND (j.dead_at IS NULL OR j.dead_at < now() - interval '12 hours')
"""


async def left(payment: Row) -> Money:
    """What may still be refunded of a payment: nothing while it is disputed, and what was asked for counts."""
    asked = await db.fetch_value(
        "SELECT COALESCE(sum(amount_minor), 0)::bigint FROM refund WHERE payment = $1 AND state = 'asked'",
        payment["id"],
    )
    open_to_it = payment["state"] in {"succeeded", "refunded_part"}
    rest = payment["amount_minor"] - payment["refunded_minor"] - asked if open_to_it else 0
    return Money(max(rest, 0), payment["currency"])


async def of_payment(payment_id: UUID) -> list[Row]:
    """Those asked for here, oldest first; `stuck` says that Stripe should have one by now and has not."""
    sql = f"SELECT r.*, {_STUCK} AS stuck {_WITH_JOB} WHERE r.payment = $1 ORDER BY r.created_at"
    rows: list[Row] = await db.fetch(sql, payment_id)
    return rows


async def stuck(merchant_id: UUID) -> Row | None:
    """The merchant's oldest refund (with `invoice`) that Stripe should have by now and has not."""
    row: Row | None = await db.fetch_row(
        f"SELECT r.*, p.invoice {_WITH_JOB} JOIN payment p ON p.id = r.payment "
        f"WHERE r.merchant = $1 AND {_STUCK} ORDER BY r.created_at LIMIT 1",
        merchant_id,
    )
    return row


async def unwedge() -> int:
    """Plan what was asked for and is planned by nobody; how many. There should be none: it is an alarm when there are."""
    rows = await db.fetch(_FORGOTTEN)
    for row in rows:
        log.error("refund.forgotten", refund=str(row["id"]))
        await jobs.ask("refund.send", row["id"])
    return len(rows)


async def ask(merchant_id: UUID, payment_id: UUID, amount: Money, asked_by: str, form_key: UUID) -> None:
    """Mean to send this much back to the customer; the same form sent twice means it once.

    Raises NotFound for anybody else's payment and Refused (with words) for more than is left.
    """
    refund_id = _id(payment_id, form_key)
    async with db.transaction():
        payment = await db.fetch_row(
            "SELECT * FROM payment WHERE id = $1 AND merchant = $2 FOR NO KEY UPDATE", payment_id, merchant_id
        )
        if payment is None:
            raise NotFound("No such payment.")
        if await db.fetch_value("SELECT 1 FROM refund WHERE id = $1", refund_id):
            return
        rest = await left(payment)
        if not 0 < amount.minor <= rest.minor:
            raise Refused(
                f"Enter {rest} or less, what is left of this payment." if rest.minor else "Nothing is left to refund."
            )
        try:
            to_stripe(amount)
        except BadAmount:
            raise Refused(f"{amount} cannot be sent to a card exactly. Enter an amount that ends in 0.") from None
        await db.fetch(
            _ASK, refund_id, merchant_id, payment_id, amount.minor, amount.currency, f"refund-{refund_id}", asked_by
        )
        await jobs.ask("refund.send", refund_id)
        await _tell(payment["invoice"], merchant_id, "Refund asked for", f"{amount} by {asked_by}")
        what = {"payment": payment_id, "minor": amount.minor, "currency": amount.currency}
        await audit.note(merchant_id, audit.actor(), "refund_asked", f"refund:{refund_id}", what)


async def exists(payment_id: UUID, form_key: UUID) -> bool:
    """Whether this form was sent before."""
    return await db.fetch_value("SELECT 1 FROM refund WHERE id = $1", _id(payment_id, form_key)) is not None


async def send(clients: Clients, refund_id: UUID) -> None:
    """Job refund.send: bring it to Stripe, once. Postpone while Stripe does not answer."""
    row = await db.fetch_row(f"{_READ} WHERE r.id = $1", refund_id)
    if row is None or row["state"] != "asked":
        return
    try:
        told = await _sent_before(clients, row) or await _send(clients, row)
    except Upstream as error:
        if not error.permanent:
            raise Postpone(from_now(error.retry_after or _pause(row)), error.message) from error
        log.warning("refund.refused", code=error.code)
        doubt = " Look in Stripe before you try again." if row["sent_at"] else ""
        await _move(row, "refused", f"{error.message}{doubt}")
        return
    await _note(row, told)
    await payments.settle(clients, row["stripe_account_id"], row["stripe_payment_intent_id"])


async def follow(clients: Clients, stripe_account_id: str, payment_intent_id: str) -> None:
    """Stripe told of a refund: bring ours of this payment, if there are any under way, to what Stripe says."""
    rows = await db.fetch(
        f"{_READ} WHERE p.stripe_account_id = $1 AND p.stripe_payment_intent_id = $2 "
        "AND r.state IN ('asked', 'pending', 'succeeded')",
        stripe_account_id,
        payment_intent_id,
    )
    if not rows:
        return
    told = {one.reference: one for one in await clients.stripe.refunds(stripe_account_id, payment_intent_id)}
    for row in rows:
        if str(row["id"]) in told:
            await _note(row, told[str(row["id"])])


def _id(payment_id: UUID, form_key: UUID) -> UUID:
    return uuid5(payment_id, form_key.hex)


async def _sent_before(clients: Clients, row: Row) -> RefundView | None:
    if row["sent_at"] is None:
        return None
    listed = await clients.stripe.refunds(row["stripe_account_id"], row["stripe_payment_intent_id"])
    return next((one for one in listed if one.reference == str(row["id"])), None)


async def _send(clients: Clients, row: Row) -> RefundView:
    await db.fetch("UPDATE refund SET sent_at = now() WHERE id = $1 AND sent_at IS NULL", row["id"])
    return await clients.stripe.create_refund(
        row["stripe_account_id"],
        row["stripe_payment_intent_id"],
        to_stripe(Money(row["amount_minor"], row["currency"])),
        str(row["id"]),
        row["idempotency_key"],
    )


def _pause(row: Row) -> float:
    """Seconds until Stripe is asked again: soon at first, then every quarter of an hour."""
    age = (now() - row["created_at"]).total_seconds()
    return 5 if age < 60 else 60 if age < 3600 else 900


async def _note(row: Row, told: RefundView) -> None:
    state = _STATES.get(told.status, "pending")
    why = _REASONS.get(told.reason, "")
    if state == "failed":
        why = why or "the bank did not say why"
    await _move(row, state, why if state != "succeeded" else "", stripe_refund_id=told.id)


async def _move(row: Row, state: str, failure: str, **also: Any) -> None:
    amount = Money(row["amount_minor"], row["currency"])
    async with db.transaction():
        if not await states.move(REFUND, row["id"], state, failure=failure[:500], changed_at=now(), **also):
            return
        if state in {"failed", "refused"}:
            await _tell(
                row["invoice"], row["merchant"], "A refund did not go through", f"{amount}: {failure}", "attention"
            )
        await live.announce(row["merchant"])
        await live.announce(row["invoice"])


async def _tell(invoice_id: UUID, merchant_id: UUID, title: str, detail: str, kind: str = "refunded") -> None:
    await timeline.add(merchant_id, invoice_id, kind, title, detail)
    await live.announce(merchant_id)
    await live.announce(invoice_id)
