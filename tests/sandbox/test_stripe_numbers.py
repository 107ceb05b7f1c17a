"""The published list of test numbers, cards: each ends as it is documented to.

The list is read from the specs beside the repository (absent, these tests are skipped and say so); what each entry means
is written here, and an entry nobody has written down fails.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.specs import needs_specs, read_json
from tests.sandbox.stripe_people import Platform
from tests.sandbox.stripe_till import listed, shop

pytestmark = needs_specs


async def test_every_good_card_pays_as_its_brand_and_country(platform: Platform) -> None:
    """Brand, funding and country stand on the charge, and the money arrives."""
    till = await shop(platform)
    for number, words in listed("cards_success").items():
        intent: Any = await till.pay(card=number)
        card = intent.latest_charge.payment_method_details.card
        assert ("succeeded", number[-4:]) == (intent.status, card.last4), number
        told = {card.brand, card.country} | ({"debit"} if card.funding == "debit" else set())
        assert set(words.split()) <= told | {"visa"}, (number, words, told)
    platform.advance(2)
    page = await platform.client.v1.charges.list_async({"limit": 100}, till.options)
    assert all(charge.balance_transaction for charge in page.data)


CHECKS = {"cvc check fails": "incorrect_cvc", "zip check fails": "incorrect_zip"}


async def test_every_declining_card_declines_with_its_codes(platform: Platform) -> None:
    """Code and decline code, on the intent and the charge; a mistyped number reaches no bank at all."""
    till = await shop(platform)
    for number, (words, decline) in listed("cards_declined").items():
        code = CHECKS.get(words, "card_declined" if "card_declined" in words else words)
        if code == "incorrect_number":
            session = await platform.session(till.account, currency="gbp")
            answer = platform.sandbox.http.post("/_stripe/pay", json={"session": session.id, "card": number})
            assert (402, code) == (answer.status_code, answer.json()["error"]["code"])
            continue
        intent: Any = await till.pay(card=number)
        error = intent.last_payment_error
        assert ("requires_payment_method", code, "card_error") == (intent.status, error.code, error.type), number
        assert decline in (None, error.decline_code if "decline_code" in error else None), number
        assert ("failed", code) == (intent.latest_charge.status, intent.latest_charge.failure_code), number
        assert "open" == (await till.session(intent)).status, number


@pytest.mark.parametrize(("number", "check"), [("4000000000000101", "cvc"), ("4000000000000036", "avs")])
async def test_a_failing_check_declines_only_where_the_account_says_so(
    platform: Platform, number: str, check: str
) -> None:
    """With decline_on off the payment goes through, and the check says fail either way."""
    till = await shop(platform)
    field = {"cvc": "cvc_check", "avs": "address_postal_code_check"}[check]
    declined: Any = await till.pay(card=number)
    change: Any = {"configuration": {"merchant": {"card_payments": {"decline_on": {f"{check}_failure": False}}}}}
    await platform.client.v2.core.accounts.update_async(till.account, change)
    paid: Any = await till.pay(card=number)
    checks = [one.latest_charge.payment_method_details.card.checks[field] for one in (declined, paid)]
    assert (["requires_payment_method", "succeeded"], ["fail", "fail"]) == ([declined.status, paid.status], checks)


# What each word of the list means: (asks for 3-D Secure, how it ends when passed).
SECURE = {
    "required unless set up": (True, "succeeded"),
    "always required": (True, "succeeded"),
    "already set up": (True, "succeeded"),
    "3DS then insufficient_funds": (True, "insufficient_funds"),
    "3DS2 required, ok": (True, "succeeded"),
    "required": (True, "succeeded"),
    "required then card_declined": (True, "generic_decline"),
    "3DS lookup error": (False, "generic_decline"),
    "supported, not required": (False, "succeeded"),
    "supported, error": (False, "succeeded"),
    "frictionless": (False, "succeeded"),
}


async def test_every_3d_secure_card_asks_and_ends_as_listed(platform: Platform) -> None:
    """Required, optional, frictionless, failing before or after: the step comes or not, and the charge says which."""
    till = await shop(platform)
    for number, words in listed("cards_3ds").items():
        asks, end = SECURE[words]
        left = await till.pay(card=number, challenge="leave")
        assert asks == (left.status == "requires_action"), number
        intent: Any = await till.pay(card=number)
        error = intent.last_payment_error
        assert end == (intent.status if error is None else error.decline_code), number
        secure = intent.latest_charge.payment_method_details.card.three_d_secure
        flow = None if secure is None else (secure.authentication_flow, secure.result)
        special: dict[str, Any] = {"frictionless": ("frictionless", "authenticated")}
        special["3DS lookup error"] = (None, "processing_error")
        assert special.get(words, ("challenge", "authenticated") if asks else None) == flow, number


async def test_a_card_that_only_supports_3d_secure_is_asked_when_the_merchant_wants_it(platform: Platform) -> None:
    """request_three_d_secure=any brings the step to 3055, and fails 3097, whose lookup breaks."""
    account = platform.account()
    wish = {"payment_method_options": {"card": {"request_three_d_secure": "any"}}}
    asked = await platform.session(account, **wish)
    broken = await platform.session(account, **wish)
    left = platform.control("pay", session=asked.id, card="4000000000003055", challenge="leave")
    failed = platform.control("pay", session=broken.id, card="4000000000003097")
    assert ("requires_action", "failed") == (left["status"], failed["status"])


async def test_every_radar_card_has_its_risk(platform: Platform) -> None:
    """Blocked ones never reach the bank; elevated risk pays and says so."""
    till = await shop(platform)
    risks = {"always blocked": "highest", "highest risk": "highest", "elevated risk": "elevated"}
    for number, words in listed("cards_radar").items():
        intent: Any = await till.pay(card=number)
        outcome = intent.latest_charge.outcome
        assert risks[words] == outcome.risk_level, number
        blocked = ("blocked", "not_sent_to_network")
        assert (blocked if risks[words] == "highest" else ("authorized", "approved_by_network")) == (
            outcome.type,
            outcome.network_status,
        )


async def test_the_captcha_card_wants_a_person(platform: Platform) -> None:
    """The payment page asks for a tick first, and nothing is charged before."""
    session = await platform.session(platform.account())
    path = f"/stripe/c/pay/{session.id}"
    pressed = platform.sandbox.http.post(f"{path}/card", data={"test": "4000000000001208"})
    assert path == pressed.headers["location"]
    assert 'name="human"' in platform.sandbox.http.get(path).text
    assert [] == platform.sandbox.control("GET", "/_truth")["stripe"]["charges"]
    platform.sandbox.http.post(f"{path}/card", data={"test": "4000000000001208", "human": "yes"})
    assert 1 == len(platform.sandbox.control("GET", "/_truth")["stripe"]["charges"])


DISPUTES: dict[str, tuple[list[str], list[str]]] = {
    "fraudulent": (["fraudulent"], ["needs_response"]),
    "product_not_received": (["product_not_received"], ["needs_response"]),
    "inquiry (warning_*)": (["general"], ["warning_needs_response"]),
    "early fraud warning": ([], []),
    "multiple disputes": (["fraudulent", "product_not_received"], ["needs_response"] * 2),
}


async def test_every_disputing_card_disputes(platform: Platform) -> None:
    """Reason and status as listed; the warning is an object of its own and moves nothing."""
    till = await shop(platform)
    for number, words in listed("cards_disputes").items():
        intent: Any = await till.pay(card=number)
        platform.advance(6)
        found = await till.disputes(intent.latest_charge.id)
        assert DISPUTES[words] == ([d.reason for d in found], [d.status for d in found]), number
        params: Any = {"charge": intent.latest_charge.id}
        warnings = await platform.client.v1.radar.early_fraud_warnings.list_async(params, till.options)
        assert (words == "early fraud warning") == bool(warnings.data), number


async def test_every_evidence_text_decides(platform: Platform) -> None:
    """The listed texts win or lose a dispute once they are submitted."""
    till = await shop(platform)
    for text, end in listed("dispute_evidence_text").items():
        intent: Any = await till.pay(card="4000000000000259")
        platform.advance(6)
        (dispute,) = await till.disputes(intent.latest_charge.id)
        params: Any = {"evidence": {"uncategorized_text": text}}
        await platform.client.v1.disputes.update_async(dispute.id, params, till.options)
        platform.advance(6)
        (dispute,) = await till.disputes(intent.latest_charge.id)
        assert end == dispute.status


async def test_every_refunding_card_refunds_its_own_way(platform: Platform) -> None:
    """Pending then succeeded, or succeeded then failed, each told by its event."""
    till = await shop(platform)
    await till.pay(card="4242424242424242")  # so that there is money for both refunds
    for number, words in listed("cards_refunds").items():
        first, last, event = words.replace("refund ", "").replace("(", "").replace(")", "").replace(" then", "").split()
        intent: Any = await till.pay(card=number)
        platform.advance(2)
        refund = await platform.client.v1.refunds.create_async({"payment_intent": intent.id}, till.options)
        assert first == refund.status, number
        platform.advance(6)
        refund = await platform.client.v1.refunds.retrieve_async(refund.id, None, till.options)
        assert last == refund.status, number
        assert event in await platform.events(till.account), number


async def test_every_bypassing_card_has_its_money_at_once(platform: Platform) -> None:
    """The balance is available at once; another card's is pending for two days."""
    till = await shop(platform)
    for number in [*listed("cards_balance"), "4242424242424242"]:
        intent = await till.pay(card=number)
        platform.advance(2)
        line = (await till.again(intent)).latest_charge.balance_transaction
        assert ("pending" if number.startswith("4242") else "available") == line.status, number


async def test_an_address_plays_a_payer_in_another_country(platform: Platform) -> None:
    """name+location_XX@example.com, prefilled or typed, decides the payer's country."""
    account = platform.account("GB")
    email = read_json("test_numbers.json")["location"].split()[2].replace("XX", "NZ")
    session = await platform.session(account, currency="gbp")
    form = {"test": "4242424242424242", "email": email, "country": "GB"}
    platform.sandbox.http.post(f"/stripe/c/pay/{session.id}/card", data=form)
    (charge,) = platform.sandbox.control("GET", "/_truth")["stripe"]["charges"]
    assert "NZ" == charge["billing_details"]["address"]["country"]


def test_nothing_of_the_list_is_left_out() -> None:
    """A group or an onboarding value that this file does not speak of would be noticed here."""
    groups = set(read_json("test_numbers.json")) - {"_source"}
    cards = {f"cards_{kind}" for kind in ("success", "declined", "3ds", "radar", "disputes", "refunds", "balance")}
    assert cards | {"dispute_evidence_text", "ach_us_bank", "sepa", "bacs", "au_becs"} == groups - {
        "connect_onboarding",
        "location",
    }
