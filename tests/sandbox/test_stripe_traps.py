"""The traps of Stripe's fact sheet: what a developer writing from memory gets wrong fails here as it would there.

One section for each of the ten; a trap that other tests hold as well is named with them. Where the trap lies in the
official library itself, the library runs against the sandbox and falls into it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import stripe

from tests.sandbox.process import Sandbox
from tests.sandbox.stripe_people import KEY, SECRET, Platform, account_params, session_params

DAY = 86_400


def code_of(refused: pytest.ExceptionInfo[stripe.StripeError]) -> str | None:
    """The code where it really stands: in the error object."""
    return refused.value.error.code if refused.value.error else None


# 1. payment_method_types is gone; also test_stripe_http.test_wrong_parameters_are_refused_by_name.


@pytest.mark.parametrize("where", ["session", "intent"])
async def test_1_payment_method_types_cannot_be_written(platform: Platform, where: str) -> None:
    """A session and a payment intent refuse it; the filters that remain may not leave nothing."""
    account = platform.account()
    params: Any = {"payment_method_types": ["card"]}
    if where == "session":
        call = platform.session(account, **params)
    else:
        params |= {"amount": 5000, "currency": "nzd"}
        call = platform.client.v1.payment_intents.create_async(params, {"stripe_account": account})  # type: ignore[assignment]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await call
    assert "payment_method_types_no_longer_supported" == code_of(refused)
    with pytest.raises(stripe.InvalidRequestError, match="No valid payment method types"):
        await platform.session(account, allowed_payment_method_types=["sepa_debit"])


# 2. ui_mode's old names.


@pytest.mark.parametrize("old", ["hosted", "embedded", "custom"])
async def test_2_old_ui_modes_fail(platform: Platform, old: str) -> None:
    """hosted, embedded and custom are refused by name, and the answer lists the new ones."""
    with pytest.raises(stripe.InvalidRequestError, match="hosted_page") as refused:
        await platform.session(platform.account(), ui_mode=old)
    assert "ui_mode" == refused.value.param


# 3. StripeObject is no dict.


async def test_3_objects_are_no_dicts(platform: Platform) -> None:
    """get, dict() and json.dumps fail on what the sandbox answers; a field that is absent is an AttributeError."""
    session: Any = await platform.session(platform.account(), metadata={"a": "1"})
    with pytest.raises(AttributeError):
        session.get("metadata", {})
    with pytest.raises((TypeError, KeyError)):
        json.dumps(session)
    with pytest.raises(AttributeError):
        _ = session.line_items  # only there when expanded
    assert {"a": "1"} == session.to_dict(for_json=True)["metadata"]


# 4. No retries by default, none for 429, Retry-After ignored.


async def test_4_the_client_does_not_retry_by_default_nor_a_429(platform: Platform) -> None:
    """One 503 is an error with the default client and passes with retries; a 429 is never tried again."""
    account = platform.account()
    options: Any = {"stripe_account": account}
    rule: dict[str, Any] = {"match": {"path": "/stripe/v1/charges"}, "times": 1, "fault": {"status": 503, "body": "{}"}}

    async def tries(fault: dict[str, Any], retries: int | None) -> tuple[str, int]:
        platform.sandbox.control("POST", "/_faults", rule | {"fault": fault})
        client, before = platform.make(KEY, max_network_retries=retries), len(_calls(platform))
        try:
            await client.v1.charges.list_async(None, options)
            end = "answered"
        except stripe.StripeError as error:
            end = type(error).__name__
        platform.sandbox.control("DELETE", "/_faults")
        return end, len(_calls(platform)) - before

    down, busy = {"status": 503, "body": "{}"}, {"rate_limit": {"retry_after": "1"}}
    assert ("APIError", 1) == await tries(down, None)
    assert ("answered", 2) == await tries(down, 2)
    assert ("RateLimitError", 1) == await tries(busy, 2)


def _calls(platform: Platform) -> list[Any]:
    return list(platform.sandbox.control("GET", "/_log?path=/stripe/v1/charges"))


# 5. One async client for several event loops.


TWO_LOOPS = """
import asyncio, sys, stripe
base = sys.argv[1]
bases = {"api": base, "connect": base, "files": base, "meter_events": base}

async def ask(http):
    client = stripe.StripeClient("sk_test_sandbox", http_client=http, base_addresses=bases, max_network_retries=0)
    try:
        return (await client.v1.balance.retrieve_async()).object
    except stripe.APIConnectionError as error:
        return type(error).__name__

