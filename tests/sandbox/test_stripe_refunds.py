"""Money going back, contested and out: refunds, disputes and payouts in all their fates."""

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_people import Platform


async def refunded(platform: Platform, account: str, **params: Any) -> stripe.Refund:
    return await platform.client.v1.refunds.create_async(params=params, options={"stripe_account": account})  # type: ignore[arg-type]


def sums(platform: Platform, account: str) -> dict[str, dict[str, int]]:
    """The account's balance from the oracle."""
    truth = platform.sandbox.control("GET", "/_truth")["stripe"]
    (row,) = [row for row in truth["accounts"] if row["id"] == account]
    return dict(row["balance"])


async def test_a_refund_takes_the_amount_back_and_not_the_fee(platform: Platform) -> None:
    """A whole refund succeeds at once; the balance is short of Stripe's fee afterwards."""
    account = platform.account()
    charge: Any = await platform.charge(account)
    refund = await refunded(platform, account, charge=charge.id)
    assert ("succeeded", 12345) == (refund.status, refund.amount)
    balance = sums(platform, account)
    held = sum(balance["available"].values()) + sum(balance["pending"].values())
    assert -charge.balance_transaction.fee == held
    assert ["refund.created", "charge.refunded"] == (await platform.events(account))[-2:]


async def test_parts_add_up_to_the_whole_and_no_further(platform: Platform) -> None:
    """Partial refunds leave refunded false until the last; more than is left is refused."""
    account = platform.account()
    charge: Any = await platform.charge(account)
    await refunded(platform, account, payment_intent=charge.payment_intent, amount=345)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        await refunded(platform, account, charge=charge.id, amount=12_001)
    half = await platform.client.v1.charges.retrieve_async(charge.id, options={"stripe_account": account})
    await refunded(platform, account, charge=charge.id)
    whole = await platform.client.v1.charges.retrieve_async(charge.id, options={"stripe_account": account})
    assert [(345, False), (12_345, True)] == [(row.amount_refunded, row.refunded) for row in (half, whole)]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await refunded(platform, account, charge=charge.id)
    assert "charge_already_refunded" == refused.value.code


async def test_the_application_fee_comes_back_only_when_asked(platform: Platform) -> None:
    """refund_application_fee returns our part; asking for it where there is none is refused."""
    account = platform.account()
    charge: Any = await platform.charge(account, payment_intent_data={"application_fee_amount": 100})
    refund = await refunded(platform, account, charge=charge.id, refund_application_fee=True)
    line: Any = await platform.client.v1.balance_transactions.retrieve_async(
        str(refund.balance_transaction), options={"stripe_account": account}
    )
    assert (-100, 100 - 12_345) == (line.fee, line.net)
    fee = await platform.client.v1.application_fees.retrieve_async(charge.application_fee)
    assert (100, True) == (fee.amount_refunded, fee.refunded)
    plain: Any = await platform.charge(account)
    with pytest.raises(stripe.InvalidRequestError, match="no application fee"):
        await refunded(platform, account, charge=plain.id, refund_application_fee=True)


async def test_some_refunds_take_a_while(platform: Platform) -> None:
    """The documented card's refund is pending first and succeeds with refund.updated."""
    account = platform.account()
    charge: Any = await platform.charge(account, "4000000000007726")
    refund = await refunded(platform, account, charge=charge.id)
    assert ("pending", "processing", None) == (refund.status, refund.pending_reason, refund.balance_transaction)
    platform.advance(6)
    assert ["refund.updated", "charge.refund.updated"] == (await platform.events(account))[-2:]


