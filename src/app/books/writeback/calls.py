"""One call to Xero with one or more elements: set off before, answered after, and what is known when it goes wrong."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from app.books.writeback import outcome
from app.books.writeback.classify import parked_by, surely_not_taken
from app.books.writeback.guard import guarded
from app.books.writeback.keys import key_for
from app.books.writeback.rows import Item, set_off
from app.books.writeback.verdict import Verdicts
from app.clients.xero import Tenant
from app.core.errors import Upstream
from app.core.work import Postpone

Answer = TypeVar("Answer")
Put = Callable[[Sequence[Item], str], Awaitable[list[Answer]]]
Judge = Callable[[list[Item], list[Answer]], Awaitable[None]]


async def send_together(
    tenant: Tenant, items: list[Item], verdicts: Verdicts, put: Put[Answer], judge: Judge[Answer]
) -> None:
    """Send these in one call, `put(items, key)`; `judge` gets the answers, one for each, in the order they were sent.

    What was not answered is said in `verdicts`. Raises Postpone, and Upstream where Xero surely took nothing.
    """
    key = key_for(items)
    await set_off(items, key)
    try:
        with guarded(tenant, items):
            answers = await put(items, key)
    except Postpone:
        await outcome.untouched(items)
        raise
    except Upstream as error:
        if surely_not_taken(error):
            await outcome.untouched(items)
            raise
        await _refused(tenant, items, verdicts, put, judge, error)
        return
    except Exception:  # noqa: BLE001 - whatever it was, bytes may have left: unclear, never repeated
        await outcome.all_unclear(items, verdicts)
        return
    if len(answers) != len(items):  # a list that does not fit is no answer at all
        await outcome.all_unclear(items, verdicts)
        return
    await judge(items, answers)


async def _refused(
    tenant: Tenant, items: list[Item], verdicts: Verdicts, put: Put[Answer], judge: Judge[Answer], error: Upstream
) -> None:
    """The call as a whole was refused, or its answer was lost."""
    if not error.permanent:
        await outcome.all_unclear(items, verdicts)
    elif len(items) == 1:
        await outcome.park(items[0], parked_by(error), error.message)
        verdicts.done(items[0])
    else:  # one bad element spoilt the call: each alone
        await outcome.untouched(items)
        for item in items:
            await send_together(tenant, [item], verdicts, put, judge)
