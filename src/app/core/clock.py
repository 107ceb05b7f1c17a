"""The only place that asks for the time, so that every timestamp is aware and in UTC."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The present moment, timezone-aware, in UTC."""
    return datetime.now(UTC)


def from_now(seconds: float) -> datetime:
    """The moment `seconds` from now, in UTC."""
    return now() + timedelta(seconds=seconds)


def date_in(zone: str, moment: datetime | None = None) -> date:
    """The calendar date of `moment` (default: now) in the IANA `zone`."""
    return (moment or now()).astimezone(ZoneInfo(zone)).date()
