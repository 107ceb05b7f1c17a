"""Reading fields of what Stripe says, leniently: a missing one is empty."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]


def at(raw: Json, *path: str) -> Json:
    """What stands at the end of a path of names, or nothing."""
    for name in path:
        raw = raw.get(name) or {}
    return raw


def text(raw: Json, name: str) -> str:
    """A field as text, "" when it is missing or null."""
    return str(raw.get(name) or "")


def id_of(value: Any) -> str:
    """The id of a reference, expanded or not."""
    return str(value["id"]) if isinstance(value, Mapping) else str(value or "")


def epoch(value: Any) -> datetime:
    """Epoch seconds as an aware time."""
    return datetime.fromtimestamp(int(value or 0), UTC)


def time(value: Any) -> datetime | None:
    """v2 writes RFC 3339, v1 epoch seconds."""
    if value is None:
        return None
    return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else epoch(value)
