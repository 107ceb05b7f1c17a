"""Every answer and every event of the sandbox's Xero, whatever a test did to get it, held against Xero's own files.

What has the same shape as something already looked at is not looked at again.
"""

from __future__ import annotations

from typing import Any

from tests.contract import xero_spec
from tests.contract.specs import SPECS, Exchange, json_of
from tests.sandbox.process import Sandbox

SEEN: set[str] = set()


def begin(sandbox: Sandbox) -> None:
    """Record whole exchanges from here on."""
    sandbox.control("POST", "/_record", {"on": SPECS.exists()})


def broken(sandbox: Sandbox) -> list[str]:
    """What was answered or sent since that Xero's files do not allow."""
    if not SPECS.exists():
        return []
    found = []
    for row in sandbox.control("GET", "/_record?path=/xero/"):
        one = Exchange.of(row)
        if new(f"{one.method} {one.path.rsplit('/', 1)[0]} {one.status}", one.answer):
            found += [f"{one}: {problem}" for problem in xero_spec.check_answer(one)]
    for row in sandbox.control("GET", "/_webhooks?channel=xero"):
        if new("event", row["body"]):
            found += [f"event: {problem}" for problem in xero_spec.check_event(row["body"])]
    return sorted(set(found))


def new(place: str, body: str | None) -> bool:
    """Whether a body of this shape was not seen at this place before."""
    print_ = f"{place} {shape(json_of(body or ''))}"
    known = print_ in SEEN
    SEEN.add(print_)
    return not known


def shape(value: Any) -> Any:
    """Names and kinds without values; a list is the kinds of its members."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted({str(shape(item)) for item in value})
    return type(value).__name__
