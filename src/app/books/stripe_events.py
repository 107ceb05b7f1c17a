"""Stripe's events: only a bell. Each names an object on a connected account; the object is read again before money moves.

The literal lists say what is listened to; any other type is kept in the inbox and otherwise ignored.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
import structlog

from app.books import payments, payouts, refunds
from app.clients.bundle import Clients
from app.core import db, jobs
from app.core.errors import Upstream

log = structlog.get_logger()
Json = Mapping[str, Any]

SESSION = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)
INTENT = ("payment_intent.succeeded", "payment_intent.processing", "payment_intent.payment_failed")
OF_INTENT = (
    "charge.updated",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
)
ACCOUNT = ("account.updated", "capability.updated", "account.application.deauthorized")
PAYOUT = (
    "payout.created",
    "payout.updated",
    "payout.paid",
    "payout.failed",
    "payout.canceled",
    "payout.reconciliation_completed",
)
HANDLED = (*SESSION, *INTENT, *OF_INTENT, *ACCOUNT, *PAYOUT)
# Thin events about accounts; there are many, all meaning: read the account again.
THIN_ACCOUNT = "v2.core.account"
# The account left, or the object is none of its own.
_NOT_THERE = frozenset({"disconnected", "resource_missing"})


async def handle(clients: Clients, inbox_row: Json) -> None:
    """Act on one stored event.

    Raises Upstream: come back, when Stripe is away or our own answer is still on its way; permanent, when Stripe does not
    take our question. Only what Stripe says is not there for us (any more) is let go.
    """
    kind, account = inbox_row["type"], inbox_row["account"]
    if inbox_row["livemode"] != clients.settings.live or not _listened_to(kind):
        return
    merchant_id = await db.fetch_value("SELECT merchant FROM stripe_account WHERE stripe_account_id = $1", account)
    if merchant_id is None:
        log.info("stripe.event.stranger", type=kind)
        return
    if kind in ACCOUNT or kind.startswith(THIN_ACCOUNT):
        await jobs.ask("stripe.account", merchant_id)
        return
    try:
        await _money(clients, merchant_id, account, kind, _object(inbox_row["body"]))
    except Upstream as error:
        if error.code not in _NOT_THERE:
            raise
        log.warning("stripe.event.unreadable", type=kind, code=error.code)
        if error.code == "disconnected":
            await jobs.ask("stripe.account", merchant_id)


async def _money(clients: Clients, merchant_id: UUID, account: str, kind: str, about: Json) -> None:
    if kind in PAYOUT:
        payout_id = _id(about.get("id"))
        if payout_id:
            await payouts.follow(clients, merchant_id, account, payout_id)
        return
    if kind in SESSION:
        session_id = _id(about.get("id"))
        if session_id:
            await payments.settle_session(clients, account, session_id)
        return
    intent_id = _id(about.get("id") if kind in INTENT else about.get("payment_intent"))
    if intent_id:
        await payments.settle(clients, account, intent_id)
        if kind.startswith("refund.") or kind == "charge.refunded":
            await refunds.follow(clients, account, intent_id)


def _listened_to(kind: str) -> bool:
    return kind in HANDLED or kind.startswith(THIN_ACCOUNT)


def _object(body: bytes) -> Json:
    """The event's object as it was when the event was made; only ids are taken from it. Empty when there is none."""
    try:
        event = msgspec.json.decode(bytes(body))
    except (msgspec.DecodeError, RecursionError):
        return {}
    data = event.get("data") if isinstance(event, dict) else None
    about = data.get("object") if isinstance(data, dict) else None
    return about if isinstance(about, dict) else {}


def _id(value: object) -> str:
    """An id, from itself or from the object it names; "" for anything else."""
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) < 256 and "/" not in value else ""
