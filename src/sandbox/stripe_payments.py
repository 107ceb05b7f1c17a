"""What happens when a customer confirms: cards, 3-D Secure, and what follows by itself. Bank debits: ``stripe_debits``.

Event sequences are those of docs.stripe.com/payments/paymentintents/lifecycle; delivery order is nobody's promise. A
declined attempt leaves the session open with the same payment intent; a session is complete once a payment succeeded or
a bank debit is on its way.
"""

from typing import Any

import msgspec

from sandbox import (
    stripe_cards,
    stripe_disputes,
    stripe_ledger,
    stripe_money,
    stripe_objects,
    stripe_presentment,
    stripe_sessions,
)
from sandbox.store import Obj
from sandbox.stripe_accounts import declines_on, descriptor_prefix
from sandbox.stripe_events import emit
from sandbox.stripe_world import Stripe

AUTHENTICATION_FAILED = (
    "We are unable to authenticate your payment method. Please choose a different payment method and try again."
)


class Payer(msgspec.Struct, frozen=True):
    """What the payment page collects about the customer."""

    email: str | None = None
    name: str | None = None
    country: str | None = None


class Result(msgspec.Struct, frozen=True):
    """How an attempt ended: succeeded, processing, requires_action or failed (with words for the customer).

    ``event`` is the id of the ``checkout.session.completed`` event, when there was one.
    """

    status: str
    message: str = ""
    event: str | None = None


def pay_by_card(stripe: Stripe, session: Obj, card: stripe_cards.Card, expiry: tuple[int, int], payer: Payer) -> Result:
    """The customer of an open session pressed pay with a card."""
    intent = intent_of(stripe, session)
    details = stripe_objects.billing(session["customer_email"] or payer.email, payer.name, payer.country)
    method = stripe_objects.card_method(stripe, session["_account"], card, expiry, details)
    stripe.put("payment_method", method)
    intent["payment_method"] = method["id"]
    stripe_presentment.note(stripe, session, intent, payer.country)
    asked = (session["payment_method_options"].get("card") or {}).get("request_three_d_secure", "automatic")
    return confirm(stripe, intent, method, asked)


def intent_of(stripe: Stripe, session: Obj) -> Obj:
    """The session's payment intent, made at the first attempt and kept through the declined ones."""
    intent = stripe.find("payment_intent", session["payment_intent"])
    if intent is not None:
        return intent
    account, wanted = session["_account"], session["_intent"]
    intent = stripe_objects.payment_intent(stripe, account, session["amount_total"], session["currency"], wanted)
    intent |= {"_session": session["id"], "payment_method_types": session["payment_method_types"]}
    session["payment_intent"] = intent["id"]
    stripe.put("payment_intent", intent)
    stripe.put("checkout.session", session)
    emit(stripe, "payment_intent.created", intent)
    return intent


def confirm(stripe: Stripe, intent: Obj, method: Obj, asked: str = "automatic") -> Result:
    """Try to charge a card: 3-D Secure first where the card wants it (or the merchant asked and it can)."""
    card = stripe_cards.card(method["_number"])
    wanted = card.secure and not card.frictionless and asked in ("any", "challenge")
    if card.lookup_fails and (wanted or card.error):
        return _charge(stripe, intent, method, "lookup")
    if card.challenge or wanted:
        return _challenge(stripe, intent)
    return _charge(stripe, intent, method, "frictionless" if card.frictionless else None)


def _challenge(stripe: Stripe, intent: Obj) -> Result:
    session = stripe.find("checkout.session", intent["_session"])
    place = session["id"] if session is not None else intent["id"]
    url = stripe.world.url(f"/stripe/c/pay/{place}/3ds")
    back = session["success_url"] if session is not None else intent.get("_return_url")
    intent |= {
        "status": "requires_action",
        "last_payment_error": None,
        "next_action": {"type": "redirect_to_url", "redirect_to_url": {"return_url": back, "url": url}},
    }
    stripe.put("payment_intent", intent)
    emit(stripe, "payment_intent.requires_action", intent)
    return Result("requires_action")


def finish_challenge(stripe: Stripe, intent: Obj, *, passed: bool) -> Result:
    """The customer came back from the bank's 3-D Secure page."""
    method = stripe.find("payment_method", intent["payment_method"])
    if method is None or intent["status"] != "requires_action":
        return Result("failed", "This step is no longer open.")
    intent["next_action"] = None
    if passed:
        return _charge(stripe, intent, method, "challenge")
    return failed(
        stripe, intent, error_of("payment_intent_authentication_failure", None, AUTHENTICATION_FAILED, method, None)
    )


def _charge(stripe: Stripe, intent: Obj, method: Obj, flow: str | None) -> Result:
    card = stripe_cards.card(method["_number"])
    error = _refusal(stripe, intent, card, flow)
    charge = stripe_objects.charge(
        stripe, intent, method, "failed" if error else "succeeded", descriptor(stripe, intent)
    )
    if flow is not None:
        charge["payment_method_details"]["card"]["three_d_secure"] = _three_d_secure(stripe, flow)
    intent["latest_charge"] = charge["id"]
    if error:
        return _declined(stripe, intent, charge, error, card.risk, method)
    charge["outcome"] = stripe_objects.outcome("authorized", risk=card.risk)
    stripe.put("charge", charge)
    emit(stripe, "charge.succeeded", charge)
    event = succeeded(stripe, intent, charge)
    stripe.later(stripe.modes.balance_seconds, "balance", {"charge": charge["id"]})
    if card.dispute:
        stripe.later(stripe.modes.balance_seconds + 2, "trouble", {"charge": charge["id"], "kind": card.dispute})
    return Result("succeeded", event=event)


