"""The rows being written: read, held, renewed, and moved under their fencing number. Writes `write_back` (with `intents`)."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog

from app.books.machines import WRITE_BACK
from app.books.writeback.timing import LARGEST_BATCH, TIMING
from app.core import db
from app.core.clock import from_now, now
from app.core.money import Money
from app.core.work import Claim, Postpone

Row = Mapping[str, Any]
log = structlog.get_logger()


class Fenced(Postpone):
    """Somebody else holds the row now: whatever we were about to do is theirs."""

    def __init__(self) -> None:
        super().__init__(from_now(1), "Another worker holds it.")


@dataclass(frozen=True, slots=True)
class Item:
    """One held row with what is needed to write it."""

    claim: Claim
    row: Row

    @property
    def money(self) -> Money:
        return Money(self.row["amount_minor"], self.row["currency"])

    @property
    def amount(self) -> Decimal:
        return self.money.decimal

    @property
    def reference(self) -> str:
        return str(self.row["reference"])

    @property
    def invoice_id(self) -> str:
        return str(self.row["xero_invoice_id"])

    @property
    def unclear(self) -> bool:
        """Whether bytes may have reached Xero without our knowing what came of them."""
        return self.row["sent_at"] is not None


_LOAD = """
SELECT w.*, i.xero_invoice_id, i.number, c.state AS connection_state, c.xero_grant, g.version AS token_version,
  COALESCE(r.refunded_at, p.paid_at, o.created_at, w.created_at) AS moved_at
FROM write_back w JOIN connection c ON c.id = w.connection LEFT JOIN invoice i ON i.id = w.invoice
LEFT JOIN payment p ON p.id = w.payment LEFT JOIN payout o ON o.id = w.payout
LEFT JOIN stripe_refund r ON r.payment = w.payment AND r.stripe_refund_id = w.stripe_refund_id
LEFT JOIN xero_grant g ON g.id = c.xero_grant WHERE w.id = ANY($1)
"""
_FOLLOW = """
UPDATE write_back SET lease_until = now() + make_interval(secs => $2), fence = fence + 1, attempts = attempts + 1
WHERE id IN (
  SELECT id FROM write_back WHERE connection = $1 AND kind = $4 AND state = 'intended' AND sent_at IS NULL
    AND next_at <= now() AND (lease_until IS NULL OR lease_until < now())
  ORDER BY next_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING id, fence, attempts
"""


async def load(claims: Sequence[Claim]) -> list[Item]:
    """The rows under these claims, as they are now, in the order of the claims."""
    rows = {row["id"]: row for row in await db.fetch(_LOAD, [claim.id for claim in claims])}
    return [Item(claim, rows[claim.id]) for claim in claims]


async def claim_followers(connection_id: UUID, kind: str) -> list[Item]:
    """Other due rows of this kind and organisation that were never sent, held like the first one."""
    rows = await db.fetch(_FOLLOW, connection_id, TIMING.lease, LARGEST_BATCH - 1, kind)
    return await load([Claim("write_back", row["id"], row["fence"], row["attempts"]) for row in sorted(rows)])


@asynccontextmanager
async def kept(items: Sequence[Item]) -> AsyncIterator[None]:
    """Hold the rows by short leases, renewed while we work: a killed worker's rows are free again within seconds."""
    await _renew(items)
    task = asyncio.create_task(_keep(items))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep(items: Sequence[Item]) -> None:
    while True:
        await asyncio.sleep(TIMING.renew)
        try:
            await _renew(items)
        except Exception as error:  # noqa: BLE001 - the lease runs out by itself, and the fence tells the next one
            log.warning("write_back.not_renewed", error=type(error).__name__)


async def _renew(items: Sequence[Item]) -> None:
    await db.fetch(
        "UPDATE write_back w SET lease_until = now() + make_interval(secs => $3) "
        "FROM unnest($1::bigint[], $2::int[]) AS held(id, fence) WHERE w.id = held.id AND w.fence = held.fence "
        "AND w.lease_until IS NOT NULL",
        [item.claim.id for item in items],
        [item.claim.fence for item in items],
        TIMING.lease,
    )


async def move(item: Item, target: str, **also: object) -> Row:
    """Compare-and-set under the fencing number; the row as it is now. Raises Fenced when it is no longer ours."""
    columns = "".join(f", {name} = ${at}" for at, name in enumerate(also, start=5))
    row: Row | None = await db.fetch_row(
        f"UPDATE write_back SET state = $3{columns} WHERE id = $1 AND fence = $2 AND state = ANY($4) RETURNING *",
        item.claim.id, item.claim.fence, target, _worked(target), *also.values(),
    )  # fmt: skip
    if row is None:
        raise Fenced
    return row


async def set_off(items: Sequence[Item], key: str) -> None:
    """Commit that these are being sent, before the first byte leaves.

    Raises Fenced when a refund changed an amount since it was read: then the bytes at hand are not what is meant any more.
    """
    sent_at = now()
    async with db.transaction():
        for item in items:
            row = await move(item, "sending", sent_at=sent_at, idempotency_key=key, absent_at=None)
            if row["request_sha256"] != item.row["request_sha256"]:
                raise Fenced


def _worked(target: str) -> list[str]:
    """From which states a worker may go there: forced edges are a person's."""
    return [edge.source for edge in WRITE_BACK.edges if edge.target == target and not edge.forced]


async def note(item: Item, **columns: object) -> None:
    """Set columns under the fencing number, without a change of state. Raises Fenced."""
    sets = ", ".join(f"{name} = ${at}" for at, name in enumerate(columns, start=3))
    row_id = await db.fetch_value(
        f"UPDATE write_back SET {sets} WHERE id = $1 AND fence = $2 RETURNING id",
        item.claim.id, item.claim.fence, *columns.values(),
    )  # fmt: skip
    if row_id is None:
        raise Fenced
