"""Checkout sessions: made strictly, expired by the clock, completed by a payment.

Rules of facts: ``payment_method_types`` is gone, old ``ui_mode`` values are refused, ``expires_at`` lies 30 minutes to 24
hours ahead, the total meets the minimum of the settlement currency, descriptors are checked, and the payment intent is
null until the customer confirms. Source: docs.stripe.com/api/checkout/sessions.
"""

import re
from typing import Any

from sandbox import (
    stripe_accounts,
    stripe_banks,
    stripe_descriptors,
    stripe_errors,
    stripe_items,
    stripe_ledger,
    stripe_money,
)
from sandbox.store import Obj
from sandbox.stripe_events import emit
from sandbox.stripe_world import DAY, Stripe

SHORTEST, LONGEST = 1800, DAY
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}")
_NOT_HERE = (
    "automatic_tax discounts invoice_creation optional_items shipping_address_collection shipping_options "
    "subscription_data setup_intent_data customer customer_account customer_update managed_payments tax_id_collection "
    "custom_fields consent_collection after_expiration allow_promotion_codes saved_payment_method_options permissions "
    "name_collection phone_number_collection payment_method_data"
).split()
_SUFFIX = "payment_intent_data[statement_descriptor_suffix]"
_INTENT_NOT_HERE = "on_behalf_of setup_future_usage shipping transfer_data".split()


def create(stripe: Stripe, account: str, params: Obj) -> Obj:
    """A new open session on that account, stored, with its expiry scheduled. Raises 400 for whatever Stripe refuses."""
    _check_shape(params)
    items, currency, total = stripe_items.priced(stripe, params)
    _, settlement = stripe_ledger.country_and_currency(stripe, account)
    stripe_money.check_amount(total, currency, settlement, "line_items")
    _check_intent_data(params.get("payment_intent_data") or {}, total)
    suffix = (params.get("payment_intent_data") or {}).get("statement_descriptor_suffix")
    stripe_descriptors.check_joined(stripe_accounts.descriptor_prefix(stripe, account), suffix, _SUFFIX)
    methods = _methods(stripe, account, currency, total, params)
    expires_at = _expiry(stripe, params)
    session = _build(stripe, account, params, total, currency, expires_at, methods)
    session["_line_items"] = items
    session["_intent"] = params.get("payment_intent_data") or {}
    stripe.put("checkout.session", session)
    stripe.world.clock.schedule(expires_at, "stripe.session_expiry", {"session": session["id"]})
    return session


def _check_shape(params: Obj) -> None:
    for name in _NOT_HERE:
        wanted = params.get(name)
        if wanted and not (isinstance(wanted, dict) and wanted.get("enabled") is False):
            raise not_here(name)
    if "mode" not in params:
        raise stripe_errors.missing("mode")
    if params["mode"] != "payment":
        raise stripe_errors.invalid("mode", f"This sandbox does not simulate sessions in {params['mode']} mode.")
    _check_urls(params)
    email = params.get("customer_email")
    if email is not None and not _EMAIL.fullmatch(email):
        raise stripe_errors.invalid("customer_email", f"Invalid email address: {email}", "email_invalid")
    if len(params.get("client_reference_id", "")) > 200:
        raise stripe_errors.invalid("client_reference_id", "Invalid string; must be at most 200 characters")
    if {"allowed_payment_method_types", "excluded_payment_method_types"} <= params.keys():
        raise stripe_errors.invalid(
            "allowed_payment_method_types",
            "You may only specify one of these parameters: allowed_payment_method_types, excluded_payment_method_types.",
            "parameters_exclusive",
        )


def not_here(name: str) -> stripe_errors.StripeError:
    """400 for something Stripe has and this sandbox has not: refused in words rather than ignored."""
    return stripe_errors.invalid(name, f"This sandbox does not simulate {name}.")


def _check_urls(params: Obj) -> None:
    hosted = params.get("ui_mode", "hosted_page") == "hosted_page"
    needed, refused = ("success_url", "return_url") if hosted else ("return_url", "success_url")
    if needed not in params and params.get("redirect_on_completion") != "never":
        raise stripe_errors.missing(needed)
    if refused in params:
        raise stripe_errors.invalid(refused, f"You cannot use `{refused}` when `ui_mode` is `{params.get('ui_mode')}`.")
    for name in ("success_url", "cancel_url", "return_url"):
        url = params.get(name)
        if url is not None and not re.match(r"https?://[^\s/]+", url):
            raise stripe_errors.invalid(name, "Not a valid URL", "url_invalid")
        if url is not None and len(url) > 2048:
            raise stripe_errors.invalid(name, "URL must be 2048 characters or less.", "url_invalid")


