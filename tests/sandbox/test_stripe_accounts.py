"""Accounts v2: made in our shape, onboarded on the hosted page, restricted, cleared and lost again."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import stripe

from tests.sandbox.stripe_people import Platform, account_params

EVERYTHING: Any = ["configuration.merchant", "requirements", "defaults", "identity", "future_requirements"]
REFRESH, RETURN = "https://pay.example.com/refresh", "https://pay.example.com/return"


async def made(platform: Platform, **changes: Any) -> Any:
    return await platform.client.v2.core.accounts.create_async(params=account_params(**changes))


async def read(platform: Platform, id: str) -> Any:
    return await platform.client.v2.core.accounts.retrieve_async(id, params={"include": EVERYTHING})


async def status(platform: Platform, id: str) -> str:
    account = await read(platform, id)
    return str(account.configuration.merchant.capabilities.card_payments.status)


async def link(platform: Platform, id: str) -> str:
    """A fresh onboarding link's path on the sandbox."""
    use_case: Any = {
        "type": "account_onboarding",
        "account_onboarding": {"refresh_url": REFRESH, "return_url": RETURN},
    }
    made = await platform.client.v2.core.account_links.create_async(params={"account": id, "use_case": use_case})
    return urlsplit(made.url).path


def sit_down(platform: Platform, path: str) -> str:
    """Open a link; the path of the form."""
    return str(platform.sandbox.http.get(path).headers["location"])


async def test_what_is_not_included_is_null(platform: Platform) -> None:
    """Without include, configuration, requirements, defaults and identity are null, on create and on retrieve."""
    account = await made(platform)
    again = await platform.client.v2.core.accounts.retrieve_async(account.id)
    for shown in (account, again):
        nothing = (shown.configuration, shown.requirements, shown.defaults, shown.identity, shown.future_requirements)
        assert (None,) * 5 == nothing


async def test_a_new_account_may_not_take_cards_yet(platform: Platform) -> None:
    """A new account is restricted, says what is missing from whom, and defaults to its country's currency."""
    account = await read(platform, (await made(platform)).id)
    assert "restricted" == account.configuration.merchant.capabilities.card_payments.status
    assert {"user"} == {entry.awaiting_action_from for entry in account.requirements.entries}
    assert ("past_due", "nzd") == (account.requirements.summary.minimum_deadline.status, account.defaults.currency)


@pytest.mark.parametrize(
    ("dashboard", "fees", "losses"),
    [("express", "stripe", "stripe"), ("full", "application", "application"), ("none", "stripe", "stripe")],
)
async def test_combinations_of_dashboard_and_responsibilities_are_checked(
    platform: Platform, dashboard: str, fees: str, losses: str
) -> None:
    """Express with Stripe losses, full with application losses and none with Stripe are refused."""
    responsibilities = {"fees_collector": fees, "losses_collector": losses}
    with pytest.raises(stripe.InvalidRequestError):
        await made(platform, dashboard=dashboard, defaults={"responsibilities": responsibilities})


async def test_v1_account_creation_points_to_v2(platform: Platform) -> None:
    """Creating an account the old way is refused with the way to the new one."""
    with pytest.raises(stripe.InvalidRequestError, match="accounts-v2"):
        await platform.client.v1.accounts.create_async(params={"type": "standard"})


async def test_unknown_fields_of_v2_json_are_refused(platform: Platform) -> None:
    """The configurations field that older examples show in account links is unknown."""
    account = await made(platform)
    onboarding = {"configurations": ["merchant"], "refresh_url": REFRESH}
    body = {"account": account.id, "use_case": {"type": "account_onboarding", "account_onboarding": onboarding}}
    answer = platform.raw("POST", "/v2/core/account_links", json=body)
    assert (400, "parameter_unknown") == (answer.status_code, answer.json()["error"]["code"])


