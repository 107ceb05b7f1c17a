"""Icons and charts are plain SVG with words for whoever cannot see them."""

import xml.etree.ElementTree as ET
from datetime import date

import pytest

from app.core.charts import week_bars
from app.core.icons import ICONS, MARK, icon
from app.core.money import Money


@pytest.mark.parametrize("name", sorted(ICONS))
def test_icon_is_sound(name: str) -> None:
    """Every icon is well-formed and carries no style."""
    text = icon(name)
    assert ET.fromstring(text).tag == "svg"
    assert "style" not in text


def test_icon_is_silent_without_label() -> None:
    """An icon beside a word is not read out twice."""
    assert 'aria-hidden="true"' in icon("check")


def test_icon_speaks_its_label() -> None:
    """An icon that stands alone says what it means, with its label escaped."""
    assert ET.fromstring(icon("check", label='Done "now" & <here>')).attrib["aria-label"] == 'Done "now" & <here>'


def test_unknown_icon_is_an_error() -> None:
    """A misspelt icon is found by the first test that renders its page."""
    with pytest.raises(KeyError):
        icon("no-such-icon")


def test_mark_is_sound() -> None:
    """The product's mark is well-formed."""
    assert ET.fromstring(MARK).attrib["viewBox"] == "0 0 32 32"


def weeks(*minors: int, currency: str = "GBP") -> list[tuple[date, Money]]:
    """Weeks from 7 September 2026 on."""
    first = date(2026, 9, 7).toordinal()
    return [(date.fromordinal(first + 7 * i), Money(minor, currency)) for i, minor in enumerate(minors)]


def test_chart_tells_range_lowest_and_highest() -> None:
    """The chart's name says in words what its bars show."""
    chart = ET.fromstring(week_bars(weeks(285000, 701200), "Money collected each week"))
    assert chart.attrib["aria-label"] == (
        "Money collected each week, 7 Sep to 14 Sep. Lowest £2,850.00, highest £7,012.00."
    )


@pytest.mark.parametrize("minors", [(0,), (0, 0), (1,), (99,), (100_000_000_00, 5), (333, 666, 999)])
@pytest.mark.parametrize("currency", ["GBP", "JPY", "KWD"])
def test_chart_holds_any_amounts(minors: tuple[int, ...], currency: str) -> None:
    """Nothing, little or very much money still gives one bar a week, inside the picture."""
    chart = ET.fromstring(week_bars(weeks(*minors, currency=currency), "Weeks"))
    bars = [path for path in chart.iter("path") if path.attrib["class"].startswith("bar")]
    assert len(bars) == len(minors)
    assert len([path for path in chart.iter("path") if path.attrib["class"] == "grid"]) <= 3


def test_no_weeks_no_chart() -> None:
    """Without weeks there is no empty frame."""
    assert week_bars([], "Weeks") == ""
