"""What a merchant may choose for a write that waits, beside trying again: an overpayment, a credit note, or another day."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.books import access, audit, credit_notes, intents, payment_xero, timeline
from app.books.machines import WRITE_BACK
from app.books.writeback.parked import own, together
from app.books.writeback.words import reason_of
from app.clients.bundle import Clients
from app.clients.xero_wire import XeroInvoice, money
from app.core import db, live, states
from app.core.clock import date_in
from app.core.errors import Refused
from app.core.html import date_long
from app.core.money import Money

Row = Mapping[str, Any]
_GONE = "This is not waiting for you any more."
# What may carry another day: a payment that is taken back keeps its own.
_DATED = frozenset({"payment", "fee", "overpayment", "transfer", "credit_note", "credit_refund"})
_MOVED = """
SELECT o.arrives_on, COALESCE(r.refunded_at, p.paid_at) AS moved_at
FROM write_back w LEFT JOIN payout o ON o.id = w.payout LEFT JOIN payment p ON p.id = w.payment
LEFT JOIN stripe_refund r ON r.payment = w.payment AND r.stripe_refund_id = w.stripe_refund_id WHERE w.id = $1
"""


async def overpay(clients: Clients, merchant_id: UUID, write_back_id: int) -> None:
    """Record what the invoice still takes as a payment, and the rest as the customer's overpayment.

    Raises NotFound for anybody else's, Refused (with words) and Upstream.
    """
    row = await own(merchant_id, write_back_id)
    if row["state"] != "parked" or row["kind"] != "payment" or not reason_of(row["reason"]).overpay:
        raise Refused(_GONE)
    xero_id = await db.fetch_value("SELECT xero_invoice_id FROM invoice WHERE id = $1", row["invoice"])
    async with access.tenant(clients, row["connection"], "page") as tenant:
        due = _due(await tenant.invoice(xero_id), row["currency"])
    async with db.transaction():
        payment = await db.fetch_row("SELECT * FROM payment WHERE id = $1 FOR NO KEY UPDATE", row["payment"])
        written = await intents.of_payment(row["payment"], "payment")
        if payment is None or written is None or written["state"] != "parked":
            raise Refused(_GONE)
        await _split(payment, written, due)
        await live.announce(merchant_id)
        await live.announce(row["invoice"])


def _due(invoice: XeroInvoice | None, currency: str) -> Money:
    """What the invoice takes now."""
    takes = invoice is not None and invoice.status == "AUTHORISED" and invoice.currency == currency
    return money(invoice.due, currency) if invoice is not None and takes else Money(0, currency)


async def _split(payment: Row, written: Row, due: Money) -> None:
    over = await intents.of_payment(payment["id"], "overpayment")
    stands = over is not None and (over["state"] != "abandoned" or over["reason"] == intents.BY_HAND)
    beside = over["amount_minor"] if over and stands else 0
    left = await payment_xero.left_of(payment)  # less than was meant, where a refund came while that was not certain
    meant = min(written["amount_minor"], left.minor - beside)
    if meant <= 0:
        raise Refused(_GONE)
    await credit_notes.withdraw(payment)
    part = min(due.minor, meant)
    surplus = Money(meant - part, due.currency)
    if part:
        done = await intents.resize(written["id"], Money(part, due.currency)) and await intents.ask_again(written["id"])
    else:
        done = await states.move(
            WRITE_BACK, written["id"], "abandoned", ("parked",), next_at=None, reason=intents.OVERPAID
        )
    if not done:  # otherwise the same money would be written as both
        raise Refused(_GONE)
    if not surplus.minor:
        return
    if await intents.intend_overpayment(payment, surplus) is None:
        await _more(payment, surplus)
    what = {"payment": payment["id"], "minor": surplus.minor, "currency": surplus.currency}
    await audit.note(payment["merchant"], audit.actor(), "overpayment_chosen", f"write_back:{written['id']}", what)
    title = "To be recorded as an overpayment"
    await timeline.add(payment["merchant"], payment["invoice"], "recorded", title, str(surplus))


async def _more(payment: Row, surplus: Money) -> None:
    """The invoice takes even less than when an overpayment was chosen before."""
    over = await intents.of_payment(payment["id"], "overpayment")
    assert over is not None
    withdrawn = over["state"] == "abandoned" and over["reason"] == intents.WITHDRAWN
    if withdrawn and await intents.ask_again(over["id"], source="abandoned"):
        await intents.resize(over["id"], surplus)
    elif not await intents.resize(over["id"], Money(over["amount_minor"] + surplus.minor, surplus.currency)):
        raise Refused(
            "An overpayment of this payment is in Xero already. Refund the customer, or record the rest there."
        )


async def credit(merchant_id: UUID, write_back_id: int) -> None:
    """Record what went back as credit notes beside the payment, which cannot be taken back, or not in part.

    Raises NotFound for anybody else's, Refused (with words).
    """
    row = await own(merchant_id, write_back_id)
    if row["state"] != "parked" or not may_credit(row):
        raise Refused(_GONE)
    if not await credit_notes.by_policy(row["connection"]):
        raise Refused("Choose an account for credit notes under Settings first.")
    async with db.transaction():
        payment = await db.fetch_row("SELECT * FROM payment WHERE id = $1 FOR NO KEY UPDATE", row["payment"])
        if payment is None or not await credit_notes.instead(payment, row):
            raise Refused(_GONE)
        if payment["state"] == "failed":
            raise Refused(
                "The bank took this payment back: there is no refund to credit. The other ways are still open."
            )
        await payment_xero.follow(payment)
        if not await credit_notes.stand(payment["id"]):  # nothing was changed, and its own ways out stay
            raise Refused("There is no refund that a credit note could stand for. The other ways are still open.")
        await live.announce(merchant_id)
        await live.announce(row["invoice"])


def may_credit(row: Row) -> bool:
    """Whether a credit note is a way out for this one."""
    return row["kind"] == "reversal" and reason_of(row["reason"]).credit


async def redate(clients: Clients, merchant_id: UUID, write_back_id: int) -> str:
    """Record it, and what waits with it, on the first day that is open in Xero; words that say so.

    Raises NotFound for anybody else's, Refused (with words) and Upstream.
    """
    row = await own(merchant_id, write_back_id)
    if row["state"] != "parked" or not may_redate(row):
        raise Refused(_GONE)
    async with access.tenant(clients, row["connection"], "page") as tenant:
        organisation = await tenant.organisation()
    zone = await db.fetch_value("SELECT timezone FROM connection WHERE id = $1", row["connection"]) or "UTC"
    open_on = first_open(organisation.period_lock_on, organisation.year_lock_on)
    if open_on and open_on > date_in(zone):
        raise Refused(f"Xero is locked up to and including today: {date_long(open_on)} would be the first open day.")
    async with db.transaction():
        days = [await _dated(one, open_on, zone) for one in await together(row) if may_redate(one)]
        await live.announce(merchant_id)
    latest = max((day for day in days if day), default=None)
    return f"Recording it on {date_long(latest)}." if latest else "Its own day is not locked any more; trying again."


async def _dated(row: Row, open_on: date | None, zone: str) -> date | None:
    """Begin one anew, on the first open day or, where that is open, on its own: never before the money moved."""
    moved = await db.fetch_row(_MOVED, row["id"])
    assert moved is not None
    own_day = moved["arrives_on"] or date_in(zone, moved["moved_at"])
    day = open_on if open_on and open_on > own_day else None
    await db.fetch("UPDATE write_back SET dated_on = $2 WHERE id = $1", row["id"], day)
    if not await intents.ask_again(row["id"]):
        raise Refused(_GONE)
    what = {"on": day.isoformat() if day else "", "why": row["reason"]}
    await audit.note(row["merchant"], audit.actor(), "write_back_redated", f"write_back:{row['id']}", what)
    return day


def may_redate(row: Row) -> bool:
    """Whether another day is a way out for this one."""
    return row["kind"] in _DATED and reason_of(row["reason"]).redate


def first_open(*locks: date | None) -> date | None:
    """The day after the latest lock date; None when nothing is locked."""
    known = [lock for lock in locks if lock]
    return max(known) + timedelta(days=1) if known else None
