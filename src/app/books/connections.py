"""Connected Xero organisations: choosing, connecting, watching over and leaving them. Writer of `connection`.

An organisation is connected to one merchant at a time; PostgreSQL holds that (connection_tenant_live).
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from app.books import audit, breaches, grants, writeback
from app.books.access import access_token, grant_of, open_tenant, tenant
from app.books.broken import Broken, mark_broken
from app.books.timezones import iana
from app.clients.bundle import Clients
from app.clients.xero_wire import XeroConnection, XeroOrganisation
from app.core import db, jobs, live
from app.core.clock import now
from app.core.errors import NotFound, Refused, Upstream
from app.core.work import Postpone

log = structlog.get_logger()
TAKEN = "Already connected by another business"
DAILY = timedelta(hours=24)
LOOK_SECONDS = 8.0

_HOLDER = "SELECT id, merchant, state FROM connection WHERE xero_tenant_id = $1 AND state <> 'disconnected'"
_MINE = "SELECT id FROM connection WHERE merchant = $1 AND xero_tenant_id = $2 ORDER BY connected_at DESC LIMIT 1"
_DETAILS = (
    "name", "legal_name", "short_code", "base_currency", "country", "timezone", "is_demo", "address", "tax_number",
    "period_lock_on", "year_lock_on",
)  # fmt: skip
_INSERT = "INSERT INTO connection (merchant, xero_grant, xero_tenant_id, xero_connection_id) VALUES ($1, $2, $3, $4) RETURNING id"
_REVIVE = """
UPDATE connection SET xero_grant = $2, xero_connection_id = $3, state = 'connected', state_reason = '', sync_error = '',
  connected_at = CASE WHEN state = 'disconnected' THEN now() ELSE connected_at END, disconnected_at = NULL
WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """An organisation the user let us into; `invoices` is None when Xero did not say.

    `state`: free, connected (to this merchant), broken (this merchant's, to be connected again) or in_use (by another).
    """

    xero_connection_id: str
    xero_tenant_id: str
    name: str
    country: str
    currency: str
    is_demo: bool
    invoices: int | None
    state: str
    reason: str
    connection_id: UUID | None


async def choices(clients: Clients, user_id: UUID) -> list[Choice]:
    """The organisations of the user's consents, newest first; empty before the first consent.

    Raises Broken when the user must consent again, Upstream when Xero does not list them.
    """
    grant = await grant_of(user_id)
    if grant is None:
        return []
    listed = await clients.xero.connections(await access_token(clients, grant["id"]))
    found = [one for one in listed if one.tenant_type in {"ORGANISATION", ""}]
    return list(await asyncio.gather(*(_choice(clients, grant["id"], user_id, one) for one in found)))


async def connect(clients: Clients, merchant_id: UUID, user_id: UUID, xero_connection_id: str) -> UUID:
    """Connect the chosen organisation and start its first import; connecting it again revives it.

    Raises Refused when another business has it or the user's consent does not cover it.
    """
    grant = await grant_of(user_id)
    if grant is None:
        raise Refused("Sign in to Xero and choose the organisation there first.")
    listed = await clients.xero.connections(await access_token(clients, grant["id"]))
    chosen = next((one for one in listed if one.id == xero_connection_id), None)
    if chosen is None:
        raise Refused("Choose one of the organisations in the list.")
    holder = await db.fetch_row(_HOLDER, chosen.tenant_id)
    if holder and holder["merchant"] != merchant_id:
        raise Refused(TAKEN)
    reached = await open_tenant(clients, grant["id"], chosen.tenant_id, "page")
    return await _keep(merchant_id, grant["id"], chosen, await reached.organisation())


async def disconnect(clients: Clients, merchant_id: UUID, connection_id: UUID) -> None:
    """Leave the organisation at Xero, then here; the user's grant is given back with the user's last organisation only.

    Raises Upstream, with nothing changed, when Xero does not answer: a connection left behind there would go on.
    """
    row = await one(merchant_id, connection_id)
    if row["state"] == "disconnected":
        return
    if row["xero_grant"] is not None:
        try:
            await _leave(clients, row)
        except Broken:
            log.info("connection.left_without_xero", connection=str(connection_id))
    async with db.transaction():
        await db.fetch(
            "UPDATE connection SET state = 'disconnected', state_reason = '', disconnected_at = now() WHERE id = $1",
            connection_id,
        )
        for kind in ("connection.import", "connection.poll", "connection.check"):
            await jobs.forget(kind, connection_id)
        await audit.note(merchant_id, audit.actor(), "disconnected", f"connection:{connection_id}")
        await live.announce(merchant_id)


async def revive(clients: Clients, user_id: UUID) -> int:
    """After a fresh consent: bring back the user's merchants' broken connections that Xero lists; how many."""
    grant = await grant_of(user_id)
    if grant is None:
        return 0
    listed = {one.tenant_id: one for one in await clients.xero.connections(await access_token(clients, grant["id"]))}
    rows = await db.fetch(
        "SELECT c.id, c.merchant, c.xero_tenant_id, c.imported_at FROM connection c JOIN member m ON m.merchant = c.merchant "
        "WHERE m.app_user = $1 AND c.state = 'broken' AND c.xero_tenant_id = ANY($2)",
        user_id,
        list(listed),
    )
    for row in rows:
        async with db.transaction():
            await db.fetch(_REVIVE, row["id"], grant["id"], listed[row["xero_tenant_id"]].id)
            await _set_to_work(row["merchant"], row["id"])
            await audit.note(row["merchant"], audit.actor(), "reconnected", f"connection:{row['id']}")
            await live.announce(row["merchant"])
    return len(rows)


