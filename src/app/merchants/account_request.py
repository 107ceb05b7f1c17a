"""The request that opens a business's connected account: Stripe's Accounts v2, from the confirmed details. Pure.

Source: docs.stripe.com/api/v2/core/accounts/create.
"""

from collections.abc import Mapping
from typing import Any

from app.merchants import countries

Row = Mapping[str, Any]


def build(merchant: Row) -> dict[str, Any]:
    """The request's body: Stripe's full dashboard, Stripe collects its own fees and bears the losses."""
    request: dict[str, Any] = {
        "contact_email": merchant["contact_email"],
        "display_name": merchant["legal_name"],
        "dashboard": "full",
        "identity": _identity(merchant),
        "configuration": {
            "merchant": {"capabilities": {"card_payments": {"requested": True}}, "support": _support(merchant)},
        },
        "defaults": {
            "currency": countries.currency_of(merchant["country"]).lower(),
            "responsibilities": {"fees_collector": "stripe", "losses_collector": "stripe"},
        },
        "metadata": {"merchant": str(merchant["id"])},
    }
    if merchant["website"]:
        request["defaults"]["profile"] = {"business_url": merchant["website"]}
    return request


def _support(merchant: Row) -> dict[str, str]:
    support = {"email": merchant["contact_email"]}
    # Stripe wants the country's code before the number; without it, it asks the merchant itself.
    return support | {"phone": merchant["contact_phone"]} if merchant["contact_phone"].startswith("+") else support


def _identity(merchant: Row) -> dict[str, Any]:
    identity: dict[str, Any] = {"country": merchant["country"].lower(), "entity_type": merchant["entity_type"]}
    if merchant["entity_type"] == "individual":
        # A sole trader's business address need not be the home that Stripe would ask about: it asks there itself.
        given = merchant["contact_name"].removesuffix(merchant["contact_family_name"]).strip()
        person = {"given_name": given, "surname": merchant["contact_family_name"], "email": merchant["contact_email"]}
        return identity | {"individual": person}
    details: dict[str, Any] = {"registered_name": merchant["legal_name"], "address": _address(merchant)}
    number_type = countries.registration_type(merchant["country"], merchant["registration_number"])
    if number_type:
        details["id_numbers"] = [{"type": number_type, "value": merchant["registration_number"]}]
    return identity | {"business_details": details}


def _address(merchant: Row) -> dict[str, str]:
    parts = {
        "line1": merchant["address_line1"],
        "line2": merchant["address_line2"],
        "city": merchant["city"],
        "state": merchant["region"],
        "postal_code": merchant["postal_code"],
        "country": merchant["country"].lower(),
    }
    return {name: value for name, value in parts.items() if value}
