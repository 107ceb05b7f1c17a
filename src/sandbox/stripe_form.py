"""Stripe's bracketed form encoding, read back into nested values.

``line_items[0][price_data][currency]=nzd`` becomes ``{"line_items": {"0": {"price_data": {"currency": "nzd"}}}}``; indexed
(``expand[0]=x``, what the SDK sends) and open (``expand[]=x``, what curl examples send) arrays read the same.
Everything stays text and dicts: ``stripe_params`` knows what is a list, a number or free metadata (whose keys may be digits).
"""

import re
from typing import Any
from urllib.parse import parse_qsl

from sandbox import stripe_errors

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def parse(encoded: str) -> dict[str, Any]:
    """Nested dicts of strings. Raises ``StripeError`` 400 for keys that contradict each other."""
    root: dict[str, Any] = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True):
        _put(root, _path(key), value, key)
    return root


def _path(key: str) -> list[str]:
    match = _KEY.fullmatch(key)
    if not match:
        raise stripe_errors.invalid(key, f"Invalid parameter name: {key}")
    return [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]


def _put(root: dict[str, Any], path: list[str], value: str, key: str) -> None:
    here = root
    for depth, part in enumerate(path[:-1]):
        # An open bracket starts a new entry, except where the last one still lacks the field being set (curl's habit).
        name = _open(here, path[depth + 1]) if part == "" else part
        here = here.setdefault(name, {})
        if not isinstance(here, dict):
            raise stripe_errors.invalid(key, f"Invalid request: {key} is set twice, in two shapes.")
    here[path[-1] or str(len(here))] = value


def _open(here: dict[str, Any], field: str) -> str:
    last = str(len(here) - 1)
    return last if last in here and field not in here[last] else str(len(here))