async def test_onboarding_makes_cards_active_a_moment_later(platform: Platform) -> None:
    """Test values and Finish lead to the return URL while the check runs; then the capability is active."""
    platform.control("modes", verification_seconds=600)
    account = await made(platform)
    form = sit_down(platform, await link(platform, account.id))
    platform.sandbox.http.post(form, data={"do": "fill"})
    left = platform.sandbox.http.post(form, data={"do": "finish"})
    assert (303, RETURN, "pending") == (left.status_code, left.headers["location"], await status(platform, account.id))
    platform.advance(601)
    assert "active" == await status(platform, account.id)
    assert [] == (await read(platform, account.id)).requirements.entries


async def test_arriving_at_the_return_url_proves_nothing(platform: Platform) -> None:
    """Save for later also leads to the return URL, with the account still restricted and what was typed kept."""
    account = await made(platform)
    form = sit_down(platform, await link(platform, account.id))
    left = platform.sandbox.http.post(form, data={"do": "save", "registered_name": "Harbour Lane Limited"})
    assert RETURN == left.headers["location"]
    assert "restricted" == await status(platform, account.id)
    assert "Harbour Lane Limited" == (await read(platform, account.id)).identity.business_details.registered_name


async def test_finish_with_gaps_stays_and_names_them(platform: Platform) -> None:
    """Finish without the bank account stays on the page and says what is missing."""
    account = await made(platform)
    form = sit_down(platform, await link(platform, account.id))
    stayed = platform.sandbox.http.post(form, data={"do": "finish"})
    assert 200 == stayed.status_code
    assert "Bank account" in stayed.text


async def test_a_link_opens_once_and_for_five_minutes(platform: Platform) -> None:
    """The second visit, and a late first one, lead to the refresh URL."""
    account = await made(platform)
    used, late = await link(platform, account.id), await link(platform, account.id)
    sit_down(platform, used)
    platform.advance(301)
    assert [REFRESH, REFRESH] == [sit_down(platform, path) for path in (used, late)]


@pytest.mark.parametrize(
    ("birth", "document", "expected"),
    [
        ("1902-01-01", "file_identity_document_success", "active"),
        ("1900-01-01", "file_identity_document_success", "rejected"),
        ("1901-01-01", "file_identity_document_failure", "restricted"),
    ],
)
async def test_the_documented_test_values_decide_the_check(
    platform: Platform, birth: str, document: str, expected: str
) -> None:
    """Birth date and document of the test list end in active, rejected or restricted with an error."""
    account = await made(platform)
    form = sit_down(platform, await link(platform, account.id))
    platform.sandbox.http.post(form, data={"do": "fill"})
    platform.sandbox.http.post(form, data={"do": "finish", "birth": birth, "document": document})
    platform.advance(3)
    assert expected == await status(platform, account.id)


async def test_account_changes_are_told_in_thin_events(platform: Platform) -> None:
    """Onboarding sends v2 events with the account as context and no snapshot account.updated at all."""
    id = platform.account()
    platform.settle()
    types = set(platform.ears.types("/thin"))
    assert {
        "v2.core.account.created",
        "v2.core.account[requirements].updated",
        "v2.core.account[configuration.merchant].capability_status_updated",
    } <= types
    assert {id} == {heard.json["context"] for heard in platform.ears.heard if heard.path == "/thin"}
    assert "account.updated" not in platform.ears.types("/connect")


async def test_requirements_appear_with_a_deadline_restrict_and_clear(platform: Platform) -> None:
    """A requirement due in 14 days leaves payments on until the day passes, and clearing it restores them."""
    id = platform.account()
    platform.control(f"accounts/{id}", action="require", days=14)
    account = await read(platform, id)
    assert "currently_due" == account.requirements.summary.minimum_deadline.status
    assert account.requirements.summary.minimum_deadline.time is not None
    assert "active" == await status(platform, id)
    platform.advance(14 * 86_400 + 1)
    assert "restricted" == await status(platform, id)
    platform.control(f"accounts/{id}", action="clear")
    assert "active" == await status(platform, id)


