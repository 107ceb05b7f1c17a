"""The way into Stripe's API: keys, accounts, versions, idempotency, parameters, expansion, cursors."""

import asyncio
import base64
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_people import Platform, session_params

FORM = {
    "mode": "payment",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "nzd",
    "line_items[0][price_data][unit_amount]": "5000",
    "line_items[0][price_data][product_data][name]": "Invoice",
    "success_url": "https://x.example/ok",
}


async def test_without_a_key_the_answer_is_401(platform: Platform) -> None:
    """No key and a wrong key are both refused with 401."""
    assert 401 == platform.sandbox.http.get("/stripe/v1/charges").status_code
    with pytest.raises(stripe.AuthenticationError):
        await platform.make("sk_test_wrong").v1.charges.list_async()


def test_basic_authentication_works_like_curl_u(platform: Platform) -> None:
    """A secret key as the user name of Basic authentication is a key."""
    basic = base64.b64encode(b"sk_test_sandbox:").decode()
    answer = platform.sandbox.http.get("/stripe/v1/balance", headers={"authorization": f"Basic {basic}"})
    assert 200 == answer.status_code


async def test_an_unknown_account_is_403_account_invalid(platform: Platform) -> None:
    """An account that is not ours is a permission error, whose code stands in e.error and not in e.code."""
    with pytest.raises(stripe.PermissionError) as refused:
        await platform.client.v1.charges.list_async(options={"stripe_account": "acct_1Nobody"})
    assert (403, None, "account_invalid") == (
        refused.value.http_status,
        refused.value.code,
        refused.value.error.code if refused.value.error else "",
    )


async def test_objects_are_invisible_from_the_platform_and_from_strangers(platform: Platform) -> None:
    """A session of one account is a 404 for the platform and for another account."""
    mine, other = platform.account(), platform.account("GB")
    session = await platform.session(mine)
    strangers: list[Any] = [{}, {"stripe_account": other}]
    for options in strangers:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await platform.client.v1.checkout.sessions.retrieve_async(session.id, options=options)
        assert (404, "resource_missing") == (refused.value.http_status, refused.value.code)


async def test_stripe_context_selects_the_account_and_wins(platform: Platform) -> None:
    """Stripe-Context does what Stripe-Account does, and supersedes it."""
    mine, other = platform.account(), platform.account("GB")
    session = await platform.session(mine)
    answer = platform.raw("GET", f"/v1/checkout/sessions/{session.id}", account=other, headers={"stripe-context": mine})
    assert session.id == answer.json()["id"]


async def test_stripe_account_among_the_parameters_is_unknown(platform: Platform) -> None:
    """stripe_account in params is refused as unknown instead of silently running on the platform."""
    params: Any = {"stripe_account": "acct_1", "charge": "ch_1"}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await platform.client.v1.refunds.create_async(params=params)
    assert ("parameter_unknown", "stripe_account") == (refused.value.code, refused.value.param)


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported", "payment_method_types"),
        ({"ui_mode": "hosted"}, None, "ui_mode"),
        ({"ui_mode": "embedded"}, None, "ui_mode"),
        ({"ui_mode": "custom"}, None, "ui_mode"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"mode": None}, "parameter_missing", "mode"),
        ({"line_items": None}, "parameter_missing", "line_items"),
        ({"success_url": None}, "parameter_missing", "success_url"),
        ({"success_url": ""}, "parameter_invalid_empty", "success_url"),
        ({"expires_at": "tomorrow"}, "parameter_invalid_integer", "expires_at"),
        ({"customer_email": "not an address"}, "email_invalid", "customer_email"),
    ],
)
async def test_wrong_parameters_are_refused_by_name(
    platform: Platform, changes: dict[str, object], code: str | None, param: str
) -> None:
    """Removed, unknown, missing, empty and ill-typed parameters are 400 with Stripe's code and the parameter's name."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await platform.session(platform.account(), **changes)
    assert (400, code, param) == (refused.value.http_status, refused.value.code, refused.value.param)


def test_unknown_query_parameters_are_refused(platform: Platform) -> None:
    """The usage parameter that the library's async thin helpers leak is answered with parameter_unknown."""
    answer = platform.raw("GET", "/v1/charges", params={"usage[0]": "fetch_related_object"})
    assert (400, "parameter_unknown") == (answer.status_code, answer.json()["error"]["code"])


