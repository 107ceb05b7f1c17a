"""The business details form: what is asked, and what is wrong with an answer, in words for the field. Pure."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from app.merchants import countries
from app.merchants.wording import HIDDEN, given_problem, hidden

FIELDS = (
    "legal_name", "kind", "country", "registration_number", "website", "address_line1", "address_line2", "city",
    "region", "postal_code", "first_name", "last_name", "email", "phone",
)  # fmt: skip
# Stripe's words for the kinds of business, and ours.
KINDS = [
    ("company", "Company or partnership"),
    ("individual", "Sole trader"),
    ("non_profit", "Charity or non-profit"),
    ("government_entity", "Government body"),
]
EMAIL = re.compile(r"[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s,;<>()]{2,}")
_PHONE = re.compile(r"\+?[\d\s().\-]{6,25}")
_LONGEST = 120
_REQUIRED = {
    "legal_name": "Enter the legal name of your business.",
    "kind": "Choose the kind of business.",
    "country": "Choose the country your business is registered in.",
    "address_line1": "Enter the first line of the address.",
    "city": "Enter the town or city.",
    "first_name": "Enter a first name.",
    "last_name": "Enter a last name.",
    "email": "Enter an email address.",
}
Values = dict[str, str]
Errors = dict[str, str]


def check(form: Mapping[str, str]) -> tuple[Values, Errors]:
    """What was typed, tidied, and what is wrong with it: field name to text, in the order of the page."""
    values = {name: " ".join(form.get(name, "").split()) for name in FIELDS}
    values["website"] = with_scheme(values["website"])
    found = {name: text for name, text in _REQUIRED.items() if not values[name]}
    found |= {name: f"Use at most {_LONGEST} characters." for name in FIELDS if len(values[name]) > _LONGEST}
    found = {**_wording(values), **_forms(values), **_address(values), **found}
    errors = {name: found[name] for name in FIELDS if found.get(name)}
    if countries.registration_type(values["country"], values["registration_number"]):
        values["registration_number"] = countries.compact(values["registration_number"])
    return values, errors


def is_email(text: str) -> bool:
    """Whether it has the form of one e-mail address."""
    return len(text) <= 254 and EMAIL.fullmatch(text) is not None


def is_phone(text: str) -> bool:
    """Whether it has the form of a phone number."""
    return _PHONE.fullmatch(text) is not None and sum(sign.isdigit() for sign in text) >= 6


def with_scheme(website: str) -> str:
    """The address with https:// before it, as people leave that out."""
    return website if not website or "://" in website else f"https://{website}"


def _forms(values: Values) -> Errors:
    """Answers that have the wrong form."""
    errors: Errors = {}
    if values["kind"] and values["kind"] not in dict(KINDS):
        errors["kind"] = _REQUIRED["kind"]
    if values["kind"] == "government_entity" and values["country"] != "US":
        errors["kind"] = "Stripe offers this in the United States only. Choose another kind."
    if values["country"] and not countries.known(values["country"]):
        errors["country"] = _REQUIRED["country"]
    if values["registration_number"]:
        errors["registration_number"] = countries.registration_problem(values["country"], values["registration_number"])
    if not is_email(values["email"]):
        errors["email"] = "Enter an email address like name@example.com."
    if values["phone"] and not is_phone(values["phone"]):
        errors["phone"] = "Enter a phone number, such as 0117 496 0142."
    if values["website"] and not _is_website(values["website"]):
        errors["website"] = "Enter a website address, such as www.example.com."
    return errors


def _wording(values: Values) -> Errors:
    """Answers with hidden signs, and web addresses where something else is asked."""
    addresses = ("website", "email")
    facts = {name: given_problem(text) for name, text in values.items() if name not in addresses}
    return facts | {name: HIDDEN for name in addresses if hidden(values[name])}


def _address(values: Values) -> Errors:
    """Parts of an address that only some countries have."""
    errors: Errors = {}
    if not values["postal_code"] and values["country"] not in countries.NO_POSTCODE:
        errors["postal_code"] = "Enter the postcode."
    if not values["region"] and values["country"] in countries.NEEDS_REGION:
        errors["region"] = "Enter the state or territory."
    return errors


def _is_website(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and "." in host.strip(".") and " " not in text
