"""The official library, unchanged but for its address, from a merchant's account to the money in the bank.

Twice: with the base address under /stripe, and at the root, for clients that take a host and no path; with the synchronous
client, as the other tests use the asynchronous one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_people import KEY, SECRET, THIN_SECRET, Platform, account_params, session_params


@pytest.fixture(params=["/stripe", ""], ids=["path", "root"])
def client(platform: Platform, request: pytest.FixtureRequest) -> Iterator[stripe.StripeClient]:
    """A synchronous client; retries on, as advised."""
    base = platform.sandbox.url + request.param
    bases: Any = {"api": base, "connect": base, "files": base, "meter_events": base}
    http = stripe.RequestsClient()
    yield stripe.StripeClient(KEY, base_addresses=bases, max_network_retries=2, http_client=http)
    http.close()


def onboarded(platform: Platform, client: stripe.StripeClient) -> str:
    """An account made, sent to its link, filled in and verified."""
    account = client.v2.core.accounts.create(account_params("gb"))
    assert not _ready(client, account.id)
    use_case: Any = {"type": "account_onboarding", "account_onboarding": {"refresh_url": "https://x.example/r"}}
    link = client.v2.core.account_links.create({"account": account.id, "use_case": use_case})
    page = platform.sandbox.http.get(link.url.removeprefix(platform.sandbox.url)).headers["location"]
    platform.sandbox.http.post(page, data={"do": "fill"})
    platform.sandbox.http.post(page, data={"do": "finish"})
    platform.advance(3)
    assert _ready(client, account.id)
    return account.id


def _ready(client: stripe.StripeClient, id: str) -> bool:
    account: Any = client.v2.core.accounts.retrieve(id, {"include": ["configuration.merchant"]})
    return bool(account.configuration.merchant.capabilities.card_payments.status == "active")


async def test_a_merchants_whole_way(platform: Platform, client: stripe.StripeClient) -> None:
    """Account, link, session, payment, fee, refund, payout, its lines, events of both kinds, and goodbye."""
    account = onboarded(platform, client)
    options: Any = {"stripe_account": account, "idempotency_key": "way:1"}
    session = client.v1.checkout.sessions.create(
        session_params("gbp", payment_intent_data={"application_fee_amount": 50}), options
    )
    assert (
        session.id
        == client.v1.checkout.sessions.create(
            session_params("gbp", payment_intent_data={"application_fee_amount": 50}), options
        ).id
    )
    platform.control("pay", session=session.id)
    platform.advance(2)
    mine: Any = {"stripe_account": account}
    expand: Any = {"expand": ["payment_intent.latest_charge.balance_transaction"]}
    paid: Any = client.v1.checkout.sessions.retrieve(session.id, expand, mine)
    charge = paid.payment_intent.latest_charge
    assert ("paid", 12_345) == (paid.payment_status, charge.balance_transaction.amount)
    refund = client.v1.refunds.create({"charge": charge.id, "amount": 2345, "refund_application_fee": True}, mine)
    assert "succeeded" == refund.status
    platform.advance(4 * 86_400)
    (payout,) = client.v1.payouts.list({"status": "paid"}, mine).data
    lines = list(client.v1.balance_transactions.list({"payout": payout.id, "limit": 1}, mine).auto_paging_iter())
    assert {"payout", "charge", "refund"} == {line.type for line in lines}
    assert payout.amount == sum(line.net for line in lines if line.type != "payout")
    _events(platform, client, account)
    client.raw_request("post", "/oauth/deauthorize", base="connect", client_id="ca_1", stripe_user_id=account)
    with pytest.raises(stripe.PermissionError):
        client.v1.balance.retrieve(None, mine)


def _events(platform: Platform, client: stripe.StripeClient, account: str) -> None:
    """What was sent verifies with the endpoints' secrets, what is stored can be listed, and both kinds say the same."""
    mine: Any = {"stripe_account": account}
    listed = [event.id for event in client.v1.events.list({"limit": 100}, mine).auto_paging_iter()]
    heard = [one for one in platform.ears.heard if one.path == "/connect" and one.json["account"] == account]
    assert set(listed) == {client.construct_event(h.body, h.headers["stripe-signature"], SECRET).id for h in heard}
    notes = [one for one in platform.ears.heard if one.path == "/thin"]
    for one in notes:
        note: Any = client.parse_event_notification(one.body, one.headers["stripe-signature"], THIN_SECRET)
        assert note.id == client.v2.core.events.retrieve(note.id, None, {"stripe_context": str(note.context)}).id
    params: Any = {"object_id": account, "limit": 2}
    assert len(notes) == len(list(client.v2.core.events.list(params).auto_paging_iter()))
