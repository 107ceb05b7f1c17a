"""Stripe's own rules about amounts: exponents that are not ISO 4217's, minimums, maximum digits.

Amounts are integers in the currency's smallest unit as Stripe counts it. Source: docs.stripe.com/currencies.
"""

from decimal import ROUND_HALF_UP, Decimal

from sandbox import stripe_errors

ZERO_DECIMAL = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())
THREE_DECIMAL = frozenset("BHD JOD KWD OMR TND".split())
WHOLE_SENT_AS_HUNDREDTHS = frozenset("ISK UGX".split())
PAYOUT_WHOLE_ONLY = frozenset("HUF TWD".split())

# Major units; evaluated in the currency the account settles in.
MINIMUM = {
    code: Decimal(least)
    for code, least in (
        pair.split(":")
        for pair in (
            "USD:0.50 AED:2.00 ARS:0.50 AUD:0.50 BRL:0.50 CAD:0.50 CHF:0.50 COP:0.50 CZK:15.00 DKK:2.50 EUR:0.50 "
            "GBP:0.30 HKD:4.00 HUF:175.00 IDR:0.50 ILS:0.50 INR:0.50 JPY:50 KRW:50 MXN:10.00 MYR:2.00 NOK:3.00 "
            "NZD:0.50 PHP:0.50 PLN:2.00 RON:2.00 RUB:0.50 SEK:3.00 SGD:0.50 THB:10.00 ZAR:0.50"
        ).split()
    )
}
MAXIMUM_DIGITS = {"IDR": 12, "COP": 10, "INR": 9}
CARD_DIGITS, AMEX_DIGITS, OTHER_DIGITS = 12, 9, 8

# How many of each currency one US dollar buys. Invented but plausible and fixed, so that worlds repeat.
PER_DOLLAR = {
    code: Decimal(rate)
    for code, rate in (
        pair.split(":")
        for pair in (
            "USD:1 AED:3.6725 ARS:1180 AUD:1.52 BRL:5.45 CAD:1.37 CHF:0.80 CLP:950 COP:4020 CZK:21.2 DKK:6.42 "
            "EUR:0.86 GBP:0.75 HKD:7.81 HUF:342 IDR:16300 ILS:3.37 INR:87.5 ISK:122 JPY:148 KRW:1390 KWD:0.306 "
            "BHD:0.377 JOD:0.709 OMR:0.385 TND:2.9 MXN:18.6 MYR:4.22 NOK:10.1 NZD:1.68 PHP:57.1 PLN:3.65 "
            "RON:4.36 RUB:80 SEK:9.5 SGD:1.285 THB:32.4 TWD:30.1 UGX:3540 VND:26200 ZAR:17.6 FJD:2.26"
        ).split()
    )
}
SUPPORTED = frozenset(PER_DOLLAR) | ZERO_DECIMAL | THREE_DECIMAL | WHOLE_SENT_AS_HUNDREDTHS | PAYOUT_WHOLE_ONLY


def exponent(currency: str) -> int:
    """Digits after the point in the amounts the API takes: 0, 2 or 3 (ISK and UGX count as 2)."""
    code = currency.upper()
    return 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2


def major(amount: int, currency: str) -> Decimal:
    """Smallest units to a decimal of the currency."""
    return Decimal(amount).scaleb(-exponent(currency))


def minor(value: Decimal, currency: str) -> int:
    """A decimal of the currency to its smallest units, half up."""
    return int(value.scaleb(exponent(currency)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def rate(source: str, target: str) -> Decimal:
    """Units of ``target`` for one unit of ``source``, six digits after the point."""
    known = Decimal(1)
    ratio = PER_DOLLAR.get(target.upper(), known) / PER_DOLLAR.get(source.upper(), known)
    return ratio.quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP)


def convert(amount: int, source: str, target: str) -> int:
    """Smallest units of ``source`` to smallest units of ``target`` at :func:`rate`."""
    if source.lower() == target.lower():
        return amount
    value = minor(major(amount, source) * rate(source, target), target)
    return value // 100 * 100 if target.upper() in WHOLE_SENT_AS_HUNDREDTHS else value


def display(amount: int, currency: str) -> str:
    """``NZ$12.50``-like words for pages and messages: code and grouped digits, ``12.50 NZD``."""
    digits = 0 if currency.upper() in WHOLE_SENT_AS_HUNDREDTHS else exponent(currency)
    return f"{major(amount, currency):,.{digits}f} {currency.upper()}"


def check_currency(currency: str, param: str) -> str:
    """The lower-case code; raises 400 for one Stripe does not take."""
    if currency.upper() not in SUPPORTED:
        raise stripe_errors.invalid(
            param,
            f"Invalid currency: {currency}. Stripe currently supports these currencies: "
            + ", ".join(sorted(code.lower() for code in SUPPORTED)),
        )
    return currency.lower()


def check_amount(amount: int, currency: str, settlement: str, param: str) -> None:
    """Raises 400 for an amount below the minimum, with too many digits, or with decimals the currency has not."""
    code = currency.upper()
    if amount < 0:
        raise stripe_errors.invalid(
            param, "This value must be greater than or equal to 0.", "parameter_invalid_integer"
        )
    if code in WHOLE_SENT_AS_HUNDREDTHS and amount % 100:
        raise stripe_errors.invalid(param, f"Invalid amount: {code} has no decimals; the last two digits must be 00.")
    if code in THREE_DECIMAL and amount % 10:
        raise stripe_errors.invalid(param, f"Invalid amount: the last digit of a {code} amount must be 0.")
    if len(str(amount)) > MAXIMUM_DIGITS.get(code, CARD_DIGITS):
        raise stripe_errors.invalid(param, "Amount must be no more than 999,999,999,999.", "amount_too_large")
    _check_minimum(amount, code, settlement.upper(), param)


def _check_minimum(amount: int, code: str, settlement: str, param: str) -> None:
    least = MINIMUM.get(settlement)
    if least is None or major(convert(amount, code, settlement), settlement) >= least:
        return
    digits = exponent(settlement)
    raise stripe_errors.invalid(
        param,
        "The Checkout Session's total amount must convert to at least "
        f"{least:.{digits}f} {settlement}. {display(amount, code)} converts to approximately "
        f"{display(convert(amount, code, settlement), settlement)}.",
        "amount_too_small",
    )
