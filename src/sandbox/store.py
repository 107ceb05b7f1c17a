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

from sandbox.sown import Crop, Field

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

    def clear(self) -> None:
        """Forget all of them."""
        self.groups.clear()
        self.group_of.clear()

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
        self._fields: dict[str, Field] = {}
        self._changes: dict[str, int] = {}
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
        self._changes[kind] = self._changes.get(kind, 0) + 1
        return obj

    def changes(self, *kinds: str) -> int:
        """A number that grows with every change of one of these kinds."""
        return sum(self._changes.get(kind, 0) for kind in kinds)

    def sow(self, kind: str, crop: Crop) -> None:
        """Rows that are made when they are looked at. Not on disk: whoever sows does so again at the next start."""
        self._fields[kind] = Field(crop, self._kinds.setdefault(kind, {}))
        self._changes[kind] = self._changes.get(kind, 0) + 1

    def field(self, kind: str) -> Field | None:
        """What was sown of a kind, for readers who must not make every row."""
        return self._fields.get(kind)

    def get(self, kind: str, id: str | None) -> Obj | None:
        """The object, or None."""
        if id is None:
            return None
        obj = self._kinds.get(kind, {}).get(id)
        return self._fields[kind].get(id) if obj is None and kind in self._fields else obj

    def all(self, kind: str) -> list[Obj]:
        """Every object of a kind, in the order of first insertion; sown ones come first."""
        field = self._fields.get(kind)
        sown = field.rows(field.numbers(range(field.crop.size))) if field is not None else ()
        return [*sown, *self._kinds.get(kind, {}).values()]

    def items(self, kind: str) -> list[tuple[str, Obj]]:
        """Like ``all``, with ids; without what was sown."""
        return list(self._kinds.get(kind, {}).items())

    def find(self, kind: str, **equal: Any) -> Iterator[Obj]:
        """Objects whose top-level fields all equal the given values, by scanning; use ``index`` and ``by`` for big kinds."""
        for obj in self.all(kind):
            if all(obj.get(name) == value for name, value in equal.items()):
                yield obj

    def delete(self, kind: str, id: str) -> bool:
        """Remove; False when it was not there. What was sown stays: nothing of it is ever removed, only marked."""
        if self._kinds.get(kind, {}).pop(id, None) is None:
            return False
        for index in self._indexes.get(kind, {}).values():
            index.remove(id)
        self._dirty[kind, id] = None
        self._changes[kind] = self._changes.get(kind, 0) + 1
        return True

    def index(self, kind: str, name: str, key: Key) -> None:
        """Keep objects of ``kind`` grouped by ``key(obj)``; declare once at start-up, read with ``by``."""
        index = Index(key)
        for id, obj in self._kinds.get(kind, {}).items():
            index.add(id, obj)
        self._indexes.setdefault(kind, {})[name] = index

    def by(self, kind: str, name: str, value: Any) -> list[Obj]:
        """The objects of the index's group ``value``, in insertion order; sown ones come first."""
        field = self._fields.get(kind)
        sown = field.rows(field.numbers(field.crop.find(name, value))) if field is not None else ()
        return [*sown, *self.known(kind, name, value)]

    def known(self, kind: str, name: str, value: Any) -> list[Obj]:
        """The same without what is still as it was sown."""
        return list(self._indexes[kind][name].groups.get(value, {}).values())

    def count(self, kind: str, name: str, value: Any) -> int:
        """How many ``by`` would give."""
        field = self._fields.get(kind)
        sown = len(field.numbers(field.crop.find(name, value))) if field is not None else 0
        return sown + len(self._indexes[kind][name].groups.get(value, {}))

    def newest(self, kind: str, name: str, value: Any) -> Iterator[Obj]:
        """The same as ``by`` from its end, made one by one."""
        yield from reversed(self.known(kind, name, value))
        field = self._fields.get(kind)
        if field is not None:
            yield from field.rows(field.numbers(field.crop.find(name, value))[::-1])

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
        self.commit()
        gone = [kind for kind in self._kinds if kind not in keep]
        self._db.executemany("DELETE FROM object WHERE kind = ?", [(kind,) for kind in gone])
        for kind in gone:
            self._kinds[kind].clear()
            self._fields.pop(kind, None)
            self._changes[kind] = self._changes.get(kind, 0) + 1
            for index in self._indexes.get(kind, {}).values():
                index.clear()

    def close(self) -> None:
        """Commit and close the file."""
        self.commit()
        self._db.close()