def _check_intent_data(data: Obj, total: int) -> None:
    for name in _INTENT_NOT_HERE:
        if data.get(name):
            raise not_here(f"payment_intent_data[{name}]")
    if data.get("capture_method") == "manual":
        raise not_here("payment_intent_data[capture_method]")
    fee = data.get("application_fee_amount")
    if fee is not None and fee <= 0:
        raise stripe_errors.invalid(
            "payment_intent_data[application_fee_amount]",
            "Application fee must be a positive integer. Leave it out when there is none.",
            "parameter_invalid_integer",
        )
    if fee is not None and fee > total:
        raise stripe_errors.invalid(
            "payment_intent_data[application_fee_amount]",
            "The application fee may not be greater than the total amount.",
        )
    whole, suffix = data.get("statement_descriptor"), data.get("statement_descriptor_suffix")
    if whole is not None:
        stripe_descriptors.check_whole(whole, "payment_intent_data[statement_descriptor]")
    if suffix is not None:
        stripe_descriptors.check_suffix(suffix, _SUFFIX)


def _methods(stripe: Stripe, account: str, currency: str, total: int, params: Obj) -> list[str]:
    offered = stripe_accounts.payment_methods(stripe, account, currency)
    eligible = [m for m in offered if m not in stripe_banks.SCHEMES or total <= stripe_banks.SCHEMES[m].most]
    allowed = params.get("allowed_payment_method_types")
    excluded = params.get("excluded_payment_method_types") or []
    kept = [m for m in eligible if (allowed is None or m in allowed) and m not in excluded]
    if not kept:
        raise stripe_errors.StripeError(
            400,
            "No valid payment method types for this Checkout Session. Please ensure that you have activated payment "
            "methods compatible with your chosen currency in your dashboard "
            "(https://dashboard.stripe.com/settings/payment_methods) or specify different payment method types.",
        )
    return kept


def _expiry(stripe: Stripe, params: Obj) -> int:
    now = stripe.now()
    at = int(params.get("expires_at", now + LONGEST))
    # A minute of leniency, as Stripe allows for clocks that differ.
    if not now + SHORTEST - 60 <= at <= now + LONGEST + 60:
        raise stripe_errors.invalid(
            "expires_at",
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
        )
    return at


