"""Stripe's own limits: requests a second for an account and for an endpoint, changes an hour for one payment intent, locks.

A 429 says why in ``Stripe-Rate-Limited-Reason`` and never when to come back; the official library does not retry it. A
call made for a connected account counts against that account. Source: docs.stripe.com/rate-limits. The seconds are the
caller's own (a sandbox whose clock stands still would refuse for ever), the hour is the sandbox's.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import msgspec
from litestar.types import HTTPScope

from sandbox.config import StripeLimits
from sandbox.spoil import Reply
from sandbox.stripe_errors import StripeError
from sandbox.stripe_world import Stripe

_ID = re.compile(r"(?<=/)[a-z]{2,6}_[A-Za-z0-9_]+")
_INTENT = re.compile(r"/stripe/v1/payment_intents/(pi_\w+)")
_WORDS = "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits."
_LOCKED = (
    "This object cannot be accessed right now because another API request or Stripe process is currently accessing it. "
    "If you see this error intermittently, retry the request. If you see this error frequently and are making multiple "
    "concurrent requests to a single object, make your requests serially or at a lower rate."
)
HOUR = 3600


class Window:
    """What was counted within the last ``span`` seconds, by name; who has not come for so long is forgotten."""

    def __init__(self, span: float) -> None:
        self._span = span
        self.seen: dict[str, deque[float]] = {}

    def room(self, name: str, most: int | None, now: float) -> bool:
        """Whether one more fits into the span that ends now; counts it when it does. None: nothing is counted."""
        if most is None:
            return True
        while self.seen and self._passed(self.seen[oldest := next(iter(self.seen))], now, last=True):
            del self.seen[oldest]
        times = self.seen.pop(name, None) or deque()
        while times and self._passed(times, now):
            times.popleft()
        fits = len(times) < most
        if fits:
            times.append(now)
        if times:
            self.seen[name] = times  # whoever came last stands last
        return fits

    def _passed(self, times: deque[float], now: float, *, last: bool = False) -> bool:
        """Whether the first (or the last) of them is over, or yet to come: a clock may be set back."""
        return not now - self._span < times[-1 if last else 0] <= now


class Limits:
    """A guard of the gate for everything under the API."""

    prefix = "/stripe/v"

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe
        self._calls, self._changes = Window(1), Window(HOUR)
        self._flying: dict[str, int] = {}

    def enter(self, scope: HTTPScope, headers: dict[str, str]) -> Reply | None:
        """Count a call in, or refuse it."""
        limits, account = self._stripe.world.config.stripe.limits, _owner(headers)
        reason = self._exceeded(limits, account, scope)
        if reason is not None:
            return self._refuse(reason)
        self._flying[account] = self._flying.get(account, 0) + 1
        return None

    def leave(self, scope: HTTPScope, headers: dict[str, str], reply: Reply) -> None:
        """Count it out."""
        account = _owner(headers)
        self._flying[account] -= 1
        if not self._flying[account]:
            del self._flying[account]

    def _exceeded(self, limits: StripeLimits, account: str, scope: HTTPScope) -> str | None:
        if limits.concurrent is not None and self._flying.get(account, 0) >= limits.concurrent:
            return "global-concurrency"
        most, now = limits.live_second if self._stripe.livemode else limits.second, time.monotonic()
        if not self._calls.room(account, most, now):
            return "global-rate"
        endpoint = f"{account} {scope['method']} {_ID.sub('{id}', scope['path'])}"
        if not self._calls.room(endpoint, limits.endpoint_second, now):
            return "endpoint-rate"
        changed = _INTENT.match(scope["path"]) if scope["method"] == "POST" else None
        if changed and not self._changes.room(changed[1], limits.intent_hour, self._stripe.world.clock.timestamp()):
            return "resource-specific"
        return None

    def _refuse(self, reason: str) -> Reply:
        error = StripeError(429, _WORDS, code="rate_limit")
        headers = [(b"content-type", b"application/json"), (b"stripe-rate-limited-reason", reason.encode())]
        headers.append((b"request-id", self._stripe.request_id().encode()))
        return Reply(429, headers, msgspec.json.encode(error.body()))


def _owner(headers: dict[str, str]) -> str:
    return headers.get("stripe-context") or headers.get("stripe-account") or "platform"


class Locks:
    """One change of an object at a time: whoever waits too long for another is refused with ``lock_timeout``."""

    def __init__(self) -> None:
        # A lock lives as long as somebody holds it or waits for it: dropped earlier, a newcomer would pass by who waits.
        self._held: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def on(self, name: str | None, patience: float) -> AsyncIterator[None]:
        """Hold the object (None: nothing to hold) while the block runs. Raises ``StripeError`` 429."""
        if name is None:
            yield
            return
        lock = self._held.setdefault(name, asyncio.Lock())
        try:
            await asyncio.wait_for(lock.acquire(), patience)
        except TimeoutError:
            raise StripeError(429, _LOCKED, code="lock_timeout") from None
        try:
            yield
        finally:
            lock.release()
