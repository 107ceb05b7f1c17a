"""Xero's three ways to write a time (facts §3.1): `/Date(ms+0000)/`, ISO without a zone, and ISO with seven digits."""

import re
from datetime import UTC, date, datetime, timedelta

_TICKS = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(text: str | None) -> datetime | None:
    """The moment, in UTC. A `/Date()/`'s offset is for display only: its milliseconds are UTC already.

    None for nothing, for `/Date(0)/` (Xero's null) and for what cannot be read.
    """
    if not text:
        return None
    ticks = _TICKS.fullmatch(text)
    try:
        if ticks:
            milliseconds = int(ticks[1])
            return _EPOCH + timedelta(milliseconds=milliseconds) if milliseconds else None
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def day(*texts: str | None) -> date | None:
    """The calendar date in the organisation, from the first text that says one.

    Xero sends it as midnight UTC of that date: it is read in UTC and never moved into a zone.
    """
    for text in texts:
        moment = instant(text)
        if moment:
            return moment.date()
    return None


def header(moment: datetime) -> str:
    """For If-Modified-Since: UTC, to the second, without a zone (Xero's own form, not HTTP's)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
