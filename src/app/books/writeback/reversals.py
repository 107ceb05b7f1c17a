"""Taking a payment back in Xero after all of its money went back to the customer. Deleting twice is deleting once."""

from app.books import intents
from app.books.writeback import outcome
from app.books.writeback.classify import parked_by, surely_not_taken
from app.books.writeback.guard import guarded
from app.books.writeback.rows import Item, Row, move
from app.books.writeback.timing import TIMING
from app.books.writeback.verdict import Verdicts
from app.clients.xero import Tenant
from app.core import db
from app.core.clock import from_now, now
from app.core.errors import Upstream
from app.core.faultpoint import faultpoint
from app.core.work import Postpone

_CERTAIN = frozenset({"confirmed", "reversed", "abandoned"})


async def settled_first(item: Item, verdicts: Verdicts) -> Row | None:
    """The write that is to be taken back, once it is certain what became of it; None when there is nothing to do now."""
    written = await intents.of_payment(item.row["payment"], "payment")
    if written and written["state"] == "parked":
        await _wait_for_a_person(item)
        verdicts.done(item)
        return None
    if written and written["state"] not in _CERTAIN:
        verdicts.later(item, from_now(TIMING.waiting), "The payment itself is not certain in Xero yet.")
        return None
    if written is None or written["state"] != "confirmed":
        await give_up(item, "There is nothing to take back.")
        verdicts.done(item)
        return None
    return written


async def _wait_for_a_person(item: Item) -> None:
    """Follow the payment's own write, when a person has put that right (`outcome.confirm` calls it back)."""
    async with db.transaction():
        await db.fetch("SELECT 1 FROM payment WHERE id = $1 FOR NO KEY UPDATE", item.row["payment"])
        written = await intents.of_payment(item.row["payment"], "payment")
        if written and written["state"] == "parked":
            await outcome.park(item, intents.PAYMENT_WAITS)


async def write_reversal(tenant: Tenant, item: Item, verdicts: Verdicts) -> None:
    """Delete our payment in Xero, unless it is gone already or reconciled."""
    written = await settled_first(item, verdicts)
    if written is None:
        return
    payment = await tenant.payment(written["xero_id"])
    if payment is None or payment.status == "DELETED":
        await outcome.confirm(item, written["xero_id"], adopted=True)
        verdicts.done(item)
    elif not await _all_went_back(item):
        verdicts.done(item)
    elif payment.is_reconciled or payment.batch_id:
        await outcome.park(item, "reconciled")
        verdicts.done(item)
    else:
        await _delete(tenant, item, written["xero_id"], verdicts)


async def _all_went_back(item: Item) -> bool:
    """Otherwise the row is put right here: what was refunded in part a person books, what came back needs nothing."""
    sql = (
        "SELECT state = 'failed' OR refunded_minor >= amount_minor AS whole, refunded_minor FROM payment WHERE id = $1"
    )
    payment = await db.fetch_row(sql, item.row["payment"])
    assert payment is not None
    if not payment["whole"] and payment["refunded_minor"]:
        await outcome.park(item, "refund_part")
    elif not payment["whole"]:
        await give_up(item, "The refund did not go through.")
    return bool(payment["whole"])


async def give_up(item: Item, why: str) -> None:
    """Nothing of it is to be written any more; certainly nothing was."""
    async with db.transaction():
        await move(item, "parked", reason="other", message=why, sent_at=None)
        await intents.give_up(item.claim.id, why)


async def _delete(tenant: Tenant, item: Item, xero_payment_id: str, verdicts: Verdicts) -> None:
    await move(item, "sending", sent_at=now(), absent_at=None)
    faultpoint("K20")
    try:
        with guarded(tenant, [item]):
            await tenant.delete_payment(xero_payment_id)
    except Postpone:
        await outcome.not_taken(item)
        raise
    except Upstream as error:
        await _went_wrong(item, error, verdicts)
        return
    await outcome.confirm(item, xero_payment_id)
    verdicts.done(item)


async def _went_wrong(item: Item, error: Upstream, verdicts: Verdicts) -> None:
    if surely_not_taken(error):
        await outcome.not_taken(item)
        raise error
    if error.permanent:
        await outcome.park(item, parked_by(error).replace("period_locked", "refund_locked"), error.message)
        verdicts.done(item)
        return
    await outcome.unclear(item)
    verdicts.later(item, from_now(TIMING.quiet), "Xero's answer was lost.")
