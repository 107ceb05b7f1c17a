"""Bank debits: agreed at once, settled days later, and sometimes gone again; micro-deposits where the bank is not known.

A debit completes the session unpaid; ``async_payment_succeeded`` or ``async_payment_failed`` follows. An ACH account typed
in by hand may have to be proved first by the deposits it was sent: until then the payment intent requires action. Source:
docs.stripe.com/payments/ach-direct-debit and the testing part of each method's page.
"""

import re
from collections.abc import Sequence

import msgspec

from sandbox import (
    stripe_banks,
    stripe_errors,
    stripe_ledger,
    stripe_objects,
    stripe_payments,
    stripe_refunds,
    stripe_sessions,
)
from sandbox.store import Obj
from sandbox.stripe_events import emit
from sandbox.stripe_payments import Payer, Result
from sandbox.stripe_world import DAY, Stripe

AMOUNTS, CODE = (32, 45), "SM11AA"
TRIES, DAYS_TO_VERIFY = 10, 10
_TIMEOUT = "payment_method_microdeposit_verification_timeout"
_EXCEEDED = "payment_method_microdeposit_verification_attempts_exceeded"
_WORDS = {
    _TIMEOUT: "Microdeposit verification timed out.",
    _EXCEEDED: "You have exceeded the number of allowed verification attempts.",
}


class Proof(msgspec.Struct, frozen=True):
    """What a payer read off the bank statement: the two amounts in cents, or the code."""

    amounts: Sequence[int] = ()
    code: str = ""


def pay(
    stripe: Stripe, session: Obj, scheme: stripe_banks.Scheme, number: str, payer: Payer, proof: str = ""
) -> Result:
    """The customer agreed to a debit of a test account; ``proof`` (amounts, descriptor_code) asks for micro-deposits."""
    intent = stripe_payments.intent_of(stripe, session)
    details = stripe_objects.billing(session["customer_email"] or payer.email, payer.name, payer.country)
    method = stripe_objects.bank_method(stripe, session["_account"], scheme.method, number, details)
    stripe.put("payment_method", method)
    intent |= {"payment_method": method["id"], "last_payment_error": None}
    event = None
    if proof:
        _ask_for_proof(stripe, intent, proof)
    else:
        _debit(stripe, intent, method)
    if session["status"] == "open":
        event = stripe_payments.completed(stripe, session, details, paid=False)
    return Result("processing", event=event)


def _debit(stripe: Stripe, intent: Obj, method: Obj) -> None:
    charge = stripe_objects.charge(stripe, intent, method, "pending", stripe_payments.descriptor(stripe, intent))
    charge["outcome"] = stripe_objects.outcome("authorized")
    intent |= {"status": "processing", "processing": {"type": method["type"]}, "latest_charge": charge["id"]}
    intent["next_action"] = None
    stripe.put("charge", charge)
    emit(stripe, "charge.pending", charge)
    stripe.put("payment_intent", intent)
    emit(stripe, "payment_intent.processing", intent)
    account = _account(charge)
    if account.seconds is not None:
        delay = stripe.modes.bank_debit_seconds
        stripe.later(account.seconds if delay is None else delay, "debit", {"charge": charge["id"]})


def _account(charge: Obj) -> stripe_banks.Account:
    scheme = stripe_banks.SCHEMES[charge["payment_method_details"]["type"]]
    return next(account for account in scheme.accounts if account.number == charge["_number"])


def _ask_for_proof(stripe: Stripe, intent: Obj, kind: str) -> None:
    action = {
        "arrival_date": stripe.now() + DAY,
        "hosted_verification_url": stripe.world.url(f"/stripe/verify/{intent['id']}"),
        "microdeposit_type": kind,
    }
    intent |= {"status": "requires_action", "_tries": 0}
    intent["next_action"] = {"type": "verify_with_microdeposits", "verify_with_microdeposits": action}
    stripe.put("payment_intent", intent)
    emit(stripe, "payment_intent.requires_action", intent)
    stripe.later(DAYS_TO_VERIFY * DAY, "microdeposits", {"intent": intent["id"]})


def awaits_proof(intent: Obj) -> bool:
    """Whether the intent waits for what its micro-deposits say."""
    return bool(intent["status"] == "requires_action" and intent["next_action"]["type"] == "verify_with_microdeposits")


def verify(stripe: Stripe, intent: Obj, proof: Proof) -> Obj:
    """Prove the account: right, the debit begins; wrong raises 400, and after ten times the payment has failed."""
    if not awaits_proof(intent):
        raise stripe_errors.StripeError(
            400,
            "You cannot verify this PaymentIntent with microdeposits because it does not await them.",
            code="payment_intent_unexpected_state",
        )
    amounts = intent["next_action"]["verify_with_microdeposits"]["microdeposit_type"] == "amounts"
    _check_shape(proof, amounts)
    if sorted(proof.amounts) == sorted(AMOUNTS) if amounts else proof.code == CODE:
        _debit(stripe, intent, stripe.find("payment_method", intent["payment_method"]) or {})
        return intent
    intent["_tries"] += 1
    stripe.put("payment_intent", intent)
    if intent["_tries"] >= TRIES:
        _give_up(stripe, intent, _EXCEEDED)
        raise stripe_errors.StripeError(400, _WORDS[_EXCEEDED], code=_EXCEEDED)
    what = "amounts" if amounts else "descriptor_code"
    raise stripe_errors.invalid(
        what,
        f"The {what.replace('_', ' ')} provided {'do' if amounts else 'does'} not match what was sent to the bank account. "
        f"You have {TRIES - intent['_tries']} attempts left.",
        f"payment_method_microdeposit_verification_{what}_mismatch",
    )


