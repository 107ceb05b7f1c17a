"""Every object the simulated Stripe answers, held against the response types of Stripe's own library 16.1.0."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sandbox import stripe_banks, stripe_cards, stripe_money
from tests.sandbox.process import ROOT
from tests.sandbox.stripe_people import Platform, account_params

SPECS = ROOT.parent / "shared" / "specs" / "stripe"
FILES = {
    "checkout.session": "checkout/_session.py::Session",
    "payment_intent": "_payment_intent.py::PaymentIntent",
    "charge": "_charge.py::Charge",
    "balance_transaction": "_balance_transaction.py::BalanceTransaction",
    "balance": "_balance.py::Balance",
    "refund": "_refund.py::Refund",
    "dispute": "_dispute.py::Dispute",
    "payout": "_payout.py::Payout",
    "application_fee": "_application_fee.py::ApplicationFee",
    "fee_refund": "_application_fee_refund.py::ApplicationFeeRefund",
    "item": "_line_item.py::LineItem",
    "event": "_event.py::Event",
    "account": "_account.py::Account",
    "webhook_endpoint": "_webhook_endpoint.py::WebhookEndpoint",
    "v2.core.account": "v2/core/_account.py::Account",
    "v2.core.account_link": "v2/core/_account_link.py::AccountLink",
    "v2.core.event": "v2/core/_event.py::Event",
    "v2.core.event_destination": "v2/core/_event_destination.py::EventDestination",
}
# Present on the wire of every list or thin event, absent from the library's class of the object itself.
WIRE_ONLY = {"v2.core.event": {"related_object"}}
# Fields Stripe sends only when they apply or when asked for.
SOMETIMES = {
    "checkout.session": {"line_items", "name_collection", "optional_items", "presentment_details", "tax_id_collection"}
    | {"managed_payments"},
    "charge": {"level3", "presentment_details", "refunds", "transfer"},
    "payment_intent": {"hooks", "managed_payments", "payment_details", "payment_record", "presentment_details"},
    "refund": {"presentment_details"},
    "balance": {"connect_reserved", "instant_available", "issuing", "refund_and_dispute_prefunding"},
    "account": {"company", "deleted", "groups", "individual"},
    "webhook_endpoint": {"deleted", "secret"},
    "event": {"account", "context"},
    "v2.core.event": {"snapshot_event"},
    "item": {"discounts", "taxes"},
}

needs_specs = pytest.mark.skipif(not SPECS.exists(), reason="../shared/specs is not beside this checkout")


@cache
def classes() -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = json.loads((SPECS / "sdk-16.1.0" / "objects.json").read_text())
    return loaded


def problems(obj: dict[str, Any], name: str, path: str) -> list[str]:
    """Unknown fields of an object, nested classes included, and absent ones of the object itself."""
    fields = {field: spec for field, spec in classes()[name].items() if field != "OBJECT_NAME"}
    kind = obj.get("object", "") if "." not in name.split("::")[1] else ""
    found = [
        f"{path}.{field} is unknown" for field in obj if field not in fields and field not in WIRE_ONLY.get(kind, ())
    ]
    if kind:
        found += [
            f"{path}.{field} is absent" for field in fields if field not in obj and field not in SOMETIMES.get(kind, ())
        ]
    for field, value in obj.items():
        nested = _nested(name, fields.get(field))
        for place in value if isinstance(value, list) else [value]:
            if isinstance(place, dict) and nested is not None and "object" not in place:
                found += problems(place, nested, f"{path}.{field}")
    return found


def _nested(name: str, spec: Any) -> str | None:
    """The class an annotation names, looked up the way Python would: nearest first."""
    if spec is None:
        return None
    word = re.sub(r"^(Optional|List)\[|\]$", "", re.sub(r"^Optional\[List\[(.*)\]\]$", r"\1", spec[0])).strip("'")
    file, here = name.split("::")
    parts = here.split(".")
    for depth in range(len(parts), 0, -1):
        candidate = f"{file}::{'.'.join([*parts[:depth], word])}"
        if candidate in classes():
            return candidate
    return None


def check(obj: dict[str, Any]) -> list[str]:
    return problems(obj, FILES[obj["object"]], obj["object"])


@needs_specs
async def test_every_object_has_exactly_the_fields_of_the_library(platform: Platform) -> None:
    """After one of everything happened, no object knows a field Stripe does not, and none lacks one it always has."""
    account = platform.account("GB")
    charge = await platform.charge(account, currency="gbp", payment_intent_data={"application_fee_amount": 10})
    await platform.charge(account, "4000000000000259", currency="gbp")
    await platform.paid(account, "4000000000000002", currency="gbp")
    session = await platform.session(account, currency="gbp")
    platform.control("pay", session=session.id, bank="00012345")
    platform.control("refunds", charge=charge.id, amount=1000, refund_application_fee=True)
    platform.advance(30)
    platform.control("payouts", account=account)
    found = []
    kinds = "checkout/sessions payment_intents charges balance_transactions refunds disputes payouts events"
    for path in kinds.split():
        rows = platform.raw("GET", f"/v1/{path}", account, params={"limit": "100"}).json()["data"]
        assert rows, path
        found += [problem for row in rows for problem in check(row)]
    line_items = platform.raw("GET", f"/v1/checkout/sessions/{session.id}/line_items", account).json()["data"]
    fees = platform.raw("GET", "/v1/application_fees").json()["data"]
    balance = platform.raw("GET", "/v1/balance", account).json()
    shown = platform.raw("GET", f"/v1/accounts/{account}").json()
    for row in [*line_items, *fees, *fees[0]["refunds"]["data"], balance, shown]:
        found += check(row)
    assert [] == sorted(set(found))


@needs_specs
async def test_v2_objects_too(platform: Platform) -> None:
    """Accounts with everything included, links, destinations and events hold to the library's v2 types."""
    include = ["configuration.merchant", "requirements", "defaults", "identity", "future_requirements"]
    account = platform.raw("POST", "/v2/core/accounts", json=account_params() | {"include": include}).json()
    use_case = {"type": "account_onboarding", "account_onboarding": {"refresh_url": "https://x.example/r"}}
    link = platform.raw("POST", "/v2/core/account_links", json={"account": account["id"], "use_case": use_case}).json()
    destination = platform.raw(
        "POST",
        "/v2/core/event_destinations",
        json={
            "name": "thin",
            "type": "webhook_endpoint",
            "event_payload": "thin",
            "enabled_events": ["*"],
            "webhook_endpoint": {"url": "https://x.example/hook"},
        },
    ).json()
    events = platform.raw("GET", "/v2/core/events").json()["data"]
    endpoint = platform.raw(
        "POST", "/v1/webhook_endpoints", data={"url": "https://x.example/w", "enabled_events[]": "*"}
    ).json()
    found = [problem for row in (account, link, destination, *events, endpoint) for problem in check(row)]
    assert [] == sorted(set(found))


