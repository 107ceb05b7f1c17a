"""How money's troubles end: every status of a dispute, a refund and a payout can be reached, and its money is right."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_people import Platform
from tests.sandbox.stripe_till import Till, shop

DAY = 86_400


def net(platform: Platform, account: str) -> int:
    """The sum of everything on the account's balance."""
    lines = platform.sandbox.control("GET", "/_truth")["stripe"]["balance_transactions"]
    return sum(line["net"] for line in lines if line["account"] == account)


async def disputed(platform: Platform, **how: Any) -> tuple[Till, dict[str, Any], int]:
    """A fresh charge, disputed: the till, the dispute, and the balance before."""
    till = await shop(platform)
    charge: Any = await platform.charge(till.account, currency="gbp")
    before = net(platform, till.account)
    return till, platform.control("disputes", charge=charge.id, **how), before


async def test_an_inquiry_can_become_a_chargeback(platform: Platform) -> None:
    """Escalated, the money goes with its fee, and may be won back."""
    till, dispute, before = await disputed(platform, inquiry=True)
    assert before == net(platform, till.account)
    now = platform.control(f"disputes/{dispute['id']}", outcome="escalated")
    assert ("needs_response", before - 12_345 - 2000) == (now["status"], net(platform, till.account))
    platform.control(f"disputes/{dispute['id']}", outcome="won")
    assert before == net(platform, till.account)
    assert "charge.dispute.funds_withdrawn" in await platform.events(till.account)


async def test_an_inquiry_closes_by_itself(platform: Platform) -> None:
    """After 120 days nobody asks any more."""
    till, dispute, _ = await disputed(platform, inquiry=True)
    platform.advance(121 * DAY)
    closed = await platform.client.v1.disputes.retrieve_async(dispute["id"], None, till.options)
    assert ("warning_closed", []) == (closed.status, closed.balance_transactions)


async def test_nobody_answering_in_time_loses(platform: Platform) -> None:
    """Past due_by without evidence the dispute is lost."""
    till, dispute, _ = await disputed(platform)
    platform.advance(10 * DAY)
    lost = await platform.client.v1.disputes.retrieve_async(dispute["id"], None, till.options)
    assert ("lost", True) == (lost.status, lost.evidence_details.past_due)


