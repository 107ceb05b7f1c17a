"""Answers gone wrong, as a client sees them: spoilt bodies, slow bodies, and every 429 there is."""

from __future__ import annotations

import gzip
import json
import time
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.sandbox.process import Sandbox
from tests.sandbox.xero_people import Person

ORGANISATION = "/xero/api/api.xro/2.0/Organisation"
PAYMENTS = "/xero/api/api.xro/2.0/Payments"
BALANCE = "/stripe/v1/balance"
KEY = {"authorization": "Bearer sk_test_sandbox"}


def fault(sandbox: Sandbox, kind: dict[str, Any], path: str = ORGANISATION) -> None:
    sandbox.control("POST", "/_faults", {"match": {"path": path}, "fault": kind, "times": 1})


def test_a_dripping_answer_outlasts_a_read_timeout(hannah: Person) -> None:
    """Bytes keep coming, so a client's read timeout never fires; only its own total limit would."""
    fault(hannah.sandbox, {"drip": 0.6})
    started = time.monotonic()
    answer = hannah.api("GET", "/Organisation", timeout=0.3)
    assert answer.json()["Organisations"][0]["Name"] == "Harrow & Finch Joinery Ltd"
    assert time.monotonic() - started >= 0.5


def test_a_wrong_charset_cannot_be_read(hannah: Person) -> None:
    """The header says UTF-8, the bytes are UTF-16, and the payment was made."""
    fault(hannah.sandbox, {"charset": "utf-16"}, PAYMENTS)
    answer = hannah.pay("INV-2041", 10)
    assert (200, "application/json; charset=utf-8") == (answer.status_code, answer.headers["content-type"])
    with pytest.raises(UnicodeDecodeError):
        answer.content.decode()
    assert hannah.invoice("INV-2041")["AmountPaid"] == 10


def test_duplicate_keys_are_two_answers_in_one(hannah: Person) -> None:
    """Every key comes twice, first true, then null: a parser that takes the last sees nothing; numbers stay as written."""
    fault(hannah.sandbox, {"duplicate_keys": True}, PAYMENTS)
    answer = hannah.pay("INV-2041", 10)
    first = json.loads(answer.content, object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert first["Payments"][0]["Amount"] == 10
    assert '"Amount":10.00,"Amount":null' in answer.text
    assert answer.json()["Payments"] is None


def test_a_gzip_bomb_is_a_thousand_times_its_size(hannah: Person) -> None:
    """Thirty kilobytes on the wire, thirty megabytes in memory, and still the right answer at the end."""
    fault(hannah.sandbox, {"gzip_bomb": 30_000_000})
    headers = {**hannah.bearer, "xero-tenant-id": hannah.tenant, "accept": "application/json"}
    with hannah.browser.stream("GET", ORGANISATION, headers=headers) as answer:
        packed = b"".join(answer.iter_raw())
    assert "gzip" == answer.headers["content-encoding"]
    assert len(packed) < 60_000
    text = gzip.decompress(packed)
    assert len(text) > 30_000_000
    assert json.loads(text)["Organisations"][0]["BaseCurrency"] == "GBP"


@pytest.mark.parametrize(
    ("problem", "remaining"),
    [
        ("minute", "x-minlimit-remaining"),
        ("day", "x-daylimit-remaining"),
        ("appminute", "x-appminlimit-remaining"),
        ("concurrent", None),
    ],
)
def test_every_kind_of_429(hannah: Person, problem: str, remaining: str | None) -> None:
    """A 429 names its problem, says that nothing remains, and has no body; nothing happened inside."""
    fault(hannah.sandbox, {"rate_limit": {"problem": problem}}, PAYMENTS)
    answer = hannah.pay("INV-2041", 10)
    assert (429, problem, b"") == (answer.status_code, answer.headers["x-rate-limit-problem"], answer.content)
    assert "retry-after" not in answer.headers
    assert remaining is None or answer.headers[remaining] == "0"
    assert hannah.invoice("INV-2041")["AmountPaid"] == 0


@pytest.mark.parametrize("written", ["17", "-5", "99999999999", "soon", "1.5", ""])
def test_retry_after_is_sent_as_written(hannah: Person, written: str) -> None:
    """Seconds, negative, huge or nonsense: as the rule says."""
    fault(hannah.sandbox, {"rate_limit": {"problem": "day", "retry_after": written}})
    assert hannah.api("GET", "/Organisation").headers["retry-after"] == written


@pytest.mark.parametrize("seconds", [90, -90])
def test_retry_after_as_a_date(hannah: Person, seconds: int) -> None:
    """The date is so many seconds from the sandbox's own now, past ones too."""
    fault(hannah.sandbox, {"rate_limit": {"retry_after_date": seconds}})
    date = parsedate_to_datetime(hannah.api("GET", "/Organisation").headers["retry-after"])
    now = hannah.sandbox.control("GET", "/_clock")["timestamp"]
    assert abs(date.timestamp() - now - seconds) < 5


def test_stripes_429_is_stripes(sandbox: Sandbox) -> None:
    """Under /stripe the same fault answers with Stripe's error object and its reason."""
    fault(sandbox, {"rate_limit": {}}, BALANCE)
    answer = sandbox.http.get(BALANCE, headers=KEY)
    assert (429, "rate_limit") == (answer.status_code, answer.json()["error"]["code"])
    assert answer.headers["stripe-rate-limited-reason"] == "global-rate"
    assert sandbox.http.get(BALANCE, headers=KEY).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"fault": {"charset": "klingon"}},
        {"fault": {"charset": "base64"}},
        {"fault": {"drip": -1}},
        {"fault": {"gzip_bomb": 3_000_000_000}},
        {"fault": {"status": 99}},
        {"fault": {"status": 503, "headers": {"x": "a\r\nb"}}},
        {"fault": {"rate_limit": {"retry_after": "1", "retry_after_date": 1}}},
        {"fault": {"webhook": {"drop": True, "forge": True}}},
        {"fault": {"html": True}, "nth": 0},
        {"fault": {"html": True}, "nth": 1, "every": 2},
        {"fault": {"html": True}, "mode": "offline"},
        {"mode": "sunny"},
        {"mode": {"lock_date": "soon"}},
        {"mode": "offline", "match": {"path": "/xero"}},
        {},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    """A misspelt or contradictory rule is a 400 and is not in force."""
    assert sandbox.http.post("/_faults", json=wrong).status_code == 400
    assert sandbox.control("GET", "/_faults") == []


