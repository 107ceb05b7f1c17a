"""Checkout sessions: what may be sold, for how much, how long a session lives and how it ends."""

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_people import Platform, session_params


async def test_a_new_session_is_open_unpaid_and_without_a_payment_intent(platform: Platform) -> None:
    """The payment intent is null until the customer confirms, and line items only come when asked for."""
    account = platform.account()
    session = await platform.session(account)
    assert ("open", "unpaid", None, 12345) == (
        session.status,
        session.payment_status,
        session.payment_intent,
        session.amount_total,
    )
    assert "line_items" not in session
    items = await platform.client.v1.checkout.sessions.line_items.list_async(
        session.id, options={"stripe_account": account}
    )
    assert [("Invoice INV-1", 12345)] == [(item.description, item.amount_total) for item in items.data]


@pytest.mark.parametrize("seconds", [1700, 87_000])
async def test_expiry_is_half_an_hour_to_a_day_ahead(platform: Platform, seconds: int) -> None:
    """An expires_at outside 30 minutes to 24 hours is refused."""
    now = int(platform.sandbox.control("GET", "/_clock")["timestamp"])
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await platform.session(platform.account(), expires_at=now + seconds)
    assert "expires_at" == refused.value.param


async def test_a_session_expires_by_the_clock(platform: Platform) -> None:
    """After a day the session is expired, has no url, and the event came; expiring it again is refused."""
    account = platform.account()
    session = await platform.session(account)
    platform.advance(86_401)
    session = await platform.client.v1.checkout.sessions.retrieve_async(session.id, options={"stripe_account": account})
    assert ("expired", None) == (session.status, session.url)
    assert ["checkout.session.expired"] == await platform.events(account)
    with pytest.raises(stripe.InvalidRequestError):
        await platform.client.v1.checkout.sessions.expire_async(session.id, options={"stripe_account": account})


async def test_a_paid_session_cannot_be_expired(platform: Platform) -> None:
    """Losing the race against the payer is a 400, and the session then reads complete."""
    account = platform.account()
    paid = await platform.paid(account)
    with pytest.raises(stripe.InvalidRequestError):
        await platform.client.v1.checkout.sessions.expire_async(paid["session"], options={"stripe_account": account})


async def test_expiring_cancels_a_payment_intent_that_was_declined(platform: Platform) -> None:
    """A declined attempt's payment intent is cancelled with its session."""
    account = platform.account()
    paid = await platform.paid(account, card="4000000000000002")
    await platform.client.v1.checkout.sessions.expire_async(paid["session"], options={"stripe_account": account})
    assert "canceled" == (await platform.intent(account, paid["payment_intent"])).status
    with pytest.raises(stripe.InvalidRequestError):
        await platform.client.v1.payment_intents.cancel_async(
            paid["payment_intent"], options={"stripe_account": account}
        )


@pytest.mark.parametrize(
    ("currency", "amount", "country", "code"),
    [
        ("gbp", 29, "GB", "amount_too_small"),
        ("jpy", 40, "GB", "amount_too_small"),
        ("isk", 150_050, "GB", None),
        ("ugx", 1_000_050, "GB", None),
        ("kwd", 12_345, "GB", None),
        ("xyz", 10_000, "GB", None),
        ("gbp", 9_999_999_999_999, "GB", "amount_too_large"),
    ],
)
async def test_amounts_stripe_cannot_take_are_refused(
    platform: Platform, currency: str, amount: int, country: str, code: str | None
) -> None:
    """Below the settlement currency's minimum, with decimals a currency has not, unknown or too long: 400."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await platform.session(platform.account(country), currency=currency, amount=amount)
    assert code == refused.value.code


@pytest.mark.parametrize(
    ("currency", "amount"), [("gbp", 30), ("jpy", 500), ("isk", 150_000), ("kwd", 12_340), ("huf", 50_050)]
)
async def test_amounts_in_stripes_own_exponents_are_taken(platform: Platform, currency: str, amount: int) -> None:
    """ISK comes times 100, KWD times 1000 ending in 0, HUF with two decimals."""
    assert amount == (await platform.session(platform.account("GB"), currency=currency, amount=amount)).amount_total


@pytest.mark.parametrize("suffix", ["1042", "INV<1>", "A" * 23, "INV*1", "Ünvoice"])
async def test_descriptors_banks_would_refuse_are_refused(platform: Platform, suffix: str) -> None:
    """A suffix without a letter, with a forbidden character or over 22 characters is a 400."""
    with pytest.raises(stripe.InvalidRequestError):
        await platform.session(platform.account(), payment_intent_data={"statement_descriptor_suffix": suffix})


async def test_the_suffix_is_joined_to_the_accounts_prefix(platform: Platform) -> None:
    """The charge's descriptor is PREFIX* SUFFIX of the connected account; together they fit in 22 characters."""
    account = platform.account(display_name="Harbour Lane")
    with pytest.raises(stripe.InvalidRequestError, match="longer than 22"):
        await platform.session(account, payment_intent_data={"statement_descriptor_suffix": "INVOICE 1042"})
    charge = await platform.charge(account, payment_intent_data={"statement_descriptor_suffix": "INV 1042"})
    assert "HARBOUR LA* INV 1042" == charge.calculated_statement_descriptor


