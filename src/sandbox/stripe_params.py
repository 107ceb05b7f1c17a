"""What each endpoint accepts: parameter names and types of API version 2026-10-28.endive, held as data.

``stripe_data/params.json`` maps ``"POST /v1/refunds"`` to a schema, read off the request types of Stripe's own Python
library 16.1.0. ``read`` turns text (v1 forms and queries) or JSON (v2) into typed values, or refuses the way Stripe does:
parameter_unknown, parameter_missing, parameter_invalid_integer, parameter_invalid_empty.
"""

import json
import re
from collections.abc import Callable
from importlib import resources
from typing import Any

from sandbox import stripe_errors

_DATA = resources.files("sandbox") / "stripe_data"
SCHEMAS: dict[str, dict[str, Any]] = json.loads((_DATA / "params.json").read_text())
_EVENTS: dict[str, list[str]] = json.loads((_DATA / "event_types.json").read_text())
SNAPSHOT_EVENTS, THIN_EVENTS = frozenset(_EVENTS["snapshot_event_types"]), frozenset(_EVENTS["thin_event_types"])
_INTEGER, _NUMBER = re.compile(r"-?\d{1,18}"), re.compile(r"-?\d{1,18}(\.\d{1,20})?")


def read(operation: str, given: dict[str, Any], *, text: bool) -> dict[str, Any]:
    """Typed parameters of ``operation`` (``"POST /v1/refunds"``); ``text`` for form and query encoding."""
    return _object(SCHEMAS[operation], given, "", text)


def _object(schema: dict[str, Any], given: Any, path: str, text: bool) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise stripe_errors.invalid(path, "Invalid object")
    kinds = {name.rstrip("!"): kind for name, kind in schema.items()}
    for name in given:
        if name not in kinds:
            raise stripe_errors.unknown(_join(path, name, text))
    for name in schema:
        if name.endswith("!") and given.get(name[:-1]) is None:
            raise stripe_errors.missing(_join(path, name[:-1], text))
    return {name: _value(kinds[name], value, _join(path, name, text), text) for name, value in given.items()}


def _join(path: str, name: str, text: bool) -> str:
    return name if not path else f"{path}[{name}]" if text else f"{path}.{name}"


def _value(kind: Any, value: Any, path: str, text: bool) -> Any:
    if isinstance(kind, str):
        return _SIMPLE[kind](value, path, text)
    ((shape, inner),) = kind.items()
    return _SHAPES[shape](inner, value, path, text)


def _string(value: Any, path: str, text: bool) -> str:
    if not isinstance(value, str):
        raise stripe_errors.invalid(path, f"Invalid string: {value}")
    if value == "" and text:
        raise _empty(path)
    if len(value) > 5000:
        raise stripe_errors.invalid(path, f"Invalid string: {value[:20]}…; must be at most 5000 characters")
    return value


def _empty(path: str) -> stripe_errors.StripeError:
    return stripe_errors.invalid(
        path,
        f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{path}' cannot be unset. You should remove '{path}' from your request or supply a non-empty value.",
        "parameter_invalid_empty",
    )


def _integer(value: Any, path: str, text: bool) -> int:
    if text and value == "":
        raise _empty(path)
    if text and isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise stripe_errors.invalid(path, f"Invalid integer: {value}", "parameter_invalid_integer")


def _boolean(value: Any, path: str, text: bool) -> bool:
    if isinstance(value, bool):
        return value
    if text and value in ("true", "false", "1", "0"):
        return value in ("true", "1")
    raise stripe_errors.invalid(path, f"Invalid boolean: {value}")


def _decimal(value: Any, path: str, text: bool) -> str:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return value
    if isinstance(value, int | float) and not text:
        return str(value)
    raise stripe_errors.invalid(path, f"Invalid decimal: {value}")


def _float(value: Any, path: str, text: bool) -> float:
    return float(_decimal(value, path, text))


def _map(value: Any, path: str, text: bool) -> dict[str, Any]:
    if value == "" and text:
        return {}
    if not isinstance(value, dict):
        raise stripe_errors.invalid(path, "Invalid hash")
    if len(value) > 50:
        raise stripe_errors.invalid(path, "Metadata cannot have more than 50 keys.")
    for key, item in value.items():
        if len(key) > 40:
            raise stripe_errors.invalid(path, f"Metadata keys must be less than 40 characters. Got '{key}'.")
        if item is not None and (not isinstance(item, str) or len(item) > 500):
            raise stripe_errors.invalid(
                f"{path}[{key}]", "Metadata values must be strings of less than 500 characters."
            )
    return value


_SIMPLE: dict[str, Callable[[Any, str, bool], Any]] = {
    "str": _string,
    "int": _integer,
    "bool": _boolean,
    "decimal": _decimal,
    "float": _float,
    "map": _map,
    "any": lambda value, path, text: value,
}


def _enum(values: list[str], value: Any, path: str, text: bool) -> Any:
    if value not in values:
        name = re.split(r"[\[.]", path)[-1].rstrip("]")
        raise stripe_errors.invalid(path, f"Invalid {name}: must be one of {', '.join(map(str, values))}")
    return value


def _list(kind: Any, value: Any, path: str, text: bool) -> list[Any]:
    if text and value == "":
        return []
    if text and isinstance(value, dict) and all(name.isdigit() for name in value):
        value = [value[name] for name in sorted(value, key=int)]
    if not isinstance(value, list):
        raise stripe_errors.invalid(path, "Invalid array")
    return [_value(kind, item, f"{path}[{place}]", text) for place, item in enumerate(value)]


def _dict(kind: Any, value: Any, path: str, text: bool) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise stripe_errors.invalid(path, "Invalid hash")
    return {name: _value(kind, inner, f"{path}.{name}", text) for name, inner in value.items()}


def _unset(kind: Any, value: Any, path: str, text: bool) -> Any:
    if value is None or (text and value == ""):
        return None
    return _value(kind, value, path, text)


def _union(kinds: list[Any], value: Any, path: str, text: bool) -> Any:
    wants_object = isinstance(value, dict)
    fitting = [kind for kind in kinds if wants_object == (kind == "map" or isinstance(kind, dict))]
    return _value((fitting or kinds)[0], value, path, text)


_SHAPES: dict[str, Callable[[Any, Any, str, bool], Any]] = {
    "obj": _object,
    "enum": _enum,
    "list": _list,
    "unset": _unset,
    "union": _union,
    "dict": _dict,
}
