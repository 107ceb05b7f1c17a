"""What is written beside payments: Stripe's fees, spent from the clearing account, and payouts, moved from it to the bank.

Each is looked for by its reference before it is sent, also for the first time: books that were restored from a backup do not
know what they had written since.
"""

from collections.abc import Sequence

from app.books.writeback import outcome
from app.books.writeback.classify import parked_by, refusal, surely_not_taken
from app.books.writeback.guard import guarded
from app.books.writeback.keys import key_for
from app.books.writeback.rows import Item, set_off
from app.books.writeback.search import beside
from app.books.writeback.verdict import Verdicts, absent
from app.clients.xero import Tenant
from app.clients.xero_wire import Answered
from app.core.errors import Upstream
from app.core.work import Postpone


async def write_beside(tenant: Tenant, items: list[Item], verdicts: Verdicts) -> None:
    """Bring these fees (or one payout) of one organisation into its books; says in `verdicts` what became of each."""
    found = await beside(tenant, items)
    ready = [item for item in items if not await outcome.adopted(item, found.get(item.reference, []), verdicts)]
    ready = [item for item in ready if not item.unclear or await absent(item, verdicts)]
    if ready:
        await _send(tenant, ready, verdicts)


async def _put(tenant: Tenant, items: Sequence[Item], key: str) -> list[Answered]:
    elements = b",".join(str(item.row["request"]).encode() for item in items)
    if items[0].row["kind"] == "transfer":
        return await tenant.put_bank_transfer(b'{"BankTransfers":[' + elements + b"]}", key)
    return await tenant.put_bank_transaction(b'{"BankTransactions":[' + elements + b"]}", key)


async def _send(tenant: Tenant, items: list[Item], verdicts: Verdicts) -> None:
    key = key_for(items)
    await set_off(items, key)
    try:
        with guarded(tenant, items):
            answers = await _put(tenant, items, key)
    except Postpone:
        await outcome.untouched(items)
        raise
    except Upstream as error:
        await _went_wrong(tenant, items, error, verdicts)
        return
    except Exception:  # noqa: BLE001 - whatever it was, bytes may have left: unclear, never repeated
        await outcome.all_unclear(items, verdicts)
        return
    if len(answers) != len(items):  # a list that does not fit is no answer at all
        await outcome.all_unclear(items, verdicts)
        return
    for item, answer in zip(items, answers, strict=True):
        await _answered(item, answer, verdicts)


async def _answered(item: Item, answer: Answered, verdicts: Verdicts) -> None:
    if answer.xero_id:
        await outcome.confirm(item, answer.xero_id)
        outcome.look_again(item, verdicts)
        return
    reason = refusal(answer.errors).replace("recheck", "other")
    await outcome.park(item, reason, " ".join(answer.errors))
    verdicts.done(item)


async def _went_wrong(tenant: Tenant, items: list[Item], error: Upstream, verdicts: Verdicts) -> None:
    if surely_not_taken(error):
        await outcome.untouched(items)
        raise error
    if not error.permanent:
        await outcome.all_unclear(items, verdicts)
    elif len(items) == 1:
        await outcome.park(items[0], parked_by(error), error.message)
        verdicts.done(items[0])
    else:  # one bad element spoilt the call: each alone
        await outcome.untouched(items)
        for item in items:
            await _send(tenant, [item], verdicts)
