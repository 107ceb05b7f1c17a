"""The way to a connected organisation: a valid token, within its budget, and what follows when Xero says no.

`async with tenant(clients, connection_id) as tenant:` gives the accounting API of one connection. Raises Broken (a
Refused) when the merchant must act, Upstream when Xero is away, Postpone when its calls are used up.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from app.books.broken import Broken, mark_broken
from app.books.budget import LaneName, TenantGate
from app.books.grants import access_token, grant_of, store_grant
from app.clients.bundle import Clients
from app.clients.xero import Tenant
from app.core import db
from app.core.errors import NotFound, Upstream

_CONNECTION = (
    "SELECT id, xero_grant, xero_tenant_id, xero_connection_id, state, state_reason FROM connection WHERE id = $1"
)


@asynccontextmanager
async def tenant(clients: Clients, connection_id: UUID, lane: LaneName = "sync") -> AsyncIterator[Tenant]:
    """One connection's organisation. An expired token is renewed once, a lost connection is noted, both inside."""
    row = await db.fetch_row(_CONNECTION, connection_id)
    if row is None:
        raise NotFound("No such connection.")
    if row["state"] != "connected" or row["xero_grant"] is None:
        raise Broken(row["state_reason"] if row["state"] == "broken" else "disconnected")
    reached = await open_tenant(clients, row["xero_grant"], row["xero_tenant_id"], lane)
    try:
        yield reached
    except Upstream as error:
        await _after_refusal(clients, row, error)
        raise


async def open_tenant(clients: Clients, grant_id: UUID, xero_tenant_id: str, lane: LaneName) -> Tenant:
    """An organisation through a grant, also before there is a connection to it."""

    async def renew(refused: str) -> str:
        return await access_token(clients, grant_id, refused)

    token = await access_token(clients, grant_id)
    return clients.xero.tenant(token, xero_tenant_id, TenantGate(xero_tenant_id, lane), renew)


async def _after_refusal(clients: Clients, row: Any, error: Upstream) -> None:
    """A missing scope, or an organisation that Xero lists no more, breaks the connection; a mere 403 does not."""
    if error.code == "scope":
        await mark_broken(row["id"], "scope")
        raise Broken("scope") from error
    if error.code != "disconnected":
        return
    listed = await clients.xero.connections(await access_token(clients, row["xero_grant"]))
    if all(one.tenant_id != row["xero_tenant_id"] for one in listed):
        await mark_broken(row["id"], "removed")
        raise Broken("removed") from error
    # Still listed: Xero contradicts itself. Nobody has to connect again for that.
    raise Upstream(error.message, code=error.code, status=error.status, retry_after=300) from error


__all__ = ["Broken", "LaneName", "access_token", "grant_of", "open_tenant", "store_grant", "tenant"]
