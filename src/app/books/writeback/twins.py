"""What was written twice: never to happen. It is looked for wherever it could, told loudly, and stops the merchant's writes."""

from typing import Any
from uuid import UUID

import structlog

from app.books import access, breaches
from app.books.ledger import Breach
from app.books.writeback import outcome
from app.books.writeback.rows import Item, load
from app.books.writeback.search import beside, look
from app.books.writeback.verdict import Verdicts
from app.clients.bundle import Clients
from app.clients.xero import Tenant
from app.core import db
from app.core.work import Claim

log = structlog.get_logger()
_NAMED = "UPDATE write_back SET xero_id = $2 WHERE id = $1 AND state = 'confirmed' AND xero_id <> $2"


async def look_for_twins(tenant: Tenant, item: Item, verdicts: Verdicts) -> None:
    """What was sent twice must be in Xero once; two are a breach."""
    found = await _standing(tenant, item)
    if len(found) > 1:
        await outcome.twice(item, found)
    verdicts.done(item)


async def recheck(clients: Clients, merchant_id: UUID) -> bool:
    """Look again at what was found twice in connected organisations; True when all of it stands once now.

    Raises Upstream and what `access` raises.
    """
    told = [row for row in await breaches.in_force(merchant_id) if row["kind"] == breaches.TWICE]
    still = [row for row in told if not await _once(clients, row)]
    looked = {row["id"] for row in told}
    await breaches.judge([_again(row) for row in still], lambda row: row["id"] in looked)
    return not still


def _again(row: Any) -> Breach:
    return Breach(row["kind"], row["merchant"], row["subject"])


async def _once(clients: Clients, breach: Any) -> bool:
    (item,) = await load([Claim("write_back", int(breach["subject"].rpartition(" ")[2]), 0, 0)])
    async with access.tenant(clients, item.row["connection"], lane="sync") as tenant:
        found = await _standing(tenant, item)
    if len(found) == 1:  # the one that was kept may be the other one
        await db.fetch(_NAMED, item.claim.id, found[0])
    return len(found) < 2


async def _standing(tenant: Tenant, item: Item) -> list[str]:
    """The ids of all that is live in Xero under this reference."""
    if item.row["kind"] != "payment":
        return (await beside(tenant, [item])).get(item.reference, [])
    return (await look(tenant, [item])).of(item)
