"""The sandbox's memory: a dict per kind, written through to SQLite before any answer leaves.

Objects are plain JSON-able dicts. Change one and ``put`` it again: readers get the same dict, not a copy. Changes are
collected and written by ``commit``, which the gate calls once per request (and the clock and mail sink once per action),
so a killed sandbox comes back knowing everything it ever answered, and nothing it did not.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

Obj = dict[str, Any]
Key = Callable[[Obj], Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS object (seq INTEGER PRIMARY KEY, kind TEXT, id TEXT, body BLOB, UNIQUE (kind, id));
CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, body BLOB);
"""
_UPSERT = (
    "INSERT INTO object (kind, id, body) VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body"
)


class Index:
    """Objects of one kind grouped by a key, in the order they were first put."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.groups: dict[Any, dict[str, Obj]] = {}
        self.group_of: dict[str, Any] = {}

    def add(self, id: str, obj: Obj) -> None:
        """File ``obj`` under its key, moving it when the key changed."""
        group = self.key(obj)
        if id in self.group_of and self.group_of[id] != group:
            self.remove(id)
        self.group_of[id] = group
        self.groups.setdefault(group, {})[id] = obj

    def remove(self, id: str) -> None:
        """Forget an object."""
        if id in self.group_of:
            self.groups[self.group_of.pop(id)].pop(id, None)


class Store:
    """Kinds of objects by id. Kinds starting with ``_`` belong to the core; use ``xero.…`` and ``stripe.…`` for yours."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # WAL with NORMAL survives a killed process, which is the promise; only a power cut could lose the last commits.
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + _SCHEMA)
        self._kinds: dict[str, dict[str, Obj]] = {}
        self._indexes: dict[str, dict[str, Index]] = {}
        self._dirty: dict[tuple[str, str], Obj | None] = {}
        self._lines: list[Obj] = []
        self._load()

    def _load(self) -> None:
        for kind, id, body in self._db.execute("SELECT kind, id, body FROM object ORDER BY seq"):
            self._kinds.setdefault(kind, {})[id] = msgspec.json.decode(body)

    def put(self, kind: str, id: str, obj: Obj) -> Obj:
        """Insert or replace; on disk at the next ``commit``. Returns the object."""
        self._kinds.setdefault(kind, {})[id] = obj
        for index in self._indexes.get(kind, {}).values():
            index.add(id, obj)
        self._dirty[kind, id] = obj
        return obj

    def get(self, kind: str, id: str | None) -> Obj | None:
        """The object, or None."""
        return self._kinds.get(kind, {}).get(id) if id is not None else None

    def all(self, kind: str) -> list[Obj]:
        """Every object of a kind, in the order of first insertion."""
        return list(self._kinds.get(kind, {}).values())

    def items(self, kind: str) -> list[tuple[str, Obj]]:
        """Like ``all``, with ids."""
        return list(self._kinds.get(kind, {}).items())

    def find(self, kind: str, **equal: Any) -> Iterator[Obj]:
        """Objects whose top-level fields all equal the given values, by scanning; use ``index`` and ``by`` for big kinds."""
        for obj in list(self._kinds.get(kind, {}).values()):
            if all(obj.get(name) == value for name, value in equal.items()):
                yield obj

    def delete(self, kind: str, id: str) -> bool:
        """Remove; False when it was not there."""
        if self._kinds.get(kind, {}).pop(id, None) is None:
            return False
        for index in self._indexes.get(kind, {}).values():
            index.remove(id)
        self._dirty[kind, id] = None
        return True

    def index(self, kind: str, name: str, key: Key) -> None:
        """Keep objects of ``kind`` grouped by ``key(obj)``; declare once at start-up, read with ``by``."""
        index = Index(key)
        for id, obj in self._kinds.get(kind, {}).items():
            index.add(id, obj)
        self._indexes.setdefault(kind, {})[name] = index

    def by(self, kind: str, name: str, value: Any) -> list[Obj]:
        """The objects of the index's group ``value``, in insertion order."""
        return list(self._indexes[kind][name].groups.get(value, {}).values())

    def next_number(self, name: str, first: int = 1) -> int:
        """A counter that survives restarts: ``first``, ``first + 1``, …"""
        row = self.get("_number", name) or {"n": first - 1}
        row["n"] += 1
        self.put("_number", name, row)
        return int(row["n"])

    def commit(self) -> None:
        """Write everything changed since the last commit to disk, in one transaction."""
        if not self._dirty and not self._lines:
            return
        puts = [(k, i, msgspec.json.encode(o)) for (k, i), o in self._dirty.items() if o is not None]
        gone = [key for key, obj in self._dirty.items() if obj is None]
        self._db.execute("BEGIN")
        self._db.executemany(_UPSERT, puts)
        self._db.executemany("DELETE FROM object WHERE kind = ? AND id = ?", gone)
        self._db.executemany("INSERT INTO journal (body) VALUES (?)", [(msgspec.json.encode(o),) for o in self._lines])
        self._db.execute("COMMIT")
        self._dirty.clear()
        self._lines.clear()

    def journal(self, row: Obj) -> None:
        """Add a line to the journal of requests; on disk at the next ``commit``."""
        self._lines.append(row)

    def trim_journal(self, latest: int) -> None:
        """Forget all but the latest lines."""
        self._db.execute("DELETE FROM journal WHERE seq <= (SELECT max(seq) FROM journal) - ?", (latest,))

    def journal_rows(self) -> list[Obj]:
        """The lines, oldest first. Read once, at start-up."""
        return [msgspec.json.decode(body) for (body,) in self._db.execute("SELECT body FROM journal ORDER BY seq")]

    def clear_journal(self) -> None:
        """Forget every line of the journal, at once and on disk."""
        self._lines.clear()
        self._db.execute("DELETE FROM journal")

    def clear(self, keep: tuple[str, ...] = ()) -> None:
        """Forget every kind but ``keep``, at once and on disk."""
        for kind in [k for k in self._kinds if k not in keep]:
            for id in list(self._kinds[kind]):
                self.delete(kind, id)
        self.commit()

    def close(self) -> None:
        """Commit and close the file."""
        self.commit()
        self._db.close()
