"""What is written beside payments: Stripe's fee, spent from the clearing account, and payouts, moved from it to the bank."""

from datetime import timedelta

from app.books.writeback import outcome
from app.books.writeback.classify import parked_by, refusal, surely_not_taken
from app.books.writeback.guard import guarded
from app.books.writeback.keys import key_for
from app.books.writeback.rows import Item, move
from app.books.writeback.timing import TIMING
from app.books.writeback.verdict import Verdicts, absent
from app.clients.xero import Tenant
from app.clients.xero_wire import Answered
from app.core.clock import from_now, now
from app.core.errors import Upstream
from app.core.work import Postpone

_OVERLAP = timedelta(minutes=15)


async def write_beside(tenant: Tenant, item: Item, verdicts: Verdicts) -> None:
    """Bring one fee or payout into the books; searched for first when it may be there."""
    if item.unclear:
        found = await (_find_transfer if item.row["payout"] else _find_fee)(tenant, item)
        if found:
            await outcome.confirm(item, found, adopted=True)
            verdicts.done(item)
            return
        if not await absent(item, verdicts):
            return
    await _send(tenant, item, verdicts)


async def _find_fee(tenant: Tenant, item: Item) -> str:
    """The live bank transaction with our reference; "" when there is none.

    Asked by time and filtered here: a filter by Reference was seen to match nothing. Raises Upstream if not all was shown.
    """
    rows = await tenant.bank_transactions(since=item.row["sent_at"] - _OVERLAP)
    for row in rows:
        if row.reference == item.reference and row.status != "DELETED":
            return row.id
    if len(rows) >= 1000:
        named = await tenant.bank_transactions_by_references([item.reference])
        return next((row.id for row in named if row.reference == item.reference and row.status != "DELETED"), "")
    return ""


async def _find_transfer(tenant: Tenant, item: Item) -> str:
    """The live bank transfer with our reference; "" when there is none. Xero shows them all at once."""
    rows = await tenant.bank_transfers(since=item.row["sent_at"] - _OVERLAP)
    return next((row.id for row in rows if row.reference == item.reference and row.status != "DELETED"), "")


async def _put(tenant: Tenant, item: Item, key: str) -> list[Answered]:
    request = str(item.row["request"]).encode()
    if item.row["payout"]:
        return await tenant.put_bank_transfer(b'{"BankTransfers":[' + request + b"]}", key)
    return await tenant.put_bank_transaction(b'{"BankTransactions":[' + request + b"]}", key)


async def _send(tenant: Tenant, item: Item, verdicts: Verdicts) -> None:
    key = key_for([item])
    await move(item, "sending", sent_at=now(), idempotency_key=key, absent_at=None)
    try:
        with guarded(tenant, [item]):
            answers = await _put(tenant, item, key)
    except Postpone:
        await outcome.not_taken(item)
        raise
    except Upstream as error:
        await _went_wrong(item, error, verdicts)
        return
    except Exception:  # noqa: BLE001 - whatever it was, bytes may have left: unclear, never repeated
        await _unclear(item, verdicts)
        return
    if len(answers) != 1:
        await _unclear(item, verdicts)
    elif answers[0].xero_id:
        await outcome.confirm(item, answers[0].xero_id)
        verdicts.done(item)
    else:
        reason = refusal(answers[0].errors).replace("recheck", "other")
        await outcome.park(item, reason, " ".join(answers[0].errors))
        verdicts.done(item)


async def _went_wrong(item: Item, error: Upstream, verdicts: Verdicts) -> None:
    if surely_not_taken(error):
        await outcome.not_taken(item)
        raise error
    if error.permanent:
        await outcome.park(item, parked_by(error), error.message)
        verdicts.done(item)
    else:
        await _unclear(item, verdicts)


async def _unclear(item: Item, verdicts: Verdicts) -> None:
    await outcome.unclear(item)
    verdicts.later(item, from_now(TIMING.quiet), "Xero's answer was lost.")
