"""Looking in Xero for what we may have written: by the invoice and by our Reference, filtered again on our side."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from app.books.writeback.rows import Item
from app.clients.xero import Tenant
from app.clients.xero_wire import Page, XeroBankTransaction, XeroBankTransfer, XeroCreditNote, XeroInvoice, XeroPayment
from app.core.errors import Upstream

_GONE = frozenset({"DELETED", "VOIDED"})
# Xero's clock and ours, and Stripe's.
_OVERLAP = timedelta(minutes=15)
_PAGES = 50
Named = XeroBankTransaction | XeroBankTransfer | XeroCreditNote | XeroPayment


@dataclass(slots=True)
class Seen:
    """What Xero showed: the invoices by id (None: it has no such one) and the live payments by our reference."""

    invoices: dict[str, XeroInvoice | None] = field(default_factory=dict)
    payments: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reference: str, xero_id: str) -> None:
        """Note a live payment, once."""
        found = self.payments.setdefault(reference, [])
        if xero_id and xero_id not in found:
            found.append(xero_id)

    def of(self, item: Item) -> list[str]:
        """The ids of the live payments with this item's reference."""
        return self.payments.get(item.reference, [])


async def look(tenant: Tenant, items: Sequence[Item]) -> Seen:
    """One read for items that were never sent; one more, by Reference, when some may have reached Xero.

    Raises Upstream when Xero could not be asked: that is not the same as absent.
    """
    seen = Seen()
    await _read_invoices(tenant, items, seen)
    for invoice in seen.invoices.values():
        for payment in invoice.payments if invoice else ():
            seen.add(payment.reference, payment.id)
    doubtful = [item for item in items if item.unclear or _unnamed(seen.invoices.get(item.invoice_id), item)]
    if doubtful:
        await _search(tenant, doubtful, seen)
    return seen


async def _read_invoices(tenant: Tenant, items: Sequence[Item], seen: Seen) -> None:
    wanted = list(dict.fromkeys(item.invoice_id for item in items))
    if len(wanted) > 1:
        page = await tenant.invoices(ids=wanted, page_size=100, where="")
        seen.invoices |= {invoice.id: invoice for invoice in page.invoices}
    for invoice_id in wanted:
        if invoice_id not in seen.invoices:  # what a list leaves out is asked for by itself before it counts as gone
            seen.invoices[invoice_id] = await tenant.invoice(invoice_id)


def _unnamed(invoice: XeroInvoice | None, item: Item) -> bool:
    """Whether the invoice shows a payment of this amount without a reference: it could be ours."""
    return any(not one.reference and one.amount == item.amount for one in (invoice.payments if invoice else ()))


async def _search(tenant: Tenant, items: Sequence[Item], seen: Seen) -> None:
    """By invoice and by Reference: a filter that silently matches nothing must not look like absence."""
    found: list[XeroPayment] = await tenant.payments_of_invoices({item.invoice_id for item in items})
    found += await tenant.payments_by_references([item.reference for item in items])
    wanted = {item.reference: item for item in items}
    for payment in found:
        item = wanted.get(payment.reference)
        if item and payment.status not in _GONE and payment.amount == item.amount:
            seen.add(payment.reference, payment.id)


async def beside(tenant: Tenant, items: Sequence[Item]) -> dict[str, list[str]]:
    """The live bank transactions (transfers, credit notes, refunds) with the references of these items: ids by reference.

    Asked by time, from when the money moved, and filtered here: a filter by Reference was seen to match nothing. Raises
    Upstream when Xero could not be asked for all of them.
    """
    wanted = {item.reference for item in items}
    since = min(item.row["moved_at"] for item in items) - _OVERLAP
    rows: Sequence[Named]
    match items[0].row["kind"]:
        case "transfer":
            rows = await tenant.bank_transfers(since)
        case "credit_note":
            rows = await _every(lambda page: tenant.credit_notes(page, since))
        case "credit_refund":
            rows = await _every(lambda page: tenant.credit_refunds(page, since))
        case _:
            rows = await _every(lambda page: tenant.bank_transactions(page, since))
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.reference in wanted and row.status not in _GONE and row.id not in found[row.reference]:
            found[row.reference].append(row.id)
    return found


async def _every(read: Callable[[int], Awaitable[Page[Named]]]) -> list[Named]:
    rows: list[Named] = []
    for number in range(1, _PAGES + 1):
        page = await read(number)
        rows += page.items
        if not page.more:
            return rows
    raise Upstream("Xero has more of these than can be looked through.", code="too_many")