async def test_a_refund_may_fail_after_it_succeeded(platform: Platform) -> None:
    """The money returns to the balance and the charge counts as unrefunded again."""
    account = platform.account()
    charge: Any = await platform.charge(account, "4000000000005126")
    before = sums(platform, account)["pending"]["nzd"]
    refund = await refunded(platform, account, charge=charge.id)
    assert "succeeded" == refund.status
    platform.advance(6)
    failed = await platform.client.v1.refunds.retrieve_async(refund.id, options={"stripe_account": account})
    assert ("failed", "expired_or_canceled_card") == (failed.status, failed.failure_reason)
    assert failed.failure_balance_transaction is not None
    balance = sums(platform, account)
    assert before == balance["pending"]["nzd"] + balance["available"]["nzd"]
    assert "refund.failed" == (await platform.events(account))[-1]


async def test_a_refund_waits_for_money(platform: Platform) -> None:
    """Without balance it stays pending for insufficient funds and may be cancelled."""
    account = platform.account()
    charge: Any = await platform.charge(account)
    platform.control("payouts", account=account)
    refund = await refunded(platform, account, charge=charge.id)
    assert ("pending", "insufficient_funds") == (refund.status, refund.pending_reason)
    gone = await platform.client.v1.refunds.cancel_async(refund.id, options={"stripe_account": account})
    assert "canceled" == gone.status


async def test_the_dashboard_can_refund_too(platform: Platform) -> None:
    """A refund the merchant made itself reaches us as events only."""
    account = platform.account()
    charge: Any = await platform.charge(account)
    platform.control("refunds", charge=charge.id, amount=1000)
    platform.settle()
    (heard,) = platform.ears.of("charge.refunded")
    assert (account, 1000, False) == (
        heard.json["account"],
        heard.json["data"]["object"]["amount_refunded"],
        heard.json["data"]["object"]["refunded"],
    )


async def test_a_disputed_card_takes_amount_and_fee(platform: Platform) -> None:
    """The fraud card is disputed by itself: funds withdrawn with a fee, and refunds are refused meanwhile."""
    account = platform.account("GB")
    charge: Any = await platform.charge(account, "4000000000000259", currency="gbp")
    platform.advance(5)
    (dispute,) = (
        await platform.client.v1.disputes.list_async(params={"charge": charge.id}, options={"stripe_account": account})
    ).data
    (line,) = dispute.balance_transactions
    assert ("needs_response", "fraudulent", -12_345, 2000) == (dispute.status, dispute.reason, line.amount, line.fee)
    assert ["charge.dispute.created", "charge.dispute.funds_withdrawn"] == (await platform.events(account))[-2:]
    with pytest.raises(stripe.InvalidRequestError):
        await refunded(platform, account, charge=charge.id)


@pytest.mark.parametrize(
    ("evidence", "status", "lines"), [("winning_evidence", "won", 2), ("losing_evidence", "lost", 1)]
)
async def test_evidence_decides_a_dispute(platform: Platform, evidence: str, status: str, lines: int) -> None:
    """The documented texts win or lose; winning gives back amount and fee."""
    account = platform.account()
    charge: Any = await platform.charge(account, "4000000000002685")
    platform.advance(5)
    options: Any = {"stripe_account": account}
    (dispute,) = (await platform.client.v1.disputes.list_async(options=options)).data
    under = await platform.client.v1.disputes.update_async(
        dispute.id, params={"evidence": {"uncategorized_text": evidence}}, options=options
    )
    assert "under_review" == under.status
    platform.advance(6)
    over = await platform.client.v1.disputes.retrieve_async(dispute.id, options=options)
    assert (status, lines) == (over.status, len(over.balance_transactions))
    assert charge.id == over.charge


async def test_an_inquiry_moves_no_money(platform: Platform) -> None:
    """The inquiry card opens warning_needs_response without a balance transaction and closes as warning_closed."""
    account = platform.account()
    await platform.charge(account, "4000000000001976")
    platform.advance(5)
    options: Any = {"stripe_account": account}
    (dispute,) = (await platform.client.v1.disputes.list_async(options=options)).data
    assert ("warning_needs_response", []) == (dispute.status, dispute.balance_transactions)
    closed = await platform.client.v1.disputes.close_async(dispute.id, options=options)
    assert "warning_closed" == closed.status


