"""What the customer's templates are given; each template's first comment says the same."""

from datetime import date, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from app.clients.bundle import Clients
from app.core.brand import on_colour, stylesheet_name
from app.core.clock import date_in
from app.core.money import Money, minimum_charge
from app.merchants.branding import DEFAULT_COLOUR
from app.merchants.letterhead import address_line, legal_line
from payportal.find import RECEIVED, Found
from payportal.paper import paper
from payportal.states import Shown
from payportal.words import USUALLY, WAYS, local, masked, method_words

View = dict[str, Any]
# What the short view does not tell whoever did not pay just now.
_UNTOLD: View = {
    "amount": None, "method": "", "started_at": None, "paid_at": None, "reference": "", "masked_email": "", "thank_you": "",
    "usually": "", "cancelled_on": None,
}  # fmt: skip


def merchant_view(merchant: Any) -> SimpleNamespace:
    """The merchant as customers see it (layouts/pay)."""
    # What Xero knows of the organisation goes before what was typed here.
    legal = merchant["xero_legal_name"] or merchant["legal_name"] or merchant["xero_name"]
    name = merchant["display_name"] or legal
    base, colour = f"/brand/{merchant['id']}", merchant["colour"] or DEFAULT_COLOUR
    return SimpleNamespace(
        name=name,
        short_name=name,
        legal_name=legal,
        address=address_line(merchant),
        tax_id=merchant["tax_number"],
        legal_line=legal_line(merchant, legal),
        email=merchant["contact_email"],
        phone=merchant["contact_phone"],
        logo_src=f"{base}/{merchant['logo_hash']}.png" if merchant["logo_hash"] else "",
        logo_width=merchant["logo_width"] or 0,
        colour=colour,
        on_colour=on_colour(colour),
        css_href=f"{base}/{stylesheet_name(colour)}.css",
        methods=WAYS,
    )


def invoice_view(found: Found) -> SimpleNamespace:
    """The invoice as paper: amounts as Xero has them, lines when we have read them."""
    row = found.invoice
    shown = paper(row, found.still_due)
    shown.payments = [
        SimpleNamespace(
            label=f"Paid {_day(pay, found)}, {method_words(pay)}", amount=Money(pay["amount_minor"], pay["currency"])
        )
        for pay in found.received()
    ]
    ours = sum(pay["amount_minor"] for pay in found.received())
    other = row["paid_minor"] + row["credited_minor"] + found.unapplied - ours
    if other > 0:
        shown.payments.append(SimpleNamespace(label="Other payments and credits", amount=Money(other, row["currency"])))
    shown.pdf_href = f"/p/{found.token}/invoice.pdf"
    return shown


def _day(payment: Any, found: Found) -> str:
    moment = local(payment["paid_at"] or payment["created_at"], found.merchant["timezone"])
    return f"{moment.day} {moment:%b}" if moment else ""


def least(found: Found) -> Money:
    """The smallest part that may be paid: the merchant's own minimum, never below what a card can be charged."""
    row = found.invoice
    floor = minimum_charge(row["currency"]).minor
    return Money(min(max(found.merchant["minimum_part_minor"], floor), found.still_due.minor), row["currency"])


def pay_view(clients: Clients, found: Found, csrf_token: str, **changed: Any) -> View:
    """Context of payportal/pay; `changed` overrides notice, form, failed_reason …"""
    attempt = found.attempt
    view: View = {
        "m": merchant_view(found.merchant),
        "token": found.token,
        "host": urlsplit(clients.settings.base_url).netloc,
        "today": date_in(found.merchant["timezone"]),
        "csrf_token": csrf_token,
        "notice": "",
        "brief": found.brief,
        "failed_reason": attempt["failure"] if attempt and not found.brief else "",
        "seen_at": local(found.invoice["seen_at"], found.merchant["timezone"]),
        "allow_part": found.allows_part and found.still_due.minor > least(found).minor,
        "minimum": least(found),
        "form": SimpleNamespace(choice="full", amount="", error=""),
        "invoice": invoice_view(found),
    }
    return view | changed


def state_view(found: Found, is_now: Shown, *, session: str = "", csrf_token: str = "", poll_seconds: int = 0) -> View:
    """Context of payportal/pay_state and its fragment for one state. Stripe's word comes within seconds, a bank's later."""
    row, zone, payment, state = found.invoice, found.merchant["timezone"], is_now.payment, is_now.state
    attempt = found.attempt
    view = {
        "m": merchant_view(found.merchant),
        "token": found.token,
        "state": state,
        "invoice": SimpleNamespace(
            number=row["number"],
            total=None if found.brief else Money(row["total_minor"], row["currency"]),
            pdf_href="" if found.expired or found.brief else f"/p/{found.token}/invoice.pdf",
        ),
        "amount": _amount_of(payment or (attempt if state == "confirming" else None)),
        "left": found.still_due if state == "part_paid" else None,
        "method": method_words(payment) if payment else "",
        "started_at": local(payment["started_at"] if payment else attempt and attempt["created_at"], zone),
        "usually": USUALLY.get(payment["method_type"], "1 to 3 working days") if payment else "",
        "paid_at": local(payment["paid_at"], zone) if payment else None,
        "reference": _reference(payment),
        "masked_email": masked(payment["customer_email"] if payment else row["contact_email"]),
        "thank_you": found.merchant["message"] or "",
        "has_receipt": payment is not None and payment["state"] in RECEIVED and not found.expired and not found.brief,
        "cancelled_on": _day_of(row["xero_updated_at"], zone) if state == "void" else None,
        "reason": is_now.reason,
        "checkout_session": session,
        "poll_seconds": poll_seconds or (2 if state == "confirming" else 5),
        "csrf_token": csrf_token,
        "sent": False,
    }
    own = bool(attempt and session and attempt["stripe_session_id"] == session)
    return view if own or not found.brief else view | _UNTOLD


def _day_of(moment: datetime | None, zone: str) -> date | None:
    there = local(moment, zone)
    return there.date() if there else None


def _amount_of(row: Any | None) -> Money | None:
    return Money(row["amount_minor"], row["currency"]) if row else None


def _reference(payment: Any) -> str:
    """A short reference people can read out: the end of Stripe's own charge id."""
    return payment["stripe_charge_id"][-10:].upper() if payment and payment["stripe_charge_id"] else ""
