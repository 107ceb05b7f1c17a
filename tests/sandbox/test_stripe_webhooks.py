"""Webhooks: signed, scoped, retried, thin or whole, and what remains when nobody listened."""

import time
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_people import OWN_SECRET, SECRET, THIN_SECRET, Platform


async def test_the_library_verifies_what_was_sent(platform: Platform) -> None:
    """construct_event accepts the bytes with the endpoint's secret, and only with that one."""
    account = platform.account()
    await platform.paid(account)
    platform.settle()
    (heard,) = platform.ears.of("checkout.session.completed")
    signature = heard.headers["stripe-signature"]
    event: Any = platform.client.construct_event(heard.body, signature, SECRET)
    assert (account, "paid") == (event.account, event.data.object.payment_status)
    with pytest.raises(stripe.SignatureVerificationError):
        platform.client.construct_event(heard.body, signature, OWN_SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        platform.client.construct_event(heard.body + b" ", signature, SECRET)


async def test_an_event_names_its_account_and_its_cause(platform: Platform) -> None:
    """Events of a connected account carry account and context; those of an API call its request and key."""
    account = platform.account()
    options: Any = {"stripe_account": account, "idempotency_key": "exp:1"}
    session = await platform.session(account)
    await platform.client.v1.checkout.sessions.expire_async(session.id, options=options)
    platform.settle()
    (heard,) = platform.ears.of("checkout.session.expired")
    assert (account, account, "exp:1") == (
        heard.json["account"],
        heard.json["context"],
        heard.json["request"]["idempotency_key"],
    )
    assert heard.json["request"]["id"].startswith("req_")


async def test_the_connected_account_is_forgotten_by_the_library(platform: Platform) -> None:
    """An object out of an event does not know its account: re-reading it without saying so is a 404."""
    await platform.paid(platform.account())
    platform.settle()
    (heard,) = platform.ears.of("checkout.session.completed")
    event: Any = platform.client.construct_event(heard.body, heard.headers["stripe-signature"], SECRET)
    assert event.data.object.stripe_account is None
    with pytest.raises(stripe.InvalidRequestError):
        await platform.client.v1.checkout.sessions.retrieve_async(event.data.object.id)


async def test_thin_events_are_notifications(platform: Platform) -> None:
    """parse_event_notification reads a thin event; mixing the two kinds up is a ValueError."""
    account = platform.account()
    platform.settle()
    heard = next(h for h in platform.ears.heard if h.type == "v2.core.account.created")
    signature = heard.headers["stripe-signature"]
    note: Any = platform.client.parse_event_notification(heard.body, signature, THIN_SECRET)
    assert (account, account) == (note.related_object.id, str(note.context))
    with pytest.raises(ValueError):  # noqa: PT011 -- the library's own words differ by version
        platform.client.construct_event(heard.body, signature, THIN_SECRET)
    event = await platform.client.v2.core.events.retrieve_async(note.id, options={"stripe_context": account})
    assert "v2.core.account.created" == event.type


async def test_endpoints_and_destinations_are_made_by_api(platform: Platform) -> None:
    """A webhook endpoint and a thin destination made by API show their secrets once and hear what they asked for."""
    endpoint = await platform.client.v1.webhook_endpoints.create_async(
        params={"url": f"{platform.ears.url}/made", "enabled_events": ["checkout.session.expired"], "connect": True}
    )
    destination: Any = await platform.client.v2.core.event_destinations.create_async(
        params={
            "name": "thin",
            "type": "webhook_endpoint",
            "event_payload": "thin",
            "events_from": ["@accounts"],
            "enabled_events": ["v1.checkout.session.expired"],
            "webhook_endpoint": {"url": f"{platform.ears.url}/made-thin"},
            "include": ["webhook_endpoint.signing_secret"],
        }
    )
    account = platform.account()
    session = await platform.session(account)
    await platform.client.v1.checkout.sessions.expire_async(session.id, options={"stripe_account": account})
    platform.settle()
    (whole,) = [heard for heard in platform.ears.heard if heard.path == "/made"]
    (thin,) = [heard for heard in platform.ears.heard if heard.path == "/made-thin"]
    platform.client.construct_event(whole.body, whole.headers["stripe-signature"], str(endpoint.secret))
    note: Any = platform.client.parse_event_notification(
        thin.body, thin.headers["stripe-signature"], destination.webhook_endpoint.signing_secret
    )
    assert session.id == note.related_object.id
    again: Any = await platform.client.v1.webhook_endpoints.retrieve_async(endpoint.id)
    assert "secret" not in again


async def test_v2_account_events_cannot_go_to_a_v1_endpoint(platform: Platform) -> None:
    """A v1 webhook endpoint refuses v2 event types."""
    params: Any = {"url": platform.ears.url, "enabled_events": ["v2.core.account.created"], "connect": True}
    with pytest.raises(stripe.InvalidRequestError):
        await platform.client.v1.webhook_endpoints.create_async(params=params)


async def test_a_refused_delivery_is_tried_again(platform: Platform) -> None:
    """After a 500 the same event comes again, signed anew, and counts as undelivered until it is taken."""
    account = platform.account()
    platform.settle()
    platform.ears.status = 500
    await platform.paid(account)
    platform.settle()
    options: Any = {"stripe_account": account}
    missed = await platform.client.v1.events.list_async(params={"delivery_success": False}, options=options)
    assert "checkout.session.completed" in {event.type for event in missed.data}
    platform.ears.status = 200
    platform.advance(301)
    first, second = platform.ears.of("checkout.session.completed")
    assert first.body == second.body
    missed = await platform.client.v1.events.list_async(params={"delivery_success": False}, options=options)
    assert [] == missed.data


async def test_a_redirect_is_no_success(platform: Platform) -> None:
    """A 302 from the endpoint counts as failure."""
    account = platform.account()
    platform.settle()
    platform.ears.status = 302
    await platform.paid(account)
    platform.settle()
    rows = platform.sandbox.control("GET", "/_webhooks?channel=stripe")
    assert {"pending"} == {row["state"] for row in rows if row["meta"]["type"] == "charge.succeeded"}


async def test_missed_events_are_found_by_cursor_for_thirty_days(platform: Platform) -> None:
    """Backfill after an outage reads on from the last event seen; what is older than thirty days is gone."""
    account = platform.account()
    await platform.paid(account)
    options: Any = {"stripe_account": account}
    last = (await platform.client.v1.events.list_async(params={"limit": 1}, options=options)).data[0]
    await platform.paid(account)
    types: Any = ["checkout.session.completed", "charge.succeeded"]
    params: Any = {"types": types, "ending_before": last.id}
    # The cursor is one of the wanted types here: a backfill keeps the last event of its own list.
    newer = await platform.client.v1.events.list_async(params=params, options=options)
    assert types == [event.type for event in newer.data]
    platform.advance(31 * 86_400)
    with pytest.raises(stripe.InvalidRequestError):
        await platform.client.v1.events.retrieve_async(last.id, options=options)


async def test_the_payer_is_sent_back_once_the_webhook_was_taken(platform: Platform) -> None:
    """The page waits for the first answer to checkout.session.completed before it redirects."""
    account = platform.account()
    platform.settle()
    platform.ears.delay = 0.5
    session = await platform.session(account)
    started = time.monotonic()
    paid = platform.sandbox.http.post(f"/stripe/c/pay/{session.id}/card", data={"test": "4242424242424242"})
    waited = time.monotonic() - started
    assert f"https://pay.example.com/back?cs={session.id}" == paid.headers["location"]
    assert 0.5 <= waited < 10
    platform.ears.delay = 0


async def test_the_payer_does_not_wait_for_ever(platform: Platform) -> None:
    """An endpoint that does not answer delays the redirect by the limit only."""
    account = platform.account()
    platform.control("modes", redirect_seconds=0.4)
    platform.settle()
    platform.ears.delay = 4
    session = await platform.session(account)
    started = time.monotonic()
    platform.sandbox.http.post(f"/stripe/c/pay/{session.id}/card", data={"test": "4242424242424242"})
    waited = time.monotonic() - started
    platform.ears.delay = 0
    platform.settle()  # nothing is on its way when the next test begins
    assert waited < 4