shared = stripe.HTTPXClient(timeout=5)
print(*[asyncio.run(ask(http)) for http in (shared, shared, stripe.HTTPXClient(timeout=5))])
"""


def test_5_an_async_client_belongs_to_one_loop(sandbox: Sandbox) -> None:
    """The same client in a second event loop cannot connect, for its kept connection is the first one's; a new one can."""
    command = [sys.executable, "-W", "ignore", "-c", TWO_LOOPS, sandbox.url + "/stripe"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True).stdout.split()
    assert ["balance", "APIConnectionError", "balance"] == told


# 6. Options among the parameters, keywords, empty ids.


async def test_6_keywords_options_and_empty_ids(platform: Platform) -> None:
    """mode= is a TypeError, stripe_account among the parameters is unknown, an empty id answers the whole list."""
    account = platform.account()
    sessions: Any = platform.client.v1.checkout.sessions
    with pytest.raises(TypeError):
        await sessions.create_async(mode="payment")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await sessions.create_async({**session_params(), "stripe_account": account})
    assert ("parameter_unknown", "stripe_account") == (code_of(refused), refused.value.param)
    made = await sessions.create_async(session_params(), {"stripe_account": account})
    listed: Any = await sessions.retrieve_async("", None, {"stripe_account": account})
    assert ("list", [made.id]) == (listed.object, [row.id for row in listed.data])


# 7. Webhooks: the account is forgotten, signatures from the future pass, other errors than the expected one; also
#    test_stripe_webhooks and test_stripe_limits (test-mode events at live endpoints, the endpoint's own version).


async def test_7_events_forget_their_account_and_pass_from_the_future(platform: Platform) -> None:
    """An event's object read again without its account is a 404; odd bodies with good signatures are ValueErrors."""
    account = platform.account()
    await platform.paid(account)
    platform.settle()
    (heard,) = platform.ears.of("checkout.session.completed")
    event: Any = platform.client.construct_event(heard.body, heard.headers["stripe-signature"], SECRET)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await platform.client.v1.checkout.sessions.retrieve_async(event.data.object.id)
    assert 404 == refused.value.http_status
    read = await platform.client.v1.checkout.sessions.retrieve_async(
        event.data.object.id, None, {"stripe_account": event.account}
    )
    assert "paid" == read.payment_status
    for body in ("not json", "[]x"):
        header = stripe.WebhookSignature.generate_signature_header(body, SECRET)
        with pytest.raises(ValueError):  # noqa: PT011 -- not SignatureVerificationError, whatever its words
            platform.client.construct_event(body.encode(), header, SECRET)


# 8. The fee at checkout.session.completed; also test_stripe_payments.


async def test_8_the_fee_is_not_there_yet_and_not_in_the_invoices_currency(platform: Platform) -> None:
    """The balance transaction is null until charge.updated, is in the settlement currency, and its fee holds ours."""
    account = platform.account("NZ")
    data = {"application_fee_amount": 100}
    paid = await platform.paid(account, currency="usd", amount=10_000, payment_intent_data=data)
    early: Any = (await platform.intent(account, paid["payment_intent"])).latest_charge
    platform.advance(2)
    late: Any = (await platform.intent(account, paid["payment_intent"])).latest_charge
    line = late.balance_transaction
    assert (None, "usd", "nzd") == (early.balance_transaction, late.currency, line.currency)
    ours = sum(part.amount for part in line.fee_details if part.type == "application_fee")
    assert 100 < ours < line.fee
    assert line.net == line.amount - line.fee


# 9. Accounts v2: no charges_enabled, null without include, thin events only, the library's thin helpers leak.


async def test_9_readiness_is_a_capability_and_must_be_asked_for(platform: Platform) -> None:
    """There is no charges_enabled; without include the configuration is null; account.updated never comes by itself."""
    account: Any = await platform.client.v2.core.accounts.create_async(account_params())
    with pytest.raises(AttributeError):
        _ = account.charges_enabled
    assert account.configuration is None
    full: Any = await platform.client.v2.core.accounts.retrieve_async(
        account.id, {"include": ["configuration.merchant", "requirements"]}
    )
    assert "restricted" == full.configuration.merchant.capabilities.card_payments.status
    platform.control(f"accounts/{account.id}", action="complete")
    platform.settle()
    assert "account.updated" not in {heard.type for heard in platform.ears.heard}
    thin = "v2.core.account[configuration.merchant].capability_status_updated"
    assert thin in platform.ears.types("/thin")


