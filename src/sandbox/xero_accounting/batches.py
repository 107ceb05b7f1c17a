"""Creating several elements at once: all or a 400, or one by one with ``summarizeErrors=false``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.store import Obj
from sandbox.xero_call import Call, elements_of
from sandbox.xero_refusals import Answer, invalid, shown
from sandbox.xero_wire import ZERO_ID


def batch(
    call: Call,
    body: Any,
    noun: str,
    id_name: str,
    check: Callable[[dict[str, Any]], tuple[list[str], Obj]],
    make: Callable[[Obj], dict[str, Any]],
) -> Answer:
    """Create elements: all or a 400, or one by one with ``summarizeErrors=false``."""
    each = (call.param("summarizeErrors") or "").lower() == "false"
    results: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    planned: list[Obj] = []
    for wire in elements_of(body, noun):
        errors, values = check(wire)
        if errors:
            told = {id_name: ZERO_ID, **shown(wire), "StatusAttributeString": "ERROR"}
            told["ValidationErrors"] = [{"Message": text} for text in errors]
            (results if each else refused).append(told)
        elif each:
            results.append({**make(values), "StatusAttributeString": "OK"})
        else:
            planned.append(values)
    if refused:
        raise invalid(refused)
    return call.answer(noun, results + [make(values) for values in planned])
