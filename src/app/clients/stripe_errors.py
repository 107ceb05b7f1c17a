"""Stripe's errors, as a decision (facts §1.5). `e.code` is None for most of them; `e.error.code` is the one to read."""

import random

import httpx
import stripe

from app.core.errors import Upstream


def failure(error: stripe.StripeError, *, writes: bool) -> Upstream:
    """The error of a call. Codes are Stripe's own; `disconnected` when the account no longer belongs to us.

    A write that is `unknown` may be sent again with the same key and the same parameters.
    """
    code = str(getattr(error.error, "code", None) or error.code or "")
    status = error.http_status or 0
    words = error.user_message or "Stripe could not do this."
    if isinstance(error, stripe.APIConnectionError):
        return Upstream("Stripe cannot be reached.", code="unreachable", unknown=writes and _left(error))
    if status == 403 and code == "account_invalid":
        return Upstream("The Stripe account is no longer connected.", permanent=True, code="disconnected", status=403)
    if isinstance(error, stripe.RateLimitError):
        pause = random.uniform(1, 4)  # noqa: S311 - spreading retries needs no secrecy
        return Upstream("Stripe asks us to slow down.", code=code or "rate_limit", status=429, retry_after=pause)
    if isinstance(error, stripe.AuthenticationError):
        # Our own key is wrong: nothing of the merchant's may be given up for that.
        return Upstream("Stripe refused our key.", code="authentication", status=401, retry_after=60)
    if isinstance(error, stripe.PermissionError):
        # Our key may not do this: ours to put right, and found within minutes when it is.
        return Upstream("Stripe does not let our key do this.", code="permission", status=403, retry_after=300)
    if isinstance(error, (stripe.CardError, stripe.InvalidRequestError, stripe.IdempotencyError)):
        kind = "idempotency_error" if isinstance(error, stripe.IdempotencyError) else code or f"http_{status}"
        return Upstream(words, permanent=True, code=kind, status=status)
    return Upstream("Stripe failed to answer properly.", code=code or "server", status=status, unknown=writes)


def _left(error: stripe.StripeError) -> bool:
    """Whether the request may have reached Stripe."""
    return not isinstance(error.__cause__, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
