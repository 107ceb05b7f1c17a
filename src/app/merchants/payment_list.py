"""Payments received, newest first: templates/app/payments."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from app.core import db
from app.core.errors import NotFound
from app.core.money import Money, format_money
from app.merchants.figures import collected_by_day, weeks
from app.merchants.invoice_list import pages
from app.merchants.places import Home, home
from app.merchants.troubles import by_payment

_PAGE = """
SELECT p.*, i.number, i.contact_name, w.state AS write_back_state
FROM payment p JOIN invoice i ON i.id = p.invoice
LEFT JOIN LATERAL (SELECT * FROM write_back WHERE payment = p.id AND state <> 'abandoned'
  ORDER BY state = 'parked' DESC, kind = 'payment' DESC, id LIMIT 1) w ON TRUE
WHERE p.merchant = $1 ORDER BY p.created_at DESC, p.id
"""

_STATUS = {
    "processing": "processing", "succeeded": "paid", "failed": "failed", "refunded_part": "attention", "refunded": "attention",
    "disputed": "attention", "dispute_lost": "attention",
}  # fmt: skip
_IN_XERO = {
    "intended": "waiting",
    "sending": "waiting",
    "unknown": "waiting",
    "confirmed": "recorded",
}
_BRANDS = {"visa": "Visa", "mastercard": "Mastercard", "amex": "Amex", "discover": "Discover", "jcb": "JCB",
           "diners": "Diners Club", "unionpay": "UnionPay"}  # fmt: skip


async def payments(merchant_id: UUID, page: int) -> dict[str, Any]:
    """The page's context, without the frame."""
    place = await home(merchant_id)
    total = await db.fetch_value("SELECT count(*) FROM payment WHERE merchant = $1", merchant_id)
    pager = pages(total, page)
    rows = await db.fetch(f"{_PAGE} {pager.window}", merchant_id)
    waiting = await by_payment(merchant_id)
    by_day = await collected_by_day(place)
    return {
        "now": place.now,
        "page": pager.page,
        "pager": pager,
        "rows": [_row(place, row, waiting) for row in rows],
        "weeks": weeks(place, by_day) if by_day else [],
    }


async def invoice_of(merchant_id: UUID, payment_id: UUID) -> UUID:
    """The invoice a payment belongs to. Raises NotFound for a stranger's."""
    sql = "SELECT invoice FROM payment WHERE id = $1 AND merchant = $2"
    found: UUID | None = await db.fetch_value(sql, payment_id, merchant_id)
    if found is None:
        raise NotFound("No such payment.")
    return found


def _row(place: Home, row: Any, waiting: dict[UUID, SimpleNamespace]) -> SimpleNamespace:
    in_xero = "failed" if row["id"] in waiting else _IN_XERO.get(row["write_back_state"], "")
    fee = Money(row["fee_minor"], row["settlement_currency"]) if row["fee_minor"] is not None else None
    return SimpleNamespace(
        id=str(row["id"]),
        invoice_id=str(row["invoice"]),
        invoice_number=row["number"],
        customer=row["contact_name"],
        amount=Money(row["amount_minor"], row["currency"]),
        fee=fee,
        at=place.local(row["paid_at"] or row["created_at"]),
        method=method(row),
        status=_STATUS.get(row["state"], "attention"),
        note=_note(row),
        xero=in_xero,
        failure=waiting.get(row["id"]) if in_xero == "failed" else None,
    )


def method(payment: Any) -> str:
    """Visa ending 4242 · Bacs debit ending 6789; empty when Stripe has not said yet."""
    brand, kind = payment["method_brand"], payment["method_type"]
    name = _BRANDS.get(brand) or (brand or kind).replace("_", " ").capitalize()
    return f"{name} ending {payment['method_last4']}" if name and payment["method_last4"] else name


def _note(row: Any) -> str:
    refunded = format_money(row["refunded_minor"], row["currency"])
    words = {
        "failed": row["failure"] or "The bank declined it",
        "refunded": "Refunded in full",
        "refunded_part": f"Refunded {refunded}",
        "disputed": "The customer’s bank disputes it",
        "dispute_lost": "The dispute was lost",
    }
    return words.get(row["state"], "")
