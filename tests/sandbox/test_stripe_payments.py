"""Payments: the sequences of events, what the objects say meanwhile, and the money that arrives."""

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_people import Platform

CARD_OK = [
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "checkout.session.completed",
    "charge.updated",
]


async def test_a_card_payment_tells_its_story(platform: Platform) -> None:
    """A good card makes five events, the last of which brings the balance transaction."""
    account = platform.account()
    await platform.charge(account)
    assert CARD_OK == await platform.events(account)


async def test_the_balance_transaction_comes_a_moment_later(platform: Platform) -> None:
    """At checkout.session.completed the charge has no balance transaction; charge.updated sets it."""
    account = platform.account()
    paid = await platform.paid(account)
    charge: Any = (await platform.intent(account, paid["payment_intent"])).latest_charge
    assert ("succeeded", None) == (charge.status, charge.balance_transaction)
    platform.advance(2)
    charge = (await platform.intent(account, paid["payment_intent"])).latest_charge
    assert charge.balance_transaction.net == charge.amount - charge.balance_transaction.fee
    (heard,) = platform.ears.of("charge.updated")
    assert {"balance_transaction": None} == heard.json["data"]["previous_attributes"]


async def test_the_application_fee_is_part_of_the_fee(platform: Platform) -> None:
    """A direct charge's fee holds Stripe's fee and ours, and the platform hears of its income on its own endpoint."""
    account = platform.account()
    charge: Any = await platform.charge(account, payment_intent_data={"application_fee_amount": 50})
    line = charge.balance_transaction
    assert line.fee == sum(part.amount for part in line.fee_details)
    assert {"application_fee": 50}.items() <= {part.type: part.amount for part in line.fee_details}.items()
    assert ["application_fee.created"] == platform.ears.types("/own")
    fee = await platform.client.v1.application_fees.retrieve_async(charge.application_fee)
    assert (50, account, charge.id) == (fee.amount, fee.account, fee.charge)


async def test_another_currency_settles_in_the_accounts_own(platform: Platform) -> None:
    """An invoice in US dollars on a New Zealand account is charged in USD and settled in NZD at a rate."""
    charge: Any = await platform.charge(platform.account("NZ"), currency="usd", amount=10_000)
    line = charge.balance_transaction
    assert (10_000, "usd", "nzd") == (charge.amount, charge.currency, line.currency)
    assert line.amount == round(10_000 * line.exchange_rate)


async def test_yen_settle_in_pounds_by_their_own_exponents(platform: Platform) -> None:
    """A zero-decimal currency converts to a two-decimal one without losing or gaining a hundred."""
    charge: Any = await platform.charge(platform.account("GB"), currency="jpy", amount=10_000)
    assert charge.balance_transaction.amount == round(10_000 * charge.balance_transaction.exchange_rate * 100)


async def test_australian_fees_show_their_tax(platform: Platform) -> None:
    """Fee details can hold more than Stripe's fee: GST stands on a line of its own."""
    charge: Any = await platform.charge(platform.account("AU"), currency="aud")
    assert {"stripe_fee", "tax"} == {part.type for part in charge.balance_transaction.fee_details}


async def test_a_declined_card_leaves_the_session_open_with_one_intent(platform: Platform) -> None:
    """Declined, then paid: the same payment intent, two charges, and the session complete at the end."""
    account = platform.account()
    session = await platform.session(account)
    declined = platform.control("pay", session=session.id, card="4000000000009995")
    assert ("failed", "Your card has insufficient funds.") == (declined["status"], declined["message"])
    again = await platform.client.v1.checkout.sessions.retrieve_async(session.id, options={"stripe_account": account})
    assert ("open", declined["payment_intent"]) == (again.status, again.payment_intent)
    paid = platform.control("pay", session=session.id)
    assert declined["payment_intent"] == paid["payment_intent"]
    failed = ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    assert [*failed, *CARD_OK[1:4]] == await platform.events(account)


async def test_metadata_goes_from_the_intent_data_to_the_charge(platform: Platform) -> None:
    """Session metadata stays on the session; payment_intent_data's is copied to the intent and the charge."""
    charge: Any = await platform.charge(platform.account(), metadata={"only": "session"})
    assert {"pay_request": "pr_1"} == charge.metadata.to_dict()


@pytest.mark.parametrize(
    ("card", "code", "decline"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000009987", "card_declined", "lost_card"),
        ("4000000000009979", "card_declined", "stolen_card"),
        ("4000000000000069", "expired_card", None),
        ("4000000000000127", "incorrect_cvc", None),
        ("4000000000000119", "processing_error", None),
        ("4000000000006975", "card_declined", "card_velocity_exceeded"),
        ("4000000000000341", "card_declined", "generic_decline"),
        ("4100000000000019", "card_declined", "fraudulent"),
        ("4000008260003178", "card_declined", "insufficient_funds"),
        ("4000008400001629", "card_declined", "generic_decline"),
        ("4012888888881881", "card_declined", "test_mode_live_card"),
    ],
)
async def test_each_declining_card_declines_its_own_way(
    platform: Platform, card: str, code: str, decline: str | None
) -> None:
    """The documented numbers end in their code and decline code, on the charge and on the intent."""
    account = platform.account()
    paid = await platform.paid(account, card=card)
    intent: Any = await platform.intent(account, paid["payment_intent"])
    error = intent.last_payment_error.to_dict()
    assert (code, decline) == (error["code"], error.get("decline_code"))
    assert ("requires_payment_method", "failed", code) == (
        intent.status,
        intent.latest_charge.status,
        intent.latest_charge.failure_code,
    )


