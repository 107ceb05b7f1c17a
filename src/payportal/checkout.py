"""Checkout: from the pay button to Stripe's hosted page, with the amount read from Xero at that very moment.

The attempt row, with its frozen request, is committed before Stripe is called; a second click, a second tab and a repeated
request all land on the same session.
"""

import asyncio
import re
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from app.books import attempts, invoices, payments
from app.clients.bundle import Clients
from app.core import db, limiter
from app.core.errors import Refused, Upstream
from app.core.money import BadAmount, Money, minimum_charge, to_stripe
from payportal.find import Found

LOOKS, LOOK_SECONDS = 6, 3.0  # how often in a minute Stripe is asked about one session, and how long the page waits
_LIVE_LINK = "SELECT active FROM pay_link WHERE invoice = $1"


async def start(clients: Clients, found: Found, amount: Money) -> str:
    """The address of Stripe's page for this amount. Raises Refused (in the customer's words) or Upstream."""
    if amount < minimum_charge(amount.currency):
        raise Refused(f"Cards can be charged {minimum_charge(amount.currency)} or more.")
    try:
        to_stripe(amount)  # what Stripe cannot say exactly is refused before anything is stored
    except BadAmount as error:
        raise Refused(str(error)) from error

    def build(attempt_id: UUID, expires: datetime) -> dict[str, Any]:
        return _params(clients, found, amount, attempt_id, int(expires.timestamp()))

    def ours(params: dict[str, Any]) -> bool:
        """Nobody is sent back to another's view: the short one must not lead to the whole one."""
        return bool(params["cancel_url"] == _back(clients, found, "?cancelled=1"))

    attempt = await attempts.open_attempt(
        clients,
        merchant_id=found.invoice["merchant"],
        invoice_id=found.invoice_id,
        pay_link_id=found.link["id"],
        stripe_account_id=found.merchant["stripe_account_id"],
        amount=amount,
        build=build,
        joins=ours,
    )
    return str(attempt["session_url"])


async def look_back(clients: Clients, found: Found) -> bool:
    """Somebody came back from Stripe unpaid: ask there what became of the session, before its event arrives.

    True when it was asked, so that what is shown must be read again; Stripe's silence keeps nobody waiting.
    """
    attempt = found.attempt
    if attempt is None or attempt["state"] != "open" or attempt["failure"]:
        return False
    if not await limiter.take(f"look:{attempt['id']}", LOOKS, 60):
        return False
    with suppress(Upstream, TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS):
            await payments.settle_session(clients, attempt["stripe_account_id"], attempt["stripe_session_id"])
    return True


async def expire_stale(clients: Clients, invoice_id: UUID) -> None:
    """An invoice changed: end the live session if its amount can no longer be paid (job invoice.changed)."""
    live = await attempts.live_for_invoice(invoice_id)
    row = await db.fetch_row("SELECT * FROM invoice WHERE id = $1", invoice_id)
    if live is None or row is None or live["state"] == "processing":
        return
    amount = Money(live["amount_minor"], live["currency"])
    fits = invoices.payable(row) and row["currency"] == amount.currency and amount.minor <= row["due_minor"]
    if not fits or not await db.fetch_value(_LIVE_LINK, invoice_id):
        try:
            await attempts.end(clients, live)
        except Upstream as error:
            if error.code != "disconnected":
                raise
            # the account left: nobody can end the session there, and its own check (attempt.check) ends it in its time


def _params(clients: Clients, found: Found, amount: Money, attempt_id: UUID, expires_at: int) -> dict[str, Any]:
    number = found.invoice["number"]
    reference = {"payportal_attempt": str(attempt_id), "invoice": number[:200]}
    intent: dict[str, Any] = {"description": f"Invoice {number}"[:500], "metadata": reference}
    if suffix := descriptor(number):
        intent["statement_descriptor_suffix"] = suffix
    return {
        "mode": "payment",
        "ui_mode": "hosted_page",
        "submit_type": "pay",
        "client_reference_id": str(attempt_id),
        "metadata": reference,
        "line_items": [{"quantity": 1, "price_data": {
            "currency": amount.currency.lower(),
            "unit_amount": to_stripe(amount),
            "product_data": {"name": f"Invoice {number}"[:250]},
        }}],
        "payment_intent_data": intent,
        "adaptive_pricing": {"enabled": False},
        "branding_settings": _branding(found.merchant),
        "success_url": _back(clients, found, "/return?cs={CHECKOUT_SESSION_ID}"),
        "cancel_url": _back(clients, found, "?cancelled=1"),
        "expires_at": expires_at,
    }  # fmt: skip


def _back(clients: Clients, found: Found, rest: str) -> str:
    return f"{clients.settings.base_url}/p/{found.token}{rest}"


def _branding(merchant: Any) -> dict[str, str]:
    name = merchant["display_name"] or merchant["legal_name"]
    found = {"display_name": name[:100], "button_color": merchant["colour"] or ""}
    return {key: value for key, value in found.items() if value}


def descriptor(number: str) -> str:
    """The end of the line on a card statement: at most 10 plain characters with a letter, or nothing.

    Stripe joins it to the account's own prefix and counts 22 in all (docs.stripe.com/get-started/account/statement-descriptors).
    """
    plain = re.sub(r"[^A-Z0-9 -]", "", number.upper())[-10:].strip(" -")
    if plain and not re.search(r"[A-Z]", plain):
        plain = f"INV {plain[-6:]}"
    return plain if len(plain) >= 2 else ""
