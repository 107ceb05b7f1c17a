"""Every object the simulated Stripe answers, held against the response types of Stripe's own library 16.1.0."""

from pathlib import Path
from typing import Any

from sandbox import stripe_banks, stripe_cards, stripe_money
from tests.contract.specs import needs_specs, read_json
from tests.contract.stripe_spec import whole_problems as check
from tests.sandbox.stripe_people import Platform, account_params


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
async def test_objects_in_every_state_too(platform: Platform) -> None:
    """Refunds, disputes, payouts, debits and intents keep to their types whatever became of them, and so do their events."""
    shop, bank = platform.account("US"), platform.account("GB")
    control, states = platform.control, []
    for way in ({"bank": "000123456789", "proof": "amounts"}, {"bank": "000111111113"}, {"card": "4000002760003184"}):
        session = await platform.session(shop, currency="usd")
        control("pay", session=session.id, challenge="leave", **way)
    debit = await platform.session(bank, currency="gbp")
    intent: Any = await platform.intent(bank, control("pay", session=debit.id, bank="00012345")["payment_intent"])
    control("debits", charge=intent.latest_charge.id, outcome="succeed")
    control("debits", charge=intent.latest_charge.id, outcome="fail_late")
    for end in ("failed", "requires_action", "succeeded"):
        charge: Any = await platform.charge(shop, "4000000000007726", currency="usd")
        refund = control("refunds", charge=charge.id, amount=100)
        states.append(control(f"refunds/{refund['id']}", outcome=end))
    for how, ends in (
        ({"inquiry": True}, ["escalated", "lost", "appeal", "won"]),
        ({"inquiry": True}, ["lost"]),
        ({"prevented": True}, []),
    ):
        charge = await platform.charge(shop, currency="usd")
        dispute = control("disputes", charge=charge.id, **how)
        states.append(dispute)
        states += [control(f"disputes/{dispute['id']}", outcome=end) for end in ends]
    await platform.charge(shop, "4000000000000077", currency="usd", amount=200_000)
    manual = platform.raw("POST", "/v1/payouts", shop, data={"amount": "500", "currency": "usd"}).json()
    states += [manual, platform.raw("POST", f"/v1/payouts/{manual['id']}/cancel", shop).json()]
    (payout,) = control("payouts", account=shop, arrive="failed")
    states.append(platform.raw("GET", f"/v1/payouts/{payout['id']}", shop).json())
    control(f"accounts/{bank}", action="restrict")
    states.append(platform.raw("GET", f"/v1/accounts/{bank}").json())
    link = {"account": bank, "type": "account_onboarding", "refresh_url": "https://x.example/r"}
    states.append(platform.raw("POST", "/v1/account_links", data=link).json())
    platform.advance(30)
    for account in (shop, bank):
        for kind in ("payment_intents", "charges", "balance_transactions", "refunds", "disputes", "payouts"):
            states += platform.raw("GET", f"/v1/{kind}", account, params={"limit": "100"}).json()["data"]
        events = platform.raw("GET", "/v1/events", account, params={"limit": "100"}).json()["data"]
        states += [event for event in events if not event["type"].startswith("radar.")]
    assert len(states) > 100
    assert [] == sorted({problem for row in states for problem in check(row)})


@needs_specs
def test_every_documented_test_number_is_known() -> None:
    """No card or bank account of the published list is missing here."""
    numbers = read_json("test_numbers.json")
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
    rules: dict[str, Any] = read_json("currencies.json")
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
