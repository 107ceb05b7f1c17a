"""Faults on demand: the rules in force and which of them strikes. Their words are in ``fault_kinds``."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from sandbox.fault_kinds import Delivery, Fault, Rule
from sandbox.ids import Ids
from sandbox.store import Obj, Store


class Faults:
    """The rules in force, in the order they were added; the first that strikes wins. They survive a restart."""

    def __init__(self, store: Store, ids: Ids) -> None:
        self._store, self._ids = store, ids
        self._read: dict[str, tuple[Obj, Rule]] = {}

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

    def modes(self, tenant: str | None) -> dict[str, Any]:
        """What the modes in force change for a tenant; of two that disagree the later wins."""
        patch: dict[str, Any] = {}
        for row in self.rows():
            rule = self._rule(row)
            if rule.mode is not None and rule.match.tenant in (None, tenant):
                patch |= rule.patch()
        return patch

    def strike(self, method: str, path: str, tenant: str | None, account: str | None) -> Fault | None:
        """The fault for this request, if any; counts the request against every rule it fits."""
        return self._strike(method, path, tenant, account, None)

    def strike_webhook(self, channel: str, path: str, tenant: str | None, account: str | None) -> Delivery | None:
        """The same for a webhook about to be sent."""
        fault = self._strike("POST", path, tenant, account, channel)
        return fault.webhook if fault is not None else None

    def _strike(
        self, method: str, path: str, tenant: str | None, account: str | None, channel: str | None
    ) -> Fault | None:
        struck: Fault | None = None
        for row in self.rows():
            rule = self._rule(row)
            if rule.fault is None or (rule.fault.webhook is None) != (channel is None):
                continue
            if not rule.match.fits(method, path, tenant, account, channel):
                continue
            row["seen"] += 1
            if struck is None and _strikes(rule, row):
                row["struck"] += 1
                struck = rule.fault
            self._store.put("_fault", row["id"], row)
        return struck

    def _rule(self, row: Obj) -> Rule:
        """A rule as it was given, read once: the same row is the same rule, the same id after a reset is not."""
        known = self._read.get(row["id"])
        if known is None or known[0] is not row:
            if len(self._read) > 1000:
                self._read.clear()
            known = self._read[row["id"]] = row, msgspec.convert(row["rule"], Rule)
        return known[1]


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
