"""Adaptive pricing: a payer from abroad is shown the amount in their own money.

``presentment_details`` says what they saw; amount, currency and settlement stay what they are. Nobody knows whether a
merchant's Dashboard has it on, so here it is unless ``adaptive_pricing[enabled]`` says false. Source:
docs.stripe.com/payments/checkout/adaptive-pricing.
"""

from sandbox import stripe_banks, stripe_money
from sandbox.store import Obj
from sandbox.stripe_accounts import CURRENCIES
from sandbox.stripe_world import Stripe


def currency_of(country: str | None) -> str | None:
    """The money a payer of that country thinks in; None where the sandbox does not know."""
    return CURRENCIES.get(country or "") or ("eur" if country in stripe_banks.SEPA.countries else None)


def seen(session: Obj, country: str | None) -> Obj | None:
    """``presentment_details`` for a payer of that country; None when they see the session's own currency."""
    own, theirs = session["currency"], currency_of(country)
    if not session["adaptive_pricing"]["enabled"] or theirs in (None, own):
        return None
    assert theirs is not None
    amount = stripe_money.convert(session["amount_total"], own, theirs)
    return {"presentment_amount": amount, "presentment_currency": theirs}


def note(stripe: Stripe, session: Obj, intent: Obj, country: str | None) -> None:
    """Write on session and intent (whose charge copies it) what the payer saw, if it was anything else."""
    details = seen(session, country)
    for kind, row in (("checkout.session", session), ("payment_intent", intent)):
        row.pop("presentment_details", None)
        if details is not None:
            row["presentment_details"] = details
        stripe.put(kind, row)
