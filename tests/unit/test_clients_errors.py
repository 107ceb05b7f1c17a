"""Refusals of Xero and Stripe, told apart: who must act, when to come back, and whether a write may have happened."""

import httpx
import pytest

from app.clients.http import Reply, retry_after, server_date
from app.clients.xero_errors import failure
from app.core.clock import now


def refusal(status: int, body: str = "", **headers: str) -> Reply:
    return Reply(
        status, httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()}), body.encode()
    )


@pytest.mark.parametrize(
    ("reply", "code", "permanent"),
    [
        (refusal(401, '{"Detail":"TokenExpired: token expired at 04/09/2023 05:16:59"}'), "token_expired", False),
        (refusal(401, '{"Detail":"AuthorizationUnsuccessful"}'), "scope", True),
        (refusal(401, "", www_authenticate='Bearer error="insufficient_scope"'), "scope", True),
        (refusal(401, "", www_authenticate='Bearer error="insufficent_scope"'), "scope", True),
        (refusal(401, "<html>"), "token_expired", False),
        (refusal(403, '{"Title":"Forbidden","Detail":"AuthenticationUnsuccessful"}'), "disconnected", True),
        (refusal(403, "<html>Access Denied</html>"), "blocked", False),
        (refusal(404), "not_found", True),
        (refusal(412), "http_412", True),
        (refusal(500, '{"Detail":"An error occurred in Xero."}'), "server", False),
        (refusal(503, "<html>"), "server", False),
        (refusal(429, "", x_rate_limit_problem="Day", retry_after="71202"), "rate_day", False),
    ],
)
def test_xero(reply: Reply, code: str, permanent: bool) -> None:
    """Expired, not permitted, disconnected, blocked, limited and broken are six different things."""
    error = failure(reply, writes=False)
    assert (code, permanent, reply.status) == (error.code, error.permanent, error.status)


def test_xero_validation() -> None:
    """Every validation message is shown, nested ones too, each once."""
    body = """{"ErrorNumber":10,"Type":"ValidationException","Message":"A validation exception occurred","Elements":[
    {"ValidationErrors":[{"Message":"Payment amount exceeds the amount outstanding on this document"}],
    "Account":{"ValidationErrors":[{"Message":"Account could not be found."},{"Message":"Account could not be found."}]}}]}"""
    error = failure(refusal(400, body), writes=True)
    said = "Payment amount exceeds the amount outstanding on this document. Account could not be found."
    assert (said, "validation", False) == (error.message, error.code, error.unknown)


@pytest.mark.parametrize(
    "body", ["", "[]", "null", "<xml/>", '{"Elements":"odd"}', '{"Elements":[{"ValidationErrors":[1]}]}']
)
def test_xero_odd_bodies(body: str) -> None:
    """A refusal is a refusal whatever its body is."""
    assert failure(refusal(400, body), writes=True).message


def test_unknown_outcome() -> None:
    """A write that met a 5xx may have happened; a read never matters."""
    assert failure(refusal(500), writes=True).unknown
    assert not failure(refusal(500), writes=False).unknown


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("17", 17, 17), ("0", 1, 1), ("-4", 1, 1), ("1.5", 1.5, 1.5), ("9" * 30, 93_600, 93_600), ("", 9, 9), ("soon", 9, 9),
     ("Sun, 22 Nov 2020 09:00:00 GMT", 1, 1), ("nan", 9, 9), ("٣", 1, 9)],
)  # fmt: skip
def test_retry_after(text: str, least: float, most: float) -> None:
    """Whatever form a pause has, it is sane."""
    assert least <= retry_after({"retry-after": text}, 9) <= most


def test_server_date() -> None:
    """The other side's clock is believed; ours stands in for a missing or odd one."""
    assert "2020-11-22T09:00:00+00:00" == server_date({"date": "Sun, 22 Nov 2020 09:00:00 GMT"}).isoformat()
    for odd in ({}, {"date": "yesterday"}):
        assert abs((server_date(odd) - now()).total_seconds()) < 5
