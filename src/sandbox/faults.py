"""Faults on demand: rules that match requests and say how each goes wrong.

A rule: ``{"match": {"method", "path", "tenant", "account"}, "nth" | "every" | "p" + "seed", "times", "fault": {...}}``.
``path`` is a shell pattern (``/xero/api/*/Payments``), or a prefix when it has no wildcard. Exactly one fault per rule:

- ``{"status": 503}`` (with optional ``body``, ``headers``): answered instead of the handler, nothing happens inside
- ``{"delay": seconds}``: the handler runs after a wait
- ``{"reset_before_commit": true}``: the TCP connection is reset, nothing happens inside
- ``{"commit_then_reset": true}``: it happens, is on disk, and the connection is reset without an answer
- ``{"commit_then_delay": seconds}``: it happens, the answer comes late
- ``{"truncate": n}``: the answer's body stops after n bytes and the connection closes
- ``{"html": true}``: it happens, the answer is an HTML page with status 200
- ``{"rate_limit": {"problem": "minute", "retry_after": "17"}}``: 429 as Xero sends it; nothing happens inside
"""

from __future__ import annotations

import random
from fnmatch import fnmatchcase

import msgspec

from sandbox.ids import Ids
from sandbox.store import Obj, Store


class Match(msgspec.Struct, forbid_unknown_fields=True):
    """What a request must be like; None matches everything. ``tenant`` is xero-tenant-id, ``account`` Stripe-Account."""

    method: str | None = None
    path: str | None = None
    tenant: str | None = None
    account: str | None = None

    def fits(self, method: str, path: str, tenant: str | None, account: str | None) -> bool:
        """Whether a request fits."""
        return (
            self.method in (None, method)
            and (self.path is None or _path_fits(self.path, path))
            and self.tenant in (None, tenant)
            and self.account in (None, account)
        )


class RateLimit(msgspec.Struct, forbid_unknown_fields=True):
    """The headers of a 429; ``retry_after`` is sent as written, whatever form it has, and left out when None."""

    problem: str = "minute"
    retry_after: str | None = None


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One way to fail; exactly one of the fields is set (``body`` and ``headers`` go with ``status``)."""

    status: int | None = None
    body: str = ""
    headers: dict[str, str] = {}
    delay: float | None = None
    reset_before_commit: bool = False
    commit_then_reset: bool = False
    commit_then_delay: float | None = None
    truncate: int | None = None
    html: bool = False
    rate_limit: RateLimit | None = None

    def __post_init__(self) -> None:
        numbers = (self.status, self.delay, self.commit_then_delay, self.truncate, self.rate_limit)
        flags = (self.reset_before_commit, self.commit_then_reset, self.html)
        if sum(n is not None for n in numbers) + sum(flags) != 1:
            raise ValueError("a fault has exactly one of its kinds")


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """When a fault strikes: the ``nth`` matching request, ``every`` so many, with probability ``p``, or always.

    At most ``times``.
    """

    fault: Fault
    match: Match = msgspec.field(default_factory=Match)
    nth: int | None = None
    every: int | None = None
    p: float | None = None
    seed: int = 0
    times: int | None = None


class Faults:
    """The rules in force, in the order they were added; the first that strikes wins. They survive a restart."""

    def __init__(self, store: Store, ids: Ids) -> None:
        self._store, self._ids = store, ids

    def add(self, rule: Rule) -> str:
        """Put a rule in force and return its id."""
        id = self._ids.token("fault_", 12)
        self._store.put("_fault", id, {"id": id, "rule": msgspec.to_builtins(rule), "seen": 0, "struck": 0})
        return id

    def rows(self) -> list[Obj]:
        """The rules with how many requests each has seen and struck."""
        return self._store.all("_fault")

    def clear(self) -> None:
        """Take every rule back."""
        for row in self.rows():
            self._store.delete("_fault", row["id"])

    def remove(self, id: str) -> bool:
        """Take one rule back."""
        return self._store.delete("_fault", id)

    def strike(self, method: str, path: str, tenant: str | None, account: str | None) -> Fault | None:
        """The fault for this request, if any; counts the request against every rule it fits."""
        struck: Fault | None = None
        for row in self.rows():
            rule = msgspec.convert(row["rule"], Rule)
            if not rule.match.fits(method, path, tenant, account):
                continue
            row["seen"] += 1
            if struck is None and _strikes(rule, row):
                row["struck"] += 1
                struck = rule.fault
            self._store.put("_fault", row["id"], row)
        return struck


def _path_fits(pattern: str, path: str) -> bool:
    return fnmatchcase(path, pattern) if any(c in pattern for c in "*?[") else path.startswith(pattern)


def _strikes(rule: Rule, row: Obj) -> bool:
    if rule.times is not None and row["struck"] >= rule.times:
        return False
    seen = row["seen"]
    if rule.nth is not None:
        return bool(seen == rule.nth)
    if rule.every is not None:
        return bool(seen % rule.every == 0)
    if rule.p is not None:
        # Seeded by rule and position, so that a run can be repeated exactly, also across a restart.
        return random.Random(f"{rule.seed}:{seen}").random() < rule.p
    return True
