"""How a payment's row follows what Stripe says about it: forward only, each step with its ledger entry and its words.

Every function runs inside the transaction that holds the payment's invoice, attempt and row. Part of the room `payments`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.books import attempts, intents, ledger, timeline
from app.books.machines import PAYMENT
from app.clients.stripe_wire import ChargeView, DisputeView, IntentView
from app.core import db, jobs, live, states
from app.core.clock import from_now, now
from app.core.money import Money, from_stripe

Row = Mapping[str, Any]
# A balance transaction comes within seconds for cards, within days for bank debits.
FEE_SOON = 20
_HELD = frozenset({"needs_response", "under_review", "appeal_needs_response", "appeal_under_review"})


@dataclass(frozen=True, slots=True)
class Told:
    """What Stripe says now: the intent with its newest charge, and the charge's disputes."""

    intent: IntentView
    disputes: Sequence[DisputeView] = ()

    @property
    def charge(self) -> ChargeView | None:
        return self.intent.charge

    @property
    def refunded_minor(self) -> int:
        charge = self.intent.charge
        return from_stripe(charge.amount_refunded, charge.currency).minor if charge else 0


async def converge(payment: Row, told: Told) -> Row:
    """Bring the row to what Stripe says; the row as it is afterwards."""
    if told.intent.status == "succeeded":
        payment = await _succeed(payment, told)
        if payment["state"] == "disputed":  # decided meanwhile: only then can a refund have followed
            payment = await _dispute(payment, told.disputes)
        payment = await _refund(payment, told)
        payment = await _dispute(payment, told.disputes)
        return await _settle(payment, told.charge)
    if told.intent.status in {"requires_payment_method", "canceled"}:
        return await _fail(payment, told.intent)
    return payment


async def reread(payment: Row) -> Row:
    """The row as it is now, locked."""
    row: Row | None = await db.fetch_row("SELECT * FROM payment WHERE id = $1 FOR NO KEY UPDATE", payment["id"])
    assert row is not None
    return row


async def tell(payment: Row, kind: str, title: str, detail: str = "", at: datetime | None = None) -> None:
    """One line in the invoice's timeline, and every open page of the merchant and the customer is told."""
    await timeline.add(payment["merchant"], payment["invoice"], kind, title, detail, at)
    await live.announce(payment["merchant"])
    await live.announce(payment["invoice"])


def amount_of(payment: Row) -> Money:
    """What the customer paid."""
    return Money(payment["amount_minor"], payment["currency"])


def method_words(payment: Row) -> str:
    """The means of payment, as people say it: Visa ending 4242."""
    brands = {
        "visa": "Visa",
        "mastercard": "Mastercard",
        "amex": "American Express",
        "unionpay": "UnionPay",
        "jcb": "JCB",
    }
    kinds = {"card": "card", "us_bank_account": "bank account", "link": "Link"}
    name = brands.get(payment["method_brand"], payment["method_brand"].replace("_", " ").title())
    name = name or kinds.get(payment["method_type"], "bank account")
    return f"{name} ending {payment['method_last4']}" if payment["method_last4"] else name


async def _succeed(payment: Row, told: Told) -> Row:
    """Money arrived: the ledger, the write to Xero and the receipt all begin here, once.

    Also for one that we took for failed: what Stripe says now is what counts.
    """
    charge, failed = told.charge, payment["state"] == "failed"
    slow = payment["state"] == "processing" and payment["created_at"] < payment["changed_at"]
    paid_at = charge.created if charge and not slow else now()
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
        await _take_back(payment)
    if failed:
        await ledger.came_after_all(payment)
    await tell(
        payment, "paid", await _paid_title(payment), f"{amount_of(payment)} with {method_words(payment)}", paid_at
    )
    await jobs.ask("payment.recorded", payment["id"])
    if charge is None or charge.balance is None:
        await jobs.ask("payment.fee", payment["id"], at=from_now(FEE_SOON))
    return payment


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


async def _refund(payment: Row, told: Told) -> Row:
    """Refunds, from our button or Stripe's dashboard: what changed since we last looked."""
    change = told.refunded_minor - payment["refunded_minor"]
    if not change:
        return payment
    total = told.refunded_minor
    await db.fetch("UPDATE payment SET refunded_minor = $2, changed_at = now() WHERE id = $1", payment["id"], total)
    target = "succeeded" if not total else "refunded" if total >= payment["amount_minor"] else "refunded_part"
    await states.move(PAYMENT, payment["id"], target)
    await ledger.refunded(payment, change)
    title = "Refunded" if target == "refunded" else "Refunded in part" if change > 0 else "A refund came back"
    await tell(payment, "refunded", title, f"{Money(abs(change), payment['currency'])} in Stripe")
    payment = await reread(payment)
    await _take_back(payment)
    return payment


async def _take_back(payment: Row) -> None:
    """What a refund or a bounced debit means for Xero: less to write, something to take back, or a person's decision.

    And what it means when the money is there again: what was withdrawn is written after all.
    """
    written = await intents.of_payment(payment["id"], "payment")
    if written is None or written["state"] == "reversed":
        return
    if written["state"] == "abandoned":
        await _meant_again(payment, written)
    elif written["state"] in {"intended", "parked"} and written["sent_at"] is None:
        await _not_there_yet(payment, written)
    else:
        await _there_already(payment)


