"""Every request to a platform: the latest ones whole, all of them counted. Both survive a restart."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import Any

from sandbox.store import Obj, Store

KEPT = 50_000
COUNTED = 5_000  # beyond that many pairs of owner and endpoint, new ones are counted together
_ID = re.compile(
    r"(?<=/)(?:[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[a-z]{2,8}_[A-Za-z0-9_]{6,}|[A-Za-z0-9]{30,}|[A-Z]+-\d+)(?=/|$)"
)
# Xero counts what leaves it against the app's plan, except this (Xero's pricing page, 2026).
_FREE = "GET /xero/api/api.xro/2.0/Organisation"


class RequestLog:
    """``append`` stores a row with the next commit; iterate for the rows kept, oldest first; ``metrics`` for the counts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.trim_journal(KEPT)
        self._rows: deque[Obj] = deque(store.journal_rows(), maxlen=KEPT)
        self._appended = 0

    def __iter__(self) -> Iterator[Obj]:
        """The rows kept, oldest first."""
        return iter(self._rows)

    def __reversed__(self) -> Iterator[Obj]:
        """The rows kept, newest first."""
        return reversed(self._rows)

    def append(self, row: Obj) -> None:
        """Note one request and count it."""
        self._rows.append(row)
        self._store.journal(row)
        self._appended += 1
        if self._appended % KEPT == 0:
            self._store.trim_journal(KEPT)
        self._count(row)

    def _count(self, row: Obj) -> None:
        endpoint = f"{row['method']} {_ID.sub('{id}', row['path'])}"
        owner = row["tenant"] or row["account"] or "-"
        id = f"{owner} {endpoint}"
        count = self._store.get("_metrics", id)
        if count is None and len(self._store.items("_metrics")) >= COUNTED:
            id, owner, endpoint = "other", "-", "other"
            count = self._store.get("_metrics", id)
        count = count or {"owner": owner, "endpoint": endpoint, **_nothing()}
        count["calls"] += 1
        count["bytes"] += row["bytes"]
        count["egress"] += 0 if endpoint == _FREE else row["bytes"]
        count["429"] += row["status"] == 429
        self._store.put("_metrics", id, count)

    def clear(self) -> None:
        """Forget the rows; what was counted stays."""
        self._rows.clear()
        self._store.clear_journal()

    def metrics(self) -> Obj:
        """``owners`` (a tenant, an account, ``-`` for neither) with their ``endpoints``, and ``endpoints`` over all."""
        owners: dict[str, Any] = {}
        endpoints: dict[str, Obj] = {}
        for row in self._store.all("_metrics"):
            owner = owners.setdefault(row["owner"], {**_nothing(), "endpoints": {}})
            each = owner["endpoints"].setdefault(row["endpoint"], _nothing())
            for sums in (owner, each, endpoints.setdefault(row["endpoint"], _nothing())):
                for name in _nothing():
                    sums[name] += row[name]
        return {"owners": owners, "endpoints": endpoints}

    def forget_metrics(self) -> None:
        """Count from nothing."""
        for id, _ in self._store.items("_metrics"):
            self._store.delete("_metrics", id)


def _nothing() -> Obj:
    return {"calls": 0, "bytes": 0, "egress": 0, "429": 0}