def test_open_and_indexed_arrays_read_the_same(platform: Platform) -> None:
    """expand[]=x as curl sends it works like expand[0]=x."""
    for name in ("expand[]", "expand[0]"):
        assert 200 == platform.raw("GET", "/v1/charges", params={name: "data.payment_intent"}).status_code


def test_version_and_request_id_come_back(platform: Platform) -> None:
    """Stripe-Version is echoed and every answer has a Request-Id, refusals too."""
    good = platform.raw("GET", "/v1/balance", headers={"stripe-version": "2026-09-30.endive"})
    bad = platform.raw("GET", "/v1/nothing")
    assert "2026-09-30.endive" == good.headers["stripe-version"]
    assert all(answer.headers["request-id"].startswith("req_") for answer in (good, bad))
    assert 404 == bad.status_code


def test_an_older_api_version_still_knows_payment_method_types(platform: Platform) -> None:
    """What endive removed is accepted from a caller that pins an earlier version."""
    form = FORM | {"payment_method_types[0]": "card"}
    headers = {"stripe-version": "2026-08-26.dahlia"}
    answer = platform.raw("POST", "/v1/checkout/sessions", account=platform.account(), data=form, headers=headers)
    assert ["card"] == answer.json()["payment_method_types"]


async def test_an_empty_id_lands_on_the_collection(platform: Platform) -> None:
    """Retrieving with an empty id silently answers the list, as it does at Stripe."""
    answer = platform.raw("GET", "/v1/checkout/sessions/", account=platform.account())
    assert "list" == answer.json()["object"]


async def test_the_same_key_replays_the_first_answer(platform: Platform) -> None:
    """A repeated create with the same key and parameters makes one session and says it was replayed."""
    account = platform.account()
    options: Any = {"stripe_account": account, "idempotency_key": "pr_1:1"}
    first = await platform.client.v1.checkout.sessions.create_async(params=session_params(), options=options)
    again = await platform.client.v1.checkout.sessions.create_async(params=session_params(), options=options)
    assert first.id == again.id
    assert "true" == again.last_response.headers["idempotent-replayed"] if again.last_response else False


async def test_the_same_key_with_other_parameters_is_an_idempotency_error(platform: Platform) -> None:
    """A recomputed expires_at under a used key is refused, whatever it asks."""
    account = platform.account()
    options: Any = {"stripe_account": account, "idempotency_key": "pr_2:1"}
    await platform.client.v1.checkout.sessions.create_async(params=session_params(), options=options)
    with pytest.raises(stripe.IdempotencyError) as refused:
        await platform.client.v1.checkout.sessions.create_async(params=session_params(amount=2), options=options)
    assert 400 == refused.value.http_status


async def test_a_key_in_use_is_409_and_the_library_calls_it_api_error(platform: Platform) -> None:
    """Two at once with one key: one succeeds, the other is told 409 idempotency_key_in_use as APIError."""
    account = platform.account()
    platform.control("modes", api_seconds=2)
    options: Any = {"stripe_account": account, "idempotency_key": "pr_3:1"}
    calls = [
        platform.client.v1.checkout.sessions.create_async(params=session_params(), options=options) for _ in range(2)
    ]
    good, bad = sorted(await asyncio.gather(*calls, return_exceptions=True), key=lambda a: isinstance(a, Exception))
    assert isinstance(good, stripe.checkout.Session)
    assert isinstance(bad, stripe.APIError)
    assert (409, None, "idempotency_key_in_use") == (bad.http_status, bad.code, bad.error.code if bad.error else "")


def test_a_refused_parameter_leaves_the_key_free(platform: Platform) -> None:
    """A validation failure is not stored: the corrected request may use the same key."""
    account, headers = platform.account(), {"idempotency-key": "pr_4:1"}
    bad = platform.raw("POST", "/v1/checkout/sessions", account, data=FORM | {"colour": "red"}, headers=headers)
    good = platform.raw("POST", "/v1/checkout/sessions", account, data=FORM, headers=headers)
    assert [400, 200] == [bad.status_code, good.status_code]


