"""Small words of the customer's pages: ways to pay, masked addresses, legal lines."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

BRANDS = {"visa": "Visa", "mastercard": "Mastercard", "amex": "Amex", "discover": "Discover", "jcb": "JCB",
          "diners": "Diners Club", "unionpay": "UnionPay"}  # fmt: skip
DEBITS = {"bacs_debit": "Bank debit", "sepa_debit": "Bank debit", "us_bank_account": "Bank debit",
          "au_becs_debit": "Bank debit", "nz_bank_account": "Bank debit", "acss_debit": "Bank debit"}  # fmt: skip
WAYS = ["Visa", "Mastercard", "Amex", "Apple Pay", "Google Pay"]
USUALLY = {"bacs_debit": "about 4 working days", "sepa_debit": "5 to 8 working days", "us_bank_account": "up to 4 working days",
           "au_becs_debit": "about 3 working days"}  # fmt: skip


def method_words(payment: Any) -> str:
    """Visa ending 4242 · Bank debit ending 6789 · Card."""
    kind, brand, last4 = payment["method_type"], payment["method_brand"], payment["method_last4"]
    name = BRANDS.get(brand) or DEBITS.get(kind) or (brand or kind or "card").replace("_", " ").capitalize()
    return f"{name} ending {last4}" if last4 else name


def masked(email: str) -> str:
    """ac•••••@pemberley.example: enough to recognise one's own address, not enough to learn another's."""
    name, at, host = email.partition("@")
    return f"{name[:2]}•••••@{host}" if at else ""


def local(moment: datetime | None, zone: str) -> datetime | None:
    """The moment on the merchant's own clock."""
    return moment.astimezone(ZoneInfo(zone)) if moment else None
