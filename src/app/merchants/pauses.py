"""A breach in the merchant's words: what is paused, why, and which invoice it is about."""

from typing import Any
from uuid import UUID

from app.books import breaches
from app.core import db

_WHY = {
    "I3": "what we say of a payment and what we wrote to Xero do not agree",
    "I4": "Xero has not yet said whether it took a payment",
    "I6": "our record of a payment and Stripe’s do not agree",
    "I7": "our copy of an invoice and Xero’s do not agree",
    "I8": "a payment was not sent to Xero",
    "I9": "something of ours stands in Xero twice",
}
_GO_ON = "Customers can pay as usual, and recording goes on by itself."
# What a person must do.
_ACT = {"I9": "Remove one of the two in Xero; customers can pay as usual, and recording goes on soon after."}
_OTHERWISE = "our own records of a payment do not add up"
_ABOUT = {
    "payment": "SELECT invoice FROM payment WHERE merchant = $1 AND id::text = $2",
    "invoice": "SELECT id FROM invoice WHERE merchant = $1 AND id::text = $2",
    "write-back": "SELECT invoice FROM write_back WHERE merchant = $1 AND id::text = $2",
    "ledger transaction": "SELECT p.invoice FROM ledger_transaction t JOIN payment p ON p.id = t.payment "
    "WHERE t.merchant = $1 AND t.id::text = $2",
}


async def paused(merchant_id: UUID) -> tuple[str, str]:
    """One line and the page of the invoice it is about (the payments, when it is about none); empty when all is well."""
    found = await breaches.in_force(merchant_id)
    if not found:
        return "", ""
    first = found[0]
    return words(first["kind"]), await page_of(first)


def words(kind: str) -> str:
    """What is paused and why, for a kind of breach."""
    code = kind.split(maxsplit=1)[0]
    why = _WHY.get(code, _OTHERWISE)
    return f"Recording in Xero is paused, because {why}. {_ACT.get(code, _GO_ON)}"


async def page_of(breach: Any) -> str:
    """The page of the invoice it is about; the payments, when it is about none."""
    kind, _, row_id = breach["subject"].rpartition(" ")
    sql = _ABOUT.get(kind)
    invoice_id = await db.fetch_value(sql, breach["merchant"], row_id) if sql else None
    return f"/invoices/{invoice_id}" if invoice_id else "/payments"
