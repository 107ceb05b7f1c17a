"""Idempotency keys. Xero keeps them for six minutes and perhaps for one access token only: a second belt, never the first."""

import hashlib
from collections.abc import Sequence

from app.books.writeback.rows import Item
from app.books.writeback.timing import TIMING
from app.core.clock import now

_BATCH = "batch"


def key_for(items: Sequence[Item]) -> str:
    """The key for sending these items in one call; the one of the first try while Xero may still honour it."""
    if len(items) > 1:
        joined = "".join(f"{item.reference}{item.claim.fence}" for item in items)
        return f"{_BATCH}-{hashlib.sha256(joined.encode()).hexdigest()[:40]}"
    return _old(items[0]) or _new(items[0])


def _new(item: Item) -> str:
    return f"{item.reference.split()[-1]}-{item.claim.fence}-{_version(item)}-{int(now().timestamp())}"


def _old(item: Item) -> str:
    """A cached error would be replayed under an old key, and another token may make the same key a new one."""
    parts = str(item.row["idempotency_key"]).split("-")
    if not item.unclear or len(parts) != 4 or parts[2] != _version(item):
        return ""
    young = now().timestamp() - int(parts[3]) < TIMING.same_key
    return "-".join(parts) if young else ""


def _version(item: Item) -> str:
    return f"v{item.row['token_version'] or 0}"
