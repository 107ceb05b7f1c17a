"""The payment objects as Stripe sends them, complete with the fields nobody sets.

Each builder returns a fresh object of API version 2026-10-28.endive with ``_account`` for its owner; callers store it.
Amounts are in the currency's smallest unit, times are epoch seconds.
"""

from sandbox.store import Obj
from sandbox.stripe_cards import Card
from sandbox.stripe_world import Stripe

_UNSET_ON_INTENTS = (
    "_session allowed_payment_method_types automatic_payment_methods canceled_at cancellation_reason customer "
    "customer_account excluded_payment_method_types last_payment_error latest_charge next_action on_behalf_of "
    "payment_method payment_method_configuration_details processing review setup_future_usage shipping source "
    "transfer_data"
).split()
_UNSET_ON_CHARGES = (
    "application_fee balance_transaction customer failure_balance_transaction failure_code failure_message "
    "on_behalf_of outcome receipt_number review shipping source source_transfer transfer_data"
).split()
NO_ADDRESS: Obj = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}


def billing(email: str | None, name: str | None, country: str | None) -> Obj:
    """``billing_details`` from what the payment page asks for."""
    address = {**NO_ADDRESS, "country": country}
    return {"address": address, "email": email, "name": name, "phone": None, "tax_id": None}


def payment_intent(stripe: Stripe, account: str, amount: int, currency: str, wanted: Obj) -> Obj:
    """A payment intent awaiting a payment method; ``wanted`` is the caller's ``payment_intent_data``."""
    id = stripe.id("pi_3")
    return dict.fromkeys(_UNSET_ON_INTENTS) | {
        "id": id,
        "object": "payment_intent",
        "_account": account,
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": stripe.application() if account else None,
        "application_fee_amount": wanted.get("application_fee_amount"),
        "capture_method": wanted.get("capture_method") or "automatic_async",
        "client_secret": f"{id}_secret_{stripe.id('', 25)}",
        "confirmation_method": "automatic",
        "created": stripe.now(),
        "currency": currency,
        "description": wanted.get("description"),
        "livemode": stripe.livemode,
        "metadata": dict(wanted.get("metadata") or {}),
        "payment_method_options": {
            "card": {"installments": None, "network": None, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": ["card"],
        "receipt_email": wanted.get("receipt_email"),
        "statement_descriptor": wanted.get("statement_descriptor"),
        "statement_descriptor_suffix": wanted.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_group": wanted.get("transfer_group"),
    }


def card_method(stripe: Stripe, account: str, card: Card, expiry: tuple[int, int], details: Obj) -> Obj:
    """A payment method for a card just typed in."""
    return _method(stripe, account, "card", details) | {
        "card": {
            "brand": card.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": "fail" if card.check == "avs" else None,
                "cvc_check": "fail" if card.check == "cvc" else "pass",
            },
            "country": card.country,
            "display_brand": card.brand,
            "exp_month": expiry[0],
            "exp_year": expiry[1],
            "fingerprint": _fingerprint(card.number),
            "funding": card.funding,
            "generated_from": None,
            "last4": card.number[-4:],
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "_number": card.number,
    }


def bank_method(stripe: Stripe, account: str, method: str, number: str, details: Obj) -> Obj:
    """A payment method for a bank account."""
    bank = {"last4": number[-4:], "fingerprint": _fingerprint(number)}
    return _method(stripe, account, method, details) | {method: bank, "_number": number}


def _method(stripe: Stripe, account: str, type: str, details: Obj) -> Obj:
    return {
        "id": stripe.id("pm_1"),
        "object": "payment_method",
        "_account": account,
        "allow_redisplay": "limited",
        "billing_details": details,
        "created": stripe.now(),
        "customer": None,
        "customer_account": None,
        "livemode": stripe.livemode,
        "metadata": {},
        "type": type,
    }


def _fingerprint(number: str) -> str:
    letters = "".join(chr(97 + int(digit) if digit.isdigit() else ord(digit.lower())) for digit in number)
    return letters[::-1].ljust(16, "x")[:16]


def charge(stripe: Stripe, intent: Obj, method: Obj, status: str, descriptor: str) -> Obj:
    """A charge of the intent's whole amount; cards are ``ch_``, bank debits ``py_``."""
    card = method["type"] == "card"
    paid = status == "succeeded"
    id = stripe.id("ch_3" if card else "py_3")
    shown = {name: intent[name] for name in ("presentment_details",) if name in intent}
    return (
        dict.fromkeys(_UNSET_ON_CHARGES)
        | shown
        | {
            "id": id,
            "object": "charge",
            "_account": intent["_account"],
            "_number": method["_number"],
            "amount": intent["amount"],
            "amount_captured": intent["amount"] if paid else 0,
            "amount_refunded": 0,
            "application": intent["application"],
            "application_fee_amount": intent["application_fee_amount"],
            "authorization_code": stripe.id("", 6).upper() if card and paid else None,
            "billing_details": method["billing_details"],
            "calculated_statement_descriptor": descriptor,
            "captured": status != "failed",
            "created": stripe.now(),
            "currency": intent["currency"],
            "description": intent["description"],
            "disputed": False,
            "fraud_details": {},
            "livemode": stripe.livemode,
            "metadata": dict(intent["metadata"]),
            "paid": paid,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": _charge_details(method, intent["amount"], paid),
            "radar_options": {},
            "receipt_email": intent["receipt_email"],
            "receipt_url": stripe.world.url(f"/stripe/receipts/{id}") if paid else None,
            "refunded": False,
            "statement_descriptor": intent["statement_descriptor"],
            "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
            "status": status,
            "transfer_group": intent["transfer_group"],
        }
    )


def _charge_details(method: Obj, amount: int, paid: bool) -> Obj:
    type = method["type"]
    if type != "card":
        return {"type": type, type: {"last4": method[type]["last4"], "fingerprint": method[type]["fingerprint"]}}
    given = method["card"]
    card = {
        name: given[name]
        for name in ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    }
    return {
        "type": "card",
        "card": card
        | {
            "amount_authorized": amount if paid else None,
            "authorization_code": None,
            "extended_authorization": {"status": "disabled"},
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": given["brand"],
            "network_token": {"used": False},
            "network_transaction_id": None,
            "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
            "regulated_status": "unregulated",
            "three_d_secure": None,
            "wallet": None,
        },
    }


def outcome(status: str, *, risk: str = "normal", reason: str | None = None) -> Obj:
    """``charge.outcome``: authorized, issuer_declined or blocked."""
    score = {"normal": 32, "elevated": 70, "highest": 92}[risk]
    words = {
        "authorized": ("approved_by_network", "Payment complete."),
        "issuer_declined": ("declined_by_network", "The bank did not return any further details with this decline."),
        "blocked": ("not_sent_to_network", "Stripe blocked this payment as too risky."),
    }
    network, seller = words[status]
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network,
        "reason": reason,
        "risk_level": risk,
        "risk_score": score,
        "seller_message": seller,
        "type": status,
    }


def refund(stripe: Stripe, charge: Obj, amount: int, wanted: Obj) -> Obj:
    """A refund, pending until its maker says otherwise; ``pyr_`` for anything but cards."""
    type = charge["payment_method_details"]["type"]
    details: Obj = {"type": type, type: {}}
    if type == "card":
        details["card"] = {
            "reference": None,
            "reference_status": "pending",
            "reference_type": "acquirer_reference_number",
        }
        details["card"]["type"] = "refund"
    return {
        "id": stripe.id("re_3" if type == "card" else "pyr_1"),
        "object": "refund",
        "_account": charge["_account"],
        "_refund_application_fee": bool(wanted.get("refund_application_fee")),
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": stripe.now(),
        "currency": charge["currency"],
        "customer": None,
        "customer_account": None,
        "description": None,
        "destination_details": details,
        "failure_balance_transaction": None,
        "failure_reason": None,
        "instructions_email": wanted.get("instructions_email"),
        "metadata": dict(wanted.get("metadata") or {}),
        "next_action": None,
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "pending_reason": "processing",
        "reason": wanted.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending",
        "transfer_reversal": None,
    }
