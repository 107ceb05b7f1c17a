"""Countries in which Stripe opens accounts, and the registration number that each one's businesses carry.

Where Stripe knows the number's type (Accounts v2, identity.business_details.id_numbers) it goes along; elsewhere it is
kept by us and Stripe asks for what it needs. Source of the list: stripe.com/global.
"""

import re
from dataclasses import dataclass

from babel import Locale
from babel.numbers import get_territory_currencies

_CODES = (
    "AE AT AU BE BG BR CA CH CY CZ DE DK EE ES FI FR GB GI GR HK HR HU IE IT JP LI LT LU LV MT MX MY NL NO NZ PL PT RO "
    "SE SG SI SK TH US"
).split()
_EURO_SINCE_THEN = frozenset({"BG"})  # took the euro in January 2026, later than Babel's data
NO_POSTCODE = frozenset({"AE", "HK"})
NEEDS_REGION = frozenset({"AU", "CA", "US"})


@dataclass(frozen=True, slots=True)
class Registration:
    """One kind of registration number: Stripe's name for it, its form without spaces, and how to say the form."""

    stripe_type: str
    pattern: str
    words: str


_NUMBERS = {
    "AU": (
        Registration("au_abn", r"\d{11}", "an ABN (11 digits) or an ACN (9 digits)"),
        Registration("au_acn", r"\d{9}", ""),
    ),
    "BE": (Registration("be_cbe", r"[01]\d{9}", "10 digits, such as 0123456789"),),
    "CH": (Registration("ch_uid", r"CHE\d{9}", "CHE and 9 digits"),),
    "DK": (Registration("dk_cvr", r"\d{8}", "8 digits"),),
    "ES": (Registration("es_cif", r"[A-Z]\d{7}[0-9A-Z]", "a letter, 7 digits and a check character"),),
    "FI": (Registration("fi_yt", r"\d{8}", "8 digits"),),
    "FR": (Registration("fr_siren", r"\d{9}", "9 digits (SIREN)"),),
    "GB": (Registration("gb_crn", r"\d{8}|[A-Z]{2}\d{6}", "8 characters, such as 01234567 or SC123456"),),
    "IE": (Registration("ie_crn", r"\d{5,6}", "5 or 6 digits"),),
    "NL": (Registration("nl_kvk", r"\d{8}", "8 digits"),),
    "NO": (Registration("no_orgnr", r"\d{9}", "9 digits"),),
    "NZ": (Registration("nz_bn", r"\d{13}", "an NZBN, 13 digits"),),
    "SE": (Registration("se_orgnr", r"\d{10}", "10 digits"),),
    "SG": (Registration("sg_uen", r"\d{8,9}[A-Z]|[TSR]\d{2}[A-Z]{2}\d{4}[A-Z]", "a UEN of 9 or 10 characters"),),
    "US": (Registration("us_ein", r"\d{9}", "an EIN, 9 digits"),),
}


def choices() -> list[tuple[str, str]]:
    """(code, name) of every country, by name."""
    names = Locale("en", "GB").territories
    return sorted(((code, names[code].replace(" SAR China", "")) for code in _CODES), key=lambda item: item[1])


def known(code: str) -> bool:
    """Whether Stripe opens accounts there."""
    return code in _CODES


def name_of(code: str) -> str:
    """The country's English name; the code itself when nobody knows it."""
    name: str = Locale("en", "GB").territories.get(code, code)
    return name


def currency_of(code: str) -> str:
    """The currency a business there is paid out in, upper case."""
    if code in _EURO_SINCE_THEN:
        return "EUR"
    current: list[str] = get_territory_currencies(code)
    return current[-1]


def compact(number: str) -> str:
    """A registration number as registers write it: capitals, no spaces, dots, dashes or slashes."""
    return re.sub(r"[\s.\-/]", "", number).upper()


def registration_type(country: str, number: str) -> str:
    """Stripe's type of this number, or empty text when it has none we are sure of."""
    kinds = _NUMBERS.get(country, ())
    return next((kind.stripe_type for kind in kinds if re.fullmatch(kind.pattern, compact(number))), "")


def registration_problem(country: str, number: str) -> str:
    """What is wrong with the number, for its field; empty when nothing is or its form is not known to us."""
    kinds = _NUMBERS.get(country)
    if not kinds or registration_type(country, number):
        return ""
    return f"Enter {kinds[0].words}, or leave this empty."
