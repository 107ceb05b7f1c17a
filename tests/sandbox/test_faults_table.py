"""Every fault and every mode there is has a test that sees it from a client's side; a new one without a test fails here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from sandbox.config import XeroModes
from sandbox.fault_kinds import USUAL, Delivery, Fault, Mode, Rule
from sandbox.webhooks import Modes
from tests.sandbox import test_faults, test_faults_modes, test_faults_webhooks, test_xero_faults, test_xero_webhooks
from tests.sandbox.process import Sandbox
from tests.sandbox.test_faults import BALANCE, KEY, ORGANISATION
from tests.sandbox.xero_people import Person

Test = Callable[..., Any]
FAULTS: dict[str, Test] = {
    "status": test_xero_faults.test_status_and_rate_limit_faults_do_nothing_inside,
    "delay": test_xero_faults.test_delay_holds_the_request,
    "reset_before_commit": test_xero_faults.test_reset_before_commit_does_nothing,
    "commit_then_reset": test_xero_faults.test_commit_then_reset_pays_without_an_answer,
    "commit_then_delay": test_xero_faults.test_commit_then_delay_answers_late,
    "drip": test_faults.test_a_dripping_answer_outlasts_a_read_timeout,
    "truncate": test_xero_faults.test_truncated_and_html_answers,
    "html": test_xero_faults.test_truncated_and_html_answers,
    "charset": test_faults.test_a_wrong_charset_cannot_be_read,
    "duplicate_keys": test_faults.test_duplicate_keys_are_two_answers_in_one,
    "gzip_bomb": test_faults.test_a_gzip_bomb_is_a_thousand_times_its_size,
    "rate_limit": test_faults.test_every_kind_of_429,
    "webhook": test_faults_webhooks.test_stripes_webhooks_obey_the_same_rules,
}
WEBHOOKS: dict[str, Test] = {
    "drop": test_faults_webhooks.test_the_second_webhook_is_lost,
    "duplicate": test_faults_webhooks.test_a_webhook_comes_three_times,
    "delay": test_faults_webhooks.test_a_webhook_comes_a_minute_late,
    "reorder": test_faults_webhooks.test_a_webhook_is_overtaken,
    "forge": test_faults_webhooks.test_a_forged_webhook_does_not_verify,
}
CHANNEL: dict[str, Test] = {
    "drop": test_xero_webhooks.test_webhooks_can_be_dropped_and_duplicated,
    "duplicate": test_xero_webhooks.test_webhooks_can_be_dropped_and_duplicated,
    "delay": test_xero_webhooks.test_webhooks_can_be_reordered_delayed_and_forged,
    "reorder": test_xero_webhooks.test_webhooks_can_be_reordered_delayed_and_forged,
    "forge": test_xero_webhooks.test_webhooks_can_be_reordered_delayed_and_forged,
}
MODES: dict[str, Test] = {
    "idem_ttl": test_faults_modes.test_how_long_a_key_lives,
    "idem_scope": test_faults_modes.test_whose_a_key_is,
    "cache_errors": test_faults_modes.test_whether_refusals_are_replayed,
    "refresh_grace": test_faults_modes.test_how_long_an_old_refresh_token_works,
    "search_lag": test_faults_modes.test_a_search_that_lags_or_finds_nothing,
    "filter_broken": test_faults_modes.test_a_search_that_lags_or_finds_nothing,
    "lock_date": test_faults_modes.test_a_locked_period,
    "archived_account": test_faults_modes.test_an_archived_account,
    "offline": test_faults_modes.test_an_organisation_that_is_offline,
}
WHEN = dict.fromkeys(("nth", "every", "p", "seed", "times", "match"), test_xero_faults.test_rules_count_their_requests)
BESIDE_STATUS = {"body", "headers"}


def names(kind: type[msgspec.Struct]) -> set[str]:
    return set(kind.__struct_fields__)


def source(test: Test) -> str:
    """A test with the table of cases above it."""
    lines, first = inspect.findsource(test)
    start = first
    while start and lines[start - 1].strip():
        start -= 1
    return "".join(lines[start:first]) + inspect.getsource(test)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (FAULTS, names(Fault) - BESIDE_STATUS),
        (WEBHOOKS, names(Delivery)),
        (CHANNEL, names(Modes)),
        (MODES, names(Mode)),
        (MODES, set(USUAL)),
        (WHEN, names(Rule) - {"fault", "mode"}),
    ],
    ids=["faults", "webhooks", "channels", "modes", "modes by name", "when"],
)
def test_each_has_a_test_that_names_it(table: dict[str, Test], expected: set[str]) -> None:
    """The table holds all of them and nothing else, and each named test speaks of its own."""
    assert set(table) == expected
    assert [] == [
        name for name, test in table.items() if f'"{name}"' not in source(test) and f"{name}=" not in source(test)
    ]


def test_every_mode_is_also_a_configuration() -> None:
    """What a rule can play for a while, /_config can set for good, and the other way round."""
    usual = {name for rule in USUAL.values() for name in Rule(mode=rule).patch()}
    assert names(XeroModes) == usual


def refused(answer: httpx.Response) -> bool:
    return answer.status_code == 503


def limited(answer: httpx.Response) -> bool:
    return answer.status_code == 429


def unreadable(answer: httpx.Response) -> bool:
    """Right status, wrong bytes."""
    try:
        answer.content.decode()
    except UnicodeDecodeError:
        return answer.status_code == 200
    return False


def emptied(answer: httpx.Response) -> bool:
    """A parser that takes the last of two equal keys sees nothing."""
    return set(answer.json().values()) == {None}


def blown_up(answer: httpx.Response) -> bool:
    return len(answer.content) > 2_000_000 and bool(answer.json())


def a_page(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")


def whole(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and bool(answer.json())


SEEN: list[tuple[dict[str, Any], Any]] = [
    ({"status": 503}, refused),
    ({"delay": 1.0}, httpx.ReadTimeout),
    ({"reset_before_commit": True}, httpx.NetworkError),
    ({"commit_then_reset": True}, httpx.NetworkError),
    ({"commit_then_delay": 1.0}, httpx.ReadTimeout),
    ({"drip": 0.3}, whole),
    ({"truncate": 5}, httpx.RemoteProtocolError),
    ({"html": True}, a_page),
    ({"charset": "utf-16"}, unreadable),
    ({"duplicate_keys": True}, emptied),
    ({"gzip_bomb": 2_000_000}, blown_up),
    ({"rate_limit": {"retry_after": "1"}}, limited),
]


@pytest.mark.parametrize("place", [ORGANISATION, BALANCE], ids=["xero", "stripe"])
def test_a_client_of_either_platform_sees_each_fault(hannah: Person, sandbox: Sandbox, place: str) -> None:
    """Each fault does to Xero's and to Stripe's answers what its name says, and the next answer is whole again."""
    assert {next(iter(kind)) for kind, _ in SEEN} == set(FAULTS) - {"webhook"}
    mine = {**hannah.bearer, "xero-tenant-id": hannah.tenant, "accept": "application/json"}
    headers = mine if place == ORGANISATION else KEY
    for kind, expected in SEEN:
        patience = httpx.Timeout(30, read=0.4 if expected is httpx.ReadTimeout else 30)
        sandbox.control("POST", "/_faults", {"match": {"path": place}, "fault": kind, "times": 1})
        if isinstance(expected, type):
            with pytest.raises(expected):
                sandbox.http.get(place, headers=headers, timeout=patience)
        else:
            assert expected(sandbox.http.get(place, headers=headers, timeout=patience)), kind
        assert whole(sandbox.http.get(place, headers=headers)), kind
