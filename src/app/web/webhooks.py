"""Webhooks: check the raw bytes, store, commit, answer with nothing. What an event means is looked at later, by the worker.

Xero wants an empty 200 without cookies within five seconds, and 401 for a signature that is wrong on purpose (its "intent
to receive"). Nothing here sets a cookie; what could not be stored is answered with 503, so that it is sent again.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog
from litestar import Controller, Response, post
from litestar.enums import MediaType

from app.books.xero_events import take_apart
from app.clients.bundle import Clients
from app.clients.stripe_webhooks import BadSignature
from app.core import db, inbox
from app.core.crypto import same
from app.core.faultpoint import faultpoint
from app.core.http import AnyRequest, read_body

LARGEST = 512 * 1024
log = structlog.get_logger()
Stored = tuple[str, str, str, bytes, datetime | None]
Empty = Response[None]


class WebhooksController(Controller):
    """POST /webhooks/xero, /webhooks/stripe, /webhooks/stripe/thin."""

    path = "/webhooks"
    request_max_body_size = LARGEST

    @post("/xero")
    async def xero(self, request: AnyRequest, clients: Clients) -> Empty:
        """Xero's events, one inbox row each; an empty list is the intent to receive."""
        raw = await read_body(request)
        if not signed_by_xero(raw, request.headers.get("x-xero-signature", ""), clients.settings.xero_webhook_key):
            return _answer(401)
        return await _store("xero", take_apart(raw))

    @post("/stripe")
    async def stripe(self, request: AnyRequest, clients: Clients) -> Empty:
        """Stripe's snapshot events of connected accounts."""
        raw = await read_body(request)
        try:
            event = clients.stripe.verify_snapshot(raw, request.headers.get("stripe-signature", ""))
        except BadSignature:
            return _answer(400)
        return await _store_stripe(clients, raw, event)

    @post("/stripe/thin")
    async def thin(self, request: AnyRequest, clients: Clients) -> Empty:
        """Stripe's thin events of accounts (v2)."""
        raw = await read_body(request)
        try:
            event = clients.stripe.verify_thin(raw, request.headers.get("stripe-signature", ""))
        except BadSignature:
            return _answer(400)
        return await _store_stripe(clients, raw, event)


def signed_by_xero(raw: bytes, signature: str, key: str) -> bool:
    """Whether one of the keys (two, with a comma, while it is being changed) signed these bytes.

    The key counts as the text it is, although it looks like base64 (facts §6).
    """
    sent = signature.encode()
    return any(
        same(base64.b64encode(hmac.new(one.strip().encode(), raw, hashlib.sha256).digest()), sent)
        for one in key.split(",") if one.strip()
    )  # fmt: skip


async def _store_stripe(clients: Clients, raw: bytes, event: dict[str, Any]) -> Empty:
    faultpoint("K01")
    livemode = bool(event.get("livemode"))
    if livemode is not clients.settings.live:
        # A live endpoint also hears of test payments; they are no money and must never be booked.
        log.warning("webhook.other_mode", event_id=event.get("id"), livemode=livemode)
        return _answer(200)
    account = str(event.get("account") or event.get("context") or "")
    kind = str(event.get("type") or "unknown")[:200]
    key = str(event.get("id") or inbox.event_key("stripe", raw.hex()))
    return await _store("stripe", [(account, key, kind, raw, _created(event.get("created")))], livemode=livemode)


def _created(value: object) -> datetime | None:
    """A snapshot says seconds, a thin event RFC 3339; anything else is no time."""
    with suppress(ValueError, OverflowError, OSError):
        if isinstance(value, int):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


async def _store(source: str, events: Sequence[Stored], *, livemode: bool = False) -> Empty:
    """All events or none; 200 only when they are durable."""
    try:
        if len(events) == 1:
            await _receive(source, events[0], livemode=livemode)
        elif events:
            async with db.transaction():
                for event in events:
                    await _receive(source, event, livemode=livemode)
                    faultpoint("K02")
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing was stored: it must be sent again
        log.error("webhook.not_stored", source=source, error=type(error).__name__)  # noqa: TRY400 - no body in the log
        return _answer(503)
    faultpoint("K03")
    return _answer(200)


async def _receive(source: str, event: Stored, *, livemode: bool) -> None:
    account, key, kind, raw, at = event
    await inbox.receive(source, account, key, kind, raw, livemode=livemode, occurred_at=at)


def _answer(status: int) -> Empty:
    return Response(None, status_code=status, media_type=MediaType.TEXT)