async def test_a_blocked_payment_says_so_in_the_outcome(platform: Platform) -> None:
    """Radar's block is an outcome of type blocked, not a bank's decline."""
    account = platform.account()
    paid = await platform.paid(account, card="4100000000000019")
    charge: Any = (await platform.intent(account, paid["payment_intent"])).latest_charge
    assert ("blocked", "highest") == (charge.outcome.type, charge.outcome.risk_level)


@pytest.mark.parametrize(
    "card", ["4000002500003155", "4000002760003184", "4000003800000446", "4000000000003220", "4000008400000027"]
)
async def test_3d_secure_asks_first_and_charges_after(platform: Platform, card: str) -> None:
    """A challenging card stops at requires_action, and passing the step completes the payment."""
    account = platform.account()
    session = await platform.session(account)
    left = platform.control("pay", session=session.id, card=card, challenge="leave")
    intent = await platform.intent(account, left["payment_intent"])
    assert ("requires_action", None) == (intent.status, intent.latest_charge)
    assert (
        "open"
        == (
            await platform.client.v1.checkout.sessions.retrieve_async(session.id, options={"stripe_account": account})
        ).status
    )
    done = platform.control("pay", session=session.id, card=card)
    assert "succeeded" == done["status"]
    assert "payment_intent.requires_action" in await platform.events(account)


async def test_failing_3d_secure_makes_no_charge(platform: Platform) -> None:
    """A failed step is payment_intent_authentication_failure without any charge."""
    account = platform.account()
    session = await platform.session(account)
    failed = platform.control("pay", session=session.id, card="4000002760003184", challenge="fail")
    intent: Any = await platform.intent(account, failed["payment_intent"])
    assert ("payment_intent_authentication_failure", None) == (intent.last_payment_error.code, intent.latest_charge)


async def test_a_bank_debit_completes_unpaid_and_is_paid_later(platform: Platform) -> None:
    """Complete but unpaid at first; charge, intent and session move when the money arrives."""
    account = platform.account("GB")
    session = await platform.session(account, currency="gbp")
    answer = platform.control("pay", session=session.id, bank="00012345")
    assert "processing" == answer["status"]
    options: Any = {"stripe_account": account}
    session = await platform.client.v1.checkout.sessions.retrieve_async(session.id, options=options)
    assert ("complete", "unpaid") == (session.status, session.payment_status)
    intent: Any = await platform.intent(account, answer["payment_intent"])
    assert ("processing", "pending", None) == (
        intent.status,
        intent.latest_charge.status,
        intent.latest_charge.balance_transaction,
    )
    platform.advance(25)
    session = await platform.client.v1.checkout.sessions.retrieve_async(session.id, options=options)
    intent = await platform.intent(account, answer["payment_intent"])
    assert ("paid", "payment") == (session.payment_status, intent.latest_charge.balance_transaction.type)
    assert intent.latest_charge.id.startswith("py_")
    assert [
        "payment_intent.created",
        "charge.pending",
        "payment_intent.processing",
        "checkout.session.completed",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.async_payment_succeeded",
        "charge.updated",
    ] == await platform.events(account)


async def test_a_failed_bank_debit_leaves_the_session_complete_and_unpaid(platform: Platform) -> None:
    """After the failure the session stays complete: a new one is needed."""
    account = platform.account("GB")
    session = await platform.session(account, currency="gbp")
    platform.control("pay", session=session.id, bank="22222227")
    platform.advance(25)
    session = await platform.client.v1.checkout.sessions.retrieve_async(session.id, options={"stripe_account": account})
    assert ("complete", "unpaid") == (session.status, session.payment_status)
    assert ["charge.failed", "payment_intent.payment_failed", "checkout.session.async_payment_failed"] == (
        await platform.events(account)
    )[-3:]


async def test_bank_debits_can_take_days_stay_or_come_back(platform: Platform) -> None:
    """The clock, the console and a late bounce decide when and whether the money stays."""
    account = platform.account("GB")
    platform.control("modes", bank_debit_seconds=4 * 86_400)
    session = await platform.session(account, currency="gbp")
    intent: Any = platform.control("pay", session=session.id, bank="00012345")["payment_intent"]
    platform.advance(3 * 86_400)
    charge: Any = (await platform.intent(account, intent)).latest_charge
    assert "pending" == charge.status
    platform.control("debits", charge=charge.id, outcome="succeed")
    platform.control("debits", charge=charge.id, outcome="fail_late")
    platform.advance(2)
    charge = (await platform.intent(account, intent)).latest_charge
    lines = await platform.client.v1.balance_transactions.list_async(
        params={"source": charge.id}, options={"stripe_account": account}
    )
    assert ("failed", ["payment_failure_refund", "payment"]) == (charge.status, [line.type for line in lines.data])


async def test_a_payment_intent_can_be_confirmed_with_a_test_token(platform: Platform) -> None:
    """pm_card_visa pays without a page, and a declining token is a CardError that carries the intent."""
    options: Any = {"stripe_account": platform.account()}
    params: Any = {"amount": 5000, "currency": "nzd", "payment_method": "pm_card_visa", "confirm": True}
    intent = await platform.client.v1.payment_intents.create_async(params=params, options=options)
    assert "succeeded" == intent.status
    params["payment_method"] = "pm_card_chargeDeclined"
    with pytest.raises(stripe.CardError) as declined:
        await platform.client.v1.payment_intents.create_async(params=params, options=options)
    error: Any = declined.value.error
    assert (402, "generic_decline", "requires_payment_method") == (
        declined.value.http_status,
        error.decline_code,
        error.payment_intent.status,
    )
