"""One sandbox world: what every part of it is given.

A platform (``xero_…``, ``stripe_…``) builds on these and nothing else:

- ``world.store``: put, get, all, find, by (with ``index``), delete, next_number; changed objects must be ``put`` again.
  Never commit in a handler: the gate does, before the answer leaves.
- ``world.clock``: now(), timestamp(), ``on(kind, handler)`` at start-up, ``schedule(at, kind, payload)``, ``after``.
- ``world.ids``: uuid(), token("cs_test_a1", 58), number(below): deterministic.
- ``world.webhooks``: ``register(Channel(...))`` at start-up, ``send(channel, url, body, meta)``.
- ``world.mail``: take() to send a mail of your own into the sink.
- ``world.config``: the live configuration (``.xero``, ``.stripe``, ``.product_url``); read it at each use, it changes.
- ``world.base_url``: ``http://localhost:P``, no slash at the end; ``world.url("/stripe/c/pay/x")`` joins.
- ``world.truths["stripe"] = function`` adds your part to ``/_truth``; ``world.seeders.append(function)`` runs at the
  first start and after each reset or seed; ``world.guards.append(guard)`` adds a rate limiter (see gate.py).

A broken rule is worth telling: ``broke(request.scope, "used a code twice")`` shows it in the log.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, cast

import msgspec
from litestar.types import Scope

from sandbox.clock import Clock
from sandbox.config import Config, XeroModes, merge
from sandbox.faults import Faults
from sandbox.gate import Guard
from sandbox.ids import Ids
from sandbox.mail import Mail
from sandbox.recording import Recording
from sandbox.request_log import RequestLog
from sandbox.store import Obj, Store
from sandbox.webhooks import Webhooks

FIRST_YEAR, LAST_YEAR = 2000, 2100
KEPT_BY_RESET = ("_config", "_keys")


class Seed(msgspec.Struct, forbid_unknown_fields=True):
    """What ``/_seed`` asks for: how big a world, and which one.

    ``size`` invoices in the first organisation (at most a million), ``organisations`` in all (four at least, a thousand at
    most), ``seed`` for the row of ids (none: one never used before), ``at`` the moment the world begins (none: now) and the
    ``rate`` of its clock (0: it moves only when told, and then two runs are the same to the byte).
    """

    name: str = "default"
    size: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    organisations: Annotated[int, msgspec.Meta(ge=1, le=1_000)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    rate: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 1.0

    def __post_init__(self) -> None:
        if self.at is not None and not FIRST_YEAR <= self.at.year <= LAST_YEAR:
            raise ValueError(f"at must be between {FIRST_YEAR} and {LAST_YEAR}")


class World:
    """The parts, made once per process from an open store."""

    def __init__(self, store: Store, base_url: str) -> None:
        self.store = store
        self.base_url = base_url.rstrip("/")
        self.ids = Ids(store)
        self.clock = Clock(store, self.ids)
        self.faults = Faults(store, self.ids)
        self.webhooks = Webhooks(store, self.clock, self.ids, self.faults)
        self.mail = Mail(store, self.clock, self.ids)
        self.truths: dict[str, Callable[[], Any]] = {}
        self.seeders: list[Callable[[Seed], None]] = []
        self.on_config: list[Callable[[Config, Config], None]] = []
        self.guards: list[Guard] = []
        self.log = RequestLog(store)
        self.recording = Recording()
        self._config = msgspec.convert(store.get("_config", "config") or {}, Config)

    @property
    def config(self) -> Config:
        """The configuration now in force."""
        return self._config

    def configure(self, patch: dict[str, Any]) -> Config:
        """Merge ``patch`` in and tell ``on_config`` listeners (old, new); raises msgspec.ValidationError."""
        old, self._config = self._config, merge(self._config, patch)
        self.store.put("_config", "config", cast("Obj", msgspec.to_builtins(self._config)))
        for listener in self.on_config:
            listener(old, self._config)
        return self._config

    def xero_modes(self, tenant: str | None = None) -> XeroModes:
        """How Xero behaves towards a tenant: the configuration, and over it the modes set by ``/_faults``."""
        patch = self.faults.modes(tenant)
        return msgspec.structs.replace(self._config.xero.modes, **patch) if patch else self._config.xero.modes

    def url(self, path: str) -> str:
        """The full address of a path of this sandbox."""
        return self.base_url + path

    def seed(self, wanted: Seed) -> Seed:
        """Forget everything but the configuration and keys, then let every platform plant its world; returns which one.

        Time stands still while it is planted, so that the same seed at the same moment is the same world to the byte.
        """
        chosen = secrets.randbits(48) if wanted.seed is None else wanted.seed
        planted = msgspec.structs.replace(wanted, seed=chosen)
        self.store.clear(keep=KEPT_BY_RESET)
        self.clock.begin(wanted.at)
        self.ids.reseed(chosen)
        self.store.put("_seeded", "seed", cast("Obj", msgspec.to_builtins(planted)))
        for plant in self.seeders:
            plant(planted)
        self.clock.go(wanted.at, wanted.rate)
        self.store.commit()
        return planted

    def seed_once(self) -> None:
        """Plant the default world unless this data directory already holds one."""
        if self.store.get("_seeded", "seed") is None:
            self.seed(Seed())


def broke(scope: Scope, rule: str) -> None:
    """Note in the request log which rule of the platform this request broke."""
    cast("dict[str, Any]", scope).setdefault("sandbox", {})["broke_rule"] = rule
