"""What a merchant sees of an invoice's payments, and the form that sends one back: templates/app/refund."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from app.books import credit_notes, payments, refunds
from app.core import db
from app.core.errors import NotFound, Refused
from app.core.money import Money
from app.merchants.options import read_amount
from app.merchants.payment_list import method
from app.merchants.places import home

_PAYMENTS = """
SELECT p.*, i.number, i.contact_name, i.due_minor, w.state AS written, w.reason FROM payment p JOIN invoice i ON i.id = p.invoice
LEFT JOIN write_back w ON w.payment = p.id AND w.kind = 'payment'
WHERE p.merchant = $1 AND p.state <> 'processing'
"""
_WORDS = {
    "asked": "being sent to Stripe",
    "stuck": "not sent to Stripe yet, and tried again by itself",
    "pending": "on its way to the customer",
    "succeeded": "sent back to the customer",
    "failed": "did not go through",
    "refused": "was not accepted by Stripe",
}
_STATES = {"failed": "The bank took it back", "disputed": "Disputed", "dispute_lost": "Dispute lost"}


async def received(merchant_id: UUID, invoice_id: UUID) -> list[SimpleNamespace]:
    """`payments` of templates/app/invoice: what came in for it, what went back, and what still can."""
    place = await home(merchant_id)
    rows = await db.fetch(f"{_PAYMENTS} AND p.invoice = $2 ORDER BY p.created_at", merchant_id, invoice_id)
    return [await _payment(place, row) for row in rows]


async def form(merchant_id: UUID, payment_id: UUID) -> dict[str, Any]:
    """The form's context, untouched. Raises NotFound for a stranger's and Refused when nothing is left."""
    row = await _one(merchant_id, payment_id)
    left = await refunds.left(row)
    if not left.minor:
        raise Refused("Nothing is left to refund of this payment.")
    too_much = row["amount_minor"] - row["due_minor"] if row["reason"] == "overpaid" else 0
    part = Money(too_much, row["currency"]) if 0 < too_much < left.minor else None
    fee = Money(row["fee_minor"], row["settlement_currency"]) if row["fee_minor"] else None
    about = SimpleNamespace(
        id=str(row["id"]),
        invoice_id=str(row["invoice"]),
        invoice_number=row["number"] or "No number",
        customer=row["contact_name"],
        amount=Money(row["amount_minor"], row["currency"]),
        left=left,
        method=method(row),
        fee=fee,
        in_xero=row["written"] in {"confirmed", "sending", "unknown"},
        by_credit_note=await credit_notes.by_policy(row["connection"]),
    )
    values = {"choice": "part" if part else "full", "amount": str(part.decimal) if part else "", "key": uuid4().hex}
    return {"payment": about, "values": values, "errors": {}}


async def ask(merchant_id: UUID, payment_id: UUID, typed: dict[str, str], asked_by: str) -> dict[str, str]:
    """Ask for the refund that was typed (choice, amount, key); what is wrong with it, by field. Raises NotFound."""
    row = await _one(merchant_id, payment_id)
    left = await refunds.left(row)
    minor = read_amount(typed["amount"], row["currency"]) if typed["choice"] == "part" else left.minor
    try:
        key = UUID(hex=typed["key"])
    except ValueError:
        return {"amount": "This page was open for too long. Check the amount and try again."}
    if minor is None or (typed["choice"] == "part" and not minor):
        return {"amount": f"Enter an amount in {row['currency']}, up to {left}."}
    if typed["choice"] != "part" and await refunds.exists(payment_id, key):
        return {}
    try:
        await refunds.ask(merchant_id, payment_id, Money(minor, row["currency"]), asked_by, key)
    except Refused as no:
        return {"amount": no.message}
    return {}


async def _one(merchant_id: UUID, payment_id: UUID) -> Any:
    row = await db.fetch_row(f"{_PAYMENTS} AND p.id = $2", merchant_id, payment_id)
    if row is None:
        raise NotFound("No such payment.")
    return row


async def _payment(place: Any, row: Any) -> SimpleNamespace:
    asked = await refunds.of_payment(row["id"])
    return SimpleNamespace(
        id=str(row["id"]),
        amount=payments.amount_of(row),
        at=place.local(row["paid_at"] or row["created_at"]),
        method=method(row),
        note=_STATES.get(row["state"], ""),
        refunded=Money(row["refunded_minor"], row["currency"]),
        can_refund=bool((await refunds.left(row)).minor),
        refunds=[
            SimpleNamespace(
                amount=Money(one["amount_minor"], one["currency"]),
                words=_WORDS["stuck" if one["stuck"] else one["state"]]
                + (f": {one['failure']}" if one["failure"] else ""),
                bad=one["stuck"] or one["state"] in {"failed", "refused"},
            )
            for one in asked
        ],
    )