def _refusal(stripe: Stripe, intent: Obj, card: stripe_cards.Card, flow: str | None) -> tuple[str, str | None] | None:
    """The card's own refusal; a failed lookup refuses too, a failed check only where the account declines on it."""
    if flow == "lookup":
        return card.error or ("card_declined", "generic_decline")
    if len(str(intent["amount"])) > stripe_money.AMEX_DIGITS and card.brand == "amex":
        return "card_declined", "invalid_amount"
    if card.check and not declines_on(stripe, intent["_account"], card.check):
        return None
    return card.error


def _three_d_secure(stripe: Stripe, flow: str) -> Obj:
    went = flow != "lookup"
    return {
        "authentication_flow": flow if went else None,
        "electronic_commerce_indicator": "05" if went else None,
        "exemption_indicator": None,
        "result": "authenticated" if went else "processing_error",
        "result_reason": None,
        "transaction_id": stripe.world.ids.uuid() if went else None,
        "version": "2.2.0",
    }


def descriptor(stripe: Stripe, intent: Obj) -> str:
    """What the customer's statement says: ``PREFIX* SUFFIX``, 22 characters at most."""
    suffix = intent["statement_descriptor_suffix"]
    prefix = descriptor_prefix(stripe, intent["_account"])
    return f"{prefix}* {suffix}"[:22].upper() if suffix else (intent["statement_descriptor"] or prefix)[:22].upper()


def _declined(
    stripe: Stripe, intent: Obj, charge: Obj, error: tuple[str, str | None], risk: str, method: Obj
) -> Result:
    words = stripe_cards.message(error)
    blocked = risk == "highest"
    kind = "blocked" if blocked else "issuer_declined"
    reason = "highest_risk_level" if blocked else error[1] or error[0]
    charge |= {
        "failure_code": error[0],
        "failure_message": words,
        "outcome": stripe_objects.outcome(kind, risk=risk, reason=reason),
    }
    stripe.put("charge", charge)
    emit(stripe, "charge.failed", charge)
    return failed(stripe, intent, error_of(error[0], error[1], words, method, charge["id"]))


def error_of(code: str, decline: str | None, words: str, method: Obj, charge: str | None) -> Obj:
    """``last_payment_error`` of an intent; ``charge`` None when it came to no charge."""
    error: Obj = {
        "code": code,
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "message": words,
        "payment_method": {name: value for name, value in method.items() if not name.startswith("_")},
        "type": "invalid_request_error" if charge is None else "card_error",
    }
    if charge is not None:
        error["charge"] = charge
    if decline is not None:
        error["decline_code"] = decline
    return error


def failed(stripe: Stripe, intent: Obj, error: Obj) -> Result:
    """The intent waits for another way to pay."""
    intent |= {"status": "requires_payment_method", "last_payment_error": error, "payment_method": None}
    intent |= {"processing": None, "next_action": None}
    stripe.put("payment_intent", intent)
    emit(stripe, "payment_intent.payment_failed", intent)
    return Result("failed", error["message"])


def succeeded(stripe: Stripe, intent: Obj, charge: Obj) -> str | None:
    """The intent is paid, and its session, while open, complete; the id of the ``completed`` event, if there was one."""
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "last_payment_error": None,
        "next_action": None,
        "processing": None,
        "latest_charge": charge["id"],
    }
    stripe.put("payment_intent", intent)
    emit(stripe, "payment_intent.succeeded", intent)
    session = stripe.find("checkout.session", intent["_session"])
    if session is None or session["status"] != "open":
        return None
    return completed(stripe, session, charge["billing_details"], paid=True)


def completed(stripe: Stripe, session: Obj, details: dict[str, Any], *, paid: bool) -> str:
    """Complete the session with what is known of the payer; the event's id."""
    event = stripe_sessions.complete(
        stripe, session, paid=paid, email=details["email"], name=details["name"], country=details["address"]["country"]
    )
    return str(event["id"])


def register(stripe: Stripe) -> None:
    """Teach the clock what follows a payment by itself."""

    async def balance(payload: Obj) -> None:
        charge = stripe.find("charge", payload["charge"])
        if charge is not None:
            stripe_ledger.book_charge(stripe, charge)

    async def trouble(payload: Obj) -> None:
        charge = stripe.find("charge", payload["charge"])
        if charge is not None:
            stripe_disputes.strike(stripe, charge, payload["kind"])

    async def session_expiry(payload: Obj) -> None:
        session = stripe.find("checkout.session", payload["session"])
        if session is not None and session["status"] == "open":
            stripe_sessions.expire(stripe, session)

    for kind, handler in (
        ("balance", balance),
        ("trouble", trouble),
        ("session_expiry", session_expiry),
    ):
        stripe.world.clock.on(f"stripe.{kind}", handler)
