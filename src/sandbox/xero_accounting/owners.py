"""Which nouns carry history and attachments, and how one of them is found."""

from __future__ import annotations

from sandbox.store import Obj
from sandbox.xero_accounting.invoices import find_invoice
from sandbox.xero_call import Call
from sandbox.xero_refusals import not_found

# Noun → kind, scope.
OWNERS = {
    "Invoices": ("xero.invoice", "accounting.invoices"),
    "CreditNotes": ("xero.creditnote", "accounting.invoices"),
    "Payments": ("xero.payment", "accounting.payments"),
    "BatchPayments": ("xero.batchpayment", "accounting.payments"),
    "Overpayments": ("xero.overpayment", "accounting.payments"),
    "Prepayments": ("xero.prepayment", "accounting.payments"),
    "BankTransactions": ("xero.banktransaction", "accounting.banktransactions"),
    "BankTransfers": ("xero.banktransfer", "accounting.banktransactions"),
    "Contacts": ("xero.contact", "accounting.contacts"),
    "Accounts": ("xero.account", "accounting.settings"),
}


def owner(call: Call, noun: str, key: str) -> Obj:
    """A document of this organisation by id (an invoice also by its number); raises a 404."""
    row = find_invoice(call, key) if noun == "Invoices" else call.mine(OWNERS[noun][0], key)
    if row is None:
        raise not_found(f"no such object in {noun}")
    return row
