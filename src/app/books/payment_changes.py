"""How a payment's row follows what Stripe says about it: forward only, each step with its ledger entry and its words.

Every function runs inside the transaction that holds the payment's invoice, attempt and row. Part of the room `payments`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.books import attempts, intents, ledger
from app.books.credit_notes import FAILED
from app.books.machines import PAYMENT
from app.books.payment_disputes import follow_disputes
from app.books.payment_telling import Row, amount_of, method_words, reread, tell
from app.books.payment_xero import follow
from app.clients.stripe_wire import ChargeView, DisputeView, IntentView, RefundView
from app.core import db, jobs, live, states
from app.core.clock import from_now, now
from app.core.money import Money, from_stripe

# A balance transaction comes within seconds for cards, within days for bank debits.
FEE_SOON = 20

_KEPT = "SELECT stripe_refund_id, status FROM stripe_refund WHERE payment = $1"
_KEEP = """
INSERT INTO stripe_refund (payment, stripe_refund_id, status, amount_minor, moved_minor, moved_currency, refunded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (payment, stripe_refund_id) DO UPDATE SET status = EXCLUDED.status,
  moved_minor = EXCLUDED.moved_minor, moved_currency = EXCLUDED.moved_currency
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What Stripe says now: the intent with its newest charge, the charge's disputes, and its refunds, whoever made them."""

    intent: IntentView
    disputes: Sequence[DisputeView] = ()
    refunds: Sequence[RefundView] = ()

    @property
    def charge(self) -> ChargeView | None:
        return self.intent.charge

    @property
    def refunded_minor(self) -> int:
        """What went back: the list of refunds is read after the charge, and so is the newer word."""
        charge = self.intent.charge
        if self.refunds:
            live = [one for one in self.refunds if one.status not in FAILED]
            return sum(from_stripe(one.amount, one.currency).minor for one in live)
        return from_stripe(charge.amount_refunded, charge.currency).minor if charge else 0


async def converge(payment: Row, told: Told) -> Row:
    """Bring the row to what Stripe says; the row as it is afterwards."""
    if told.intent.status == "succeeded":
        payment = await _succeed(payment, told)
        others = await _keep_refunds(payment, told.refunds)
        if payment["state"] in {"disputed", "dispute_lost"}:  # decided meanwhile: only then can a refund have followed
            payment = await follow_disputes(payment, told.disputes)
        payment = await _refund(payment, told, others=others)
        payment = await follow_disputes(payment, told.disputes)
        return await _settle(payment, told.charge)
    if told.intent.status in {"requires_payment_method", "canceled"}:
        payment = await _fail(payment, told)
        return await _settle(payment, told.charge)  # what came and went cost its fee, heard of or not
    return payment


async def _succeed(payment: Row, told: Told) -> Row:
    """Money arrived: the ledger, the write to Xero and the receipt all begin here, once.

    Also for one that we took for failed: what Stripe says now is what counts.
    """
    charge, failed = told.charge, payment["state"] == "failed"
    paid_at = _paid_at(payment, charge)
    late = await db.fetch_value(
        "SELECT state IN ('expired', 'canceled') FROM attempt WHERE id = $1", payment["attempt"]
    )
    moved = await states.move(
        PAYMENT, payment["id"], "succeeded", ("processing", "failed"), paid_at=paid_at, changed_at=now(), failure="",
        exception="paid_late" if late else payment["exception"],
    )  # fmt: skip
    if not moved:
        return payment
    await _describe(payment, charge)
    payment = await reread(payment)
    await attempts.mark_succeeded(payment["attempt"])
    await ledger.received(payment)
    if await intents.intend_payment(payment) is None:
        await follow(payment)
    if failed:
        await ledger.came_after_all(payment)
    await tell(
        payment, "paid", await _paid_title(payment), f"{amount_of(payment)} with {method_words(payment)}", paid_at
    )
    await jobs.ask("payment.recorded", payment["id"])
    if charge is None or charge.balance is None:
        await jobs.ask("payment.fee", payment["id"], at=from_now(FEE_SOON))
    return payment


def _paid_at(payment: Row, charge: ChargeView | None) -> datetime:
    """When the money came, however late we heard of it: when Stripe booked it, which is days after a slow payment began."""
    if charge is None:
        return now()
    slow = payment["state"] == "processing" and payment["created_at"] < payment["changed_at"]
    booked = charge.balance.created if charge.balance else None
    return booked or (now() if slow else charge.created)


async def _paid_title(payment: Row) -> str:
    due = await db.fetch_value("SELECT due_minor FROM invoice WHERE id = $1", payment["invoice"])
    return "Paid in full" if payment["amount_minor"] >= due else "Paid in part"


async def _describe(payment: Row, charge: ChargeView | None) -> None:
    if charge is None:
        return
    await db.fetch(
        "UPDATE payment SET stripe_charge_id = $2, method_type = $3, method_brand = $4, method_last4 = $5, "
        "customer_email = $6 WHERE id = $1",
        payment["id"], charge.id, charge.method_type, charge.brand, charge.last4, charge.email,
    )  # fmt: skip


async def describe(payment: Row, charge: ChargeView | None) -> Row:
    """Note how it was paid, while the money is still on its way."""
    await _describe(payment, charge)
    return await reread(payment)


async def _refund(payment: Row, told: Told, *, others: bool) -> Row:
    """Refunds, from our button or Stripe's dashboard: what changed since we last looked.

    `others`: they are not the same ones any more, also where they come to as much as before.
    """
    change = told.refunded_minor - payment["refunded_minor"]
    if not change:
        if others:
            await follow(payment)
        return payment
    total = told.refunded_minor
    await db.fetch("UPDATE payment SET refunded_minor = $2, changed_at = now() WHERE id = $1", payment["id"], total)
    target = "succeeded" if not total else "refunded" if total >= payment["amount_minor"] else "refunded_part"
    await states.move(PAYMENT, payment["id"], target, ("succeeded", "refunded_part", "refunded"))
    await ledger.refunded(payment, change)
    title = "Refunded" if target == "refunded" else "Refunded in part" if change > 0 else "A refund came back"
    await tell(payment, "refunded", title, f"{Money(abs(change), payment['currency'])} in Stripe")
    payment = await reread(payment)
    await follow(payment)
    return payment


async def _keep_refunds(payment: Row, refunds: Sequence[RefundView]) -> bool:
    """Store what Stripe says of them; whether one came that is new, or failed that had not."""
    known = {row["stripe_refund_id"]: row["status"] in FAILED for row in await db.fetch(_KEPT, payment["id"])}
    for one in reversed(refunds):  # Stripe lists the newest first
        moved = from_stripe(one.moved, one.moved_currency) if one.moved is not None else None
        await db.fetch(
            _KEEP, payment["id"], one.id, one.status, from_stripe(one.amount, one.currency).minor,
            abs(moved.minor) if moved else None, moved.currency if moved else "", one.created,
        )  # fmt: skip
    return any(known.get(one.id) is not (one.status in FAILED) for one in refunds)


async def _settle(payment: Row, charge: ChargeView | None) -> Row:
    """Stripe's fee, read from the balance transaction, once; never worked out from a rate."""
    balance = charge.balance if charge else None
    if balance is None or payment["balance_transaction_id"]:
        return payment
    gross, fee = from_stripe(balance.amount, balance.currency), from_stripe(balance.fee, balance.currency)
    await db.fetch(
        "UPDATE payment SET balance_transaction_id = $2, settled_minor = $3, fee_minor = $4, settlement_currency = $5, "
        "exchange_rate = $6, changed_at = now() WHERE id = $1",
        payment["id"], balance.id, gross.minor, fee.minor, gross.currency, balance.exchange_rate,
    )  # fmt: skip
    await ledger.settled(payment, balance.id, gross, fee)
    await intents.intend_fee(payment, fee)
    if gross.currency != payment["currency"]:
        await intents.intend_exchange(payment, gross)
    await live.announce(payment["merchant"])
    return await reread(payment)


async def _fail(payment: Row, told: Told) -> Row:
    """A slow payment did not come, or the bank took it back after all."""
    why = told.intent.last_error or "The bank refused the payment."
    came = payment["state"] != "processing"
    if not await states.move(PAYMENT, payment["id"], "failed", changed_at=now(), failure=why):
        return payment
    await attempts.mark_failed(payment["attempt"], why)
    payment = await reread(payment)
    if came:
        await ledger.bounced(payment)
        await follow(payment)
    elif told.charge and told.charge.balance:  # it came and went before we heard of either
        await ledger.received(payment)
        await ledger.bounced(payment)
    title = "The bank took the payment back" if came else "The payment did not arrive"
    await tell(payment, "attention" if came else "declined", title, why)
    return payment
