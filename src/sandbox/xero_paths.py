"""Xero's addresses do not mind upper and lower case: its Python SDK asks for ``/Connections``, others for ``/connections``."""

from __future__ import annotations

API, ACCOUNTING = "/xero/api/", "api.xro/2.0/"
_NOUNS = (
    "Accounts BankTransactions BankTransfers BatchPayments BrandingThemes Contacts CreditNotes Currencies Invoices "
    "InvoiceReminders Organisation Overpayments Payments PaymentServices Prepayments TaxRates Users"
).split()
_PARTS = "Actions Allocations Attachments Email History OnlineInvoice PaymentServices Settings pdf".split()
_KNOWN = {word.lower(): word for word in (*_NOUNS, *_PARTS)}
_SINGLE = ("Organisation", "InvoiceReminders")


def spelled(path: str) -> str:
    """A path as the handlers spell it: nouns canonical, ids, numbers and file names untouched."""
    if path[: len(API)].lower() != API:
        return path
    rest = path[len(API) :]
    if rest[: len(ACCOUNTING)].lower() != ACCOUNTING:
        return API + _word("connections", rest)
    words = rest[len(ACCOUNTING) :].split("/")
    # Nouns and ids take turns, but for Organisation/Actions and InvoiceReminders/Settings.
    first = _KNOWN.get(words[0].lower(), words[0])
    even = [_KNOWN.get(w.lower(), w) if n % 2 == 0 or first in _SINGLE else w for n, w in enumerate(words)]
    return API + ACCOUNTING + "/".join(even)


def _word(known: str, rest: str) -> str:
    head, slash, tail = rest.partition("/")
    return (known if head.lower() == known else head) + slash + tail