def _left(payment: Row) -> Money:
    """What of the money did not go back."""
    gone = payment["amount_minor"] if payment["state"] == "failed" else payment["refunded_minor"]
    return Money(max(payment["amount_minor"] - gone, 0), payment["currency"])


async def _meant_again(payment: Row, written: Row) -> None:
    """Withdrawn because the money had gone back; there again, it is written. What a person booked stays theirs."""
    left = _left(payment)
    if (
        left.minor
        and written["reason"] == intents.WITHDRAWN
        and await intents.ask_again(written["id"], source="abandoned")
    ):
        await intents.resize(written["id"], left)


async def _not_there_yet(payment: Row, written: Row) -> None:
    """Xero has not heard of it: what is left is written, or nothing."""
    left = _left(payment)
    if not left.minor:
        await intents.give_up(written["id"], "The money went back before it was recorded.")
        return
    await intents.resize(written["id"], left)
    if written["state"] == "parked" and written["reason"] == "overpaid":
        await intents.ask_again(written["id"])


async def _there_already(payment: Row) -> None:
    reversal = await intents.of_payment(payment["id"], "reversal")
    whole = payment["state"] in {"refunded", "failed"}
    if not payment["refunded_minor"] and not whole:
        await _stay(payment, reversal)
    elif reversal is None:
        reversal_id = await intents.intend_reversal(payment)
        if reversal_id and not whole:
            await intents.park(reversal_id, "refund_part")
    elif whole and reversal["state"] == "parked" and reversal["reason"] == "refund_part":
        await intents.ask_again(reversal["id"])
    elif reversal["state"] == "abandoned":
        await _once_more(reversal, whole=whole)


async def _once_more(reversal: Row, *, whole: bool) -> None:
    """Money went back again after an earlier refund was settled: what a person has booked, only a person can go on with."""
    if whole and reversal["reason"] == intents.WITHDRAWN:
        await intents.ask_again(reversal["id"], source="abandoned")
    else:
        await intents.park(reversal["id"], "refund_part")


async def _stay(payment: Row, reversal: Row | None) -> None:
    """A refund came back before Xero was touched: what stands in Xero is right again."""
    if reversal and reversal["state"] in {"intended", "parked"}:
        await intents.give_up(reversal["id"], "The refund did not go through.")
    elif reversal:
        await db.fetch("UPDATE payment SET exception = 'refund_failed' WHERE id = $1", payment["id"])
        await tell(
            payment,
            "attention",
            "A refund did not go through",
            "The payment was taken back in Xero; enter it there again",
        )


async def _dispute(payment: Row, disputes: Sequence[DisputeView]) -> Row:
    """Disputes move the state and the ledger; what to do in Xero is for the merchant to decide."""
    held = [one for one in disputes if one.status in _HELD]
    lost = [one for one in disputes if one.status == "lost"]
    amount = sum((from_stripe(one.amount, one.currency).minor for one in held or lost), 0)
    money = Money(amount, payment["currency"])
    if (held or lost) and await states.move(PAYMENT, payment["id"], "disputed", changed_at=now()):
        await ledger.disputed(payment, money, returned=False)
        await tell(payment, "attention", "Payment disputed", f"The customer’s bank holds {money}; answer in Stripe")
    if payment["state"] == "disputed" or held or lost:
        payment = await reread(payment)
    if held or payment["state"] != "disputed":
        return payment
    return await _decided(payment, lost=bool(lost))


async def _decided(payment: Row, *, lost: bool) -> Row:
    if lost:
        await states.move(PAYMENT, payment["id"], "dispute_lost", changed_at=now())
        await tell(
            payment, "attention", "Dispute lost", "The customer’s bank kept the money; book it in Xero as you see fit"
        )
    else:
        back = "refunded_part" if payment["refunded_minor"] else "succeeded"
        await states.move(PAYMENT, payment["id"], back, ("disputed",), changed_at=now())
        held = (await ledger.balances(payment["id"])).get((ledger.DISPUTES, payment["currency"]), 0)
        await ledger.disputed(payment, Money(held, payment["currency"]), returned=True)
        await tell(payment, "paid", "Dispute won", "The money is yours again")
    return await reread(payment)


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
    await live.announce(payment["merchant"])
    return await reread(payment)


async def _fail(payment: Row, intent: IntentView) -> Row:
    """A slow payment did not come, or the bank took it back after all."""
    why = intent.last_error or "The bank refused the payment."
    came = payment["state"] != "processing"
    if not await states.move(PAYMENT, payment["id"], "failed", changed_at=now(), failure=why):
        return payment
    await attempts.mark_failed(payment["attempt"], why)
    payment = await reread(payment)
    if came:
        await ledger.bounced(payment)
        await _take_back(payment)
    title = "The bank took the payment back" if came else "The payment did not arrive"
    await tell(payment, "attention" if came else "declined", title, why)
    return payment
