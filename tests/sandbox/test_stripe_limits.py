"""Stripe's own limits, locks, replays and older versions, as a client meets them."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import stripe

from sandbox.stripe_limits import Locks, Window
from tests.sandbox.stripe_people import SECRET, Platform, account_params, session_params


def limit(platform: Platform, **limits: int | None) -> None:
    platform.sandbox.control("POST", "/_config", {"stripe": {"limits": limits}})


def test_the_published_limits_hold_unless_lifted(platform: Platform) -> None:
    """A fresh sandbox allows an account 25 requests a second, 100 with a live key, and one intent 1,000 changes an hour."""
    told = platform.sandbox.control("POST", "/_config", {"stripe": {"limits": {}}})["stripe"]["limits"]
    assert {"second", "live_second", "endpoint_second", "concurrent", "intent_hour"} == set(told)
    assert 1000 == told["intent_hour"]


def refused(platform: Platform, account: str, paths: list[str]) -> httpx.Response:
    """The first 429; asked as often as it takes two requests to fall into one second."""
    for path in paths * 100:
        answer = platform.raw("GET", path, account)
        if answer.status_code == 429:
            return answer
    raise AssertionError("nothing was refused")


async def test_too_many_requests_are_429_with_a_reason(platform: Platform) -> None:
    """The reason stands in Stripe-Rate-Limited-Reason, no Retry-After comes, and the library does not try again."""
    account = platform.account()
    assert 200 == platform.raw("GET", "/v1/balance", account).status_code
    limit(platform, second=1)
    answer = refused(platform, account, ["/v1/balance"])
    assert ("global-rate", "rate_limit", False) == (
        answer.headers["stripe-rate-limited-reason"],
        answer.json()["error"]["code"],
        "retry-after" in answer.headers,
    )
    assert answer.headers["request-id"].startswith("req_")
    limit(platform, second=0)
    client, before = platform.make("sk_test_sandbox", max_network_retries=2), _calls(platform)
    with pytest.raises(stripe.RateLimitError):
        await client.v1.charges.list_async(None, {"stripe_account": account})
    assert 1 == _calls(platform) - before


def _calls(platform: Platform) -> int:
    return len(platform.sandbox.control("GET", "/_log?path=/stripe/v1/charges"))


def test_each_endpoint_has_a_limit_of_its_own(platform: Platform) -> None:
    """One endpoint used up leaves the others free; ids do not make endpoints."""
    account = platform.account()
    limit(platform, endpoint_second=1)
    answer = refused(platform, account, ["/v1/charges/ch_one111", "/v1/charges/ch_two222"])
    assert "endpoint-rate" == answer.headers["stripe-rate-limited-reason"]
    assert 200 == platform.raw("GET", "/v1/charges", account).status_code


async def test_one_intent_can_be_changed_so_often(platform: Platform) -> None:
    """The limit of changes of one payment intent is an hour's, and another intent has its own."""
    account = platform.account()
    form = {"amount": "5000", "currency": "nzd"}
    one, two = (platform.raw("POST", "/v1/payment_intents", account, data=form).json()["id"] for _ in range(2))
    limit(platform, intent_hour=1)

    def change(id: str) -> int:
        return platform.raw("POST", f"/v1/payment_intents/{id}", account, data={"description": "x"}).status_code

    assert [200, 429, 200] == [change(one), change(one), change(two)]
    platform.advance(3601)
    limit_over = change(one)
    limit(platform, intent_hour=1000)
    assert 200 == limit_over


async def test_a_locked_object_is_a_rate_limit_error_with_a_code_of_its_own(platform: Platform) -> None:
    """Two changes of one object at once: the second waits, and is refused with lock_timeout when that takes too long."""
    account = platform.account()
    charge: Any = await platform.charge(account)
    platform.control("modes", api_seconds=3, lock_seconds=0.1)
    refunds, options = platform.client.v1.refunds, {"stripe_account": account}
    calls = [refunds.create_async({"charge": charge.id, "amount": 100}, options) for _ in range(2)]  # type: ignore[arg-type]
    done, refused = sorted(await asyncio.gather(*calls, return_exceptions=True), key=lambda a: isinstance(a, Exception))
    assert isinstance(done, stripe.Refund)
    assert isinstance(refused, stripe.RateLimitError)
    assert "lock_timeout" == (refused.error.code if refused.error else "")


