"""The published list of test numbers, what a merchant enters at Stripe: each ends as it is documented to.

The list is read from the specs beside the repository (absent, these tests are skipped and say so); what each entry means
is written here, and an entry nobody has written down fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.specs import needs_specs
from tests.sandbox.stripe_people import Platform, account_params
from tests.sandbox.stripe_till import listed

pytestmark = needs_specs
DAY = 86_400


def _opened(platform: Platform, account: str) -> str:
    use_case = {"type": "account_onboarding", "account_onboarding": {"refresh_url": "https://x.example/r"}}
    link = platform.raw("POST", "/v2/core/account_links", json={"account": account, "use_case": use_case}).json()
    return str(platform.sandbox.http.get(link["url"].removeprefix(platform.sandbox.url)).headers["location"])


def _boarded(platform: Platform, country: str = "us", entity: str = "company", **form: str) -> dict[str, Any]:
    """An account whose merchant filled the page in with test values, and with these, and finished; as the API shows it."""
    params = account_params(country, identity={"country": country, "entity_type": entity})
    account = platform.raw("POST", "/v2/core/accounts", json=params).json()["id"]
    page = _opened(platform, account)
    platform.sandbox.http.post(page, data={"do": "fill"})
    platform.sandbox.http.post(page, data={"do": "finish", **form})
    return _state(platform, account)


def _state(platform: Platform, account: str) -> dict[str, Any]:
    query = "include[0]=configuration.merchant&include[1]=requirements"
    shown = platform.raw("GET", f"/v2/core/accounts/{account}?{query}").json()
    card = shown["configuration"]["merchant"]["capabilities"]["card_payments"]
    rows = shown["requirements"]["entries"]
    return {"id": account, "status": card["status"], "errors": [e["code"] for row in rows for e in row["errors"]]}


def _birthdays(values: dict[str, Any], platform: Platform) -> None:
    platform.control("modes", verification_seconds=600)
    soon, once = _boarded(platform, birth=values["dob_ok"]), _boarded(platform, birth=values["dob_immediate_ok"])
    hit = _boarded(platform, birth=values["dob_ofac"])
    assert ("pending", "active", "pending") == (soon["status"], once["status"], hit["status"])
    platform.advance(601)
    assert ("active", "rejected") == (_state(platform, soon["id"])["status"], _state(platform, hit["id"])["status"])


def _numbers(values: dict[str, Any], platform: Platform) -> None:
    made = [
        _boarded(platform, id_number=values["tax_id"]),
        _boarded(platform, person_id=values["ssn"]),
        _boarded(platform, person_id=values["ssn_last4"]),
        _boarded(platform, entity="non_profit", id_number=values["tax_id_nonprofit"]),
        _boarded(platform, line1=values["address_line1_ok"]),
        _boarded(platform, website=values["url"]),
        _boarded(platform, phone=values["phone"]),
        _boarded(platform, document=values["file_ok"]),
    ]
    platform.advance(3)
    assert {("active", ())} == {
        (now["status"], tuple(now["errors"])) for one in made for now in [_state(platform, one["id"])]
    }


def _failing(values: dict[str, Any], platform: Platform) -> None:
    made = {
        "verification_document_failed_other": _boarded(platform, document=values["file_fail"]),
        "verification_failed_tax_id_match": _boarded(platform, id_number=values["tax_id_nonprofit"]),
        "verification_failed_id_number_match": _boarded(platform, person_id="111111111"),
        "verification_failed_address_match": _boarded(platform, line1="address_no_match"),
        "invalid_url_website_inaccessible": _boarded(platform, website="https://inaccessible.stripe.com"),
    }
    platform.advance(3)
    for code, one in made.items():
        assert ("restricted", [code]) == (_state(platform, one["id"])["status"], _state(platform, one["id"])["errors"])


def _banks(values: dict[str, Any], platform: Platform) -> None:
    cases = [("us", values["bank_us_ok"], "paid"), ("us", values["bank_us_payout_no_account"], "failed")]
    for country, (routing, number), end in [*cases, ("au", values["bank_au"], "paid")]:
        account = _boarded(platform, country, routing=routing, account_number=number)["id"]
        platform.advance(3)
        form = {
            "amount": "5000",
            "currency": "usd" if country == "us" else "aud",
            "payment_method": "pm_card_bypassPending",
        }
        platform.raw("POST", "/v1/payment_intents", account, data=form | {"confirm": "true"})
        platform.advance(2)
        (payout,) = platform.control("payouts", account=account)
        platform.advance(2 * DAY)
        payout = platform.raw("GET", f"/v1/payouts/{payout['id']}", account).json()
        assert (end, "no_account" if end == "failed" else None) == (payout["status"], payout["failure_code"])


def _sms(values: dict[str, Any], platform: Platform) -> None:
    account = platform.raw("POST", "/v2/core/accounts", json=account_params("us")).json()["id"]
    page = _opened(platform, account)
    wrong = platform.sandbox.http.post(page, data={"do": "finish", "mobile": values["phone"], "code": "123-456"}).text
    right = platform.sandbox.http.post(
        page, data={"do": "finish", "mobile": values["phone"], "code": values["sms_code"]}
    )
    assert (True, False) == ("Mobile phone, and" in wrong, "Mobile phone, and" in right.text)


ONBOARDING: dict[Callable[[dict[str, Any], Platform], None], set[str]] = {
    _birthdays: {"dob_ok", "dob_immediate_ok", "dob_ofac"},
    _numbers: {"tax_id", "ssn", "ssn_last4", "tax_id_nonprofit", "address_line1_ok", "url", "phone", "file_ok"},
    _failing: {"file_fail"},
    _banks: {"bank_us_ok", "bank_us_payout_no_account", "bank_au"},
    _sms: {"sms_code"},
}


@pytest.mark.parametrize("check", ONBOARDING, ids=lambda check: check.__name__.strip("_"))
async def test_every_onboarding_value_does_what_it_is_for(
    platform: Platform, check: Callable[[dict[str, Any], Platform], None]
) -> None:
    """Birthdays, numbers, addresses, documents, bank accounts and the code by text message."""
    check(listed("connect_onboarding"), platform)


def test_no_onboarding_value_is_left_out() -> None:
    """A value of the list that this file does not speak of would be noticed here."""
    assert set.union(*ONBOARDING.values()) == set(listed("connect_onboarding"))
