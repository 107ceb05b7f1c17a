"""Xero's rate limits: 5 in flight and 60 a minute per tenant, a day limit by tier, 10,000 a minute per app.

Fixed windows that start with a tenant's first call. Every answer carries what remains; a 429 names the problem, and only
minute and day limits say when to come back. The body of a 429 is empty on purpose.
"""

from __future__ import annotations

from litestar.types import HTTPScope

from sandbox.spoil import Reply
from sandbox.store import Obj
from sandbox.world import World

MINUTE, DAY = 60, 24 * 3600
RAPID_TIERS, RAPID_SECONDS = ("plus", "advanced"), 30 * 60


class Limits:
    """A guard of the gate for everything under the accounting API."""

    prefix = "/xero/api/api.xro"

    def __init__(self, world: World) -> None:
        self._world = world
        self._flying: dict[str, int] = {}

    def enter(self, scope: HTTPScope, headers: dict[str, str]) -> Reply | None:
        """Count a call in, or refuse it."""
        tenant = headers.get("xero-tenant-id", "")
        if self._world.store.get("xero.organisation", tenant) is None:
            return None
        limits, rapid = self._world.config.xero.limits, self._rapid_sync(tenant)
        minute, day, app = self._window(tenant, MINUTE), self._window(tenant, DAY), self._window("app", MINUTE)
        if limits.concurrent is not None and self._flying.get(tenant, 0) >= limits.concurrent:
            return self._refuse(tenant, "concurrent", None)
        calls_a_day = self._world.config.xero.calls_a_day
        if not rapid and calls_a_day is not None and day["used"] >= calls_a_day:
            return self._refuse(tenant, "day", day)
        if not rapid and limits.minute is not None and minute["used"] >= limits.minute:
            return self._refuse(tenant, "minute", minute)
        if limits.app_minute is not None and app["used"] >= limits.app_minute:
            return self._refuse(tenant, "appminute", None)
        for row in (app,) if rapid else (minute, day, app):
            row["used"] += 1
            self._world.store.put("xero.window", row["id"], row)
        self._flying[tenant] = self._flying.get(tenant, 0) + 1
        return None

    def leave(self, scope: HTTPScope, headers: dict[str, str], reply: Reply) -> None:
        """Count it out; the answer says what remains."""
        tenant = headers.get("xero-tenant-id", "")
        if self._flying.get(tenant):
            self._flying[tenant] -= 1
            reply.headers.extend(self._remaining(tenant))

    def _rapid_sync(self, tenant: str) -> bool:
        """The bigger tiers may read a new connection in without minute and day limits; what remains stays full."""
        if self._world.config.xero.tier not in RAPID_TIERS:
            return False
        since = (self._world.clock.timestamp() - RAPID_SECONDS) * 1000
        return any(row["created"] > since for row in self._world.store.by("xero.connection", "tenant", tenant))

    def _window(self, owner: str, length: int) -> Obj:
        id, now = f"{owner}:{length}", self._world.clock.timestamp()
        row = self._world.store.get("xero.window", id)
        if row is None or not 0 <= now - row["start"] < length:
            row = {"id": id, "start": now, "length": length, "used": 0}
        return row

    def _remaining(self, tenant: str) -> list[tuple[bytes, bytes]]:
        limits = self._world.config.xero.limits
        counted = (
            (b"x-daylimit-remaining", self._world.config.xero.calls_a_day, self._window(tenant, DAY)),
            (b"x-minlimit-remaining", limits.minute, self._window(tenant, MINUTE)),
            (b"x-appminlimit-remaining", limits.app_minute, self._window("app", MINUTE)),
        )
        return [(name, str(max(0, limit - row["used"])).encode()) for name, limit, row in counted if limit is not None]

    def _refuse(self, tenant: str, name: str, window: Obj | None) -> Reply:
        headers = [*self._remaining(tenant), (b"x-rate-limit-problem", name.encode())]
        if window is not None:
            left = window["start"] + window["length"] - self._world.clock.timestamp()
            headers.append((b"retry-after", str(max(1, int(left) + 1)).encode()))
        return Reply(429, headers)