@needs_specs
def test_every_documented_test_number_is_known() -> None:
    """No card or bank account of the published list is missing here."""
    numbers = json.loads((SPECS / "test_numbers.json").read_text())
    cards = {number for name, group in numbers.items() if name.startswith("cards_") for number in group}
    # Mistyped on purpose: refused by its check digit before any bank is asked.
    assert {"4242424242424241"} == cards - set(stripe_cards.CARDS)
    banks = {
        "us_bank_account": numbers["ach_us_bank"]["accounts"],
        "bacs_debit": numbers["bacs"]["accounts"],
        "au_becs_debit": numbers["au_becs"]["accounts"],
        "sepa_debit": numbers["sepa"],
    }
    for method, accounts in banks.items():
        assert set(accounts) <= {account.number for account in stripe_banks.SCHEMES[method].accounts}


@needs_specs
def test_the_currency_rules_are_stripes() -> None:
    """Exponent groups and minimums equal the published ones."""
    rules: dict[str, Any] = json.loads((SPECS / "currencies.json").read_text())
    assert stripe_money.ZERO_DECIMAL == set(rules["zero_decimal"])
    assert stripe_money.THREE_DECIMAL == set(rules["three_decimal_last_digit_must_be_0"])
    assert stripe_money.WHOLE_SENT_AS_HUNDREDTHS == set(rules["sent_times_100_but_decimals_must_be_00"])
    assert stripe_money.PAYOUT_WHOLE_ONLY == set(rules["two_decimal_for_charges_zero_decimal_for_payouts"])
    minimums = {code: str(least) for code, least in stripe_money.MINIMUM.items()}
    assert minimums == rules["minimum_minor_units_as_decimal_major"]


def test_the_sandbox_reads_nothing_outside_its_own_folder() -> None:
    """The tables are data of the package, not files of a machine."""
    folder = Path(stripe_cards.__file__).parent
    assert {"event_types.json", "params.json"} == {file.name for file in (folder / "stripe_data").iterdir()}
