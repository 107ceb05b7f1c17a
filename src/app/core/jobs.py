"""Jobs: durable to-dos that have no natural row of their own, one row for each (kind, subject).

Asking twice for the same thing makes one row; asking while it is being done makes it run once more. The row is written in
the same transaction as its cause; the wake-up follows the commit.
"""

from datetime import datetime
from typing import Any

import msgspec

from app.core import db
from app.core.wake import wake

_UPSERT = """
INSERT INTO job (kind, subject, payload, next_at) VALUES ($1, $2, $3::jsonb, COALESCE($4, now()))
ON CONFLICT (kind, subject) DO UPDATE SET
  asked = job.asked + 1, payload = EXCLUDED.payload, dead_at = NULL,
  attempts = CASE WHEN job.next_at IS NULL THEN 0 ELSE job.attempts END,
  faults = CASE WHEN job.next_at IS NULL THEN 0 ELSE job.faults END,
  next_at = LEAST(COALESCE(job.next_at, EXCLUDED.next_at), EXCLUDED.next_at)
RETURNING id, next_at <= now() AS due
"""


async def ask(kind: str, subject: object, payload: dict[str, Any] | None = None, *, at: datetime | None = None) -> int:
    """Ask for `kind` to be done for `subject` (an id, as text), now or `at`; returns the job's row id."""
    body = msgspec.json.encode(payload or {}).decode()
    row = await db.fetch_row(_UPSERT, kind, str(subject), body, at)
    assert row is not None
    if row["due"]:
        wake("job", row["id"])
    return int(row["id"])


async def read(row_id: int) -> tuple[str, str, dict[str, Any]]:
    """(kind, subject, payload) of a job."""
    row = await db.fetch_row("SELECT kind, subject, payload FROM job WHERE id = $1", row_id)
    assert row is not None
    return row["kind"], row["subject"], msgspec.json.decode(row["payload"])


async def ask_each_at_least(kind: str, subject: object, seconds: float) -> None:
    """Make sure that a repeating job is planned, `seconds` from now if it is not; it plans its own next turn by Postpone."""
    sql = (
        "INSERT INTO job (kind, subject, payload, next_at) VALUES ($1, $2, '{}', now() + make_interval(secs => $3)) "
        "ON CONFLICT (kind, subject) DO UPDATE SET next_at = EXCLUDED.next_at, attempts = 0, faults = 0, dead_at = NULL "
        "WHERE job.next_at IS NULL"
    )
    await db.fetch(sql, kind, str(subject), seconds)


async def forget(kind: str, subject: object) -> None:
    """Stop a job; one that is running finishes its turn."""
    await db.fetch(
        "UPDATE job SET next_at = NULL, asked_seen = asked WHERE kind = $1 AND subject = $2", kind, str(subject)
    )


async def prune(days: int = 7) -> None:
    """Delete jobs that ended long ago."""
    await db.fetch(
        "DELETE FROM job WHERE next_at IS NULL AND dead_at IS NULL AND changed_at < now() - make_interval(days => $1)",
        days,
    )