async def test_one_card_is_disputed_twice_and_one_only_warned_about(platform: Platform) -> None:
    """Multiple disputes share the amount; an early fraud warning is an event and no dispute."""
    account = platform.account()
    await platform.charge(account, "4000000404000079")
    await platform.charge(account, "4000000000005423")
    platform.advance(10)
    disputes = (await platform.client.v1.disputes.list_async(options={"stripe_account": account})).data
    assert 12_345 == sum(dispute.amount for dispute in disputes)
    assert 2 == len(disputes)
    assert "radar.early_fraud_warning.created" in await platform.events(account)


async def test_an_automatic_payout_can_be_itemised_once_reconciled(platform: Platform) -> None:
    """Before payout.reconciliation_completed the listing is refused; after it the lines add up to nothing."""
    account = platform.account()
    for amount in (5000, 7000):
        await platform.charge(account, amount=amount)
    (payout,) = platform.control("payouts", account=account)
    early = platform.raw("GET", "/v1/balance_transactions", account, params={"payout": payout["id"]})
    assert "payout_reconciliation_not_ready" == early.json()["error"]["code"]
    platform.advance(3)
    lines = platform.raw("GET", "/v1/balance_transactions", account, params={"payout": payout["id"]}).json()["data"]
    assert ["payout", "charge", "charge"] == [line["type"] for line in lines]
    assert 0 == sum(line["net"] for line in lines)
    assert payout["amount"] == sum(line["net"] for line in lines[1:])


async def test_money_pays_itself_out_by_the_clock(platform: Platform) -> None:
    """Two days after the payment the balance becomes available, is paid out and arrives the day after."""
    account = platform.account()
    await platform.charge(account)
    platform.advance(3 * 86_400)
    types = (await platform.events(account))[len("card") + 1 :]
    wanted = ["balance.available", "payout.created", "payout.reconciliation_completed", "payout.updated", "payout.paid"]
    assert wanted == types
    assert 0 == sums(platform, account)["available"]["nzd"]


async def test_a_paid_payout_may_still_fail(platform: Platform) -> None:
    """The bank sends a paid payout back: payout.failed, and the money is on the balance again."""
    account = platform.account()
    await platform.charge(account)
    (payout,) = platform.control("payouts", account=account, arrive="paid")
    failed = platform.control(f"payouts/{payout['id']}", outcome="failed", code="account_closed")
    assert ("failed", "account_closed") == (failed["status"], failed["failure_code"])
    assert payout["amount"] == sums(platform, account)["available"]["nzd"]


async def test_manual_payouts_cannot_be_itemised_nor_overdrawn(platform: Platform) -> None:
    """A manual payout needs available money and has no list of lines."""
    account = platform.account()
    options: Any = {"stripe_account": account}
    await platform.charge(account, "4000000000000077")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await platform.client.v1.payouts.create_async(params={"amount": 99_999, "currency": "nzd"}, options=options)
    assert "balance_insufficient" == refused.value.code
    payout = await platform.client.v1.payouts.create_async(params={"amount": 5000, "currency": "nzd"}, options=options)
    listed = platform.raw("GET", "/v1/balance_transactions", account, params={"payout": payout.id})
    assert (False, "not_applicable", 400) == (payout.automatic, payout.reconciliation_status, listed.status_code)


async def test_each_settlement_currency_has_its_own_sum(platform: Platform) -> None:
    """The oracle's balance equals the balance object and the sum over all balance transactions."""
    account = platform.account()
    charge: Any = await platform.charge(account)
    await refunded(platform, account, charge=charge.id, amount=500)
    truth = platform.sandbox.control("GET", "/_truth")["stripe"]
    net = sum(line["net"] for line in truth["balance_transactions"] if line["account"] == account)
    balance: Any = await platform.client.v1.balance.retrieve_async(options={"stripe_account": account})
    assert net == sum(part.amount for part in [*balance.available, *balance.pending])
