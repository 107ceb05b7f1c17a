"""From what Xero says to what we do: pure, so that every answer has a test.

Texts as reported by integrators and in Xero's own documents; an unknown one is shown to the merchant as it is.
"""

from collections.abc import Sequence
from decimal import Decimal

from app.clients.xero_wire import XeroInvoice
from app.core.errors import Upstream

_TEXTS = (
    ("lock date", "period_locked"),
    ("account could not be found", "account_archived"),
    ("account type is invalid", "account_archived"),
    ("not a valid code for this document", "account_archived"),
    ("archived", "account_archived"),
    ("not of type bank", "no_bank_account"),
    ("account is not active", "account_archived"),
    ("not subscribed to currency", "currency_not_enabled"),
    ("exceeds the amount outstanding", "recheck"),
    ("only be made against authorised", "recheck"),
)
# Codes with which Xero certainly did nothing, and which are decided outside: they pass, or the connection is broken.
_NOT_TAKEN = frozenset({"unreachable", "token_expired", "blocked", "unquotable", "scope", "disconnected"})


def refusal(messages: Sequence[str]) -> str:
    """The reason code of a refused element; "recheck" means that the invoice must be looked at to know."""
    text = " ".join(messages).lower()
    return next((code for part, code in _TEXTS if part in text), "other")


def invoice_problem(invoice: XeroInvoice | None, amount: Decimal, currency: str, taken: Decimal = Decimal(0)) -> str:
    """Why the amount cannot be paid on the invoice as Xero has it now ("" when it can). `taken`: by others of our batch."""
    if invoice is None or invoice.status == "DELETED":
        return "invoice_gone"
    if invoice.status == "VOIDED":
        return "invoice_voided"
    if invoice.status == "PAID" or (invoice.status == "AUTHORISED" and invoice.due <= 0):
        return "invoice_paid"
    if invoice.status != "AUTHORISED":
        return "invoice_not_approved"
    if invoice.currency != currency:
        return "currency_changed"
    return "overpaid" if amount > invoice.due - taken else ""


def surely_not_taken(error: Upstream) -> bool:
    """Whether a write that raised this certainly did not happen, so that it may simply be sent later."""
    if error.unknown:
        return False
    return error.retry_after is not None or error.code in _NOT_TAKEN or error.code.startswith("rate_")


def parked_by(error: Upstream) -> str:
    """The reason code for a permanent refusal of a whole call."""
    reason = refusal([error.message])
    return "other" if reason == "recheck" else reason