def test_metrics_count_calls_bytes_egress_and_429s(hannah: Person) -> None:
    """Per tenant and endpoint, with ids folded; what Xero does not charge for is no egress."""
    sandbox = hannah.sandbox
    sandbox.control("DELETE", "/_metrics")
    invoice = hannah.invoice("INV-2041")["InvoiceID"]
    sent = len(hannah.api("GET", f"/Invoices/{invoice}").content) + len(hannah.api("GET", "/Invoices/INV-2041").content)
    free = len(hannah.api("GET", "/Organisation").content)
    fault(sandbox, {"rate_limit": {}})
    assert hannah.api("GET", "/Organisation").status_code == 429
    told = sandbox.control("GET", "/_metrics")
    mine = told["owners"][hannah.tenant]
    one = mine["endpoints"]["GET /xero/api/api.xro/2.0/Invoices/{id}"]
    assert (3, 5) == (one["calls"], mine["calls"])
    assert mine["egress"] + free == mine["bytes"]
    assert one["egress"] > sent
    assert (1, 1) == (mine["429"], told["endpoints"][f"GET {ORGANISATION}"]["429"])


def test_the_log_outlives_a_kill(tmp_path: Any) -> None:
    """Requests and counts made before kill -9 are still told afterwards."""
    sandbox = Sandbox(tmp_path)
    assert sandbox.http.get(BALANCE, headers=KEY).status_code == 200
    before = sandbox.control("GET", "/_log"), sandbox.control("GET", "/_metrics")
    sandbox.kill()
    sandbox.start()
    assert before == (sandbox.control("GET", "/_log"), sandbox.control("GET", "/_metrics"))
    assert before[0][-1]["path"] == BALANCE
    sandbox.stop()


def test_a_reset_connection_is_logged_as_one(hannah: Person) -> None:
    """The log says that nothing was answered, and which fault it was."""
    fault(hannah.sandbox, {"reset_before_commit": True})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        hannah.api("GET", "/Organisation")
    row = hannah.sandbox.control("GET", f"/_log?path={ORGANISATION}")[-1]
    assert (0, True) == (row["status"], row["fault"]["reset_before_commit"])
