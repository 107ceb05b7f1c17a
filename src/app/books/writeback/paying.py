"""Payments into Xero: look, decide for each, send what may be sent in one call, and take each element's own outcome."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from functools import partial

from app.books.writeback import outcome
from app.books.writeback.calls import send_together
from app.books.writeback.classify import invoice_problem, refusal
from app.books.writeback.rows import Item
from app.books.writeback.search import Seen, look
from app.books.writeback.timing import TIMING
from app.books.writeback.verdict import Verdicts, absent
from app.clients.xero import Tenant
from app.clients.xero_wire import PaymentAnswer
from app.core.clock import from_now, now
from app.core.errors import Upstream
from app.core.faultpoint import faultpoint
from app.core.work import Postpone


async def write_payments(tenant: Tenant, items: list[Item], verdicts: Verdicts) -> None:
    """Bring these rows of one organisation into its books; says in `verdicts` what became of each."""
    seen = await look(tenant, items)
    faultpoint("K10")
    ready = [item for item in items if not await outcome.adopted(item, seen.of(item), verdicts)]
    ready = [item for item in ready if not item.unclear or await absent(item, verdicts)]
    ready = await _payable(ready, seen, verdicts)
    if ready:
        judge = partial(_answered, tenant, verdicts=verdicts)
        await send_together(tenant, ready, verdicts, partial(_put, tenant), judge)


async def _payable(items: list[Item], seen: Seen, verdicts: Verdicts) -> list[Item]:
    """Those whose amount the invoice still takes; the others are put before the merchant."""
    taken: defaultdict[str, Decimal] = defaultdict(Decimal)
    ready = []
    for item in items:
        invoice = seen.invoices[item.invoice_id]
        problem = invoice_problem(invoice, item.amount, item.money.currency, taken[item.invoice_id])
        if problem == "overpaid" and taken[item.invoice_id]:
            verdicts.later(item, now(), "After the other payment of the same invoice.")
        elif problem:
            await outcome.park(item, problem)
            verdicts.done(item)
        else:
            taken[item.invoice_id] += item.amount
            ready.append(item)
    return ready


async def _put(tenant: Tenant, items: Sequence[Item], key: str) -> list[PaymentAnswer]:
    faultpoint("K12")
    body = b'{"Payments":[' + b",".join(str(item.row["request"]).encode() for item in items) + b"]}"
    answers = await tenant.put_payments(body, key)
    faultpoint("K15")
    return answers


async def _answered(tenant: Tenant, items: list[Item], answers: list[PaymentAnswer], verdicts: Verdicts) -> None:
    """Elements answer in the order they were sent; a list that does not fit is no answer at all."""
    if any(answer.reference not in {"", item.reference} for item, answer in zip(items, answers, strict=True)):
        await outcome.all_unclear(items, verdicts)
        return
    for item, answer in zip(items, answers, strict=True):
        if answer.xero_id and answer.amount == item.amount:
            await outcome.confirm(item, answer.xero_id)
            outcome.look_again(item, verdicts)
        elif answer.xero_id:
            await outcome.all_unclear([item], verdicts)
        else:
            await _refused(tenant, item, answer, verdicts)


async def _refused(tenant: Tenant, item: Item, answer: PaymentAnswer, verdicts: Verdicts) -> None:
    """Xero's words name the reason, except that an invoice which no longer takes the amount must be looked at."""
    reason, message = refusal(answer.errors), " ".join(answer.errors)
    if reason == "recheck":
        reason = await _recheck(tenant, item, verdicts)
    if reason:
        await outcome.park(item, reason, message)
        verdicts.done(item)


async def _recheck(tenant: Tenant, item: Item, verdicts: Verdicts) -> str:
    """Why the invoice does not take the amount; "" when it is ours that stands there already."""
    try:
        seen = await look(tenant, [item])
    except (Upstream, Postpone):
        await outcome.not_taken(item)
        verdicts.later(item, from_now(TIMING.waiting), "Looking at the invoice once more.")
        return ""
    if await outcome.adopted(item, seen.of(item), verdicts):
        return ""
    return invoice_problem(seen.invoices[item.invoice_id], item.amount, item.money.currency) or "other"