def _build(
    stripe: Stripe, account: str, params: Obj, total: int, currency: str, expires_at: int, methods: list[str]
) -> Obj:
    id = stripe.id("cs_live_a1" if stripe.livemode else "cs_test_a1", 58)
    ui_mode = params.get("ui_mode", "hosted_page")
    given = {name: params.get(name) for name in _AS_GIVEN}
    return (
        dict.fromkeys(_UNSET)
        | given
        | {
            "id": id,
            "object": "checkout.session",
            "_account": account,
            "adaptive_pricing": {"enabled": (params.get("adaptive_pricing") or {}).get("enabled", True)},
            "amount_subtotal": total,
            "amount_total": total,
            "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
            "branding_settings": _branding(stripe, account, params),
            "client_secret": None if ui_mode == "hosted_page" else f"{id}_secret_{stripe.id('', 40)}",
            "created": stripe.now(),
            "currency": currency,
            "custom_fields": [],
            "custom_text": _custom_text(params),
            "customer_creation": params.get("customer_creation", "if_required"),
            "discounts": [],
            "expires_at": expires_at,
            "livemode": stripe.livemode,
            "metadata": params.get("metadata") or {},
            "mode": params["mode"],
            "payment_method_collection": "if_required",
            "payment_method_configuration_details": {"id": "pmc_1Sandbox", "parent": None},
            "payment_method_options": params.get("payment_method_options")
            or {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": methods,
            "payment_status": "unpaid",
            "phone_number_collection": {"enabled": False},
            "shipping_options": [],
            "status": "open",
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "ui_mode": ui_mode,
            "url": stripe.world.url(f"/stripe/c/pay/{id}") if ui_mode == "hosted_page" else None,
        }
    )


_UNSET = (
    "_challenge after_expiration collected_information consent currency_conversion customer customer_account "
    "customer_details invoice invoice_creation payment_intent payment_link permissions recovered_from "
    "saved_payment_method_options setup_intent shipping_address_collection shipping_cost subscription wallet_options"
).split()
_AS_GIVEN = (
    "allow_promotion_codes billing_address_collection cancel_url client_reference_id consent_collection customer_email "
    "allowed_payment_method_types excluded_payment_method_types integration_identifier locale origin_context "
    "redirect_on_completion return_url submit_type success_url"
).split()


def _branding(stripe: Stripe, account: str, params: Obj) -> Obj:
    given: dict[str, Any] = params.get("branding_settings") or {}
    return {
        "background_color": given.get("background_color") or "#ffffff",
        "border_style": given.get("border_style") or "rounded",
        "button_color": given.get("button_color") or "#0074d4",
        "display_name": given.get("display_name") or stripe_accounts.display_name(stripe, account),
        "font_family": given.get("font_family") or "default",
        "icon": given.get("icon"),
        "logo": given.get("logo"),
    }


def _custom_text(params: Obj) -> Obj:
    given = params.get("custom_text") or {}
    for name, slot in given.items():
        if slot and len(slot["message"]) > 1200:
            raise stripe_errors.invalid(
                f"custom_text[{name}][message]", "Invalid string; must be at most 1200 characters"
            )
    return {
        name: given.get(name) for name in ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
    }


def update(stripe: Stripe, session: Obj, params: Obj) -> Obj:
    """Change metadata of a session; the amount of one cannot change: expire it and make another."""
    for name in params:
        if name not in ("metadata", "expand"):
            raise not_here(name)
    session["metadata"] = merged(session["metadata"], params.get("metadata"))
    return stripe.put("checkout.session", session)


def merged(old: Obj, changes: Obj | None) -> Obj:
    """Metadata after an update: empty values take keys away, an empty map takes all."""
    if changes is None:
        return old
    if not changes:
        return {}
    return {key: value for key, value in (old | changes).items() if value not in ("", None)}


def expire(stripe: Stripe, session: Obj) -> Obj:
    """Close an open session; raises 400 for one that is not open (whoever asks must then read it again)."""
    if session["status"] != "open":
        raise stripe_errors.StripeError(
            400,
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"`{session['status']}`.",
        )
    session |= {"status": "expired", "url": None, "_challenge": None}
    stripe.put("checkout.session", session)
    intent = stripe.find("payment_intent", session["payment_intent"])
    if intent is not None and intent["status"] not in ("succeeded", "processing", "canceled"):
        intent |= {
            "status": "canceled",
            "canceled_at": stripe.now(),
            "cancellation_reason": "expired",
            "next_action": None,
        }
        stripe.put("payment_intent", intent)
        emit(stripe, "payment_intent.canceled", intent)
    emit(stripe, "checkout.session.expired", session)
    return session


def complete(
    stripe: Stripe, session: Obj, *, paid: bool, email: str | None, name: str | None, country: str | None
) -> Obj:
    """Close a session whose payment went through (or is on its way); returns the ``completed`` event."""
    session |= {"status": "complete", "payment_status": "paid" if paid else "unpaid", "url": None, "_challenge": None}
    address = {"city": None, "country": country, "line1": None, "line2": None, "postal_code": None, "state": None}
    session["customer_details"] = {
        "address": address,
        "business_name": None,
        "email": session["customer_email"] or email,
        "individual_name": None,
        "name": name,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }
    stripe.put("checkout.session", session)
    return emit(stripe, "checkout.session.completed", session)


def settle(stripe: Stripe, session: Obj, *, paid: bool) -> None:
    """A delayed payment of a complete session arrived or failed."""
    if paid:
        session["payment_status"] = "paid"
        stripe.put("checkout.session", session)
    emit(stripe, f"checkout.session.async_payment_{'succeeded' if paid else 'failed'}", session)


def bank_scheme(session: Obj) -> stripe_banks.Scheme | None:
    """The bank debit this session offers, if any."""
    return next((stripe_banks.SCHEMES[m] for m in session["payment_method_types"] if m in stripe_banks.SCHEMES), None)
