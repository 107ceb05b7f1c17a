"""Stripe's webhook signatures: over the raw bytes, and no older or younger than five minutes."""

from typing import Any

import msgspec
import stripe

from app.core.clock import now
from app.core.errors import PayportalError

TOLERANCE = 300


class BadSignature(PayportalError):
    """The event is not Stripe's, not fresh, or not an event."""


def verify(raw: bytes, header: str, secret: str) -> dict[str, Any]:
    """The event in `raw`. Raises BadSignature. Stripe's own check lets timestamps of the future pass; we do not."""
    try:
        stripe.WebhookSignature.verify_header(raw, header, secret, TOLERANCE)
        event = msgspec.json.decode(raw, type=dict[str, Any])
    except stripe.SignatureVerificationError as error:
        raise BadSignature("The signature is not good.") from error
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise BadSignature("The body is no event.") from error
    if _signed_at(header) > now().timestamp() + TOLERANCE:
        raise BadSignature("The signature is of the future.")
    if not all(isinstance(event.get(name), str) and event[name] for name in ("id", "type", "object")):
        raise BadSignature("The body is no event.")
    return event


def _signed_at(header: str) -> int:
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    return int(parts["t"])
