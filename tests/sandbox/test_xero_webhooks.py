"""Webhooks of the sandbox's Xero: intent to receive, signatures over raw bytes, retries, disabling, replay."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from typing import Any

import pytest

from tests.sandbox.hooks import KEY, change, events, good, is_signed, settle
from tests.sandbox.process import Sandbox
from tests.sandbox.receiver import Received, Receiver
from tests.sandbox.test_xero_credits import note, received
from tests.sandbox.xero_people import Person


def test_the_public_vector() -> None:
    """Xero's published key and body give the published signature: the key is text, not base64."""
    body = b'{"events":[],"firstEventSequence": 0,"lastEventSequence": 0, "entropy": "LUWDSUDGSWNZVALZXBEV"}'
    digest = hmac.new(KEY.encode(), body, hashlib.sha256).digest()
    assert base64.b64encode(digest) == b"BjzNbYUfrzg4g8wxm+dKHaZVrKxr2m75E296fUbD1E4="


def test_intent_to_receive_sends_good_and_bad_signatures(sandbox: Sandbox, receiver: Receiver) -> None:
    """Saving the endpoint brings empty events, three with one character of the signature altered and one right."""
    sandbox.config(webhook_url=receiver.url, webhook_key=KEY)
    got = receiver.wait_for(4)
    assert (4, 1) == (len(got), sum(is_signed(one) for one in got))
    assert all(json.loads(one.body)["events"] == [] for one in got)
    settle(sandbox)
    assert sandbox.control("GET", "/_xero/webhook")["state"] == "ok"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (lambda _one: (200, b"", {}), "401 expected"),
        (lambda one: (good(one)[0], b"ok", {}), "Response contains a body"),
        (lambda one: (good(one)[0], b"", {"Set-Cookie": "a=b"}), "Response sets cookies"),
    ],
)
def test_intent_fails_for_careless_receivers(sandbox: Sandbox, receiver: Receiver, answer: Any, problem: str) -> None:
    """Taking bad signatures, a body or a cookie fails the intent to receive."""
    receiver.answer = answer
    sandbox.config(webhook_url=receiver.url, webhook_key=KEY)
    receiver.wait_for(4)
    settle(sandbox)
    state = sandbox.control("GET", "/_xero/webhook")
    assert state["state"] == "failed"
    assert problem in state["problem"]


def test_a_receiver_that_comes_up_in_the_middle_is_asked_again(sandbox: Sandbox, receiver: Receiver) -> None:
    """Not all four found somebody listening: that is no careless receiver, and they are sent once more by themselves."""
    silent = iter([True])

    def answer(one: Received) -> tuple[int, bytes, dict[str, str]]:
        if next(silent, False):
            raise ConnectionAbortedError
        threading.Event().wait(0.2)  # the silence is the first answer, not the last
        return good(one)

    receiver.answer = answer
    sandbox.config(webhook_url=receiver.url, webhook_key=KEY)
    receiver.wait_for(4)
    settle(sandbox)
    sandbox.control("POST", "/_clock", {"advance": 3})
    assert sandbox.control("GET", "/_xero/webhook")["state"] == "ok"


def test_a_change_in_xero_is_told_in_raw_bytes(subscribed: Person, receiver: Receiver) -> None:
    """An edit sends INVOICE UPDATE; the body's spacing is irregular, so re-serialised JSON would not verify."""
    id = change(subscribed)
    one = receiver.wait_for(1)[0]
    event = json.loads(one.body)["events"][0]
    assert ("INVOICE", "UPDATE", id) == (event["eventCategory"], event["eventType"], event["resourceId"])
    assert (subscribed.tenant, "ORGANISATION") == (event["tenantId"], event["tenantType"])
    assert event["resourceUrl"].endswith(f"/api.xro/2.0/Invoices/{id}")
    assert len(event["eventDateUtc"]) == len("2025-05-01T14:32:04.198")
    assert is_signed(one)
    assert json.dumps(json.loads(one.body)).encode() != one.body


def test_our_own_writes_echo(subscribed: Person, receiver: Receiver) -> None:
    """A payment we write comes back as INVOICE UPDATE; there is no payment event."""
    subscribed.pay("INV-2041", 10)
    receiver.wait_for(1)
    settle(subscribed.sandbox)
    assert [("INVOICE", "UPDATE")] == [(event["eventCategory"], event["eventType"]) for event in events(receiver)]


def test_organisations_not_connected_tell_nothing(subscribed: Person, receiver: Receiver) -> None:
    """Only connected organisations send events."""
    subscribed.sandbox.control("POST", "/_xero/organisations/kowhai/invoices", {"amount": "10"})
    settle(subscribed.sandbox)
    assert receiver.got == []


