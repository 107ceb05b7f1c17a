"""Deterministic identifiers: the same seed and the same calls give the same ids, across restarts too."""

from __future__ import annotations

import hashlib
import string
import uuid

from sandbox.store import Store

BASE62 = string.digits + string.ascii_letters


class Ids:
    """Makes ids from a seed and a counter kept in the store, so a restarted sandbox continues the same row of ids."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reseed(self, seed: int) -> None:
        """Start the row of ids afresh from ``seed``."""
        self._store.put("_ids", "state", {"seed": seed, "n": 0})

    def _bytes(self, size: int) -> bytes:
        state = self._store.get("_ids", "state") or {"seed": 1, "n": 0}
        state["n"] += 1
        self._store.put("_ids", "state", state)
        return hashlib.shake_256(f"{state['seed']}:{state['n']}".encode()).digest(size)

    def uuid(self) -> str:
        """A version 4 UUID in lower case with dashes, as Xero's ids look."""
        return str(uuid.UUID(bytes=self._bytes(16), version=4))

    def uuids(self, count: int) -> list[str]:
        """Many at once, for big worlds: one step of the row."""
        text = self._bytes(16 * count).hex()
        return [_uuid4(text[start : start + 32]) for start in range(0, len(text), 32)]

    def token(self, prefix: str = "", length: int = 24, alphabet: str = BASE62) -> str:
        """``prefix`` and ``length`` characters of ``alphabet``: ``token("cs_test_a1", 58)``, ``token("pi_3")``."""
        return prefix + "".join(alphabet[b % len(alphabet)] for b in self._bytes(length))

    def number(self, below: int) -> int:
        """An integer in ``range(below)``."""
        return int.from_bytes(self._bytes(8), "big") % below


def _uuid4(digits: str) -> str:
    """32 hexadecimal digits as a version 4 UUID."""
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
