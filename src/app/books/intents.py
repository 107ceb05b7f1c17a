"""What we mean to write into a merchant's books in Xero: one row for each payment and kind, its request frozen.

Written in the same transaction as its cause, long before anything is sent; `writeback` sends it. An element that was frozen
keeps its bytes for as long as Xero may have seen them; only a person's retry freezes it anew.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog

from app.books.intents_requests import WAITS, Cannot, chosen, element
from app.books.machines import WRITE_BACK
from app.core import db, jobs, states
from app.core.clock import from_now, now
from app.core.money import Money
from app.core.tokens import ALPHABET
from app.core.wake import wake

__all__ = ["WAITS", "chosen"]

Row = Mapping[str, Any]
log = structlog.get_logger()
BRAND = "Payportal"
# Why a write was abandoned: a person booked it, its cause went away, or it is in Xero as an overpayment or a credit note.
BY_HAND, WITHDRAWN, OVERPAID, CREDITED = "by_hand", "withdrawn", "overpayment", "credit_note"
# Why a taking back waits: the payment itself waits for a person.
PAYMENT_WAITS = "payment_waits"
# Never sent: what only a person can do in Xero.
BY_PERSON = frozenset({"transfer_back", "overpayment_back", "exchange", "credit_back", "rest", "refund_back"})
_encode = msgspec.json.Encoder(decimal_format="number").encode

# With what Stripe charged for no payment in particular.
_FEES = """
SELECT COALESCE(sum(CASE WHEN l.payment IS NULL THEN -l.net_minor ELSE l.fee_minor END), 0)::bigint
FROM payout_line l LEFT JOIN payment p ON p.id = l.payment
WHERE l.payout = $1 AND (p.connection = $2
  OR (l.payment IS NULL AND l.kind IN ('stripe_fee', 'stripe_fx_fee', 'tax_fee', 'payment_network_cost')))
  AND NOT EXISTS (SELECT 1 FROM write_back w WHERE w.payment = p.id AND w.kind = 'fee' AND l.kind IN ('charge', 'payment'))
"""
_LEFT = """
SELECT p.* FROM payment p WHERE p.connection = $1 AND p.fee_minor > 0 AND p.paid_at >= $2
  AND NOT EXISTS (SELECT 1 FROM payout_line l JOIN write_back w ON w.payout = l.payout AND w.kind = 'fee' WHERE l.payment = p.id)
ORDER BY p.paid_at
"""
_CREDITED = """
SELECT 1 FROM write_back WHERE payment = $1 AND kind = 'credit_refund' AND state <> 'abandoned'
  AND request LIKE '%"BankAmount"%' LIMIT 1
