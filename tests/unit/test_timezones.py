"""Xero's names of time zones."""

import pytest

from app.books.timezones import iana


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("NEWZEALANDSTANDARDTIME", "Pacific/Auckland"),
        ("GMTSTANDARDTIME", "Europe/London"),
        ("AUSEASTERNSTANDARDTIME", "Australia/Sydney"),
        ("EAUSTRALIASTANDARDTIME", "Australia/Brisbane"),
        ("PACIFICSTANDARDTIME", "America/Los_Angeles"),
        ("Hawaiian Standard Time", "Pacific/Honolulu"),
        ("UTC", "Etc/UTC"),
        ("UTC+13", "Etc/GMT-13"),
        ("Europe/Paris", "Europe/Paris"),
        ("NOSUCHTIME", "UTC"),
        ("../etc/passwd", "UTC"),
        ("", "UTC"),
    ],
)
def test_iana(name: str, zone: str) -> None:
    """Windows-style names become IANA zones; unknown ones become UTC."""
    assert zone == iana(name)
