"""Xero names time zones as Windows does, in capitals and without spaces: NEWZEALANDSTANDARDTIME."""

from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import get_global

UNKNOWN = "UTC"


def _key(name: str) -> str:
    return "".join(letter for letter in name.upper() if letter.isalnum() or letter in "+-")


@cache
def _table() -> dict[str, str]:
    """Unicode's map of Windows zones, as Babel carries it."""
    return {_key(windows): zone for windows, zone in get_global("windows_zone_mapping").items()}


@cache
def iana(name: str) -> str:
    """The IANA zone of Xero's name; UTC for a name nobody knows (dates may then be a day off at night)."""
    zone = _table().get(_key(name), name)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UNKNOWN
    return zone or UNKNOWN
