"""What came of a write: confirmed, put before the merchant, or unclear. Each is one transaction under the fencing number."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from app.books import audit, breaches, credit_notes, intents, ledger, payment_xero, payments, timeline
from app.books.ledger import Breach
from app.books.machines import WRITE_BACK
from app.books.writeback.rows import Item, move
from app.books.writeback.timing import TIMING
from app.books.writeback.verdict import Verdicts
from app.books.writeback.words import reason_of
from app.core import db, jobs, live, states
from app.core.clock import from_now
from app.core.faultpoint import faultpoint
from app.core.money import Money

Row = Mapping[str, Any]
log = structlog.get_logger()
_EXCEPTIONS = {
    "invoice_voided": "voided",
    "invoice_gone": "voided",
    "invoice_paid": "paid_elsewhere",
    "overpaid": "overpaid",
}


async def confirm(item: Item, xero_id: str, *, adopted: bool = False) -> None:
    """Xero has it, under this id: the row, the ledger, the timeline and a fresh look at the invoice, in one commit."""
    async with db.transaction():
        payment = await _payment(item)
        row = await move(
            item, "confirmed", xero_id=xero_id, confirmed_at=payment["moment"], reason="", message="", absent_at=None,
            last_error="",
        )  # fmt: skip
        if row["kind"] == "payment":
            await _applied(item, payment, xero_id)
        elif row["kind"] == "overpayment":
            await _applied_as_credit(item, payment, xero_id)
        elif row["kind"] == "reversal":
            await _taken_back(item, payment, xero_id)
        elif row["kind"] in credit_notes.KINDS:
            await _credited(item, payment, row)
        if row["invoice"]:
            await jobs.ask("invoice.pull", f"{row['connection']}:{item.invoice_id}")
        await _note(row, "write_back_confirmed", xero_id=xero_id, adopted=adopted)
        await _announce(row)
    log.info("write_back.confirmed", kind=item.row["kind"], id=item.claim.id, adopted=adopted)
    faultpoint("K16")


async def park(item: Item, reason: str, message: str = "", *, keep_trace: bool = False) -> None:
    """It cannot be written as things are: the merchant sees why, and what to do.

    `keep_trace` says that Xero may have taken it nevertheless; a retry then searches before it sends.
    """
    trace: dict[str, Any] = {} if keep_trace else {"sent_at": None}
    async with db.transaction():
        await _payment(item)
        row = await move(item, "parked", reason=reason, message=message[:1000], absent_at=None, **trace)
        if row["payment"] and reason in _EXCEPTIONS:
            await payments.note_exception(row["payment"], _EXCEPTIONS[reason])
        words = reason_of(reason)
        title = "Not taken back in Xero yet" if row["kind"] == "reversal" else "Not recorded in Xero yet"
        detail = f"{words.short[0].upper()}{words.short[1:]}. {words.way_out}"
        if row["invoice"]:
            await timeline.add(row["merchant"], row["invoice"], "attention", title, detail)
        await jobs.ask("merchant.alert", row["merchant"], at=from_now(30))  # several at once make one mail
        await _note(row, "write_back_parked", reason=reason)
        await _announce(row)
    log.warning("write_back.parked", kind=item.row["kind"], id=item.claim.id, reason=reason, message=message)


async def unclear(item: Item) -> None:
    """No usable answer: Xero may have taken it. Nothing is sent again before two absences."""
    await move(item, "unknown", absent_at=None)
    log.warning("write_back.unknown", kind=item.row["kind"], id=item.claim.id)


async def not_taken(item: Item) -> None:
    """Xero certainly did not take it: as if it had never been sent."""
    await move(item, "intended", sent_at=None, idempotency_key="")


async def untouched(items: Sequence[Item]) -> None:
    """The same, for all that left in one call."""
    async with db.transaction():
        for item in items:
            await not_taken(item)


async def all_unclear(items: Sequence[Item], verdicts: Verdicts) -> None:
    """The answer to one call was lost: nothing is known of any of them."""
    async with db.transaction():
        for item in items:
            await unclear(item)
            verdicts.later(item, from_now(TIMING.quiet), "Xero's answer was lost.")


async def adopted(item: Item, found: list[str], verdicts: Verdicts) -> bool:
    """Whether Xero has it already, under one of these ids: then it is confirmed."""
    if not found:
        return False
    if len(found) > 1:
        await twice(item, found)
    await confirm(item, found[0], adopted=True)
    verdicts.done(item)
    return True


def look_again(item: Item, verdicts: Verdicts) -> None:
    """What was sent a second time is looked at once more: the first one may have been late rather than lost."""
    if item.unclear:
        verdicts.later(item, from_now(TIMING.quiet), "Recorded; looking that it is there once.")
    else:
        verdicts.done(item)


async def twice(item: Item, xero_ids: list[str]) -> None:
    """Two live ones with one reference: never to happen; if it does, nothing new is written until one is gone."""
    log.error("write_back.twice", id=item.claim.id, reference=item.reference, found=len(xero_ids))
    row = item.row
    async with db.transaction():
        await breaches.alarm(Breach(breaches.TWICE, row["merchant"], f"write-back {row['id']}"))
        if row["invoice"]:
            detail = f"Remove one of those with the reference {item.reference} in Xero."
            await timeline.add(row["merchant"], row["invoice"], "attention", "Recorded twice in Xero", detail)
        await jobs.ask("house.reconcile", row["merchant"], at=from_now(TIMING.twice))


async def _payment(item: Item) -> Row:
    """The payment (or payout), locked before its write-backs: the one order in which everybody takes them.

    With the database's time as `moment`: it is compared with when invoices were read, which the same clock tells.
    """
    table = "payment" if item.row["payment"] else "payout"
    sql = f"SELECT *, clock_timestamp() AS moment FROM {table} WHERE id = $1 FOR NO KEY UPDATE"
    row: Row | None = await db.fetch_row(sql, item.row[table])
    assert row is not None
    return row


async def _applied(item: Item, payment: Row, xero_id: str) -> None:
    await ledger.applied(payment, xero_id, item.money)
    await intents.go_on_taking_back(payment["id"])
    await payments.note_exception(payment["id"], "paid_late" if payment["exception"] == "paid_late" else "")
    account = await intents.chosen(item.row["connection"], "payments", payment["currency"])
    where = f" to {account['name']}" + (f" ({account['code']})" if account["code"] else "") if account else ""
    await timeline.add(payment["merchant"], payment["invoice"], "recorded", "Recorded in Xero", f"{item.money}{where}")


async def _applied_as_credit(item: Item, payment: Row, xero_id: str) -> None:
    await ledger.applied(payment, xero_id, item.money)
    detail = f"{item.money}, as an overpayment: the customer’s credit"
    await timeline.add(payment["merchant"], payment["invoice"], "recorded", "Recorded in Xero", detail)
    await payment_xero.follow(payment)  # a refund may have come while it was written


async def _credited(item: Item, payment: Row, row: Row) -> None:
    """The payment stays as it is in Xero, and so in the ledger: what went back stands beside it."""
    note = row["kind"] == "credit_note"
    if note:
        await credit_notes.noted(payment, row)
    title = "Credit note recorded in Xero" if note else "Refund recorded in Xero"
    await timeline.add(payment["merchant"], payment["invoice"], "refunded", title, str(item.money))


async def _taken_back(item: Item, payment: Row, xero_id: str) -> None:
    written = await intents.of_payment(payment["id"], "payment")
    if written and await states.move(WRITE_BACK, written["id"], "reversed"):
        money = Money(written["amount_minor"], written["currency"])
        await ledger.unapplied(payment, xero_id, money)
        detail = f"{money}, because it went back to the customer"
        await timeline.add(payment["merchant"], payment["invoice"], "refunded", "Taken back in Xero", detail)
        await payment_xero.follow(payment)  # the refund may have failed while it was taken back


async def _note(row: Row, action: str, **details: object) -> None:
    what = {
        "kind": row["kind"],
        "payment": row["payment"] or row["payout"],
        "minor": row["amount_minor"],
        "currency": row["currency"],
    }
    await audit.note(row["merchant"], audit.actor(), action, f"write_back:{row['id']}", what | details)


async def _announce(row: Row) -> None:
    await live.announce(row["merchant"])
    if row["invoice"]:
        await live.announce(row["invoice"])
