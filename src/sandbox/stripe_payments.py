"""What happens when a customer confirms: cards, 3-D Secure, bank debits, and what follows by itself.

Event sequences are those of docs.stripe.com/payments/paymentintents/lifecycle; delivery order is nobody's promise. A
declined attempt leaves the session open with the same payment intent; a session is complete once a payment succeeded or
a bank debit is on its way.
"""

from typing import Any

import msgspec

from sandbox import stripe_banks, stripe_cards, stripe_disputes, stripe_ledger, stripe_objects, stripe_sessions
from sandbox.store import Obj
from sandbox.stripe_accounts import descriptor_prefix
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
    asked = (session["payment_method_options"].get("card") or {}).get("request_three_d_secure", "automatic")
    return confirm(stripe, intent, method, asked)


def pay_by_bank(stripe: Stripe, session: Obj, scheme: stripe_banks.Scheme, number: str, payer: Payer) -> Result:
    """The customer agreed to a bank debit; ``number`` is one of the scheme's test accounts."""
    intent = intent_of(stripe, session)
    details = stripe_objects.billing(session["customer_email"] or payer.email, payer.name, payer.country)
    method = stripe_objects.bank_method(stripe, session["_account"], scheme.method, number, details)
    stripe.put("payment_method", method)
    intent |= {"payment_method": method["id"], "last_payment_error": None}
    account = next(account for account in scheme.accounts if account.number == number)
    return _debit(stripe, intent, method, account)


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
    if card.challenge or (card.secure and asked in ("any", "challenge") and not card.frictionless):
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
    refuses = stripe_cards.card(method["_number"]).number == "4000000000003097"
    if passed and not refuses:
        return _charge(stripe, intent, method, "challenge")
    error = _error("payment_intent_authentication_failure", None, AUTHENTICATION_FAILED, method, None)
    return _failed(stripe, intent, error)


def _charge(stripe: Stripe, intent: Obj, method: Obj, flow: str | None) -> Result:
    card = stripe_cards.card(method["_number"])
    status = "failed" if card.error else "succeeded"
    charge = stripe_objects.charge(stripe, intent, method, status, descriptor(stripe, intent))
    if flow is not None:
        charge["payment_method_details"]["card"]["three_d_secure"] = _three_d_secure(stripe, flow)
    intent["latest_charge"] = charge["id"]
    if card.error:
        return _declined(stripe, intent, charge, card, method)
    charge["outcome"] = stripe_objects.outcome("authorized", risk=card.risk)
    stripe.put("charge", charge)
    emit(stripe, "charge.succeeded", charge)
    event = _succeeded(stripe, intent, charge)
    stripe.later(stripe.modes.balance_seconds, "balance", {"charge": charge["id"]})
    if card.dispute:
        stripe.later(stripe.modes.balance_seconds + 2, "trouble", {"charge": charge["id"], "kind": card.dispute})
    return Result("succeeded", event=event)


def _three_d_secure(stripe: Stripe, flow: str) -> Obj:
    return {
        "authentication_flow": flow,
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": stripe.world.ids.uuid(),
        "version": "2.2.0",
    }


def descriptor(stripe: Stripe, intent: Obj) -> str:
    """What the customer's statement says: ``PREFIX* SUFFIX``, 22 characters at most."""
    suffix = intent["statement_descriptor_suffix"]
    prefix = descriptor_prefix(stripe, intent["_account"])
    return f"{prefix}* {suffix}"[:22].upper() if suffix else (intent["statement_descriptor"] or prefix)[:22].upper()


def _declined(stripe: Stripe, intent: Obj, charge: Obj, card: stripe_cards.Card, method: Obj) -> Result:
    error = card.error or ("card_declined", None)
    words = stripe_cards.message(error)
    blocked = card.risk == "highest"
    kind = "blocked" if blocked else "issuer_declined"
    reason = "highest_risk_level" if blocked else error[1] or error[0]
    charge |= {
        "failure_code": error[0],
        "failure_message": words,
        "outcome": stripe_objects.outcome(kind, risk=card.risk, reason=reason),
    }
    stripe.put("charge", charge)
    emit(stripe, "charge.failed", charge)
    return _failed(stripe, intent, _error(error[0], error[1], words, method, charge["id"]))


def _error(code: str, decline: str | None, words: str, method: Obj, charge: str | None) -> Obj:
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


def _failed(stripe: Stripe, intent: Obj, error: Obj) -> Result:
    intent |= {"status": "requires_payment_method", "last_payment_error": error, "payment_method": None}
    intent |= {"processing": None, "next_action": None}
    stripe.put("payment_intent", intent)
    emit(stripe, "payment_intent.payment_failed", intent)
    return Result("failed", error["message"])