"""
_INSERT = """
INSERT INTO write_back (merchant, connection, invoice, payment, payout, kind, reference, amount_minor, currency,
  stripe_refund_id, request, request_sha256, idempotency_key, state, reason, message, xero_id, created_at, next_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', '', '', 'intended', '', '', '', now(), now())
ON CONFLICT ({once}) DO NOTHING RETURNING id
"""


def reference_of(stripe_account_id: str, stripe_id: str, kind: str) -> str:
    """A reference nobody else has: the product's name and 26 characters, fit for Xero's Reference field.

    Derived from what is written, so that books restored from a backup find in Xero what they had written since.
    """
    digest = hashlib.sha256(f"{stripe_account_id}|{stripe_id}|{kind}".encode()).digest()
    number = int.from_bytes(digest[:17], "big")
    return f"{BRAND} " + "".join(ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


async def intend_payment(payment: Row) -> int | None:
    """Mean to apply a payment to its invoice; None when that was meant before. In the caller's transaction."""
    return await _insert(payment, "payment", Money(payment["amount_minor"], payment["currency"]))


async def intend_fee(payment: Row, fee: Money) -> int | None:
    """Mean to book Stripe's fee, if there is one and the merchant wants one for each payment."""
    fees = await chosen(payment["connection"], "fees", "") if fee.minor > 0 else None
    return await _insert(payment, "fee", fee) if fees and not fees["by_payout"] else None


async def intend_fees(payout: Row, connection_id: UUID) -> int | None:
    """Mean to book the fees in a payout at once, if the merchant wants them so: all that no payment's own write has booked."""
    fees = await chosen(connection_id, "fees", "")
    minor = await db.fetch_value(_FEES, payout["id"], connection_id) if fees and fees["by_payout"] else 0
    if minor <= 0:
        return None
    of = (payout["merchant"], connection_id, None, None, payout["id"])
    return await _mean(of, "fee", Money(minor, payout["currency"]), _sent(payout, "fee"))


async def intend_fees_left(connection_id: UUID, since: datetime) -> None:
    """Fees are booked by payment from now on: mean those that were to come with a payout, and came with none yet."""
    for payment in await db.fetch(_LEFT, connection_id, since):
        await intend_fee(payment, Money(payment["fee_minor"], payment["settlement_currency"]))


async def intend_overpayment(payment: Row, surplus: Money) -> int | None:
    """Mean to record what an invoice does not take as an overpayment of its customer."""
    return await _insert(payment, "overpayment", surplus)


async def intend_exchange(payment: Row, gross: Money) -> None:
    """Stripe made another currency of a payment: where its account in Xero is kept in a third way, a person moves it.

    Only for who has payouts recorded, and so expects the accounts to come out even.
    """
    account = await chosen(payment["connection"], "payments", payment["currency"])
    paid = Money(payment["amount_minor"], payment["currency"])
    if account and account["kept_in"] not in {"", gross.currency} and await records_payouts(payment["connection"]):
        await put_before_merchant(payment, "exchange", paid, "exchanged", f"Stripe made {gross} of {paid}.")


async def intend_difference(payment: Row, more: Money) -> None:
    """A payment that went back took `more` off the balance than it had brought (or less, when negative)."""
    account = await chosen(payment["connection"], "payments", payment["currency"])
    if not account or account["kept_in"] != more.currency or not await records_payouts(payment["connection"]):
        return
    if await db.fetch_value(_CREDITED, payment["id"]):  # then Xero has Stripe's own figure of each refund
        return
    amount, word = Money(abs(more.minor), more.currency), "more" if more.minor > 0 else "less"
    said = f"Stripe took {amount} {word} for the refund than the payment had brought."
    await put_before_merchant(payment, "exchange", amount, "refund_rate", said)


async def records_payouts(connection_id: UUID) -> bool:
    """Whether the merchant has payouts recorded in this organisation."""
    sql = "SELECT 1 FROM account_choice WHERE connection = $1 AND kind = 'bank' LIMIT 1"
    return await db.fetch_value(sql, connection_id) is not None


async def put_before_merchant(payment: Row, kind: str, amount: Money, reason: str, message: str = "") -> None:
    """Something of a payment that only a person can do in Xero; asked once more when it was settled before."""
    row_id = await _insert(payment, kind, amount)
    if row_id is None:
        known = await of_payment(payment["id"], kind)
        assert known is not None
        row_id = known["id"]
        await db.fetch("UPDATE write_back SET amount_minor = $2 WHERE id = $1", row_id, amount.minor)
    await put_aside(row_id, reason, payment["merchant"], message)


async def intend_reversal(payment: Row) -> int | None:
    """Mean to take an applied payment back, because all of its money went back to the customer."""
    return await _insert(payment, "reversal", Money(payment["amount_minor"], payment["currency"]))


async def intend_of_refund(payment: Row, stripe_refund_id: str, kind: str, amount: Money) -> int | None:
    """Mean to write one of a refund's kinds (credit_note, credit_refund); None when that was meant before."""
    of = (payment["merchant"], payment["connection"], payment["invoice"], payment["id"], None)
    reference = reference_of(payment["stripe_account_id"], stripe_refund_id, kind)
    return await _mean(of, kind, amount, reference, stripe_refund_id)


async def intend_transfer(payout: Row, connection_id: UUID) -> int | None:
    """Mean to move a payout from the clearing account to the bank, if the merchant chose one for its currency."""
    if await chosen(connection_id, "bank", payout["currency"]) is None:
        return None
    amount = Money(payout["amount_minor"], payout["currency"])
    of = (payout["merchant"], connection_id, None, None, payout["id"])
    return await _mean(of, "transfer", amount, _sent(payout, "transfer"))


async def transfer_by_hand(payout: Row, connection_id: UUID, reason: str) -> None:
    """A payout that cannot be transferred by itself: put before the merchant, once."""
    amount = Money(payout["amount_minor"], payout["currency"])
    of = (payout["merchant"], connection_id, None, None, payout["id"])
    row_id = await _mean(of, "transfer", amount, _sent(payout, "transfer"))
    if row_id is not None:
        await put_aside(row_id, reason, payout["merchant"])


async def untransfer(payout: Row) -> None:
    """The bank sent a payout back: nothing is transferred any more; where it may be in Xero, a person takes it out there."""
    sql = "SELECT * FROM write_back WHERE payout = $1 AND kind = 'transfer' FOR NO KEY UPDATE"
    written = await db.fetch_row(sql, payout["id"])
    if written is None or (written["state"] == "abandoned" and written["reason"] == WITHDRAWN):
        return
    untouched = written["state"] in {"intended", "parked"} and written["sent_at"] is None
    if untouched and await give_up(written["id"], "The bank sent the payout back."):
        return
    amount = Money(payout["amount_minor"], payout["currency"])
    of = (payout["merchant"], written["connection"], None, None, payout["id"])
    row_id = await _mean(of, "transfer_back", amount, _sent(payout, "transfer_back"))
    if row_id is not None:
        await park(row_id, "payout_failed")
        await jobs.ask("merchant.alert", payout["merchant"])


async def of_payment(payment_id: UUID, kind: str) -> Row | None:
    """The row of this kind, locked if a transaction is open, or None."""
    lock = " FOR NO KEY UPDATE" if db.ENGINE.transaction_exists() else ""
    row: Row | None = await db.fetch_row(
        "SELECT * FROM write_back WHERE payment = $1 AND kind = $2" + lock, payment_id, kind
    )
    return row


async def park(write_back_id: int, reason: str, message: str = "") -> bool:
    """Put it before the merchant: it cannot be written as things are, or a person must go on with what they began."""
    return await states.move(WRITE_BACK, write_back_id, "parked", reason=reason, message=message[:1000], next_at=None)


async def put_aside(write_back_id: int, reason: str, merchant_id: UUID, message: str = "") -> None:
    """The same, and a mail tells of it."""
    if await park(write_back_id, reason, message):
        await jobs.ask("merchant.alert", merchant_id, at=from_now(30))


async def give_up(write_back_id: int, message: str) -> bool:
    """Nothing is to be written any more; only for one that certainly never reached Xero."""
    return await states.move(WRITE_BACK, write_back_id, "abandoned", reason=WITHDRAWN, message=message, next_at=None)


async def ask_again(write_back_id: int, at: datetime | None = None, source: str = "parked") -> bool:
    """Back to the start, now or `at`; only from `source`. What Xero certainly never took is frozen anew.

    What Xero may have taken (`sent_at` is still set) keeps its bytes, and is searched for before it is sent.
    """
    sent = await db.fetch_value("SELECT sent_at FROM write_back WHERE id = $1", write_back_id)
    fresh = {} if sent else {"request": "", "request_sha256": "", "idempotency_key": ""}
    async with db.transaction():
        moved = await states.move(
            WRITE_BACK, write_back_id, "intended", (source,), reason="", message="", absent_at=None, attempts=0,
            dead_at=None, next_at=at or now(), lease_until=None, **fresh,
        )  # fmt: skip
        if moved:
            # the turn that put it aside may still run, and must not say that it is done with what begins anew
            await db.fetch("UPDATE write_back SET fence = fence + 1 WHERE id = $1", write_back_id)
            wake("write_back", write_back_id)
    return moved


async def unwedge() -> int:
    """Plan what is under way but planned by nobody; how many. There should be none: it is an alarm when there are."""
    rows = await db.fetch(
        "UPDATE write_back SET next_at = now() WHERE state IN ('intended', 'sending', 'unknown') AND next_at IS NULL "
        "AND dead_at IS NULL RETURNING id"
    )
    for row in rows:
        log.error("write_back.wedged", id=row["id"])
        wake("write_back", row["id"])
    return len(rows)


async def go_on_taking_back(payment_id: UUID) -> None:
    """The payment stands in Xero: what waited for that, to take it back or to credit it, goes on. In the caller's transaction."""
    sql = "SELECT id FROM write_back WHERE payment = $1 AND state = 'parked' AND reason = $2 ORDER BY id"
    for row in await db.fetch(sql, payment_id, PAYMENT_WAITS):
        await ask_again(row["id"])


async def reopen(write_back_id: int, amount: Money, reason: str) -> bool:
    """Taken back in Xero, and then its cause went away: put before the merchant with a clean sheet, to be written again."""
    async with db.transaction():
        moved = await states.move(
            WRITE_BACK, write_back_id, "parked", ("reversed",), reason=reason, message="", amount_minor=amount.minor,
            request="", request_sha256="", idempotency_key="", xero_id="", sent_at=None, absent_at=None,
            confirmed_at=None, next_at=None,
        )  # fmt: skip
        if moved:  # the taking back is undone with it, so that it may be asked for once more
            reversal = await db.fetch_value(
                "SELECT id FROM write_back WHERE kind = 'reversal' AND payment = (SELECT payment FROM write_back WHERE id = $1)",
                write_back_id,
            )
            if reversal:
                await states.move(WRITE_BACK, reversal, "reversed", ("confirmed",), sent_at=None)
    return moved


async def resize(write_back_id: int, amount: Money) -> bool:
    """Mean another amount, because a part was refunded before anything reached Xero; frozen anew when it is sent."""
    sql = (
        "UPDATE write_back SET amount_minor = $2, request = '', request_sha256 = '' "
        "WHERE id = $1 AND state IN ('intended', 'parked') AND sent_at IS NULL RETURNING id"
    )
    return await db.fetch_value(sql, write_back_id, amount.minor) is not None


async def freeze(write_back_id: int) -> Row | None:
    """Make the request's bytes, once; None when it is made already, or cannot be as things are."""
    try:
        return await _freeze(write_back_id)
    except Cannot:
        return None


async def obstacle(write_back_id: int) -> str:
    """The same; why it cannot be made (a reason, or WAITS), "" when it is."""
    try:
        await _freeze(write_back_id)
    except Cannot as no:
        return no.reason
    return ""


async def _freeze(write_back_id: int) -> Row | None:
    row = await db.fetch_row(_WHOLE, write_back_id)
    if row is None:
        return None
    frozen = _encode(await element(row))
    updated: Row | None = await db.fetch_row(
        "UPDATE write_back SET request = $2, request_sha256 = $3 WHERE id = $1 AND request = '' RETURNING *",
        write_back_id,
        frozen.decode(),
        hashlib.sha256(frozen).hexdigest(),
    )
    return updated


_WHOLE = """
SELECT w.*, p.paid_at, p.currency AS paid_currency, p.amount_minor AS paid_minor, p.settled_minor, p.settlement_currency,
  c.timezone, i.xero_invoice_id, i.number, i.contact_id, o.arrives_on, o.stripe_payout_id, r.refunded_at, r.moved_minor,
  r.moved_currency, r.amount_minor AS refund_minor, n.xero_id AS credit_note_id
FROM write_back w JOIN connection c ON c.id = w.connection LEFT JOIN payment p ON p.id = w.payment
LEFT JOIN invoice i ON i.id = w.invoice LEFT JOIN payout o ON o.id = w.payout
LEFT JOIN stripe_refund r ON r.payment = w.payment AND r.stripe_refund_id = w.stripe_refund_id
LEFT JOIN write_back n ON n.payment = w.payment AND n.stripe_refund_id = r.stripe_refund_id AND n.kind = 'credit_note'
WHERE w.id = $1
"""


async def _insert(payment: Row, kind: str, amount: Money) -> int | None:
    of = (payment["merchant"], payment["connection"], payment["invoice"], payment["id"], None)
    reference = reference_of(payment["stripe_account_id"], payment["stripe_payment_intent_id"], kind)
    return await _mean(of, kind, amount, reference)


def _sent(payout: Row, kind: str) -> str:
    return reference_of(payout["stripe_account_id"], payout["stripe_payout_id"], kind)


async def _mean(
    of: tuple[UUID | None, ...], kind: str, amount: Money, reference: str, stripe_refund_id: str = ""
) -> int | None:
    """One row for each kind of a payment (of one refund, if named) or a payout.

    `of`: merchant, connection, invoice, payment, payout.
    """
    async with db.transaction():
        sql = _INSERT.format(once="payment, kind, stripe_refund_id" if of[3] else "payout, kind")
        row_id: int | None = await db.fetch_value(
            sql, *of, kind, reference, amount.minor, amount.currency, stripe_refund_id
        )
        if row_id is not None and kind not in BY_PERSON:
            await freeze(row_id)
            wake("write_back", row_id)
    return row_id
