"""The hosted payment page, as a customer meets it: no JavaScript, one column on a phone.

Posting pays and answers 303, to the merchant's ``success_url`` (after waiting up to ten seconds for the webhook
``checkout.session.completed`` to be taken), to the 3-D Secure step, or back to the page with the reason of a decline.
"""

import asyncio
import re
import time
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from sandbox import (
    stripe_accounts,
    stripe_banks,
    stripe_cards,
    stripe_debits,
    stripe_money,
    stripe_payments,
    stripe_sessions,
)
from sandbox.pages import page, see_other
from sandbox.store import Obj
from sandbox.stripe_world import Stripe

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
COUNTRIES = (
    ("AU", "Australia"),
    ("CA", "Canada"),
    ("FR", "France"),
    ("DE", "Germany"),
    ("IE", "Ireland"),
    ("JP", "Japan"),
    ("NZ", "New Zealand"),
    ("SG", "Singapore"),
    ("GB", "United Kingdom"),
    ("US", "United States"),
)
_LOCATION = re.compile(r"\+location_([A-Z]{2})@")


def checkout_page(stripe: Stripe, session: Obj, method: str) -> Response[str]:
    """The open session's page; what went wrong last time is said once more at the top."""
    scheme = stripe_sessions.bank_scheme(session)
    offers_card = "card" in session["payment_method_types"]
    if (method == "bank" and scheme is None) or not offers_card:
        method = "bank" if scheme is not None else "card"
    form = {"email": session["customer_email"] or "", "name": "", "country": _country(stripe, session)}
    form |= session.get("_form") or {}
    intent = stripe.find("payment_intent", session["payment_intent"])
    declined = ((intent or {}).get("last_payment_error") or {}).get("message")
    items = [
        {"description": item["description"], "quantity": item["quantity"]}
        | {"amount": stripe_money.display(item["amount_total"], item["currency"])}
        for item in session["_line_items"]
    ]
    groups = [*stripe_cards.GROUPS.items()] if method == "card" else [("Accounts", scheme.accounts if scheme else ())]
    return page(
        "stripe/checkout.html",
        session=session,
        merchant=session["branding_settings"]["display_name"],
        total=stripe_money.display(session["amount_total"], session["currency"]),
        items=items,
        path=f"/stripe/c/pay/{session['id']}",
        method=method,
        scheme=scheme,
        offers_card=offers_card,
        problem=form.get("problem") or declined,
        field=form.get("field"),
        form=form,
        countries=COUNTRIES,
        groups=groups,
    )


def _country(stripe: Stripe, session: Obj) -> str:
    given = _LOCATION.search(session["customer_email"] or "")
    row = stripe.find(stripe_accounts.KIND, session["_account"])
    return given[1] if given else str(row["identity"]["country"]) if row is not None else "US"


def closed_page(session: Obj | None) -> Response[str]:
    """For a session that is over, or never was."""
    if session is None:
        return page("stripe/closed.html", status=404, heading="Page not found", words="Check the address.", link=None)
    if session["status"] == "complete":
        words = "This payment was made already. You will not be charged again."
        link = success_url(session)
        return page("stripe/closed.html", heading="You have paid", words=words, link=link, label="Continue")
    words = "You have not been charged. Go back to the business and start again."
    heading = "This checkout session has timed out"
    return page("stripe/closed.html", heading=heading, words=words, link=session["cancel_url"], label="Go back")


def success_url(session: Obj) -> str | None:
    """Where the customer goes, with the literal ``{CHECKOUT_SESSION_ID}`` filled in."""
    url = session["success_url"] or session["return_url"]
    return None if url is None else str(url).replace("{CHECKOUT_SESSION_ID}", session["id"])


def _noted(stripe: Stripe, session: Obj, form: dict[str, str], problem: str | None, field: str | None = None) -> None:
    """Keep what was typed (never the card) for the page to show again."""
    kept: dict[str, Any] = {name: form[name] for name in ("email", "name", "country") if form.get(name)}
    session["_form"] = kept | {"problem": problem, "field": field}
    stripe.put("checkout.session", session)


def expiry_of(text: str, year: int, month: int) -> tuple[int, int] | None:
    """``MM/YY`` or ``MM/YYYY`` to month and year; None when it is no date or has passed."""
    match = re.fullmatch(r"\s*(\d{1,2})\s*[/-]?\s*(\d{4}|\d{2})\s*", text)
    if not match:
        return None
    given = (int(match[1]), int(match[2]) + (2000 if len(match[2]) == 2 else 0))
    return given if 1 <= given[0] <= 12 and (given[1], given[0]) >= (year, month) else None


class Typed(msgspec.Struct, frozen=True):
    """A card as typed: usable, or with the field that is wrong and the words to say so."""

    card: stripe_cards.Card | None = None
    expiry: tuple[int, int] = (0, 0)
    field: str = ""
    words: str = ""


