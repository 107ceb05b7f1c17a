"""A connection that stopped working: said once to the database, to open pages, and to whoever tried to use it."""

from uuid import UUID

from app.books import audit
from app.core import db, jobs, live
from app.core.clock import from_now
from app.core.errors import Refused

WORDS = {
    "token": "Xero no longer accepts our access. Connect your organisation again to carry on.",
    "removed": "The connection was removed in Xero. Connect your organisation again to carry on.",
    "scope": "Xero did not grant a permission that is needed. Connect your organisation again to carry on.",
    "disconnected": "This organisation is not connected.",
}


class Broken(Refused):
    """The connection cannot be used until the merchant acts. `reason`: token, removed, scope or disconnected."""

    def __init__(self, reason: str) -> None:
        super().__init__(WORDS.get(reason, WORDS["disconnected"]))
        self.reason = reason


async def mark_broken(connection_id: UUID, reason: str) -> bool:
    """Note that a connected organisation stopped working; True when that was new. Open pages hear of it."""
    sql = "UPDATE connection SET state = 'broken', state_reason = $2 WHERE id = $1 AND state = 'connected' RETURNING merchant"
    async with db.transaction():
        merchant_id = await db.fetch_value(sql, connection_id, reason)
        if merchant_id is not None:
            await audit.note(merchant_id, "xero", "connection_lost", f"connection:{connection_id}", {"reason": reason})
            await live.announce(merchant_id)
            await jobs.ask("merchant.alert", merchant_id, at=from_now(30))
    return merchant_id is not None


async def mark_grant_broken(grant_id: UUID) -> None:
    """The same for every organisation reached through a grant that died."""
    sql = "SELECT id FROM connection WHERE xero_grant = $1 AND state = 'connected'"
    for row in await db.fetch(sql, grant_id):
        await mark_broken(row["id"], "token")