async def test_whoever_waits_long_enough_gets_the_lock(platform: Platform) -> None:
    """With patience both changes happen, one after the other."""
    account = platform.account()
    charge: Any = await platform.charge(account)
    platform.control("modes", api_seconds=0.2, lock_seconds=10)
    options: Any = {"stripe_account": account}
    calls = [platform.client.v1.refunds.create_async({"charge": charge.id, "amount": 100}, options) for _ in range(2)]
    assert 200 == sum(refund.amount for refund in await asyncio.gather(*calls))


async def test_a_newcomer_does_not_pass_by_who_waits() -> None:
    """The lock goes from its holder to who waits for it, and nobody else holds it meanwhile."""
    locks, inside = Locks(), 0

    async def change() -> None:
        nonlocal inside
        async with locks.on("ch_1", 10):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1

    async def one_after_the_other() -> None:
        for _ in range(3):
            await change()

    await asyncio.gather(*(one_after_the_other() for _ in range(3)))


def test_a_v2_replay_makes_nothing_and_shows_what_is(platform: Platform) -> None:
    """The same key makes one account, and the second answer shows it as it is by then."""
    headers = {"idempotency-key": "acct:1"}
    first = platform.raw("POST", "/v2/core/accounts", json=account_params(), headers=headers).json()
    platform.raw("POST", f"/v2/core/accounts/{first['id']}", json={"display_name": "Renamed"})
    again = platform.raw("POST", "/v2/core/accounts", json=account_params(), headers=headers)
    assert (first["id"], "Renamed", "true") == (
        again.json()["id"],
        again.json()["display_name"],
        again.headers["idempotent-replayed"],
    )
    other = platform.raw("POST", "/v2/core/accounts", json=account_params("gb"), headers=headers)
    assert (409, "idempotency_error") == (other.status_code, other.json()["error"]["type"])


def test_an_older_version_is_spoken_both_ways(platform: Platform) -> None:
    """A caller before dahlia writes and reads the old ui_mode names; the account it named comes back in a header."""
    account = platform.account()
    headers = {"stripe-version": "2025-08-27.basil"}
    form = {
        "mode": "payment",
        "ui_mode": "hosted",
        "payment_method_types[0]": "card",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "nzd",
        "line_items[0][price_data][unit_amount]": "5000",
        "line_items[0][price_data][product_data][name]": "Invoice",
        "success_url": "https://x.example/ok",
    }
    made = platform.raw("POST", "/v1/checkout/sessions", account, data=form, headers=headers)
    assert ("hosted", account) == (made.json()["ui_mode"], made.headers["stripe-account"])
    listed = platform.raw("GET", "/v1/checkout/sessions", account, headers=headers).json()["data"]
    now = platform.raw("GET", f"/v1/checkout/sessions/{made.json()['id']}", account).json()
    assert (["hosted"], "hosted_page") == ([row["ui_mode"] for row in listed], now["ui_mode"])


async def test_an_endpoint_hears_in_its_own_version(platform: Platform) -> None:
    """The endpoint's api_version shapes the event, not the library's; events made before stay as they were."""
    await platform.client.v1.webhook_endpoints.create_async(
        {
            "url": f"{platform.ears.url}/old",
            "enabled_events": ["checkout.session.completed"],
            "connect": True,
            "api_version": "2025-08-27.basil",
        }
    )
    await platform.paid(platform.account())
    platform.settle()
    told = {h.path: h.json for h in platform.ears.of("checkout.session.completed") if h.path in ("/old", "/connect")}
    assert ("2025-08-27.basil", "hosted") == (told["/old"]["api_version"], told["/old"]["data"]["object"]["ui_mode"])
    assert "hosted_page" == told["/connect"]["data"]["object"]["ui_mode"]


