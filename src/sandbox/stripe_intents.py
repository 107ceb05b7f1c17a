"""Payment intents made directly, with Stripe's test payment methods (``pm_card_visa`` and friends).

Checkout is the first choice for a payment page; this is here for tests and tools that want a charge without a browser.
"""

from sandbox import (
    stripe_accounts,
    stripe_cards,
    stripe_debits,
    stripe_errors,
    stripe_ledger,
    stripe_money,
    stripe_objects,
    stripe_payments,
    stripe_sessions,
)
from sandbox.store import Obj
from sandbox.stripe_events import emit
from sandbox.stripe_http import Call
from sandbox.stripe_world import render

_NOT_HERE = (
    "customer mandate_data off_session payment_method_data transfer_data on_behalf_of setup_future_usage shipping"
).split()


def create(call: Call) -> Obj:
    """``POST /v1/payment_intents``, confirmed at once with ``confirm=true``."""
    stripe, params = call.stripe, call.params
    for name in _NOT_HERE:
        if name in params:
            raise stripe_sessions.not_here(name)
    if params.get("capture_method") == "manual":
        raise stripe_sessions.not_here("capture_method")
    currency = stripe_money.check_currency(params["currency"], "currency")
    _, settlement = stripe_ledger.country_and_currency(stripe, call.account)
    stripe_money.check_amount(params["amount"], currency, settlement, "amount")
    if not stripe_accounts.payment_methods(stripe, call.account, currency):
        raise stripe_errors.invalid("payment_method", "This account cannot accept payments.", "capability_not_active")
    intent = stripe_objects.payment_intent(stripe, call.account, params["amount"], currency, params)
    intent |= {"automatic_payment_methods": {"allow_redirects": "always", "enabled": True}}
    intent["_return_url"] = params.get("return_url")
    stripe.put("payment_intent", intent)
    emit(stripe, "payment_intent.created", intent)
    if params.get("payment_method"):
        _attach(call, intent, params["payment_method"])
    return _confirm(call, intent) if params.get("confirm") else intent


def confirm(call: Call) -> Obj:
    """``POST /v1/payment_intents/{id}/confirm``: 402 with the payment intent inside when the card is declined."""
    intent = call.stripe.need("payment_intent", call.id, call.account)
    if call.params.get("payment_method"):
        _attach(call, intent, call.params["payment_method"])
    return _confirm(call, intent)


def _attach(call: Call, intent: Obj, token: str) -> None:
    stripe, method = call.stripe, call.stripe.get("payment_method", token, call.account)
    if method is None:
        number = stripe_cards.TOKENS.get(token)
        if number is None:
            raise stripe_errors.no_such("PaymentMethod", token, "payment_method", 400)
        details = stripe_objects.billing(None, None, None)
        year = stripe.world.clock.now().year + 2
        method = stripe_objects.card_method(stripe, call.account, stripe_cards.card(number), (12, year), details)
        stripe.put("payment_method", method)
    intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    stripe.put("payment_intent", intent)


def _confirm(call: Call, intent: Obj) -> Obj:
    method = call.stripe.find("payment_method", intent["payment_method"])
    if intent["_session"] is not None or intent["status"] not in ("requires_payment_method", "requires_confirmation"):
        raise _unexpected(intent, "confirm")
    if method is None:
        raise stripe_errors.invalid(
            "payment_method",
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            "payment_intent_unexpected_state",
        )
    result = stripe_payments.confirm(call.stripe, intent, method)
    if result.status == "failed":
        error = intent["last_payment_error"]
        extra = {name: error[name] for name in ("charge", "decline_code", "payment_method") if name in error}
        extra["payment_intent"] = render(intent)
        raise stripe_errors.StripeError(402, result.message, type="card_error", code=error["code"], extra=extra)
    return intent


def verify_microdeposits(call: Call) -> Obj:
    """``POST /v1/payment_intents/{id}/verify_microdeposits``: ``amounts`` or ``descriptor_code``."""
    intent = call.stripe.need("payment_intent", call.id, call.account)
    params = call.params
    proof = stripe_debits.Proof(params.get("amounts") or (), params.get("descriptor_code") or "")
    return stripe_debits.verify(call.stripe, intent, proof)


def cancel(call: Call) -> Obj:
    """``POST /v1/payment_intents/{id}/cancel``: not for one that belongs to a checkout session."""
    intent = call.stripe.need("payment_intent", call.id, call.account)
    if intent["_session"] is not None:
        raise stripe_errors.StripeError(
            400,
            "You cannot cancel a PaymentIntent that belongs to a Checkout Session. Expire the session instead.",
            code="payment_intent_unexpected_state",
        )
    if intent["status"] in ("succeeded", "processing", "canceled"):
        raise _unexpected(intent, "cancel")
    reason = call.params.get("cancellation_reason")
    intent |= {
        "status": "canceled",
        "canceled_at": call.stripe.now(),
        "cancellation_reason": reason,
        "next_action": None,
    }
    call.stripe.put("payment_intent", intent)
    emit(call.stripe, "payment_intent.canceled", intent)
    return intent


def _unexpected(intent: Obj, verb: str) -> stripe_errors.StripeError:
    return stripe_errors.StripeError(
        400,
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
        extra={"payment_intent": render(intent)},
    )