@pytest.mark.parametrize(("text", "end"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
async def test_a_lost_dispute_can_be_appealed(platform: Platform, text: str, end: str) -> None:
    """appeal_needs_response, appeal_under_review, and then won or lost for good."""
    till, dispute, before = await disputed(platform)
    platform.control(f"disputes/{dispute['id']}", outcome="lost")
    again = platform.control(f"disputes/{dispute['id']}", outcome="appeal")
    params: Any = {"evidence": {"uncategorized_text": text}}
    under = await platform.client.v1.disputes.update_async(dispute["id"], params, till.options)
    platform.advance(6)
    over = await platform.client.v1.disputes.retrieve_async(dispute["id"], None, till.options)
    assert ("appeal_needs_response", "appeal_under_review", end) == (again["status"], under.status, over.status)
    assert (end == "won") == (before == net(platform, till.account))


async def test_a_prevented_dispute_is_over_before_it_began(platform: Platform) -> None:
    """The amount goes back to the customer, without a fee, and nothing can be answered."""
    till, dispute, before = await disputed(platform, prevented=True)
    assert ("prevented", before - 12_345) == (dispute["status"], net(platform, till.account))
    params: Any = {"evidence": {"uncategorized_text": "x"}}
    with pytest.raises(stripe.InvalidRequestError):
        await platform.client.v1.disputes.update_async(dispute["id"], params, till.options)


async def test_a_pending_refund_fails_when_the_charge_is_disputed(platform: Platform) -> None:
    """charge_for_pending_refund_disputed: the dispute is about the whole amount."""
    till = await shop(platform)
    charge: Any = await platform.charge(till.account, "4000000000007726", currency="gbp")
    refund = await platform.client.v1.refunds.create_async({"charge": charge.id, "amount": 345}, till.options)
    dispute = platform.control("disputes", charge=charge.id)
    refund = await platform.client.v1.refunds.retrieve_async(refund.id, None, till.options)
    assert ("failed", "charge_for_pending_refund_disputed", 12_345) == (
        refund.status,
        refund.failure_reason,
        dispute["amount"],
    )


@pytest.mark.parametrize(("outcome", "status"), [("succeed", "succeeded"), ("fail", "failed")])
async def test_a_debit_on_its_way_can_be_refunded(platform: Platform, outcome: str, status: str) -> None:
    """The refund waits for the charge, and shares its fate."""
    till = await shop(platform)
    intent: Any = await till.pay(bank="00012345")
    refund = await platform.client.v1.refunds.create_async({"payment_intent": intent.id}, till.options)
    assert ("pending", "charge_pending") == (refund.status, refund.pending_reason)
    platform.control("debits", charge=intent.latest_charge.id, outcome=outcome)
    refund = await platform.client.v1.refunds.retrieve_async(refund.id, None, till.options)
    assert status == refund.status
    assert net(platform, till.account) <= 0


async def test_a_refund_may_ask_the_customer_where_to(platform: Platform) -> None:
    """requires_action says who was written to; it can be cancelled, or go on."""
    till = await shop(platform)
    intent: Any = await till.pay(bank="00012345")
    platform.advance(25)
    refund = await platform.client.v1.refunds.create_async({"payment_intent": intent.id, "amount": 100}, till.options)
    platform.control(f"refunds/{refund.id}", outcome="requires_action")
    asked: Any = await platform.client.v1.refunds.retrieve_async(refund.id, None, till.options)
    assert ("requires_action", "display_details") == (asked.status, asked.next_action.type)
    gone = await platform.client.v1.refunds.cancel_async(refund.id, None, till.options)
    assert ("canceled", 0) == (gone.status, (await till.again(intent)).latest_charge.amount_refunded)


async def test_a_card_refund_gets_its_reference_later(platform: Platform) -> None:
    """refund.updated brings the bank's reference; charge.refunded has no previous attributes, updates have."""
    till = await shop(platform)
    charge: Any = await platform.charge(till.account, currency="gbp")
    refund = await platform.client.v1.refunds.create_async({"charge": charge.id, "amount": 100}, till.options)
    platform.advance(9)
    refund = await platform.client.v1.refunds.retrieve_async(refund.id, None, till.options)
    details: Any = refund.destination_details
    assert ("available", 15) == (details.card.reference_status, len(details.card.reference))
    told = {h.type: "previous_attributes" in h.json["data"] for h in platform.ears.heard if h.path == "/connect"}
    assert (False, False, True) == (told["charge.refunded"], told["refund.created"], told["refund.updated"])


@pytest.mark.parametrize("reason", ["lost_or_stolen_card", "declined", "merchant_request", "insufficient_funds"])
async def test_a_refund_fails_for_every_published_reason(platform: Platform, reason: str) -> None:
    """The console can let it fail; made-up reasons are refused."""
    till = await shop(platform)
    charge: Any = await platform.charge(till.account, currency="gbp")
    refund = await platform.client.v1.refunds.create_async({"charge": charge.id, "amount": 100}, till.options)
    wrong = platform.sandbox.http.post(f"/_stripe/refunds/{refund.id}", json={"outcome": "failed", "code": "whim"})
    failed = platform.control(f"refunds/{refund.id}", outcome="failed", code=reason)
    assert (400, "failed", reason) == (wrong.status_code, failed["status"], failed["failure_reason"])


async def test_a_manual_payout_can_be_taken_back_until_it_goes_to_the_bank(platform: Platform) -> None:
    """pending, then in_transit a minute later; cancelled in time, its money is on the balance again."""
    till = await shop(platform)
    await platform.charge(till.account, "4000000000000077", currency="gbp")
    before = net(platform, till.account)
    payouts = platform.client.v1.payouts
    first = await payouts.create_async({"amount": 1000, "currency": "gbp"}, till.options)
    gone = await payouts.cancel_async(first.id, None, till.options)
    assert ("pending", "canceled", before) == (first.status, gone.status, net(platform, till.account))
    second = await payouts.create_async({"amount": 1000, "currency": "gbp"}, till.options)
    platform.advance(61)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await payouts.cancel_async(second.id, None, till.options)
    assert "payout_not_cancelable" == refused.value.code
    sent = await payouts.retrieve_async(second.id, None, till.options)
    assert "in_transit" == sent.status
    assert ["payout.canceled", "payout.created", "payout.updated"] == (await platform.events(till.account))[-3:]


async def test_an_automatic_payout_cannot_be_cancelled(platform: Platform) -> None:
    """Only its metadata can change."""
    till = await shop(platform)
    await platform.charge(till.account, currency="gbp")
    (payout,) = platform.control("payouts", account=till.account)
    with pytest.raises(stripe.InvalidRequestError, match="automatically"):
        await platform.client.v1.payouts.cancel_async(payout["id"], None, till.options)
    changed = await platform.client.v1.payouts.update_async(payout["id"], {"metadata": {"a": "b"}}, till.options)
    assert changed.metadata is not None
    assert "b" == changed.metadata["a"]


async def test_events_are_found_by_a_group_of_types(platform: Platform) -> None:
    """type=charge.* lists every event about charges."""
    account = platform.account()
    await platform.charge(account)
    page = await platform.client.v1.events.list_async({"type": "charge.*"}, {"stripe_account": account})
    assert ["charge.updated", "charge.succeeded"] == [event.type for event in page.data]


async def test_an_account_that_connects_again_says_so(platform: Platform) -> None:
    """account.application.authorized comes after deauthorized, and calls work again."""
    account = platform.account()
    platform.control(f"accounts/{account}", action="deauthorise")
    platform.control(f"accounts/{account}", action="reconnect")
    platform.settle()
    assert {"account.application.deauthorized", "account.application.authorized"} <= set(platform.ears.types())
    assert 200 == platform.raw("GET", "/v1/balance", account).status_code


async def test_a_direct_intents_3d_secure_leads_back_to_its_return_url(platform: Platform) -> None:
    """The bank's page of an intent without a session says how it ended; over, there is nothing to confirm."""
    account = platform.account()
    form = {"amount": "5000", "currency": "nzd", "confirm": "true", "return_url": "https://x.example/back?a=b"}
    form["payment_method"] = "pm_card_threeDSecureRequired"
    intent = platform.raw("POST", "/v1/payment_intents", account, data=form).json()
    step = intent["next_action"]["redirect_to_url"]["url"].removeprefix(platform.sandbox.url)
    assert "50.00 NZD" in platform.sandbox.http.get(step).text
    back = platform.sandbox.http.post(step, data={"outcome": "complete"}).headers["location"]
    assert back.startswith("https://x.example/back?a=b&payment_intent=pi_")
    assert back.endswith("redirect_status=succeeded")
    assert 404 == platform.sandbox.http.get(step).status_code
    assert "succeeded" == (await platform.intent(account, intent["id"])).status


async def test_an_inquiry_leaves_refunds_alone(platform: Platform) -> None:
    """An inquiry holds no money: a pending refund goes on, a new one may be made, and only a chargeback ends both."""
    till = await shop(platform)
    charge: Any = await platform.charge(till.account, "4000000000007726", currency="gbp")
    pending = await platform.client.v1.refunds.create_async({"charge": charge.id, "amount": 345}, till.options)
    inquiry = platform.control("disputes", charge=charge.id, inquiry=True)
    again = await platform.client.v1.refunds.retrieve_async(pending.id, None, till.options)
    assert "pending" == again.status
    platform.control(f"disputes/{inquiry['id']}", outcome="escalated")
    over = await platform.client.v1.refunds.retrieve_async(pending.id, None, till.options)
    assert ("failed", "charge_for_pending_refund_disputed") == (over.status, over.failure_reason)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await platform.client.v1.refunds.create_async({"charge": charge.id, "amount": 1}, till.options)
    assert "charge_disputed" == refused.value.code


async def test_one_of_two_disputes_won_frees_nothing(platform: Platform) -> None:
    """While another dispute of the charge stands it cannot be refunded; with both won it can."""
    till = await shop(platform)
    charge: Any = await platform.charge(till.account, currency="gbp")
    first, second = (platform.control("disputes", charge=charge.id, amount=amount)["id"] for amount in (6000, 6345))
    platform.control(f"disputes/{first}", outcome="won")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await platform.client.v1.refunds.create_async({"charge": charge.id}, till.options)
    assert "charge_disputed" == refused.value.code
    platform.control(f"disputes/{second}", outcome="won")
    made = await platform.client.v1.refunds.create_async({"charge": charge.id}, till.options)
    assert "succeeded" == made.status


@pytest.mark.parametrize("amount", [-1, 0, 12_346])
async def test_a_dispute_is_about_money_of_its_charge(platform: Platform, amount: int) -> None:
    """Nothing, less than nothing and more than was paid cannot be disputed; all of a refunded charge can."""
    till = await shop(platform)
    charge: Any = await platform.charge(till.account, currency="gbp")
    answer = platform.sandbox.http.post("/_stripe/disputes", json={"charge": charge.id, "amount": amount})
    assert 400 == answer.status_code
    platform.control("refunds", charge=charge.id)
    assert 12_345 == platform.control("disputes", charge=charge.id)["amount"]


async def test_an_escalated_inquiry_is_reviewed_anew(platform: Platform) -> None:
    """The answer to an inquiry does not decide the chargeback that it became, and the events say what it was before."""
    till, dispute, _ = await disputed(platform, inquiry=True)
    params: Any = {"evidence": {"uncategorized_text": "winning_evidence"}}
    await platform.client.v1.disputes.update_async(dispute["id"], params, till.options)
    platform.control(f"disputes/{dispute['id']}", outcome="escalated")
    platform.advance(60)
    now: Any = await platform.client.v1.disputes.retrieve_async(dispute["id"], None, till.options)
    assert ("needs_response", "chargeback") == (now.status, now.payment_method_details.card.case_type)
    events = await platform.client.v1.events.list_async({"type": "charge.dispute.updated", "limit": 1}, till.options)
    assert "warning_under_review" == events.data[0].data.previous_attributes["status"]  # type: ignore[index]


async def test_a_prevented_dispute_lists_no_fee(platform: Platform) -> None:
    """Where no fee is taken, none of nothing is listed."""
    _, dispute, _ = await disputed(platform, prevented=True)
    (line,) = dispute["balance_transactions"]
    assert (0, []) == (line["fee"], line["fee_details"])


async def test_the_event_of_a_manual_payout_is_whole(platform: Platform) -> None:
    """payout.created carries what was said of it; another bank account than the account's own is refused."""
    till = await shop(platform)
    await platform.charge(till.account, "4000000000000077", currency="gbp")
    params: Any = {"amount": 1000, "currency": "gbp", "metadata": {"for": "rent"}, "description": "Rent"}
    made = await platform.client.v1.payouts.create_async(params, till.options)
    events = await platform.client.v1.events.list_async({"type": "payout.created"}, till.options)
    told: Any = events.data[0].data.object
    assert ("rent", "Rent", made.id) == (told["metadata"]["for"], told["description"], told["id"])
    with pytest.raises(stripe.InvalidRequestError, match="external account"):
        await platform.client.v1.payouts.create_async(params | {"destination": "ba_of_nobody"}, till.options)
