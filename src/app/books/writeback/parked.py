"""Writes that wait for a person: shown with their reason, tried again, marked as done, or let go after a reconnect."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog

from app.books import audit, intents, timeline
from app.books.machines import WRITE_BACK
from app.books.writeback.words import Reason, reason_of
from app.core import db, live, states
from app.core.clock import from_now
from app.core.errors import NotFound, Refused
from app.core.wake import wake

Row = Mapping[str, Any]
log = structlog.get_logger()
# What a write is about, as people call it.
NAMES = {
    "payment": "payment",
    "fee": "fee",
    "overpayment": "overpayment",
    "overpayment_back": "overpayment that went back",
    "exchange": "exchange difference",
    "reversal": "refund",
    "rest": "rest of a payment",
    "refund_back": "failed refund",
    "credit_note": "credit note",
    "credit_refund": "refund",
    "credit_back": "failed refund",
    "transfer": "payout",
    "transfer_back": "returned payout",
}

_FOR_ACCOUNTS = (
    "account_missing", "account_archived", "no_bank_account", "fee_currency", "payout_currency", "refunds_account",
)  # fmt: skip
_WAITING = """
SELECT w.id, w.kind, w.state, w.reason, w.message, w.reference, w.amount_minor, w.currency, w.invoice, w.payment,
  w.payout, w.connection, i.number, i.contact_name
FROM write_back w LEFT JOIN invoice i ON i.id = w.invoice
WHERE w.merchant = $1 AND (w.state = 'parked' OR (w.dead_at IS NOT NULL AND w.state IN ('intended', 'sending', 'unknown')))
ORDER BY w.created_at, w.id
"""


async def attention(merchant_id: UUID, invoice_id: UUID | None = None) -> list[tuple[Row, Reason]]:
    """Everything of this merchant (or of one invoice) that could not be recorded, oldest first, with its words."""
    rows = [row for row in await db.fetch(_WAITING, merchant_id) if invoice_id in {None, row["invoice"]}]
    return [(row, reason_of(row["reason"] or "unavailable")) for row in rows]


async def retry(merchant_id: UUID, write_back_id: int) -> None:
    """Try again, with the request made anew from today's choices, and what waits for the same reason beside it.

    Raises NotFound for anybody else's, Refused if it is of no use.
    """
    row = await own(merchant_id, write_back_id)
    if row["state"] == "parked" and not reason_of(row["reason"]).retry:
        raise Refused(f"Trying again does not help here. {reason_of(row['reason']).way_out}")
    async with db.transaction():
        if row["state"] == "parked":
            for one in await together(row):
                await intents.ask_again(one["id"])
        elif row["dead_at"]:
            await db.fetch(
                "UPDATE write_back SET dead_at = NULL, attempts = 0, next_at = now() WHERE id = $1", write_back_id
            )
            await audit.note(merchant_id, audit.actor(), "write_back_retried", f"write_back:{write_back_id}")
            wake("write_back", write_back_id)
        else:
            raise Refused("This is already on its way to Xero.")
        await live.announce(merchant_id)


async def together(row: Row) -> list[Row]:
    """This one and whatever else of the same payment waits for the same reason: a payment's fee waits with it."""
    rows: list[Row] = await db.fetch(
        "SELECT * FROM write_back WHERE id = $1 OR (payment = $2 AND state = 'parked' AND reason = $3) ORDER BY id",
        row["id"],
        row["payment"],
        row["reason"],
    )
    return rows


async def abandon(merchant_id: UUID, write_back_id: int, actor: str) -> None:
    """A person says that it is done by hand: nothing will be written. `actor` is that person's name, for the timeline."""
    row = await own(merchant_id, write_back_id)
    if row["state"] == "parked" and not reason_of(row["reason"]).by_hand:
        raise Refused(reason_of(row["reason"]).way_out)
    async with db.transaction():
        moved = await states.move(
            WRITE_BACK, write_back_id, "abandoned", ("parked",), next_at=None, dead_at=None, reason=intents.BY_HAND,
            message=f"Marked as done by {actor}.",
        )  # fmt: skip
        if not moved:
            raise Refused("This is not waiting for you any more.")
        what = NAMES[row["kind"]].capitalize()
        if row["invoice"]:
            await timeline.add(
                merchant_id, row["invoice"], "recorded", "Marked as done", f"{what} booked by hand, says {actor}"
            )
        await live.announce(merchant_id)
        if row["invoice"]:
            await live.announce(row["invoice"])


async def resume(connection_id: UUID) -> int:
    """After a reconnect: everything parked because of the connection goes on, in the order it came; how many."""
    rows = await db.fetch(
        "SELECT id FROM write_back WHERE connection = $1 AND state = 'parked' AND reason IN ('disconnected', 'scope') "
        "ORDER BY created_at, id",
        connection_id,
    )
    async with db.transaction():
        for place, row in enumerate(rows):
            await intents.ask_again(row["id"], at=from_now(place / 100))
    if rows:
        log.info("write_back.resumed", connection=str(connection_id), count=len(rows))
    return len(rows)


async def account_chosen(connection_id: UUID) -> int:
    """After the merchant chose accounts: everything that waited for that goes on; how many."""
    rows = await db.fetch(
        "SELECT id FROM write_back WHERE connection = $1 AND state = 'parked' AND reason = ANY($2) ORDER BY created_at, id",
        connection_id,
        [*_FOR_ACCOUNTS],
    )
    for row in rows:
        await intents.ask_again(row["id"])
    return len(rows)


async def own(merchant_id: UUID, write_back_id: int) -> Row:
    """The merchant's write-back. Raises NotFound for anybody else's."""
    row: Row | None = await db.fetch_row(
        "SELECT * FROM write_back WHERE id = $1 AND merchant = $2", write_back_id, merchant_id
    )
    if row is None:
        raise NotFound("No such write-back.")
    return row
