"""What is written beside payments: fees, spent from the clearing account, payouts, moved from it to the bank, and refunds.

Each is looked for by its reference before it is sent, also for the first time: books that were restored from a backup do not
know what they had written since.
"""

from collections.abc import Sequence
from functools import partial

from app.books import credit_notes
from app.books.writeback import outcome
from app.books.writeback.calls import send_together
from app.books.writeback.classify import refusal
from app.books.writeback.rows import Item
from app.books.writeback.search import beside
from app.books.writeback.verdict import Verdicts, absent
from app.clients.xero import Tenant
from app.clients.xero_wire import Answered


async def write_beside(tenant: Tenant, items: list[Item], verdicts: Verdicts) -> None:
    """Bring these fees (or one of another kind) of one organisation into its books; says in `verdicts` what became of each."""
    found = await beside(tenant, items)
    ready = [item for item in items if not await outcome.adopted(item, found.get(item.reference, []), verdicts)]
    ready = [item for item in ready if not item.unclear or await absent(item, verdicts)]
    ready = [item for item in ready if await _usable(tenant, item, verdicts)]
    if ready:
        await send_together(tenant, ready, verdicts, partial(_put, tenant), partial(_answered, verdicts=verdicts))


async def _usable(tenant: Tenant, item: Item, verdicts: Verdicts) -> bool:
    """Whether the credit note still holds what is to be refunded of it: people may have voided or applied it."""
    if item.row["kind"] != "credit_refund":
        return True
    note = await tenant.credit_note(await credit_notes.note_of(item.row))
    if note and note.status == "AUTHORISED" and note.remaining >= item.amount:
        return True
    await outcome.park(item, "credit_used")
    verdicts.done(item)
    return False


async def _put(tenant: Tenant, items: Sequence[Item], key: str) -> list[Answered]:
    elements = b",".join(str(item.row["request"]).encode() for item in items)
    kind = items[0].row["kind"]
    if kind == "transfer":
        return await tenant.put_bank_transfer(b'{"BankTransfers":[' + elements + b"]}", key)
    if kind == "credit_note":
        return await tenant.put_credit_notes(b'{"CreditNotes":[' + elements + b"]}", key)
    if kind == "credit_refund":
        return await tenant.put_payments(b'{"Payments":[' + elements + b"]}", key)
    return await tenant.put_bank_transaction(b'{"BankTransactions":[' + elements + b"]}", key)


async def _answered(items: list[Item], answers: list[Answered], verdicts: Verdicts) -> None:
    for item, answer in zip(items, answers, strict=True):
        if answer.xero_id:
            await outcome.confirm(item, answer.xero_id)
            outcome.look_again(item, verdicts)
        else:
            reason = refusal(answer.errors).replace("recheck", "other")
            await outcome.park(item, reason, " ".join(answer.errors))
            verdicts.done(item)
