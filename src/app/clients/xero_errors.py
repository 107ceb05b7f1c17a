"""Xero's refusals, told apart (facts §9). 401, 403 and 400 come in different schemas, or as a gateway's HTML."""

import random
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from app.clients.http import Reply, retry_after
from app.core.errors import Upstream

_PAUSES = {"minute": 60.0, "day": 3600.0, "appminute": 30.0, "app": 30.0}


def failure(reply: Reply, *, writes: bool) -> Upstream:
    """The error for an answer of 300 or more.

    Codes: token_expired, scope, disconnected, blocked, not_found, validation, rate_<problem>, server, http_<status>.
    """
    body = _body(reply.content)
    if reply.status in {401, 403}:
        return _denied(reply, body)
    if reply.status == 400:
        return Upstream(_messages(body), permanent=True, code="validation", status=400)
    if reply.status == 404:
        return Upstream("Xero does not have it.", permanent=True, code="not_found", status=404)
    if reply.status == 429:
        return _too_many(reply.headers)
    if reply.status >= 500:
        return Upstream(_messages(body), code="server", status=reply.status, unknown=writes)
    return Upstream(_messages(body), permanent=True, code=f"http_{reply.status}", status=reply.status)


def _denied(reply: Reply, body: dict[str, Any]) -> Upstream:
    detail = str(body.get("Detail") or body.get("detail") or "")
    if reply.status == 401:
        # Xero's own FAQ spells it insufficent_scope
        challenge = reply.headers.get("www-authenticate", "")
        if "insuffic" in challenge or "AuthorizationUnsuccessful" in detail:
            return Upstream("Xero did not grant this permission.", permanent=True, code="scope", status=401)
        return Upstream("The Xero access token is no longer valid.", code="token_expired", status=401)
    if "AuthenticationUnsuccessful" in detail:
        return Upstream(
            "Xero no longer lets us into this organisation.", permanent=True, code="disconnected", status=403
        )
    # A web firewall in front of Xero answers HTML: no reason to think that the merchant disconnected.
    return Upstream("Xero's gateway turned the request away.", code="blocked", status=403, retry_after=60)


def failure_of_limit(headers: Mapping[str, str]) -> tuple[str, float]:
    """Which limit a 429 names (minute, day, concurrent, appminute …) and for how many seconds to stay away."""
    problem = headers.get("x-rate-limit-problem", "").strip().lower() or "minute"
    otherwise = _PAUSES.get(problem, random.uniform(1, 4))  # noqa: S311 - spreading retries needs no secrecy
    return problem, retry_after(headers, otherwise)


def _too_many(headers: Mapping[str, str]) -> Upstream:
    problem, pause = failure_of_limit(headers)
    return Upstream("Xero's limit of calls is reached.", code=f"rate_{problem}", status=429, retry_after=pause)


def _body(content: bytes) -> dict[str, Any]:
    with suppress(msgspec.DecodeError, RecursionError):
        body = msgspec.json.decode(content)
        if isinstance(body, dict):
            return body
    return {}


def _messages(body: dict[str, Any]) -> str:
    """Every validation message, however deep; else the general one."""
    found = list(dict.fromkeys(_validation(body.get("Elements") or body.get("Payments") or [])))
    general = str(body.get("Message") or body.get("Detail") or "Xero could not do this.")
    return " ".join(text if text.endswith((".", "!", "?")) else f"{text}." for text in found or [general])


def _validation(value: object, depth: int = 0) -> Iterator[str]:
    if depth > 12:
        return
    if isinstance(value, list):
        for one in value:
            yield from _validation(one, depth + 1)
    elif isinstance(value, dict):
        for said in value.get("ValidationErrors") or []:
            if isinstance(said, dict) and said.get("Message"):
                yield str(said["Message"])
        for name, inner in value.items():
            if name != "ValidationErrors":
                yield from _validation(inner, depth + 1)
