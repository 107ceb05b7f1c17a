"""Worlds that can be had again: the same seed, the same world, the same events in the same order."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.sandbox.hooks import KEY, change, settle
from tests.sandbox.process import Sandbox
from tests.sandbox.receiver import Receiver
from tests.sandbox.xero_people import Person

AT = "2026-11-20T09:00:00Z"


def ids(sandbox: Sandbox) -> list[str]:
    return [row["id"] for row in sandbox.control("GET", "/_xero/organisations/wren/invoices")]


def test_a_reset_draws_ids_never_used_before(sandbox: Sandbox) -> None:
    """Two resets share no id; the seed the answer names brings a world back, by /_reset and by /_seed."""
    first = sandbox.control("POST", "/_reset")["seed"]
    before = ids(sandbox)
    assert sandbox.control("POST", "/_reset")["seed"] != first
    assert set(before).isdisjoint(ids(sandbox))
    assert first == sandbox.control("POST", "/_reset", {"seed": first})["seed"]
    assert before == ids(sandbox)
    assert first == sandbox.control("POST", "/_seed", {"seed": first})["seeded"]["seed"]
    assert before == ids(sandbox)


def lived(sandbox: Sandbox, receiver: Receiver, seed: int) -> tuple[Any, Any]:
    """The same few things done in a world of that seed; what was told to the app, and the truth."""
    sandbox.config(webhook_url=None, webhook_key=None)
    sandbox.control("POST", "/_seed", {"seed": seed, "at": AT, "rate": 0, "organisations": 6})
    sandbox.config(webhook_url=receiver.url, webhook_key=KEY)
    settle(sandbox)
    person = Person(sandbox).connect("Harrow & Finch Joinery Ltd")
    for number in ("INV-2047", "INV-2041"):
        change(person, number)
        person.pay(number, 10)
    account = sandbox.control("POST", "/_stripe/accounts", {"country": "NZ", "ready": True})["id"]
    sandbox.control("POST", "/_clock", {"advance": 86_400})
    settle(sandbox)
    told = [(row["channel"], row["body"]) for row in sandbox.control("GET", "/_webhooks")]
    return [told, account], sandbox.control("GET", "/_truth")


def test_the_same_seed_gives_the_same_world_and_events(sandbox: Sandbox, receiver: Receiver) -> None:
    """Done twice, everything told and everything true is the same to the byte; another seed differs."""
    one, again, other = (lived(sandbox, receiver, seed) for seed in (5, 5, 6))
    assert one == again
    assert len(one[0][0]) > 4
    assert other != one
    assert [channel for channel, _ in one[0][0]] == [channel for channel, _ in other[0][0]]


def test_a_big_world_is_planted_quickly(sandbox: Sandbox) -> None:
    """Twenty thousand invoices and thirty organisations are there within seconds, and found by number."""
    started = time.monotonic()
    sandbox.control("POST", "/_seed", {"size": 20_000, "organisations": 30})
    took = time.monotonic() - started
    person = Person(sandbox).connect("Harrow & Finch Joinery Ltd")
    assert 20_000 == person.get("/Invoices", page=1, pageSize=1, summaryOnly="true")["pagination"]["itemCount"]
    assert person.invoice("INV-119969")["Status"] == "AUTHORISED"
    names = [row["name"] for row in sandbox.control("GET", "/_xero/organisations")]
    assert (30, 30) == (len(names), len(set(names)))
    assert took < 20, json.dumps(took)


def test_a_stopped_clock_stands_still(sandbox: Sandbox) -> None:
    """Rate 0 stops the sandbox's time, advancing still moves it."""
    sandbox.control("POST", "/_clock", {"rate": 0})
    one = sandbox.control("GET", "/_clock")["timestamp"]
    assert one == sandbox.control("GET", "/_clock")["timestamp"]
    assert one + 60 == sandbox.control("POST", "/_clock", {"advance": 60})["timestamp"]
    assert sandbox.control("POST", "/_clock", {"rate": 1})["timestamp"] >= one + 60
