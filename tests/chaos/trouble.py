"""What goes wrong, and when: one seeded plan of kills and of faults at Xero and Stripe."""

import contextlib
import time
from collections import Counter
from random import Random
from typing import Any

import httpx

from tests.chaos.fleet import Fleet
from tests.fixtures.proxy import Trouble as Wire

_PUT = {"method": "PUT", "path": "/xero/api/*/Payments"}
_GET = {"method": "GET", "path": "/xero/api"}
_STRIPE = {"path": "/stripe/v1"}
FAULTS: list[dict[str, Any]] = [
    {"match": _PUT, "fault": {"commit_then_reset": True}},
    {"match": _PUT, "fault": {"commit_then_reset": True}},
    {"match": _PUT, "fault": {"reset_before_commit": True}},
    {"match": _PUT, "fault": {"status": 500}},
    {"match": _PUT, "fault": {"commit_then_delay": 3}},
    {"match": _PUT, "fault": {"html": True}},
    {"match": _PUT, "fault": {"truncate": 40}},
    {"match": _PUT, "fault": {"rate_limit": {"problem": "minute", "retry_after": "3"}}},
    {"match": _GET, "fault": {"status": 503}},
    {"match": _GET, "fault": {"reset_before_commit": True}},
    {"match": _GET, "fault": {"delay": 2}},
    {"match": _STRIPE, "fault": {"status": 500}},
    {"match": _STRIPE, "fault": {"commit_then_reset": True}},
]
WEBHOOKS: list[dict[str, Any]] = [
    {"channel": "stripe", "modes": {"drop": 3}},
    {"channel": "stripe", "modes": {"duplicate": 2}},
    {"channel": "stripe", "modes": {"reorder": 4}},
    {"channel": "xero", "modes": {"drop": 3}},
    {"channel": "xero", "modes": {"duplicate": 1}},
]
_PUTS = b"PUT /xero/api"
_ASKS = b" /stripe/v1/"
# An answer that hangs is given up after half a minute; what comes late comes within the quiet time.
WIRE = [
    Wire("hang", match=_PUTS),
    Wire("hang", match=_PUTS, after=40),
    Wire("hang", "up", match=_PUTS),
    Wire("hang", match=_ASKS),
    Wire("reset", match=_PUTS, after=40),
    Wire("reset", "up", match=_PUTS, after=100),
    Wire("close", match=_PUTS, after=40),
    Wire("drip", match=_PUTS, seconds=4),
    Wire("lag", "up", match=_PUTS, seconds=3),
    Wire("lag", match=_ASKS, seconds=3),
]


class Trouble:
    """Kills and faults in an order that the seed decides; `one` makes the next of them."""

    def __init__(self, fleet: Fleet, rng: Random, kills: int) -> None:
        self._fleet, self._rng = fleet, rng
        targets = fleet.targets
        weights = [3 if name.startswith("worker") else 2 if name in {"web", "postgres"} else 1 for name in targets]
        plan = targets[:kills] + rng.choices(targets, weights, k=max(kills - len(targets), 0))
        self._plan = rng.sample(plan, len(plan))  # everything is killed once before anything is favoured
        self.killed: Counter[str] = Counter()
        self.struck = self.webhooks = self.frozen = 0

    @property
    def over(self) -> bool:
        """Whether everything planned has been killed."""
        return not self._plan

    def one(self) -> None:
        """Spoil some answers, then kill something, wait a moment and start it again."""
        for _ in range(self._rng.randrange(3)):
            self._spoil()
        target, pause = self._plan.pop(), self._rng.uniform(0.1, 1.0)
        self._fleet.kill(target)
        self.killed[target] += 1
        time.sleep(pause)
        self._fleet.mend(target)

    def end(self) -> None:
        """No fault is in force any more, and every webhook passes."""
        self._fleet.wire.heal()
        rules = httpx.get(f"{self._fleet.sandbox.url}/_faults", timeout=30).raise_for_status().json()
        self.struck += sum(rule["struck"] for rule in rules)
        httpx.delete(f"{self._fleet.sandbox.url}/_faults", timeout=30).raise_for_status()
        calm = {"drop": 0, "duplicate": 0, "delay": 0, "reorder": 0, "forge": 0}
        for channel in ("stripe", "xero"):
            self._control("/_webhooks", {"channel": channel, "modes": calm})

    def _spoil(self) -> None:
        kind = self._rng.random()
        if kind < 0.2:
            self._fleet.wire.make(self._rng.choice(WIRE))
        elif kind < 0.3:
            self.frozen += 1
            self._fleet.freeze(self._rng.choice(self._fleet.targets), self._rng.uniform(1, 10))
        elif kind < 0.5:
            self.webhooks += 1
            self._control("/_webhooks", self._rng.choice(WEBHOOKS))
        else:
            self._control("/_faults", self._rng.choice(FAULTS) | {"nth": self._rng.randint(1, 3)})

    def _control(self, path: str, body: dict[str, Any]) -> None:
        with contextlib.suppress(httpx.TimeoutException):
            httpx.post(f"{self._fleet.sandbox.url}{path}", json=body, timeout=30).raise_for_status()
