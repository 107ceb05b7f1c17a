"""Money is integer minor units plus a currency; Decimal at the wire; never float.

Our minor units follow ISO 4217. Stripe's differ for a few currencies (ISK, UGX, MGA …), so its wire amounts are made
here and nowhere else. Source of Stripe's rules: docs.stripe.com/currencies.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from babel.numbers import format_currency

ZERO = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split())
THREE = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
STRIPE_ZERO = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())
STRIPE_THREE = frozenset("BHD JOD KWD OMR TND".split())
STRIPE_WHOLE_HUNDREDS = frozenset({"ISK", "UGX"})
# Smallest charge in Stripe's wire units (settlement-currency rule; docs.stripe.com/currencies#minimum).
STRIPE_MINIMUM = {
    "USD": 50, "AED": 200, "ARS": 50, "AUD": 50, "BRL": 50, "CAD": 50, "CHF": 50, "COP": 50, "CZK": 1500, "DKK": 250,
    "EUR": 50, "GBP": 30, "HKD": 400, "HUF": 17500, "IDR": 50, "ILS": 50, "INR": 50, "JPY": 50, "KRW": 50, "MXN": 1000,
    "MYR": 200, "NOK": 300, "NZD": 50, "PHP": 50, "PLN": 200, "RON": 200, "RUB": 50, "SEK": 300, "SGD": 50, "THB": 1000,
    "ZAR": 50,
}  # fmt: skip


class BadAmount(ValueError):
    """The amount cannot be said in this currency; the text is fit to be shown."""


def exponent(currency: str) -> int:
    """Digits after the point in our minor units: 0, 2 or 3."""
    return 0 if currency in ZERO else 3 if currency in THREE else 2


def stripe_exponent(currency: str) -> int:
    """Digits after the point in Stripe's wire units."""
    return 0 if currency in STRIPE_ZERO else 3 if currency in STRIPE_THREE else 2


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in minor units of `currency` (ISO code, upper case)."""

    minor: int
    currency: str

    @property
    def decimal(self) -> Decimal:
        """The amount as people write it, with the currency's own digits."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.currency)

    def __str__(self) -> str:
        return format_money(self.minor, self.currency)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise BadAmount(f"Cannot mix {self.currency} and {other.currency}.")
        return other.minor


def from_decimal(amount: Decimal | str | int, currency: str) -> Money:
    """Money from a decimal amount; raises BadAmount when the currency has no such fraction."""
    scaled = Decimal(amount).scaleb(exponent(currency))
    if scaled != scaled.to_integral_value():
        raise BadAmount(f"{amount} cannot be written exactly in {currency}.")
    return Money(int(scaled), currency)


def to_stripe(money: Money) -> int:
    """The integer Stripe expects; raises BadAmount when Stripe cannot take this amount exactly."""
    scaled = money.decimal.scaleb(stripe_exponent(money.currency))
    if scaled % _step(money.currency):
        raise BadAmount(f"{money.decimal} {money.currency} cannot be paid by card exactly.")
    return int(scaled)


def from_stripe(amount: int, currency: str) -> Money:
    """Money from Stripe's integer and its (lower-case) currency code."""
    code = currency.upper()
    return from_decimal(Decimal(amount).scaleb(-stripe_exponent(code)), code)


@lru_cache(maxsize=256)
def minimum_charge(currency: str) -> Money:
    """The smallest amount a card can be charged in this currency (the smallest Stripe can say where it names none)."""
    return from_stripe(STRIPE_MINIMUM.get(currency) or _step(currency), currency)


def _step(currency: str) -> int:
    """What each of Stripe's integers is a multiple of."""
    return 100 if currency in STRIPE_WHOLE_HUNDREDS else 10 if currency in STRIPE_THREE else 1


@lru_cache(maxsize=4096)
def format_money(minor: int, currency: str, locale: str = "en_GB") -> str:
    """The amount with its symbol, as a page shows it: £1,284.00, $3,162.50, ¥67,760."""
    amount = Decimal(minor).scaleb(-exponent(currency))
    pattern = "¤#,##0" + ("." + "0" * exponent(currency) if exponent(currency) else "")
    text: str = format_currency(amount, currency, pattern, locale=locale, currency_digits=False)
    return text.replace("US$", "$").replace("A$", "$").replace("NZ$", "$").replace("CA$", "$").replace("JP¥", "¥")
