"""The inbox: every outside event is stored, once, before anybody acts on it."""

import hashlib
from datetime import datetime
from typing import Any

from app.core import db
from app.core.wake import wake

_STORE = """
INSERT INTO inbox (source, account, event_id, type, livemode, occurred_at, body, next_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, now()) ON CONFLICT (source, account, event_id) DO NOTHING RETURNING id
"""


_FORGET = """
UPDATE inbox SET body = convert_to('sha256:' || encode(sha256(body), 'hex'), 'UTF8') WHERE id IN (
  SELECT id FROM inbox WHERE received_at < now() - make_interval(days => $1) AND next_at IS NULL AND dead_at IS NULL
    AND substring(body FROM 1 FOR 7) <> 'sha256:' ORDER BY received_at LIMIT 1000)
RETURNING id
"""


async def receive(
    source: str,
    account: str,
    event_id: str,
    kind: str,
    raw: bytes,
    *,
    livemode: bool = False,
    occurred_at: datetime | None = None,
) -> bool:
    """Store one event durably; True when it is new. Committed when this returns (or with the caller's transaction)."""
    row_id = await db.fetch_value(_STORE, source, account, event_id, kind, livemode, occurred_at, raw)
    if row_id is not None:
        wake("inbox", row_id)
    return row_id is not None


async def read(row_id: int) -> Any:
    """The stored event (source, account, event_id, type, livemode, body: the bytes as they came)."""
    return await db.fetch_row(
        "SELECT id, source, account, event_id, type, livemode, body FROM inbox WHERE id = $1", row_id
    )


async def prune(days: int = 90) -> None:
    """Keep of old events that they came, and the hash of what they said; what still waits for a turn or a person stays."""
    while await db.fetch(_FORGET, days):
        pass


def event_key(*parts: str) -> str:
    """An id for an event that has none of its own (Xero's): the hash of what identifies it."""
    return hashlib.sha256("|".join(parts).encode()).hexdigest()