@pytest.mark.parametrize("version", ["yesterday", "2026-13-01", "2026-10-28.Endive"])
def test_what_is_no_version_is_refused(platform: Platform, version: str) -> None:
    """Nonsense in Stripe-Version is a 400 that names the header."""
    answer = platform.raw("GET", "/v1/balance", headers={"stripe-version": version})
    assert (400, "Stripe-Version") == (answer.status_code, answer.json()["error"]["param"])


async def test_a_rolled_secret_signs_beside_the_new_one(platform: Platform) -> None:
    """For a day both secrets verify: the header has two v1, and in test mode a v0 nobody minds."""
    endpoints = [{"url": f"{platform.ears.url}/connect", "secret": "whsec_new", "previous_secret": SECRET}]
    platform.sandbox.control("POST", "/_config", {"stripe": {"endpoints": endpoints}})
    await platform.paid(platform.account())
    platform.settle()
    (heard,) = platform.ears.of("checkout.session.completed")
    header = heard.headers["stripe-signature"]
    assert (2, 1) == (header.count("v1="), header.count("v0="))
    for secret in ("whsec_new", SECRET):
        platform.client.construct_event(heard.body, header, secret)


async def test_a_live_endpoint_hears_test_events_too(platform: Platform) -> None:
    """Livemode tells them apart: what a test event is about cannot be read with the live key."""
    platform.sandbox.control("POST", "/_config", {"stripe": {"secret_key": "sk_live_sandbox"}})
    platform.control("modes", test_events=True)
    account, live = platform.account(), platform.make("sk_live_sandbox")
    options: Any = {"stripe_account": account}
    session = await live.v1.checkout.sessions.create_async(session_params(), options)
    platform.control("pay", session=session.id)
    platform.settle()
    platform.sandbox.control("POST", "/_config", {"stripe": {"secret_key": "sk_test_sandbox"}})
    heard = {one.json["livemode"]: one.json for one in platform.ears.of("checkout.session.completed")}
    assert session.id == heard[True]["data"]["object"]["id"]
    stray = heard[False]["data"]["object"]
    assert (False, 404) == (
        stray["livemode"],
        platform.raw("GET", f"/v1/checkout/sessions/{stray['id']}", account).status_code,
    )


async def test_the_platform_lets_an_account_go_by_oauth(platform: Platform) -> None:
    """oauth/deauthorize wants the key and the application; afterwards the account is 403 and the event has come."""
    account = platform.account()
    form = {"client_id": "ca_1", "stripe_user_id": account}
    assert 401 == platform.sandbox.http.post("/stripe/oauth/deauthorize", data=form).status_code
    assert 400 == platform.raw("POST", "/oauth/deauthorize", data=form | {"client_id": "x"}).status_code
    gone = await platform.client.raw_request_async("post", "/oauth/deauthorize", base="connect", **form)
    assert 200 == gone.code
    assert 401 == platform.raw("POST", "/oauth/deauthorize", data=form).status_code
    platform.settle()
    assert [account] == [one.json["account"] for one in platform.ears.of("account.application.deauthorized")]
    with pytest.raises(stripe.PermissionError):
        await platform.client.v1.charges.list_async(None, {"stripe_account": account})


def test_who_comes_no_more_is_forgotten() -> None:
    """A window holds the names of its own span only, whether time runs on or is set back, and counts right all the while."""
    window = Window(3600)
    for second in range(20_000):
        assert window.room(f"pi_{second}", 2, float(second))
    assert 3600 >= len(window.seen)
    answers = [window.room("pi_busy", 2, moment) for moment in (20_000.0, 20_001.0, 20_002.0, 23_600.5, 23_601.0)]
    assert [True, True, False, True, True] == answers
    assert window.room("pi_before", 1, 5.0)
    assert ["pi_before"] == list(window.seen)
    assert not window.room("pi_never", 0, 6.0)
    assert window.room("pi_unlimited", None, 6.0)
    assert ["pi_before"] == list(window.seen)
