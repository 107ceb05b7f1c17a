"""The audit trail: who did what to what, and when, one chain for each merchant. The only writer of `audit`.

Each row's hash covers the row and the hash before it, so that whoever changes, inserts or removes a row breaks the chain
there; the chain's end is kept beside it, so that a shortened chain shows, too. Rows hold ids, amounts and codes, never a
name or an address. `payportal verify` walks every chain.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from app.core import db
from app.core.clock import now
from app.core.states import Edge

Row = Mapping[str, Any]
HOUSE = "payportal"
_actor: ContextVar[str] = ContextVar("actor", default=HOUSE)
_BATCH = 1000

# Holds the head and reads it in one statement; made at the merchant's first deed.
_HOLD = """
INSERT INTO audit_head (id, merchant, number, hash) VALUES (gen_random_uuid(), $1, 0, '')
ON CONFLICT (merchant) DO UPDATE SET number = audit_head.number RETURNING number, hash
"""
_ADD = """
WITH added AS (INSERT INTO audit (merchant, number, at, actor, action, subject, details, hash)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8))
UPDATE audit_head SET number = $2, hash = $8 WHERE merchant = $1
"""
_READ = "SELECT * FROM audit WHERE merchant = $1 AND number > $2 ORDER BY number LIMIT $3"
_OWNERS = """
SELECT merchant FROM audit_head UNION SELECT DISTINCT merchant FROM audit ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Where a merchant's chain stops being whole."""

    merchant_id: UUID
    number: int
    what: str


def acting(user_id: UUID) -> None:
    """From here on, in this task (a request), this person does what is done."""
    _actor.set(f"user:{user_id}")


def actor() -> str:
    """Who acts: a signed-in person, or the house by itself."""
    return _actor.get()


async def note(
    merchant_id: UUID, actor: str, action: str, subject: str, details: Mapping[str, object] | None = None
) -> None:
    """Add a deed to the merchant's chain, in the transaction that did it: together they are, or are not.

    The chain's end is locked as the transaction's last deed, so that writers of one chain wait for each other only while
    one commits, and never the other way round. `details`: ids, amounts and codes only.
    """
    text = msgspec.json.encode(dict(details or {}), order="sorted").decode()
    deed = partial(_add, merchant_id, now(), actor, action, subject, text)
    async with db.transaction():
        db.before_commit(str(merchant_id), deed)


async def _add(merchant_id: UUID, at: datetime, actor: str, action: str, subject: str, details: str) -> None:
    end = await db.fetch_row(_HOLD, merchant_id)
    assert end is not None
    number = end["number"] + 1
    hashed = link(end["hash"], merchant_id, number, at, actor, action, subject, details)
    await db.fetch(_ADD, merchant_id, number, at, actor, action, subject, details, hashed)


def link(
    before: str, merchant_id: UUID, number: int, at: datetime, actor: str, action: str, subject: str, details: str
) -> str:
    """The hash of a row, as hexadecimal SHA-256 over the JSON list of the hash before it and all it says."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    said = [before, str(merchant_id), number, moment, actor, action, subject, details]
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


async def corrected(table: str, row: Row, edge: Edge) -> None:
    """Note a forced correction of a state machine: who, what, from where to where, and why (the edge's own words)."""
    details = {"from": edge.source, "to": edge.target, "why": edge.event}
    await note(row["merchant"], actor(), "corrected", f"{table}:{row['id']}", details)


async def verify() -> tuple[int, list[Flaw]]:
    """Walk every chain from its beginning: how many rows were read, and each merchant's first flaw."""
    total, flaws = 0, []
    for owner in await db.fetch(_OWNERS):
        read, flaw = await _walk(owner["merchant"])
        total += read
        flaws += [flaw] if flaw else []
    return total, flaws


async def head(merchant_id: UUID) -> Row | None:
    """The end of a chain (number, hash): kept elsewhere, it proves that the chain was not made anew."""
    row: Row | None = await db.fetch_row("SELECT number, hash FROM audit_head WHERE merchant = $1", merchant_id)
    return row


async def _walk(merchant_id: UUID) -> tuple[int, Flaw | None]:
    # The head first: rows that are added while we walk come after it, and are not missed from it.
    end = await head(merchant_id)
    number, before = 0, ""
    async for row in _rows(merchant_id):
        number += 1
        flaw = _flaw(row, number, before)
        if flaw:
            return number, Flaw(merchant_id, number, flaw)
        before = row["hash"]
        if end and number == end["number"] and before != end["hash"]:
            return number, Flaw(merchant_id, number, "differs from the end of the chain that was kept")
    if end is None or number < end["number"]:
        return number, Flaw(merchant_id, number + 1, "is missing: the chain was longer")
    return number, None


def _flaw(row: Row, number: int, before: str) -> str:
    if row["number"] != number:
        return f"is missing: after row {number - 1} comes row {row['number']}"
    said = (row[name] for name in ("at", "actor", "action", "subject", "details"))
    return "" if row["hash"] == link(before, row["merchant"], number, *said) else "was changed"


async def _rows(merchant_id: UUID) -> AsyncIterator[Row]:
    at = 0
    while rows := await db.fetch(_READ, merchant_id, at, _BATCH):
        for row in rows:
            yield row
        at = rows[-1]["number"]