def _succeeded(stripe: Stripe, intent: Obj, charge: Obj) -> str | None:
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
    return _complete(stripe, session, charge, paid=True)


def _complete(stripe: Stripe, session: Obj, charge: Obj, *, paid: bool) -> str:
    details: dict[str, Any] = charge["billing_details"]
    event = stripe_sessions.complete(
        stripe, session, paid=paid, email=details["email"], name=details["name"], country=details["address"]["country"]
    )
    return str(event["id"])


def _debit(stripe: Stripe, intent: Obj, method: Obj, account: stripe_banks.Account) -> Result:
    charge = stripe_objects.charge(stripe, intent, method, "pending", descriptor(stripe, intent))
    charge["outcome"] = stripe_objects.outcome("authorized")
    intent |= {"status": "processing", "processing": {"type": method["type"]}, "latest_charge": charge["id"]}
    stripe.put("charge", charge)
    emit(stripe, "charge.pending", charge)
    stripe.put("payment_intent", intent)
    emit(stripe, "payment_intent.processing", intent)
    session = stripe.find("checkout.session", intent["_session"])
    event = None if session is None else _complete(stripe, session, charge, paid=False)
    if account.seconds is not None:
        delay = stripe.modes.bank_debit_seconds
        stripe.later(account.seconds if delay is None else delay, "debit", {"charge": charge["id"]})
    return Result("processing", event=event)


def settle_debit(stripe: Stripe, charge: Obj, failure: str | None = None) -> bool:
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
        _succeeded(stripe, intent, charge)
        stripe.later(stripe.modes.balance_seconds, "balance", {"charge": charge["id"]})
    if session is not None:
        stripe_sessions.settle(stripe, session, paid=failure is None)
    return True


def _bounce(stripe: Stripe, intent: Obj, charge: Obj, failure: str) -> None:
    words = stripe_banks.MESSAGES.get(failure, stripe_banks.MESSAGES["generic_could_not_process"])
    charge |= {"status": "failed", "paid": False, "failure_code": failure, "failure_message": words}
    charge["outcome"] = stripe_objects.outcome("issuer_declined", reason=failure)
    stripe.put("charge", charge)
    emit(stripe, "charge.failed", charge)
    method = stripe.find("payment_method", charge["payment_method"]) or {"id": None}
    _failed(stripe, intent, _error(failure, None, words, method, charge["id"]))


def fail_late(stripe: Stripe, charge: Obj, failure: str = "insufficient_funds") -> bool:
    """A bank debit that had succeeded comes back: the money leaves again (``payment_failure_refund``). False if it cannot."""
    debit = charge["payment_method_details"]["type"] in stripe_banks.SCHEMES
    if not debit or charge["status"] != "succeeded" or charge["amount_refunded"]:
        return False
    stripe_ledger.book_charge(stripe, charge)
    intent = stripe.find("payment_intent", charge["payment_intent"])
    gross, currency, rate = stripe_ledger.convert(stripe, charge["_account"], charge["amount"], charge["currency"])
    line = stripe_ledger.post(
        stripe,
        charge["_account"],
        stripe_ledger.Line(
            -gross,
            currency,
            "payment_failure_refund",
            charge["id"],
            exchange_rate=rate,
            description="Payment failure refund",
        ),
    )
    charge["failure_balance_transaction"] = line["id"]
    if intent is not None:
        intent["amount_received"] = 0
        _bounce(stripe, intent, charge, failure)
    return True


def register(stripe: Stripe) -> None:
    """Teach the clock what follows a payment by itself."""

    async def balance(payload: Obj) -> None:
        charge = stripe.find("charge", payload["charge"])
        if charge is not None:
            stripe_ledger.book_charge(stripe, charge)

    async def debit(payload: Obj) -> None:
        charge = stripe.find("charge", payload["charge"])
        if charge is None or charge["status"] != "pending":
            return
        scheme = stripe_banks.SCHEMES[charge["payment_method_details"]["type"]]
        account = next(account for account in scheme.accounts if account.number == charge["_number"])
        settle_debit(stripe, charge, account.failure)
        if account.dispute:
            stripe.later(
                stripe.modes.balance_seconds + 2, "trouble", {"charge": charge["id"], "kind": "debit_not_authorized"}
            )

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
        ("debit", debit),
        ("trouble", trouble),
        ("session_expiry", session_expiry),
    ):
        stripe.world.clock.on(f"stripe.{kind}", handler)
