"""Webhooks gone wrong by rules of ``/_faults``: one delivery at a time, chosen like a request."""

from __future__ import annotations

from typing import Any

from tests.sandbox.hooks import change, events, is_signed, settle
from tests.sandbox.receiver import Receiver
from tests.sandbox.stripe_people import Platform
from tests.sandbox.xero_people import Person


def rule(person: Person, kind: dict[str, Any], match: dict[str, str] | None = None, **when: int) -> None:
    body = {"match": match or {"channel": "xero"}, "fault": {"webhook": kind}, **when}
    person.sandbox.control("POST", "/_faults", body)


def numbers(receiver: Receiver) -> list[str]:
    return [event["resourceId"] for event in events(receiver)]


def test_the_second_webhook_is_lost(subscribed: Person, receiver: Receiver) -> None:
    """A dropped webhook never comes, its neighbours do, and nobody retries it."""
    rule(subscribed, {"drop": True}, nth=2)
    ids = [change(subscribed, number) for number in ("INV-2041", "INV-2047", "INV-2041")]
    settle(subscribed.sandbox)
    assert [ids[0], ids[2]] == numbers(receiver)
    states = [row["state"] for row in subscribed.sandbox.control("GET", "/_webhooks?channel=xero")]
    assert states == ["delivered", "dropped", "delivered"]


def test_a_webhook_comes_three_times(subscribed: Person, receiver: Receiver) -> None:
    """A duplicate has the same event: the app must know it again by itself."""
    rule(subscribed, {"duplicate": 2}, times=1)
    id = change(subscribed)
    settle(subscribed.sandbox)
    assert [id] * 3 == numbers(receiver)
    assert len({one.body for one in receiver.got}) == 1


def test_a_webhook_comes_a_minute_late(subscribed: Person, receiver: Receiver) -> None:
    """A delayed webhook comes when the sandbox's clock says so."""
    rule(subscribed, {"delay": 60}, times=1)
    change(subscribed)
    settle(subscribed.sandbox)
    assert receiver.got == []
    subscribed.sandbox.control("POST", "/_clock", {"advance": 61})
    assert len(receiver.got) == 1


def test_a_webhook_is_overtaken(subscribed: Person, receiver: Receiver) -> None:
    """The first waits until the second has gone before it; what waits for nobody leaves when the faults are cleared."""
    rule(subscribed, {"reorder": 1}, nth=1)
    first, second = change(subscribed), change(subscribed, "INV-2047")
    settle(subscribed.sandbox)
    assert [second, first] == numbers(receiver)
    subscribed.sandbox.control("DELETE", "/_faults")
    rule(subscribed, {"reorder": 5}, nth=1)
    third = change(subscribed)
    settle(subscribed.sandbox)
    assert len(receiver.got) == 2
    subscribed.sandbox.control("DELETE", "/_faults")
    assert third == [event["resourceId"] for event in events_after(receiver, 3)][2]


def events_after(receiver: Receiver, count: int) -> list[dict[str, Any]]:
    receiver.wait_for(count)
    return events(receiver)


def test_a_forged_webhook_does_not_verify(subscribed: Person, receiver: Receiver) -> None:
    """The signature is wrong; the app that refuses it gets the right one at the retry."""
    rule(subscribed, {"forge": True}, times=1)
    change(subscribed)
    receiver.wait_for(2)
    assert [False, True] == [is_signed(one) for one in receiver.got]


def test_rules_for_webhooks_leave_requests_and_other_tenants_alone(subscribed: Person, receiver: Receiver) -> None:
    """A webhook rule never strikes a request, and one for another tenant or path strikes nothing."""
    rule(subscribed, {"drop": True}, {"tenant": "another"})
    rule(subscribed, {"drop": True}, {"path": "/elsewhere"})
    change(subscribed)
    settle(subscribed.sandbox)
    assert len(receiver.got) == 1
    rule(subscribed, {"drop": True}, {"tenant": subscribed.tenant, "path": "/hook"})
    change(subscribed)
    settle(subscribed.sandbox)
    assert len(receiver.got) == 1


async def test_stripes_webhooks_obey_the_same_rules(platform: Platform) -> None:
    """A rule for the channel stripe and one account strikes that account's events only."""
    one, other = platform.account(), platform.account()
    platform.settle()
    body = {"match": {"channel": "stripe", "account": one}, "fault": {"webhook": {"drop": True}}}
    platform.sandbox.control("POST", "/_faults", body)
    since = len(platform.sandbox.control("GET", "/_webhooks?channel=stripe"))
    for account in (one, other):
        await platform.paid(account)
    platform.settle()
    rows = platform.sandbox.control("GET", "/_webhooks?channel=stripe")[since:]
    assert {"dropped"} == {row["state"] for row in rows if row["meta"]["account"] == one}
    assert {"delivered"} == {row["state"] for row in rows if row["meta"]["account"] == other}
