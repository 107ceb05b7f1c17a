"""What Stripe still asks of a business, in words. Pure.

Stripe names a requirement in a machine's words (`identity.business_details.address`); we know the common ones and say
the rest as readably as we can, so that nothing Stripe asks for is left out.
Source: docs.stripe.com/connect/required-verification-information.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MOST = 6
# The first match wins, so the more particular names stand first.
_WORDS = (
    ("identity.business_details.registered_name", "The registered name of the business"),
    ("identity.business_details.address", "The business address"),
    ("identity.business_details.id_numbers", "The registration or tax number of the business"),
    ("identity.business_details.phone", "A phone number for the business"),
    ("identity.business_details.documents", "A document about the business"),
    ("identity.business_details.structure", "The legal structure of the business"),
    ("identity.business_details", "Details of the business"),
    ("identity.individual.date_of_birth", "Your date of birth"),
    ("identity.individual.documents", "An identity document"),
    ("identity.individual.id_numbers", "A personal identification number"),
    ("identity.individual.address", "Your home address"),
    ("identity.individual", "Your personal details"),
    ("identity.persons.representative", "Details of the person who acts for the business"),
    ("identity.persons.owners", "Details of the owners"),
    ("identity.persons.directors", "Details of the directors"),
    ("identity.persons", "Details of the people behind the business"),
    ("identity.attestations.terms_of_service", "Your agreement to Stripe’s terms"),
    ("identity.attestations", "A confirmation about the people behind the business"),
    ("identity.country", "The country of the business"),
    ("identity.entity_type", "The kind of business"),
    ("configuration.merchant.mcc", "What the business sells"),
    ("configuration.merchant.statement_descriptor", "The name on your customers’ card statements"),
    ("configuration.merchant.support", "A contact for your customers"),
    ("defaults.profile.business_url", "The website of the business, or what it sells"),
    ("defaults.profile", "What the business does"),
    ("external_account", "A bank account for payouts"),
    ("payout_method", "A bank account for payouts"),
    ("bank_account", "A bank account for payouts"),
    ("representative", "Details of the person who acts for the business"),
    ("owners", "Details of the owners"),
    ("directors", "Details of the directors"),
    ("document", "An identity document"),
    ("contact_email", "An email address"),
    ("tos_acceptance", "Your agreement to Stripe’s terms"),
    ("terms_of_service", "Your agreement to Stripe’s terms"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that somebody has to do: `who` is user or stripe."""

    words: str
    who: str


def words_for(name: str) -> str:
    """A requirement's name in words."""
    known = next((words for part, words in _WORDS if part in name), "")
    return known or name.replace("_", " ").replace(".", ", ").strip().capitalize() or "Something Stripe will show you"


def read(entries: Iterable[Mapping[str, Any]]) -> list[Asked]:
    """Requirements as the client gives them, in words, each said once."""
    asked = [Asked(words_for(str(entry["what"])), str(entry["who"])) for entry in entries]
    return list(dict.fromkeys(asked))


def of_merchant(asked: Iterable[Asked]) -> list[str]:
    """What the merchant has to do: the first few by name, the rest counted."""
    words = [item.words for item in asked if item.who == "user"]
    extra = len(words) - MOST
    return words if extra <= 1 else [*words[:MOST], f"{extra} more, which Stripe will show you"]
