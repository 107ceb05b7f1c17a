"""Rate limits of the sandbox's Xero."""

from __future__ import annotations

import threading

from tests.sandbox.process import Sandbox
from tests.sandbox.xero_people import Person


def test_every_answer_says_what_remains(hannah: Person) -> None:
    """The three headers count down; /connections carries none."""
    hannah.sandbox.config(limits={"concurrent": 5, "minute": 60, "day": 1000, "app_minute": 10000})
    one, two = hannah.api("GET", "/Organisation").headers, hannah.api("GET", "/Organisation").headers
    assert int(one["x-minlimit-remaining"]) - 1 == int(two["x-minlimit-remaining"])
    assert int(one["x-daylimit-remaining"]) - 1 == int(two["x-daylimit-remaining"])
    assert "x-appminlimit-remaining" in one
    answer = hannah.browser.get("/xero/api/connections", headers=hannah.bearer)
    assert "x-minlimit-remaining" not in answer.headers


def test_the_minute_limit_says_when_to_come_back(hannah: Person) -> None:
    """The call beyond the limit is a 429 with Retry-After, and the next minute is open."""
    hannah.sandbox.config(limits={"minute": 3})
    statuses = [hannah.api("GET", "/Organisation").status_code for _ in range(4)]
    refused = hannah.api("GET", "/Organisation")
    assert 429 in statuses
    assert ("minute", b"") == (refused.headers["x-rate-limit-problem"], refused.content)
    hannah.sandbox.control("POST", "/_clock", {"advance": int(refused.headers["retry-after"])})
    assert hannah.api("GET", "/Organisation").status_code == 200


def test_the_day_limit_outlasts_the_minute(hannah: Person) -> None:
    """A spent day stays spent until its window ends."""
    hannah.sandbox.config(limits={"day": 1})
    hannah.api("GET", "/Organisation")
    refused = hannah.api("GET", "/Organisation")
    assert (429, "day", "0") == (
        refused.status_code,
        refused.headers["x-rate-limit-problem"],
        refused.headers["x-daylimit-remaining"],
    )
    assert int(refused.headers["retry-after"]) > 80_000


def test_the_day_limit_follows_the_tier(hannah: Person) -> None:
    """1,000 calls on Starter, 5,000 from Core on; the number of connections grows with it."""
    limits = {"concurrent": 5, "minute": 60, "day": "tier", "app_minute": 10_000}
    left = {}
    for tier in ("starter", "core"):
        hannah.sandbox.config(limits=limits, tier=tier)
        left[tier] = int(hannah.api("GET", "/Organisation").headers["x-daylimit-remaining"])
    assert 999 >= left["starter"] > 900
    assert left["starter"] + 4_000 - 1 == left["core"]


def test_rapid_sync_reads_a_new_connection_in(hannah: Person) -> None:
    """On Plus nothing is counted for half an hour after connecting, and the headers stay full; then they fall."""
    hannah.sandbox.config(limits={"concurrent": 5, "minute": 60, "day": "tier", "app_minute": 10_000}, tier="plus")

    def left() -> tuple[int, int]:
        headers = hannah.api("GET", "/Organisation").headers
        return int(headers["x-minlimit-remaining"]), int(headers["x-daylimit-remaining"])

    assert [(60, 5_000)] * 3 == [left() for _ in range(3)]
    hannah.sandbox.control("POST", "/_clock", {"advance": 1_801})
    hannah.refresh()
    assert [(59, 4_999), (58, 4_998)] == [left() for _ in range(2)]


def test_the_whole_app_has_a_limit_too(hannah: Person) -> None:
    """Its 429 says appminute, without a time to come back."""
    hannah.sandbox.config(limits={"app_minute": 1})
    refused = [hannah.api("GET", "/Organisation") for _ in range(3)][-1]
    assert (429, "appminute") == (refused.status_code, refused.headers["x-rate-limit-problem"])
    assert "retry-after" not in refused.headers


def test_five_in_flight(sandbox: Sandbox, hannah: Person) -> None:
    """A sixth concurrent call of a tenant is refused without Retry-After."""
    sandbox.config(limits={"concurrent": 5})
    slow = {"match": {"path": "/xero/api/api.xro/2.0/Organisation"}, "fault": {"delay": 1.0}}
    sandbox.control("POST", "/_faults", slow)
    browsers = [sandbox.browser() for _ in range(6)]
    headers = {**hannah.bearer, "xero-tenant-id": hannah.tenant, "accept": "application/json"}
    answers = []
    threads = [
        threading.Thread(
            target=lambda b=b: answers.append(b.get("/xero/api/api.xro/2.0/Organisation", headers=headers))
        )
        for b in browsers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 1
    assert refused[0].headers["x-rate-limit-problem"] == "concurrent"
    assert "retry-after" not in refused[0].headers