async def for_merchant(merchant_id: UUID) -> list[Any]:
    """The merchant's connected and broken organisations, in the order they were connected."""
    sql = "SELECT * FROM connection WHERE merchant = $1 AND state <> 'disconnected' ORDER BY connected_at, id"
    return await db.fetch(sql, merchant_id)


async def one(merchant_id: UUID, connection_id: UUID) -> Any:
    """One organisation of the merchant, whatever its state; raises NotFound."""
    row = await db.fetch_row("SELECT * FROM connection WHERE id = $1 AND merchant = $2", connection_id, merchant_id)
    if row is None:
        raise NotFound("No such connection.")
    return row


async def check(clients: Clients, connection_id: UUID) -> None:
    """The daily look (job connection.check): still connected, name, lock dates. Ends by asking for the next one."""
    try:
        async with tenant(clients, connection_id) as reached:
            await _note(connection_id, await reached.organisation())
    except Broken:
        return
    raise Postpone(now() + DAILY)


async def _choice(clients: Clients, grant_id: UUID, user_id: UUID, listed: XeroConnection) -> Choice:
    state, connection_id = await _state(listed.tenant_id, user_id)
    organisation: XeroOrganisation | None = None
    invoices: int | None = None
    if state != "in_use":
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                reached = await open_tenant(clients, grant_id, listed.tenant_id, "page")
                organisation = await reached.organisation()
                invoices = (await reached.invoices(page_size=1)).item_count
        except (Upstream, TimeoutError) as error:
            log.info("choice.not_read", error=type(error).__name__)
    return Choice(
        xero_connection_id=listed.id,
        xero_tenant_id=listed.tenant_id,
        name=(organisation.name if organisation else "") or listed.name,
        country=organisation.country if organisation else "",
        currency=organisation.base_currency if organisation else "",
        is_demo=organisation.is_demo if organisation else False,
        invoices=invoices,
        state=state,
        reason=TAKEN if state == "in_use" else "",
        connection_id=connection_id,
    )


async def _state(xero_tenant_id: str, user_id: UUID) -> tuple[str, UUID | None]:
    holder = await db.fetch_row(_HOLDER, xero_tenant_id)
    if holder is None:
        return "free", None
    sql = "SELECT 1 FROM member WHERE merchant = $1 AND app_user = $2"
    if await db.fetch_value(sql, holder["merchant"], user_id) is None:
        return "in_use", None
    return holder["state"], holder["id"]


async def _keep(merchant_id: UUID, grant_id: UUID, chosen: XeroConnection, organisation: XeroOrganisation) -> UUID:
    try:
        async with db.transaction():
            connection_id: UUID | None = await db.fetch_value(_MINE, merchant_id, chosen.tenant_id)
            action = "connected" if connection_id is None else "reconnected"
            if connection_id is None:
                connection_id = await db.fetch_value(_INSERT, merchant_id, grant_id, chosen.tenant_id, chosen.id)
            else:
                await db.fetch(_REVIVE, connection_id, grant_id, chosen.id)
            assert connection_id is not None
            await _note(connection_id, organisation)
            await _set_to_work(merchant_id, connection_id)
            tenant_id = {"xero_tenant_id": chosen.tenant_id}
            await audit.note(merchant_id, audit.actor(), action, f"connection:{connection_id}", tenant_id)
            await live.announce(merchant_id)
            return connection_id
    except asyncpg.UniqueViolationError as error:
        # Somebody connected it in the same moment: the merchant in another tab, or another business.
        holder = await db.fetch_row(_HOLDER, chosen.tenant_id)
        if holder and holder["merchant"] == merchant_id:
            connection_id = holder["id"]
            assert connection_id is not None
            return connection_id
        raise Refused(TAKEN) from error


async def _set_to_work(merchant_id: UUID, connection_id: UUID) -> None:
    """An import of what is new (all, the first time), the daily look, and payments that could not be recorded."""
    await jobs.ask("connection.import", connection_id)
    await jobs.ask("connection.check", connection_id, at=now() + DAILY)
    if await breaches.stopped(merchant_id):  # what could not be looked at meanwhile can be now
        await jobs.ask("house.reconcile", merchant_id)
    await writeback.resume(connection_id)


async def _note(connection_id: UUID, organisation: XeroOrganisation) -> None:
    values = {name: getattr(organisation, name) for name in _DETAILS} | {"timezone": iana(organisation.timezone)}
    columns = ", ".join(f"{name} = ${at}" for at, name in enumerate(_DETAILS, start=2))
    await db.fetch(
        f"UPDATE connection SET {columns} WHERE id = $1", connection_id, *(values[name] for name in _DETAILS)
    )


async def _leave(clients: Clients, row: Any) -> None:
    grant_id = row["xero_grant"]
    token = await access_token(clients, grant_id)
    listed = await clients.xero.connections(token)
    mine = next((one for one in listed if one.tenant_id == row["xero_tenant_id"]), None)
    if mine is not None:
        await clients.xero.delete_connection(token, mine.id)
    if all(one.tenant_id == row["xero_tenant_id"] for one in listed):
        # Revoking takes every connection of this user away, so it waits for the last; and it comes after the DELETE,
        # or Xero would go on to list us as connected.
        await clients.identity.revoke(await grants.refresh_token(clients, grant_id))
        await grants.forget_tokens(grant_id)


__all__ = [
    "Choice", "check", "choices", "connect", "disconnect", "for_merchant", "mark_broken", "one", "revive",
]  # fmt: skip
