"""Pages say money, days and times the way people do."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from app.core.html import (
    AssetMissing,
    ago,
    counted,
    date_long,
    date_short,
    due_long,
    due_words,
    environment,
    moment,
    moment_long,
    money,
    money_code,
    symbol,
)
from app.core.money import Money

NOW = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)
TODAY = NOW.date()


@pytest.mark.parametrize(
    ("amount", "plain", "coded"),
    [
        (Money(128400, "GBP"), "£1,284.00", "£1,284.00 GBP"),
        (Money(316250, "NZD"), "$3,162.50", "$3,162.50 NZD"),
        (Money(67760, "JPY"), "¥67,760", "¥67,760 JPY"),
        ((55960, "AUD"), "$559.60", "$559.60 AUD"),
    ],
)
def test_money_is_written(amount: Money | tuple[int, str], plain: str, coded: str) -> None:
    """An amount shows its symbol; with its code there is no doubt which dollar it is."""
    assert (money(amount), money_code(amount)) == (plain, coded)


def test_fine_prices_pass_through() -> None:
    """A unit price finer than pence is written by whoever knows it."""
    assert money("£0.0125") == "£0.0125"


@pytest.mark.parametrize(("currency", "sign"), [("GBP", "£"), ("NZD", "$"), ("JPY", "¥"), ("EUR", "€"), ("CHF", "CHF")])
def test_symbol_stands_before_a_field(currency: str, sign: str) -> None:
    """The sign before an amount field is the currency's."""
    assert symbol(currency) == sign


def test_days_are_written() -> None:
    """A day is written out in sentences and short in tables."""
    assert (date_long(date(2026, 11, 27)), date_short(date(2026, 12, 4))) == ("27 November 2026", "4 Dec")


@pytest.mark.parametrize(
    ("days", "short", "long"),
    [
        (-31, "31 days overdue", "31 days overdue"),
        (-1, "1 day overdue", "1 day overdue"),
        (0, "today", "Due today"),
        (1, "tomorrow", "Due tomorrow"),
        (5, "in 5 days", "Due in 5 days"),
    ],
)
def test_due_is_said_in_words(days: int, short: str, long: str) -> None:
    """How far a due day is away is said in words."""
    due = TODAY + timedelta(days=days)
    assert (due_words(due, TODAY), due_long(due, TODAY)) == (short, long)


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (datetime(2026, 11, 22, 9, 12, tzinfo=UTC), "Today, 09:12"),
        (datetime(2026, 11, 21, 23, 59, tzinfo=UTC), "Yesterday, 23:59"),
        (datetime(2026, 11, 20, 16, 5, tzinfo=UTC), "20 Nov, 16:05"),
        (datetime(2025, 11, 20, 16, 5, tzinfo=UTC), "20 Nov 2025, 16:05"),
    ],
)
def test_moments_are_near_or_dated(when: datetime, words: str) -> None:
    """What is near is called today or yesterday; another year is named."""
    assert moment(when, NOW) == words


def test_moment_in_full() -> None:
    """A receipt gives day and time in full."""
    assert moment_long(NOW) == "22 November 2026, 09:15"


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=-5), "just now"),
        (timedelta(minutes=2), "2 minutes ago"),
        (timedelta(hours=1, minutes=59), "1 hour ago"),
        (timedelta(days=3), "3 days ago"),
    ],
)
def test_ago(passed: timedelta, words: str) -> None:
    """How long ago is rounded down to what matters; a clock that runs ahead says just now."""
    assert ago(NOW - passed, NOW) == words


def test_counted() -> None:
    """One is singular, none and many are plural, thousands are grouped."""
    assert [counted(n, "invoice") for n in (0, 1, 1204)] == ["0 invoices", "1 invoice", "1,204 invoices"]
    assert counted(2, "reply", "replies") == "2 replies"


def test_missing_build_says_what_to_run(tmp_path: Path) -> None:
    """Without built assets the message names the command."""
    with pytest.raises(AssetMissing, match=r"scripts/build_assets\.py"):
        environment(build=tmp_path)


def test_assets_have_hashed_addresses(tmp_path: Path) -> None:
    """A template asks for a plain name and gets the address with the hash; an unknown name is an error."""
    (tmp_path / "manifest.json").write_text(json.dumps({"app.css": "app.123.css"}))
    jinja = environment(build=tmp_path, url="/s/")
    assert jinja.from_string("{{ asset('app.css') }}").render() == "/s/app.123.css"
    with pytest.raises(AssetMissing, match=r"nothing\.css"):
        jinja.from_string("{{ asset('nothing.css') }}").render()


@pytest.mark.parametrize("token", ["a<b", lambda _context: "a<b"])
def test_token_field_takes_text_or_function(tmp_path: Path, token: object) -> None:
    """The form token may be text or Litestar's function; it is escaped either way."""
    (tmp_path / "manifest.json").write_text("{}")
    field = environment(build=tmp_path).from_string("{{ csrf() }}").render(csrf_token=token)
    assert field == '<input type="hidden" name="_csrf_token" value="a&lt;b">'


def test_empty_token_leaves_the_field_out(tmp_path: Path) -> None:
    """A page without cookies has no token field."""
    (tmp_path / "manifest.json").write_text("{}")
    assert environment(build=tmp_path).from_string("{{ csrf() }}").render(csrf_token="") == ""