async def test_an_accounts_own_descriptors_are_checked_too(platform: Platform) -> None:
    """A prefix has two to ten characters, a whole descriptor five to twenty-two, both a letter and nothing forbidden."""
    account = platform.account()

    def take(**words: str) -> int:
        change = {"configuration": {"merchant": {"statement_descriptor": words}}}
        return platform.raw("POST", f"/v2/core/accounts/{account}", json=change).status_code

    assert {400} == {take(prefix=words) for words in ("H", "HARBOUR LANE", "12345", "A*B")}
    assert {400} == {take(descriptor=words) for words in ("ABCD", "HARBOUR LANE JOINERY LTD", "123456")}
    assert (200, 200) == (take(prefix="HARBOUR"), take(descriptor="HARBOUR LANE"))
    with pytest.raises(stripe.InvalidRequestError, match="at least 5"):
        await platform.session(account, payment_intent_data={"statement_descriptor": "INV"})


async def test_a_payer_abroad_sees_their_own_money(platform: Platform) -> None:
    """presentment_details tells what they saw; amount and settlement stay, and enabled=false shows nothing else."""
    account = platform.account("GB")
    session = await platform.session(account, currency="gbp", amount=10_000)
    form = {"test": "4242424242424242", "email": "payer+location_JP@example.com"}
    platform.sandbox.http.post(f"/stripe/c/pay/{session.id}/card", data=form)
    platform.advance(2)
    options: Any = {"stripe_account": account}
    read: Any = await platform.client.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent.latest_charge.balance_transaction"]}, options
    )
    charge = read.payment_intent.latest_charge
    assert "jpy" == read.presentment_details.presentment_currency == charge.presentment_details.presentment_currency
    assert (10_000, "gbp", 10_000) == (charge.amount, charge.currency, charge.balance_transaction.amount)
    plain = await platform.session(account, currency="gbp", adaptive_pricing={"enabled": False})
    platform.sandbox.http.post(f"/stripe/c/pay/{plain.id}/card", data=form)
    again: Any = await platform.client.v1.checkout.sessions.retrieve_async(plain.id, None, options)
    assert "presentment_details" not in again


@pytest.mark.parametrize("fee", [0, -1, 12_346])
async def test_an_application_fee_is_positive_and_within_the_total(platform: Platform, fee: int) -> None:
    """A fee of zero must be left out, and none may exceed the total."""
    with pytest.raises(stripe.InvalidRequestError):
        await platform.session(platform.account(), payment_intent_data={"application_fee_amount": fee})


async def test_methods_follow_currency_and_filters(platform: Platform) -> None:
    """Bank debit is offered in the home currency only, filters narrow it, and an empty set is refused."""
    account = platform.account("GB")
    home, abroad = await platform.session(account, currency="gbp"), await platform.session(account, currency="eur")
    assert (["card", "bacs_debit"], ["card"]) == (home.payment_method_types, abroad.payment_method_types)
    only = await platform.session(account, currency="gbp", excluded_payment_method_types=["card"])
    assert ["bacs_debit"] == only.payment_method_types
    with pytest.raises(stripe.InvalidRequestError, match="No valid payment method types"):
        await platform.session(account, currency="eur", excluded_payment_method_types=["card"])


async def test_only_metadata_of_a_session_can_change(platform: Platform) -> None:
    """Metadata merges and empties; the amount of a session is for ever."""
    account = platform.account()
    session = await platform.session(account, metadata={"a": "1", "b": "2"})
    changed = await platform.client.v1.checkout.sessions.update_async(
        session.id, params={"metadata": {"a": "", "c": "3"}}, options={"stripe_account": account}
    )
    assert {"b": "2", "c": "3"} == (changed.metadata or {}).to_dict()  # type: ignore[union-attr]
    items: Any = session_params(amount=1)["line_items"]
    answer = platform.raw("POST", f"/v1/checkout/sessions/{session.id}", account, data={"line_items[0][quantity]": "2"})
    assert items
    assert 400 == answer.status_code


async def test_a_session_is_found_by_its_payment_intent(platform: Platform) -> None:
    """Sessions filter by payment intent, status and the customer's e-mail address."""
    account = platform.account()
    paid, other = await platform.paid(account), await platform.session(account)
    sessions, options = platform.client.v1.checkout.sessions, {"stripe_account": account}
    found = await sessions.list_async(params={"payment_intent": paid["payment_intent"]}, options=options)  # type: ignore[arg-type]
    still = await sessions.list_async(params={"status": "open"}, options=options)  # type: ignore[arg-type]
    by_mail = await sessions.list_async(
        params={"customer_details": {"email": "customer@example.com"}},
        options=options,  # type: ignore[arg-type]
    )
    expected = ([paid["session"]], [other.id], [paid["session"]])
    assert expected == tuple([row.id for row in page.data] for page in (found, still, by_mail))


@pytest.mark.parametrize(
    "wish",
    [
        {"automatic_tax": {"enabled": True}},
        {"customer": "cus_1"},
        {"mode": "subscription"},
        {"phone_number_collection": {"enabled": True}},
        {"payment_intent_data": {"capture_method": "manual"}},
        {"payment_intent_data": {"transfer_data": {"destination": "acct_1"}}},
    ],
)
async def test_what_is_not_simulated_is_refused_in_words(platform: Platform, wish: dict[str, Any]) -> None:
    """Nothing Stripe would honour is silently ignored here."""
    with pytest.raises(stripe.InvalidRequestError, match="does not simulate"):
        await platform.session(platform.account(), **wish)