async def test_what_is_asked_for_again_has_its_own_deadline(platform: Platform) -> None:
    """A requirement that was cleared and asked for anew with a later day is not due on the first one."""
    id = platform.account()
    platform.control(f"accounts/{id}", action="require", days=2)
    platform.control(f"accounts/{id}", action="clear")
    platform.control(f"accounts/{id}", action="require", days=14)
    platform.advance(3 * 86_400)
    assert "active" == await status(platform, id)
    platform.advance(12 * 86_400)
    assert "restricted" == await status(platform, id)


async def test_a_bank_account_that_is_asked_for_holds_payouts_only(platform: Platform) -> None:
    """Without a bank account that works the merchant is not paid out, and customers can pay all the same."""
    id = platform.account()
    platform.control(f"accounts/{id}", action="restrict", description="defaults.payout_methods")
    merchant = (await read(platform, id)).configuration.merchant
    assert ("active", "restricted") == (
        merchant.capabilities.card_payments.status,
        merchant.capabilities.stripe_balance.payouts.status,
    )


async def test_a_sitting_ends_with_the_connection(platform: Platform) -> None:
    """Once the account has left the platform its open onboarding page is gone and takes nothing more."""
    account = await made(platform)
    form = sit_down(platform, await link(platform, account.id))
    assert 200 == platform.sandbox.http.get(form).status_code
    platform.control(f"accounts/{account.id}", action="deauthorise")
    assert 404 == platform.sandbox.http.get(form).status_code
    assert 404 == platform.sandbox.http.post(form, data={"do": "fill"}).status_code


async def test_the_enter_key_finishes(platform: Platform) -> None:
    """The first button of the onboarding form, which the Enter key presses, finishes: it fills in no test values."""
    page = platform.sandbox.http.get(sit_down(platform, await link(platform, (await made(platform)).id))).text
    assert "finish" == re.findall(r'<button name="do" value="(\w+)"', page)[0]


async def test_a_restricted_account_takes_no_new_sessions(platform: Platform) -> None:
    """While the card capability is not active a session cannot be made."""
    id = platform.account()
    platform.control(f"accounts/{id}", action="restrict")
    with pytest.raises(stripe.InvalidRequestError, match="No valid payment method types"):
        await platform.session(id)


async def test_v1_shows_the_same_account(platform: Platform) -> None:
    """charges_enabled and requirements of the v1 view follow the v2 capability."""
    id = platform.account("GB")
    account = await platform.client.v1.accounts.retrieve_async(id)
    assert (True, True, "gbp", "GB") == (
        account.charges_enabled,
        account.payouts_enabled,
        account.default_currency,
        account.country,
    )
    platform.control(f"accounts/{id}", action="restrict")
    account = await platform.client.v1.accounts.retrieve_async(id)
    assert (False, "requirements.past_due") == (
        account.charges_enabled,
        account.requirements.disabled_reason if account.requirements else None,
    )


async def test_a_disconnected_account_is_403_and_the_platform_hears_of_it(platform: Platform) -> None:
    """After the merchant disconnects, calls are 403 account_invalid and an event without related object came."""
    id = platform.account()
    platform.control(f"accounts/{id}", action="deauthorise")
    platform.settle()
    with pytest.raises(stripe.PermissionError):
        await platform.session(id)
    (heard,) = platform.ears.of("account.application.deauthorized")
    assert id == heard.json["account"]
    platform.control(f"accounts/{id}", action="reconnect")
    assert "open" == (await platform.session(id)).status


async def test_accounts_are_listed_page_by_page(platform: Platform) -> None:
    """The v2 list pages through next_page_url with the library's own iterator."""
    ids = [platform.account() for _ in range(3)]
    page = await platform.client.v2.core.accounts.list_async(params={"limit": 2})
    assert ids[::-1] == [account.id async for account in page.auto_paging_iter()]