async def test_9_the_librarys_async_thin_helpers_are_refused(platform: Platform) -> None:
    """fetch_related_object_async leaks usage[0] into the address, which v1 answers with parameter_unknown."""
    params: Any = {"name": "t", "type": "webhook_endpoint", "event_payload": "thin", "events_from": ["@accounts"]}
    params |= {"enabled_events": ["v1.checkout.session.completed"], "include": ["webhook_endpoint.signing_secret"]}
    params |= {"webhook_endpoint": {"url": f"{platform.ears.url}/v1thin"}}
    made: Any = await platform.client.v2.core.event_destinations.create_async(params)
    await platform.paid(platform.account())
    platform.settle()
    (heard,) = [one for one in platform.ears.heard if one.path == "/v1thin"]
    secret = made.webhook_endpoint.signing_secret
    note: Any = platform.client.parse_event_notification(heard.body, heard.headers["stripe-signature"], secret)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await note.fetch_related_object_async()
    assert "parameter_unknown" == code_of(refused)
    options: Any = {"stripe_context": str(note.context)}
    session = await platform.client.v1.checkout.sessions.retrieve_async(note.related_object.id, None, options)
    assert "complete" == session.status


async def test_9_express_with_stripes_losses_is_refused(platform: Platform) -> None:
    """The combination a developer would try first for a light dashboard does not exist."""
    with pytest.raises(stripe.InvalidRequestError, match="express"):
        await platform.client.v2.core.accounts.create_async(account_params(dashboard="express"))


# 10. Errors' codes, keys with recomputed parameters, sessions that stay payable, currencies.


async def test_10_codes_stand_in_the_error_object(platform: Platform) -> None:
    """401, 403, 404 and idempotency errors: e.code is None for all but 404, e.error.code knows better."""
    account = platform.account()
    with pytest.raises(stripe.PermissionError) as forbidden:
        await platform.client.v1.charges.list_async(None, {"stripe_account": "acct_1Stranger"})
    assert (None, "account_invalid") == (forbidden.value.code, code_of(forbidden))
    options: Any = {"stripe_account": account, "idempotency_key": "pr_1:1"}
    now = int(platform.sandbox.control("GET", "/_clock")["timestamp"])
    await platform.client.v1.checkout.sessions.create_async(session_params(expires_at=now + 3600), options)
    with pytest.raises(stripe.IdempotencyError) as reused:
        await platform.client.v1.checkout.sessions.create_async(session_params(expires_at=now + 3601), options)
    assert (400, None) == (reused.value.http_status, reused.value.code)


async def test_10_two_open_sessions_are_two_payments(platform: Platform) -> None:
    """Neither cancel_url nor a second session closes the first: both can be paid unless one is expired."""
    account = platform.account()
    first, second = await platform.session(account), await platform.session(account)
    platform.sandbox.http.get(f"/stripe/c/pay/{first.id}")
    paid = [platform.control("pay", session=session.id)["status"] for session in (first, second)]
    assert ["succeeded", "succeeded"] == paid
    third = await platform.session(account)
    await platform.client.v1.checkout.sessions.expire_async(third.id, None, {"stripe_account": account})
    assert 400 == platform.sandbox.http.post("/_stripe/pay", json={"session": third.id}).status_code


async def test_10_a_replayed_session_may_be_dead(platform: Platform) -> None:
    """Within the key's day the old body says open, though the session has expired since."""
    account = platform.account()
    options: Any = {"stripe_account": account, "idempotency_key": "pr_9:1"}
    now = int(platform.sandbox.control("GET", "/_clock")["timestamp"])
    params = session_params(expires_at=now + 1900)
    first = await platform.client.v1.checkout.sessions.create_async(params, options)
    platform.advance(2000)
    again = await platform.client.v1.checkout.sessions.create_async(params, options)
    read = await platform.client.v1.checkout.sessions.retrieve_async(first.id, None, {"stripe_account": account})
    assert (first.id, "open", "expired") == (again.id, again.status, read.status)


@pytest.mark.parametrize(
    ("currency", "wrong", "right"),
    [("isk", 1500, 150_000), ("ugx", 5001, 5_000_000), ("jpy", 40, 5000), ("kwd", 5001, 5000), ("huf", 100, 50_000)],
)
async def test_10_exponents_are_stripes_own(platform: Platform, currency: str, wrong: int, right: int) -> None:
    """ISK and UGX times a hundred, three-decimal amounts ending in 0, forints with two decimals."""
    account = platform.account("GB")
    with pytest.raises(stripe.InvalidRequestError):
        await platform.session(account, currency=currency, amount=wrong)
    assert right == (await platform.session(account, currency=currency, amount=right)).amount_total


async def test_10_forints_are_paid_out_whole(platform: Platform) -> None:
    """HUF is charged with two decimals and paid out without: 100.50 is refused as a payout."""
    answer = platform.raw("POST", "/v1/payouts", platform.account(), data={"amount": "10050", "currency": "huf"})
    assert (400, True) == (answer.status_code, "divisible by 100" in answer.json()["error"]["message"])
