"""Signed-in browsers. The cookie holds a random token; the database only its keyed hash, so a dump signs nobody in.

A session ends after 12 idle hours, after 14 days, or at sign-out. Writer of `web_session`.
"""

from dataclasses import dataclass
from uuid import UUID

from app.clients.bundle import Keys
from app.core import db
from app.core.crypto import digest, random_token

IDLE_HOURS = 12
DAYS = 14

_START = """
INSERT INTO web_session (token_hash, app_user, merchant, expires_at)
VALUES ($1, $2, $3, now() + make_interval(days => $4))
"""
_READ = """
SELECT id, app_user, merchant, seen_at < now() - interval '1 minute' AS quiet FROM web_session
WHERE token_hash = $1 AND merchant IS NOT NULL AND expires_at > now() AND seen_at > now() - make_interval(hours => $2)
"""


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in, and for which merchant they work."""

    id: UUID
    user_id: UUID
    merchant_id: UUID


async def start(keys: Keys, user_id: UUID, merchant_id: UUID) -> str:
    """A new session's token, for the cookie. Made anew at every sign-in, so that nobody can plant one beforehand."""
    token = random_token()
    await db.fetch(_START, digest(keys.session, token), user_id, merchant_id, DAYS)
    return token


async def read(keys: Keys, token: str) -> Session | None:
    """The live session of a cookie, noted as used just now (at most once a minute); None for any other token."""
    row = await db.fetch_row(_READ, digest(keys.session, token), IDLE_HOURS)
    if row is None:
        return None
    if row["quiet"]:
        await db.fetch("UPDATE web_session SET seen_at = now() WHERE id = $1", row["id"])
    return Session(row["id"], row["app_user"], row["merchant"])


async def end(keys: Keys, token: str) -> None:
    """Sign this browser out."""
    await db.fetch("DELETE FROM web_session WHERE token_hash = $1", digest(keys.session, token))


async def end_all(user_id: UUID) -> None:
    """Sign the user out everywhere."""
    await db.fetch("DELETE FROM web_session WHERE app_user = $1", user_id)


async def prune() -> None:
    """Delete sessions that ended by themselves."""
    await db.fetch(
        "DELETE FROM web_session WHERE expires_at < now() OR seen_at < now() - make_interval(hours => $1)", IDLE_HOURS
    )
