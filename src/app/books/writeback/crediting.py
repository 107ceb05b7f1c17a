"""Refunds as credit notes: the note, once the payment stands in Xero, and then the refund of it."""

from app.books import credit_notes
from app.books.writeback.beside import write_beside
from app.books.writeback.reversals import give_up, settled_first
from app.books.writeback.rows import Item
from app.books.writeback.search import beside
from app.books.writeback.verdict import Verdicts, absent
from app.clients.xero import Tenant


async def write_credit(tenant: Tenant, item: Item, verdicts: Verdicts) -> None:
    """Bring a credit note, or the refund of one, into the books: only for a payment that certainly is there."""
    if item.row["kind"] == "credit_note" and await settled_first(item, verdicts) is None:
        return
    if not await _withdrawn(tenant, item, verdicts):
        await write_beside(tenant, [item], verdicts)


async def _withdrawn(tenant: Tenant, item: Item, verdicts: Verdicts) -> bool:
    """Whether Stripe's refund failed before Xero had this: then it is given up, once it is certain that Xero has not."""
    if not await credit_notes.withdrawn(item.row):
        return False
    if item.unclear:
        if (await beside(tenant, [item])).get(item.reference):
            return False
        if not await absent(item, verdicts):
            return True
        await credit_notes.absent(item.row)
    await give_up(item, "The refund did not go through.")
    verdicts.done(item)
    return True