def _check_shape(proof: Proof, amounts: bool) -> None:
    if amounts and (len(proof.amounts) != 2 or min(proof.amounts) <= 0):
        raise stripe_errors.invalid(
            "amounts",
            "You must provide exactly two positive amounts, in cents.",
            "payment_method_microdeposit_verification_amounts_invalid",
        )
    if not amounts and not re.fullmatch(r"SM[A-Z0-9]{4}", proof.code):
        raise stripe_errors.invalid("descriptor_code", "The descriptor code has six characters and starts with SM.")


def _give_up(stripe: Stripe, intent: Obj, code: str) -> None:
    method = stripe.find("payment_method", intent["payment_method"]) or {"id": None}
    stripe_payments.failed(stripe, intent, stripe_payments.error_of(code, None, _WORDS[code], method, None))
    session = stripe.find("checkout.session", intent["_session"])
    if session is not None:
        stripe_sessions.settle(stripe, session, paid=False)


def settle(stripe: Stripe, charge: Obj, failure: str | None = None) -> bool:
    """A pending bank debit arrived, or failed with a failure code; False when it was settled before."""
    intent = stripe.find("payment_intent", charge["payment_intent"])
    if charge["status"] != "pending" or intent is None:
        return False
    session = stripe.find("checkout.session", intent["_session"])
    if failure is not None:
        _bounce(stripe, intent, charge, failure)
    else:
        charge |= {"status": "succeeded", "paid": True, "amount_captured": charge["amount"]}
        charge["receipt_url"] = stripe.world.url(f"/stripe/receipts/{charge['id']}")
        stripe.put("charge", charge)
        emit(stripe, "charge.succeeded", charge)
        stripe_payments.succeeded(stripe, intent, charge)
        stripe.later(stripe.modes.balance_seconds, "balance", {"charge": charge["id"]})
    if session is not None:
        stripe_sessions.settle(stripe, session, paid=failure is None)
    stripe_refunds.charge_settled(stripe, charge)
    return True


def _bounce(stripe: Stripe, intent: Obj, charge: Obj, failure: str) -> None:
    words = stripe_banks.MESSAGES.get(failure, stripe_banks.MESSAGES["generic_could_not_process"])
    charge |= {"status": "failed", "paid": False, "failure_code": failure, "failure_message": words}
    charge["outcome"] = stripe_objects.outcome("issuer_declined", reason=failure)
    stripe.put("charge", charge)
    emit(stripe, "charge.failed", charge)
    method = stripe.find("payment_method", charge["payment_method"]) or {"id": None}
    stripe_payments.failed(stripe, intent, stripe_payments.error_of(failure, None, words, method, charge["id"]))


def fail_late(stripe: Stripe, charge: Obj, failure: str = "insufficient_funds") -> bool:
    """A bank debit that had succeeded comes back: the money leaves again (``payment_failure_refund``). False if it cannot."""
    debit = charge["payment_method_details"]["type"] in stripe_banks.SCHEMES
    if not debit or charge["status"] != "succeeded" or charge["amount_refunded"]:
        return False
    stripe_ledger.book_charge(stripe, charge)
    intent = stripe.find("payment_intent", charge["payment_intent"])
    gross, currency, rate = stripe_ledger.convert(stripe, charge["_account"], charge["amount"], charge["currency"])
    line = stripe_ledger.Line(
        -gross,
        currency,
        "payment_failure_refund",
        charge["id"],
        exchange_rate=rate,
        description="Payment failure refund",
    )
    charge["failure_balance_transaction"] = stripe_ledger.post(stripe, charge["_account"], line)["id"]
    if intent is not None:
        intent["amount_received"] = 0
        _bounce(stripe, intent, charge, failure)
    return True


def register(stripe: Stripe) -> None:
    """Teach the clock when debits settle and proofs are overdue."""

    async def debit(payload: Obj) -> None:
        charge = stripe.find("charge", payload["charge"])
        if charge is None or charge["status"] != "pending":
            return
        account = _account(charge)
        settle(stripe, charge, account.failure)
        if account.dispute:
            stripe.later(
                stripe.modes.balance_seconds + 2, "trouble", {"charge": charge["id"], "kind": "debit_not_authorized"}
            )

    async def microdeposits(payload: Obj) -> None:
        intent = stripe.find("payment_intent", payload["intent"])
        if intent is not None and awaits_proof(intent):
            _give_up(stripe, intent, _TIMEOUT)

    stripe.world.clock.on("stripe.debit", debit)
    stripe.world.clock.on("stripe.microdeposits", microdeposits)
