"""The only place that asks for the time, so that every timestamp is aware and in UTC, and that a simulator can set it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Source:
    """Where the time comes from: `now` aware and in UTC, `monotonic` in seconds that never run back."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]


REAL = Source(lambda: datetime.now(UTC), time.monotonic)
_in_force = REAL


def install(source: Source) -> None:
    """Take the time from here instead; only the simulator does, with a clock that runs when it says so."""
    global _in_force  # noqa: PLW0603 - one process has one time
    _in_force = source


def now() -> datetime:
    """The present moment, timezone-aware, in UTC."""
    return _in_force.now()


def monotonic() -> float:
    """Seconds that never run back, for durations only."""
    return _in_force.monotonic()


def from_now(seconds: float) -> datetime:
    """The moment `seconds` from now, in UTC."""
    return now() + timedelta(seconds=seconds)


def date_in(zone: str, moment: datetime | None = None) -> date:
    """The calendar date of `moment` (default: now) in the IANA `zone`."""
    return (moment or now()).astimezone(ZoneInfo(zone)).date()