def test_a_failure_is_retried_at_once_then_every_quarter_of_an_hour(subscribed: Person, receiver: Receiver) -> None:
    """One immediate retry, then one per 15 minutes until it succeeds."""
    answers = iter([500, 500, 500])
    receiver.answer = lambda one: (next(answers, 200), b"", {})
    change(subscribed)
    receiver.wait_for(2)
    settle(subscribed.sandbox)
    assert len(receiver.got) == 2
    subscribed.sandbox.control("POST", "/_clock", {"advance": 900})
    assert len(receiver.got) == 3
    subscribed.sandbox.control("POST", "/_clock", {"advance": 900})
    assert len(receiver.got) == 4
    subscribed.sandbox.control("POST", "/_clock", {"advance": 3600})
    assert len(receiver.got) == 4


def test_after_a_day_it_is_disabled_and_replayed_in_order(subscribed: Person, receiver: Receiver) -> None:
    """24 hours of failure disable the subscription; what happened meanwhile is replayed in order once healthy."""
    receiver.answer = lambda _one: (500, b"", {})
    first = change(subscribed)
    receiver.wait_for(2)
    subscribed.sandbox.control("POST", "/_clock", {"advance": 25 * 3600})
    assert len(receiver.got) == 98
    assert subscribed.sandbox.control("GET", "/_xero/webhook")["state"] == "disabled"
    subscribed.refresh()
    second = change(subscribed, "INV-2047")
    receiver.got.clear()
    receiver.answer = good
    subscribed.sandbox.control("POST", "/_xero/webhook/check")
    receiver.wait_for(5)
    settle(subscribed.sandbox)
    assert [first, second] == [event["resourceId"] for event in events(receiver)]


def test_no_retry_is_late_when_several_run_side_by_side(subscribed: Person, receiver: Receiver) -> None:
    """The clock never jumps over an attempt under way: eight deliveries get every quarter-hour's retry of three hours."""

    def refuse(_one: Received) -> tuple[int, bytes, dict[str, str]]:
        threading.Event().wait(0.01)
        return 500, b"", {}

    receiver.answer = refuse
    id = change(subscribed)
    for number in range(7):
        subscribed.sandbox.control("POST", f"/_xero/invoices/{id}/change", {"reference": f"changed {number}"})
    receiver.wait_for(16)
    settle(subscribed.sandbox)
    subscribed.sandbox.control("POST", "/_clock", {"advance": 3 * 3600 + 600})
    assert len(receiver.got) == 8 * (2 + 12)


def test_a_disabled_subscription_keeps_everything_in_order(subscribed: Person, receiver: Receiver) -> None:
    """What was still being retried is held with the rest: nothing more is tried, nothing overtakes in the replay."""
    receiver.answer = lambda _one: (500, b"", {})
    ids = [change(subscribed)]
    receiver.wait_for(2)  # its day of retries begins with the first try, which comes by itself
    settle(subscribed.sandbox)
    subscribed.sandbox.control("POST", "/_clock", {"advance": 3600})
    subscribed.refresh()
    ids.append(change(subscribed, "INV-2047"))
    subscribed.sandbox.control("POST", "/_clock", {"advance": 24 * 3600 - 1800})
    assert subscribed.sandbox.control("GET", "/_xero/webhook")["state"] == "disabled"
    tried = len(receiver.got)
    subscribed.sandbox.control("POST", "/_clock", {"advance": 7200})
    assert len(receiver.got) == tried
    subscribed.refresh()
    ids.append(change(subscribed, "INV-2029"))
    receiver.got.clear()
    receiver.answer = good
    subscribed.sandbox.control("POST", "/_xero/webhook/check")
    receiver.wait_for(5)
    settle(subscribed.sandbox)
    assert ids == [event["resourceId"] for event in events(receiver)]


def test_collaborators_are_mailed_when_it_is_disabled(subscribed: Person, receiver: Receiver) -> None:
    """One mail to everybody who works on the app, though several deliveries ran out; it stands among the mails."""
    sandbox = subscribed.sandbox
    sandbox.config(collaborators=["ines@payportal.example", "tom@payportal.example"])
    receiver.answer = lambda _one: (500, b"", {})
    change(subscribed)
    change(subscribed, "INV-2047")
    receiver.wait_for(2)
    settle(sandbox)
    sandbox.control("POST", "/_clock", {"advance": 23 * 3600})
    assert sandbox.control("GET", "/_mail") == []
    sandbox.control("POST", "/_clock", {"advance": 2 * 3600})
    (mail,) = sandbox.control("GET", "/_mail")
    assert mail["to"] == ["ines@payportal.example", "tom@payportal.example"]
    assert "Webhooks for Payportal have been disabled" == mail["subject"]
    assert receiver.url in mail["text"]
    assert "status 500" in mail["text"]


