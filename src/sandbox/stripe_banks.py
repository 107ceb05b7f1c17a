"""Bank debits: schemes, test accounts and how each ends. Source: docs.stripe.com, the testing part of each method's page.

A debit is confirmed at once and settles later: in test mode after seconds (or three minutes for the delayed accounts),
in life after days; the mode ``bank_debit_seconds`` says how long instead. New Zealand's numbers are this sandbox's own.
"""

from collections.abc import Sequence

import msgspec

SOON, MINUTES = 20.0, 180.0


class Account(msgspec.Struct, frozen=True):
    """A test bank account: ``failure`` is the failure code (None pays), ``seconds`` None never settles by itself."""

    number: str
    label: str
    failure: str | None = None
    seconds: float | None = SOON
    dispute: bool = False


class Scheme(msgspec.Struct, frozen=True):
    """A direct debit scheme: Stripe's method name, words, routing label and number, its test accounts, and the most it
    collects at once (smallest units; eight digits unless the scheme itself says less).
    """

    method: str
    label: str
    currency: str
    countries: frozenset[str]
    routing_label: str
    routing: str
    accounts: Sequence[Account]
    most: int = 99_999_999


_EURO = frozenset("AT BE CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK".split())

ACH = Scheme(
    "us_bank_account",
    "Bank account (ACH direct debit)",
    "usd",
    frozenset({"US"}),
    "Routing number",
    "110000000",
    (
        Account("000123456789", "Pays"),
        Account("000111111113", "Account closed", "account_closed"),
        Account("000111111116", "No such account", "no_account"),
        Account("000222222227", "Insufficient funds", "insufficient_funds"),
        Account("000333333335", "Debit not authorised", "debit_not_authorized"),
        Account("000555555559", "Pays, then disputed", dispute=True),
        Account("000000000009", "Stays processing", seconds=None),
    ),
)
SEPA = Scheme(
    "sepa_debit",
    "SEPA direct debit",
    "eur",
    _EURO,
    "",
    "",
    (
        Account("DE89370400440532013000", "Pays"),
        Account("DE08370400440532013003", "Pays after three minutes", seconds=MINUTES),
        Account("DE62370400440532013001", "Fails", "generic_could_not_process"),
        Account("DE78370400440532013004", "Fails after three minutes", "generic_could_not_process", MINUTES),
        Account("DE35370400440532013002", "Pays, then disputed", dispute=True),
        Account("DE65370400440002222227", "Insufficient funds", "insufficient_funds"),
        Account("IE29AIBK93115212345678", "Pays, Ireland"),
        Account("FR1420041010050500013M02606", "Pays, France"),
        Account("NL39RABO0300065264", "Pays, Netherlands"),
        Account("GB82WEST12345698765432", "Pays, United Kingdom"),
    ),
    most=1_000_000,
)
BACS = Scheme(
    "bacs_debit",
    "Bacs direct debit",
    "gbp",
    frozenset({"GB"}),
    "Sort code",
    "108800",
    (
        Account("00012345", "Pays"),
        Account("90012345", "Pays after three minutes", seconds=MINUTES),
        Account("33333335", "Debit not authorised", "debit_not_authorized"),
        Account("93333335", "Debit not authorised, after three minutes", "debit_not_authorized", MINUTES),
        Account("22222227", "Insufficient funds", "insufficient_funds"),
        Account("92222227", "Insufficient funds, after three minutes", "insufficient_funds", MINUTES),
        Account("55555559", "Pays, then disputed", dispute=True),
        Account("00033333", "Mandate refused", "bank_account_restricted"),
        Account("00044444", "Invalid account", "account_number_invalid"),
    ),
    most=10_000_000,
)
BECS = Scheme(
    "au_becs_debit",
    "BECS direct debit",
    "aud",
    frozenset({"AU"}),
    "BSB",
    "000000",
    (
        Account("000123456", "Pays"),
        Account("900123456", "Pays after three minutes", seconds=MINUTES),
        Account("111111113", "Account closed", "account_closed"),
        Account("111111116", "No such account", "no_account"),
        Account("222222227", "Refer to customer", "refer_to_customer"),
        Account("922222227", "Refer to customer, after three minutes", "refer_to_customer", MINUTES),
        Account("333333335", "Debit not authorised", "debit_not_authorized"),
        Account("666666660", "Pays, then disputed", dispute=True),
    ),
)
NZ = Scheme(
    "nz_bank_account",
    "New Zealand BECS direct debit",
    "nzd",
    frozenset({"NZ"}),
    "Bank and branch",
    "110000",
    (
        Account("000000010", "Pays"),
        Account("900000010", "Pays after three minutes", seconds=MINUTES),
        Account("111111116", "No such account", "no_account"),
        Account("222222227", "Insufficient funds", "insufficient_funds"),
        Account("555555559", "Pays, then disputed", dispute=True),
    ),
)
SCHEMES = {scheme.method: scheme for scheme in (ACH, SEPA, BACS, BECS, NZ)}

MESSAGES = {
    "account_closed": "The customer's bank account has been closed.",
    "no_account": "The customer's bank account could not be located.",
    "insufficient_funds": "The customer's account has insufficient funds to cover this payment.",
    "debit_not_authorized": "The customer has notified their bank that this payment was unauthorized.",
    "refer_to_customer": "The customer's bank refused the payment; the reason is known to the customer only.",
    "bank_account_restricted": "The customer's bank refused the mandate.",
    "account_number_invalid": "The bank account number is invalid.",
    "generic_could_not_process": "The customer's bank could not process this payment.",
}


def scheme_for(currency: str, country: str) -> Scheme | None:
    """The scheme an account of that country may offer for that currency, if there is one."""
    return next((s for s in SCHEMES.values() if s.currency == currency and country in s.countries), None)
