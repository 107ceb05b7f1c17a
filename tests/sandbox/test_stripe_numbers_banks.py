"""The published list of test numbers, bank accounts and micro-deposits: each ends as it is documented to.

The list is read from the specs beside the repository (absent, these tests are skipped and say so); what each entry means
is written here, and an entry nobody has written down fails.
"""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.contract.specs import needs_specs
from tests.sandbox.stripe_people import Platform
from tests.sandbox.stripe_till import Till, listed, shop

pytestmark = needs_specs
MINUTES, DAY = 180, 86_400


def _ends(words: str) -> tuple[str, float, bool]:
    """What a bank account's words mean: how it ends ("" pays), after how many seconds, and whether it is disputed then."""
    seconds = MINUTES + 10 if "3 min" in words or "delayed" in words else 30
    if words == "stays processing":
        return "processing", DAY * 30, False
    if "dispute" in words:
        return "", 30, True
    failure = {
        "processing then requires_payment_method": "generic_could_not_process",
        "fails after >=3 min": "generic_could_not_process",
        "mandate refused": "bank_account_restricted",
    }
    pays = words.startswith("succeeds") or words.endswith("then succeeded")
    return ("" if pays else failure.get(words, words.split(maxsplit=1)[0])), seconds, False


async def _debit_ends_as_listed(till: Till, number: str, words: str) -> None:
    failure, seconds, disputed = _ends(words)
    intent: Any = await till.pay(bank=number)
    session = await till.session(intent)
    assert ("processing", "complete", "unpaid") == (intent.status, session.status, session.payment_status), number
    if seconds > 60 and failure != "processing":
        till.platform.advance(60)
        assert "processing" == (await till.again(intent)).status, number
    till.platform.advance(seconds)
    intent, session = await till.again(intent), await till.session(intent)
    if failure == "processing":
        assert ("processing", "unpaid") == (intent.status, session.payment_status), number
    elif failure:
        charge = intent.latest_charge
        assert ("requires_payment_method", "failed", failure) == (intent.status, charge.status, charge.failure_code)
        assert ("complete", "unpaid") == (session.status, session.payment_status), number
    else:
        assert ("succeeded", "paid") == (intent.status, session.payment_status), number
        till.platform.advance(6)
        assert disputed == bool(await till.disputes(intent.latest_charge.id)), number


async def test_every_american_account_ends_as_listed(platform: Platform) -> None:
    """ACH: pays, closed, unknown, empty, refused, disputed, and one that never settles."""
    till = await shop(platform, "US", "usd")
    for number, words in listed("ach_us_bank")["accounts"].items():
        await _debit_ends_as_listed(till, number, words)


async def test_every_sepa_account_ends_as_listed(platform: Platform) -> None:
    """SEPA: at once or after three minutes, paid, failed, disputed or empty; the other countries' numbers pay."""
    till = await shop(platform, "DE", "eur")
    for number, words in listed("sepa").items():
        await _debit_ends_as_listed(till, number, words)


async def test_every_british_account_ends_as_listed(platform: Platform) -> None:
    """Bacs: the same, a refused mandate, and a number that is refused before anything is made."""
    till = await shop(platform, "GB", "gbp")
    for number, words in listed("bacs")["accounts"].items():
        if words == "invalid account":
            session = await platform.session(till.account, currency="gbp")
            answer = platform.sandbox.http.post("/_stripe/pay", json={"session": session.id, "bank": number})
            assert (400, "account_number_invalid") == (answer.status_code, answer.json()["error"]["code"])
            continue
        await _debit_ends_as_listed(till, number, words)


async def test_every_australian_account_ends_as_listed(platform: Platform) -> None:
    """BECS: paid at once or later, closed, unknown, referred, refused, disputed."""
    till = await shop(platform, "AU", "aud")
    for number, words in listed("au_becs")["accounts"].items():
        await _debit_ends_as_listed(till, number, words)


async def test_routing_numbers_are_the_listed_ones(platform: Platform) -> None:
    """The payment page offers them."""
    wanted = [("US", "usd", listed("ach_us_bank")["routing"]), ("GB", "gbp", listed("bacs")["sort_code"])]
    for country, currency, number in [*wanted, ("AU", "aud", listed("au_becs")["bsb"])]:
        session = await platform.session(platform.account(country), currency=currency)
        page = platform.sandbox.http.get(f"/stripe/c/pay/{session.id}?method=bank").text
        assert f'name="routing" inputmode="numeric" required value="{number}"' in page


# ---- micro-deposits


async def _awaiting(platform: Platform, kind: str) -> tuple[Till, Any]:
    till = await shop(platform, "US", "usd")
    intent: Any = await till.pay(bank="000123456789", proof=kind)
    action = intent.next_action
    assert ("requires_action", "verify_with_microdeposits") == (intent.status, action.type)
    assert kind == action.verify_with_microdeposits.microdeposit_type
    return till, intent


@pytest.mark.parametrize("kind", ["amounts", "descriptor_code"])
async def test_micro_deposits_prove_an_account(platform: Platform, kind: str) -> None:
    """Wrong ones are refused with their code, the listed ones start the debit, which then settles."""
    till, intent = await _awaiting(platform, kind)
    ach = listed("ach_us_bank")
    amounts = [int(cents) for cents in ach["microdeposits"]]
    right: Any = {kind: {"amounts": amounts, "descriptor_code": ach["descriptor_code"]}[kind]}
    wrong: Any = {kind: {"amounts": [10, 11], "descriptor_code": "SM11BB"}[kind]}
    verify = platform.client.v1.payment_intents.verify_microdeposits_async
    assert "complete" == (await till.session(intent)).status
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await verify(intent.id, wrong, till.options)
    assert f"payment_method_microdeposit_verification_{kind}_mismatch" == refused.value.code
    proved = await verify(intent.id, right, till.options)
    assert "processing" == proved.status
    platform.advance(25)
    assert "paid" == (await till.session(intent)).payment_status


async def test_the_payer_proves_on_stripes_own_page(platform: Platform) -> None:
    """next_action's address asks for the code, says what is wrong, and takes the right one."""
    till, intent = await _awaiting(platform, "descriptor_code")
    path = intent.next_action.verify_with_microdeposits.hosted_verification_url.removeprefix(platform.sandbox.url)
    wrong = platform.sandbox.http.post(path, data={"code": "SM11BB"}).text
    assert "9 attempts left" in wrong
    assert (
        "on its way" in platform.sandbox.http.post(path, data={"code": listed("ach_us_bank")["descriptor_code"]}).text
    )
    assert "processing" == (await till.again(intent)).status


@pytest.mark.parametrize("how", ["attempts_exceeded", "timeout"])
async def test_micro_deposits_can_fail_for_good(platform: Platform, how: str) -> None:
    """Ten wrong answers, or ten days without one, end the payment: async_payment_failed."""
    till, intent = await _awaiting(platform, "amounts")
    if how == "timeout":
        platform.advance(10 * DAY + 1)
    for _ in range(10 if how == "attempts_exceeded" else 0):
        with pytest.raises(stripe.InvalidRequestError):
            await platform.client.v1.payment_intents.verify_microdeposits_async(
                intent.id, {"amounts": [1, 1]}, till.options
            )
    intent = await till.again(intent)
    assert f"payment_method_microdeposit_verification_{how}" == intent.last_payment_error.code
    assert "checkout.session.async_payment_failed" == (await platform.events(till.account))[-1]