def read_card(stripe: Stripe, form: dict[str, str]) -> Typed:
    """The card and its expiry; a test button fills in the rest."""
    now = stripe.world.clock.now()
    if form.get("test"):
        return Typed(stripe_cards.card(form["test"]), (12, now.year + 2))
    number = re.sub(r"[\s-]", "", form.get("number", ""))
    if not stripe_cards.luhn(number):
        return Typed(field="number", words="Your card number is invalid.")
    expiry = expiry_of(form.get("expiry", ""), now.year, now.month)
    if expiry is None:
        return Typed(field="expiry", words="Your card's expiration date is invalid or in the past.")
    if not re.fullmatch(r"\d{3,4}", form.get("cvc", "").strip()):
        return Typed(field="cvc", words="Your card's security code is incomplete.")
    return Typed(stripe_cards.card(number), expiry)


def read_bank(scheme: stripe_banks.Scheme, form: dict[str, str]) -> str | tuple[str, str]:
    """The test account number, or (field, words)."""
    number = form.get("test") or re.sub(r"[\s-]", "", form.get("account", ""))
    known = {account.number: account for account in scheme.accounts}
    if number not in known or known[number].failure == "account_number_invalid":
        return "account", "Your bank account number is invalid."
    return number


def payer_of(session: Obj, form: dict[str, str]) -> stripe_payments.Payer:
    """Who pays, as typed."""
    email = session["customer_email"] or form.get("email") or "customer@example.com"
    # An address like name+location_NZ@example.com plays a payer in that country, whatever the form says.
    played = _LOCATION.search(email)
    return stripe_payments.Payer(
        email, form.get("name") or "Test Customer", played[1] if played else form.get("country")
    )


async def go_on(stripe: Stripe, session: Obj, result: stripe_payments.Result) -> Redirect:
    """Where an attempt leads."""
    place = f"/stripe/c/pay/{session['id']}"
    if result.status == "requires_action":
        return see_other(f"{place}/3ds")
    if result.status == "failed":
        return see_other(place)
    if result.event is not None:
        await heard(stripe, result.event)
    return see_other(success_url(session) or place)


async def heard(stripe: Stripe, event: str) -> None:
    """Wait until every endpoint was told of the event once, ten seconds at most, as Stripe does before redirecting."""
    until = time.monotonic() + stripe.modes.redirect_seconds
    while time.monotonic() < until:
        rows = stripe.world.store.by("_delivery", "stripe_event", event)
        if all(row["state"] != "pending" or row["attempts"] for row in rows):
            return
        await asyncio.sleep(0.02)


def open_session(stripe: Stripe, id: str) -> Obj | None:
    """The session while it can be paid."""
    session = stripe.find("checkout.session", id)
    return session if session is not None and session["status"] == "open" else None


@get("/stripe/c/pay/{session_id:str}")
async def show(stripe: Stripe, session_id: str, method: str = "card") -> Response[str]:
    """The payment page."""
    session = open_session(stripe, session_id)
    if session is None:
        return closed_page(stripe.find("checkout.session", session_id))
    return checkout_page(stripe, session, method)


@post("/stripe/c/pay/{session_id:str}/card")
async def pay_card(stripe: Stripe, session_id: str, data: Form) -> Redirect:
    """Pay by card."""
    session, place = open_session(stripe, session_id), f"/stripe/c/pay/{session_id}"
    if session is None:
        return see_other(place)
    typed = read_card(stripe, data)
    if typed.card is None:
        _noted(stripe, session, data, typed.words, typed.field)
        return see_other(place)
    if typed.card.captcha and not data.get("human"):
        _noted(stripe, session, data, "Tick the box to show that a person pays, and enter your card again.", "human")
        return see_other(place)
    _noted(stripe, session, data, None)
    result = stripe_payments.pay_by_card(stripe, session, typed.card, typed.expiry, payer_of(session, data))
    return await go_on(stripe, session, result)


@post("/stripe/c/pay/{session_id:str}/bank")
async def pay_bank(stripe: Stripe, session_id: str, data: Form) -> Redirect:
    """Pay by bank debit."""
    session, place = open_session(stripe, session_id), f"/stripe/c/pay/{session_id}"
    scheme = None if session is None else stripe_sessions.bank_scheme(session)
    if session is None or scheme is None:
        return see_other(place)
    read = read_bank(scheme, data)
    if not isinstance(read, str):
        _noted(stripe, session, data, read[1], read[0])
        return see_other(f"{place}?method=bank")
    _noted(stripe, session, data, None)
    proof = data.get("proof", "") if scheme is stripe_banks.ACH else ""
    result = stripe_debits.pay(stripe, session, scheme, read, payer_of(session, data), proof)
    return await go_on(stripe, session, result)


@get("/stripe/receipts/{charge_id:str}")
async def receipt(stripe: Stripe, charge_id: str) -> Response[str]:
    """Stripe's own receipt of a charge."""
    charge = stripe.find("charge", charge_id)
    if charge is None or not charge["paid"]:
        return closed_page(None)
    details = charge["payment_method_details"]
    back = charge["amount_refunded"]
    return page(
        "stripe/receipt.html",
        merchant=stripe_accounts.display_name(stripe, charge["_account"]),
        total=stripe_money.display(charge["amount"], charge["currency"]),
        refunded=stripe_money.display(back, charge["currency"]) if back else None,
        paid_at=charge["created"],
        method=f"{details['type'].replace('_', ' ')} ending {details[details['type']]['last4']}",
        id=charge["id"],
    )


# ``/stripe/c/pay/…`` and ``/stripe/receipts/…``.
HANDLERS = [show, pay_card, pay_bank, receipt]