def test_events_are_forgotten_after_31_days(subscribed: Person, receiver: Receiver) -> None:
    """What happened longer ago than that is not in the replay."""
    receiver.answer = lambda _one: (500, b"", {})
    change(subscribed)
    subscribed.sandbox.control("POST", "/_clock", {"advance": 25 * 3600})
    subscribed.sandbox.control("POST", "/_clock", {"advance": 31 * 24 * 3600})
    subscribed.refresh()
    late = change(subscribed, "INV-2047")
    receiver.got.clear()
    receiver.answer = good
    subscribed.sandbox.control("POST", "/_xero/webhook/check")
    receiver.wait_for(5)
    settle(subscribed.sandbox)
    assert [late] == [event["resourceId"] for event in events(receiver)]


def test_an_answer_after_five_seconds_is_none(subscribed: Person, receiver: Receiver) -> None:
    """The attempt ends at five seconds as a timeout, and the retry comes at once."""
    release = threading.Event()

    def slow(one: Received) -> tuple[int, bytes, dict[str, str]]:
        if len(receiver.got) == 1:
            release.wait(30)
        return good(one)

    receiver.answer = slow
    change(subscribed)
    receiver.wait_for(2, 20)
    release.set()
    settle(subscribed.sandbox)
    row = subscribed.sandbox.control("GET", "/_webhooks?channel=xero")[-1]
    assert ["timeout", None] == [
        attempt["problem"].split(":")[0] if attempt["problem"] else None for attempt in row["attempts"]
    ]
    assert row["state"] == "delivered"


@pytest.mark.parametrize("category", ["CREDITNOTE", "OVERPAYMENT", "PREPAYMENT"])
def test_the_categories_of_2026(subscribed: Person, receiver: Receiver, category: str) -> None:
    """Subscribed to, credits are told of; a credit note's event says its type and status, its webhook nothing else."""
    sandbox = subscribed.sandbox
    before = sandbox.control("GET", "/_config")["xero"]["webhook_categories"]
    sandbox.config(webhook_categories=[category])
    credit = note(subscribed, Status="AUTHORISED")["CreditNoteID"]
    line = {"Description": "Ahead", "LineAmount": "84.00", "AccountCode": "200", "TaxType": "NONE"}
    ids = {kind: received(subscribed, f"RECEIVE-{kind}", line) for kind in ("OVERPAYMENT", "PREPAYMENT")}
    settle(sandbox)
    sandbox.config(webhook_categories=before)
    expected = {kind: row[f"{kind.capitalize()}ID"] for kind, row in ids.items()} | {"CREDITNOTE": credit}
    assert [(category, expected[category])] == [(e["eventCategory"], e["resourceId"]) for e in events(receiver)]
    data = {"Type": "ACCRECCREDIT", "Status": "AUTHORISED"} if category == "CREDITNOTE" else None
    assert data == events(receiver)[0].get("data")


@pytest.mark.parametrize(("modes", "count"), [({"drop": 1}, 0), ({"duplicate": 2}, 3)])
def test_webhooks_can_be_dropped_and_duplicated(
    subscribed: Person, receiver: Receiver, modes: dict[str, int], count: int
) -> None:
    """The modes do what they say, seen from the receiver."""
    subscribed.sandbox.control("POST", "/_webhooks", {"channel": "xero", "modes": modes})
    change(subscribed)
    settle(subscribed.sandbox)
    assert count == len(receiver.got)
    subscribed.sandbox.control("POST", "/_webhooks", {"channel": "xero", "modes": {}})


def test_webhooks_can_be_reordered_delayed_and_forged(subscribed: Person, receiver: Receiver) -> None:
    """Held deliveries come in reverse; a delayed one comes later; a forged one does not verify."""
    sandbox = subscribed.sandbox
    sandbox.control("POST", "/_webhooks", {"channel": "xero", "modes": {"reorder": 2}})
    ids = [change(subscribed), change(subscribed, "INV-2047")]
    receiver.wait_for(2)
    assert ids[::-1] == [event["resourceId"] for event in events(receiver)]
    sandbox.control("POST", "/_webhooks", {"channel": "xero", "modes": {"delay": 60}})
    change(subscribed)
    settle(sandbox)
    assert len(receiver.got) == 2
    sandbox.control("POST", "/_clock", {"advance": 61})
    assert len(receiver.got) == 3
    sandbox.control("POST", "/_webhooks", {"channel": "xero", "modes": {"forge": 1}})
    receiver.answer = lambda _one: (200, b"", {})
    change(subscribed)
    assert not is_signed(receiver.wait_for(4)[3])
    sandbox.control("POST", "/_webhooks", {"channel": "xero", "modes": {}})


def test_redelivery_sends_the_same_bytes(subscribed: Person, receiver: Receiver) -> None:
    """Redelivering repeats the body to the byte."""
    change(subscribed)
    receiver.wait_for(1)
    settle(subscribed.sandbox)
    id = subscribed.sandbox.control("GET", "/_webhooks?channel=xero")[-1]["id"]
    subscribed.sandbox.control("POST", "/_webhooks", {"redeliver": id})
    one, two = receiver.wait_for(2)
    assert one.body == two.body
