"""The house's own checks: every five minutes our books against themselves, every night against Stripe's and Xero's.

What does not hold goes to `breaches`; what could be repaired by reading it again is counted in `repairs`.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from app.books import audit, breaches, invoices_check, ledger, repairs, stripe_check
from app.books.writeback.twins import recheck
from app.clients.bundle import Clients
from app.core import db
from app.core.clock import from_now, now
from app.core.errors import Refused, Upstream
from app.core.work import Postpone

log = structlog.get_logger()
EVERY = 300
AGAIN = 900.0
WHOLE = "books.whole"
_SET = "INSERT INTO cursor (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value"
NIGHT = 2  # o'clock, UTC; spread over two hours
# What the five-minute check cannot see.
ELSEWHERE = frozenset({breaches.TOTALS, breaches.MIRROR, breaches.TWICE})


async def check_books() -> None:
    """Job house.check: our own tables, what changed every five minutes and everything every night. Ends with Postpone."""
    began = now()
    known = await db.fetch_value("SELECT value FROM cursor WHERE name = $1", WHOLE)
    if known is None or (datetime.fromisoformat(known).date() < began.date() and began.hour >= NIGHT):
        await ledger.forget_changes()
        await breaches.judge(await ledger.invariants(), lambda row: row["kind"] not in ELSEWHERE)
        await db.fetch(_SET, WHOLE, began.isoformat())
    while not await _changed():
        pass
    raise Postpone(from_now(EVERY), "Every five minutes.")


async def _changed() -> bool:
    """A part of what changed, judged and forgotten in one transaction; True when that was all."""
    async with db.transaction():
        doubtful = [row["subject"] for row in await breaches.open_ones() if row["kind"] not in ELSEWHERE]
        found, looked, all_of_it = await ledger.changed(doubtful)
        await breaches.judge(found, lambda row: row["kind"] not in ELSEWHERE and _was_seen(row, looked))
    return all_of_it


def _was_seen(row: Any, looked: set[str]) -> bool:
    """What does not move is looked at every time; a payment or an entry when it is among those."""
    return not row["kind"].startswith(("I1", "I2", "I3")) or row["subject"] in looked


async def reconcile(clients: Clients, merchant_id: UUID) -> None:
    """Job house.reconcile: one merchant's books against Stripe and Xero. Always ends with Postpone.

    While something does not agree it looks again every quarter of an hour, so that it clears soon after it was put right.
    """
    await _say_head(merchant_id)
    whole = await _totals(clients, merchant_id)
    for connection in await db.fetch(
        "SELECT * FROM connection WHERE merchant = $1 AND state = 'connected' AND imported_at IS NOT NULL", merchant_id
    ):
        whole = await _mirror(clients, connection) and whole
    whole = await _once(clients, merchant_id) and whole
    raise Postpone(tonight(merchant_id) if whole else from_now(AGAIN), "Every night.")


def tonight(merchant_id: UUID, moment: datetime | None = None) -> datetime:
    """The next nightly turn of this merchant: not all at once."""
    moment = moment or now()
    at = moment.replace(hour=NIGHT, minute=0, second=0, microsecond=0) + timedelta(seconds=merchant_id.int % 7200)
    return at if at > moment else at + timedelta(days=1)


async def _totals(clients: Clients, merchant_id: UUID) -> bool:
    """I6; an account that cannot be read leaves what was found before as it is."""
    account = await db.fetch_row(
        "SELECT merchant, stripe_account_id, created_at FROM stripe_account WHERE merchant = $1 "
        "AND stripe_account_id IS NOT NULL AND disconnected_at IS NULL",
        merchant_id,
    )
    if account is None:
        return True
    try:
        found, end = await stripe_check.check(clients, account)
    except Upstream as error:
        log.warning("reconcile.stripe.failed", merchant=str(merchant_id), code=error.code)
        return error.permanent
    await breaches.judge(found, lambda row: row["kind"] == breaches.TOTALS and row["merchant"] == merchant_id)
    await stripe_check.done(account, end)
    return not found


async def _mirror(clients: Clients, connection: Any) -> bool:
    """I7, in the same way. A connection's breaches name its invoices."""
    try:
        repaired, found = await invoices_check.mirror(clients, connection)
    except (Upstream, Refused, Postpone) as error:
        log.warning("reconcile.xero.failed", connection=str(connection["id"]), error=type(error).__name__)
        return isinstance(error, Refused) or (isinstance(error, Upstream) and error.permanent)
    await repairs.count(connection["merchant"], "xero", repaired)
    rows = await db.fetch("SELECT id FROM invoice WHERE connection = $1", connection["id"])
    ours = {f"invoice {row['id']}" for row in rows}
    await breaches.judge(found, lambda row: row["kind"] == breaches.MIRROR and row["subject"] in ours)
    return not found


async def _once(clients: Clients, merchant_id: UUID) -> bool:
    """I9, of what was found twice before."""
    try:
        return await recheck(clients, merchant_id)
    except (Upstream, Refused, Postpone) as error:
        log.warning("reconcile.twins.failed", merchant=str(merchant_id), error=type(error).__name__)
        return False


async def _say_head(merchant_id: UUID) -> None:
    """Into the log, which is kept elsewhere: proves later that the trail was not made anew."""
    head = await audit.head(merchant_id)
    if head:
        log.info("audit.head", merchant=str(merchant_id), number=head["number"], hash=head["hash"])
