"""Real-looking processing fees. Nobody may compute a fee from a rate: it is read from the balance transaction.

Published list prices of 2026 by the account's country; cards from abroad cost more, a conversion 2 % on top. Australian
fees show their GST as a line of its own, so that ``fee_details`` has more than one kind of entry.
"""

from decimal import Decimal
from typing import Any

from sandbox import stripe_money

Price = tuple[Decimal, Decimal, Decimal]


def _price(domestic: str, foreign: str, fixed: str) -> Price:
    return Decimal(domestic), Decimal(foreign), Decimal(fixed)


# Rate for cards of the account's country (or area), for others, and the fixed part in major units.
CARD_PRICES: dict[str, Price] = {
    "GB": _price("0.015", "0.0325", "0.20"),
    "NZ": _price("0.0265", "0.037", "0.30"),
    "AU": _price("0.017", "0.035", "0.30"),
    "US": _price("0.029", "0.044", "0.30"),
    "CA": _price("0.029", "0.037", "0.30"),
    "SG": _price("0.034", "0.039", "0.50"),
    "IE": _price("0.015", "0.0325", "0.25"),
}
ELSEWHERE = _price("0.029", "0.044", "0.30")
# Rate, fixed part and cap in major units.
DEBIT_PRICES: dict[str, tuple[Decimal, Decimal, Decimal]] = {
    "bacs_debit": (Decimal("0.01"), Decimal("0.20"), Decimal(4)),
    "sepa_debit": (Decimal(0), Decimal("0.35"), Decimal("0.35")),
    "us_bank_account": (Decimal("0.008"), Decimal(0), Decimal(5)),
    "au_becs_debit": (Decimal("0.01"), Decimal("0.30"), Decimal("3.50")),
    "nz_bank_account": (Decimal("0.01"), Decimal("0.30"), Decimal("3.50")),
}
CONVERSION = Decimal("0.02")
DISPUTE_FEES = {"GBP": "20", "EUR": "20", "USD": "15", "CAD": "15", "AUD": "25", "NZD": "25", "SGD": "15"}


def details(
    amount: int, currency: str, *, country: str, card_country: str | None, method: str, converted: bool
) -> list[dict[str, Any]]:
    """``fee_details`` for a payment of ``amount`` in the settlement ``currency`` (application fee not included)."""
    gross = stripe_money.major(amount, currency)
    if method in DEBIT_PRICES:
        rate, fixed, cap = DEBIT_PRICES[method]
        fee = min(gross * rate + fixed, cap)
    else:
        domestic, foreign, fixed = CARD_PRICES.get(country, ELSEWHERE)
        fee = gross * (domestic if card_country == country else foreign) + fixed
    fee += gross * CONVERSION if converted else 0
    total = min(stripe_money.minor(fee, currency), amount)
    lines = [_line("stripe_fee", total, currency, "Stripe processing fees")]
    if country == "AU":
        tax = total // 11
        lines = [
            _line("stripe_fee", total - tax, currency, "Stripe processing fees"),
            _line("tax", tax, currency, "GST"),
        ]
    return lines


def _line(type: str, amount: int, currency: str, description: str, application: str | None = None) -> dict[str, Any]:
    return {
        "amount": amount,
        "application": application,
        "currency": currency,
        "description": description,
        "type": type,
    }


def application_line(amount: int, currency: str, application: str) -> dict[str, Any]:
    """The part of the fee that goes to the platform."""
    return _line("application_fee", amount, currency, "Application fee", application)


def dispute_fee(currency: str) -> int:
    """What a dispute costs, in smallest units of the settlement currency."""
    return stripe_money.minor(Decimal(DISPUTE_FEES.get(currency.upper(), "15")), currency)