def test_a_handlers_refusal_is_kept_under_the_key(platform: Platform) -> None:
    """Once an endpoint began, even its 400 is replayed: a new attempt needs a new key."""
    account, headers = platform.account(), {"idempotency-key": "pr_5:1"}
    answers = [
        platform.raw("POST", "/v1/refunds", account, data={"charge": "ch_none"}, headers=headers) for _ in range(2)
    ]
    assert [400, 400] == [answer.status_code for answer in answers]
    assert "true" == answers[1].headers["idempotent-replayed"]


def test_keys_are_forgotten_after_a_day_and_belong_to_an_account(platform: Platform) -> None:
    """The same key makes another session on another account, and a new one after 24 hours."""
    mine, other, headers = platform.account(), platform.account(), {"idempotency-key": "pr_6:1"}

    def make(account: str) -> str:
        return str(platform.raw("POST", "/v1/checkout/sessions", account, data=FORM, headers=headers).json()["id"])

    first, elsewhere = make(mine), make(other)
    platform.advance(86_401)
    assert 3 == len({first, elsewhere, make(mine)})


async def test_expansion_gives_the_object_instead_of_its_id(platform: Platform) -> None:
    """Nested expansion reaches the balance transaction, and lists expand under data."""
    account = platform.account()
    charge = await platform.charge(account)
    assert isinstance(charge.balance_transaction, stripe.BalanceTransaction)
    rows = await platform.client.v1.balance_transactions.list_async(
        params={"expand": ["data.source"]}, options={"stripe_account": account}
    )
    assert [charge.id] == [row.source.id for row in rows.data if isinstance(row.source, stripe.Charge)]


async def test_what_cannot_be_expanded_is_refused(platform: Platform) -> None:
    """Expanding a plain field, or more than four levels, is a 400."""
    account = platform.account()
    charge = await platform.charge(account)
    for path in ("amount", "a.b.c.d.e"):
        answer = platform.raw("GET", f"/v1/charges/{charge.id}", account, params={"expand[]": path})
        assert 400 == answer.status_code


async def test_lists_are_newest_first_with_cursors(platform: Platform) -> None:
    """Auto-paging walks every session once, newest first; ending_before goes back."""
    account = platform.account()
    made = [(await platform.session(account)).id for _ in range(5)]
    page = await platform.client.v1.checkout.sessions.list_async(
        params={"limit": 2}, options={"stripe_account": account}
    )
    assert made[::-1] == [session.id async for session in page.auto_paging_iter()]
    back = platform.raw("GET", "/v1/checkout/sessions", account, params={"ending_before": made[1], "limit": "2"}).json()
    assert ([made[3], made[2]], True) == ([row["id"] for row in back["data"]], back["has_more"])


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"starting_after": "cs_none"}])
def test_impossible_pages_are_refused(platform: Platform, query: dict[str, str]) -> None:
    """Limits outside 1 to 100 and unknown cursors are 400."""
    assert 400 == platform.raw("GET", "/v1/checkout/sessions", platform.account(), params=query).status_code


@pytest.mark.parametrize("path", ["/v1/events", "/v1/charges", "/v1/balance_transactions"])
@pytest.mark.parametrize("field", ["limit", "created[gte]"])
@pytest.mark.parametrize("digits", [20, 5000])
def test_numbers_beyond_all_measure_are_refused(platform: Platform, path: str, field: str, digits: int) -> None:
    """An integer no computer's word holds is a 400, not a crash."""
    answer = platform.raw("GET", path, platform.account(), params={field: "9" * digits})
    assert (400, "invalid_request_error") == (answer.status_code, answer.json()["error"]["type"])


@pytest.mark.parametrize("body", [b"[" * 50_000, b'{"a":' * 50_000, b'{"display_name": "\\ud800"}', b"{"])
def test_json_nobody_can_read_is_refused(platform: Platform, body: bytes) -> None:
    """Nested beyond reading, half a character, half an object: each is a 400 of v2's own."""
    answer = platform.raw("POST", "/v2/core/accounts", content=body, headers={"content-type": "application/json"})
    assert 400 == answer.status_code


@pytest.mark.parametrize("page", ["x", "-1", "9" * 5000])
def test_made_up_page_tokens_are_refused(platform: Platform, page: str) -> None:
    """A page of a v2 list is asked for with the token of the page before, and nothing else."""
    assert 400 == platform.raw("GET", "/v2/core/accounts", params={"page": page}).status_code
