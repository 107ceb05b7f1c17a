"""The Jinja environment every page and mail is rendered with: strict, escaping, with our few words for money and time.

Templates say in their first comment which context they need; a name that is missing raises at once (StrictUndefined).
Times arrive aware and already in the reader's own zone: nothing here converts zones.
"""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import Markup

from app.core.charts import short_day, week_bars
from app.core.icons import MARK, icon
from app.core.money import Money, format_money

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES, BUILD = ROOT / "templates", ROOT / "static" / "build"
Amount = Money | tuple[int, str] | str


class AssetMissing(LookupError):
    """A page asks for a built file that is not there; the text says what to run."""


def environment(templates: Path = TEMPLATES, build: Path = BUILD, url: str = "/static/build/") -> Environment:
    """The environment for all templates; `build` holds the hashed files and their manifest.json, served at `url`.

    Made once per process: the manifest is read here. Raises AssetMissing when the assets were never built.
    """
    jinja = Environment(
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        autoescape=select_autoescape(disabled_extensions=("txt",), default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    jinja.globals.update(asset=_assets(build, url), icon=icon, mark=MARK, week_bars=week_bars, csrf=csrf)
    jinja.filters.update(
        ago=ago,
        counted=counted,
        date_long=date_long,
        date_short=date_short,
        due_long=due_long,
        due_words=due_words,
        moment=moment,
        moment_long=moment_long,
        money=money,
        money_code=money_code,
        symbol=symbol,
    )
    return jinja


@pass_context
def csrf(context: Context) -> Markup:
    """The hidden field of every form that posts, from the context's `csrf_token`; nothing when the token is empty.

    The token may be text or, as Litestar provides it, a function of the context.
    """
    token = context.resolve("csrf_token")
    value = str(token(context) if callable(token) else token)
    if not value:
        return Markup("")
    return Markup('<input type="hidden" name="_csrf_token" value="{}">').format(value)


def money(amount: Amount) -> str:
    """£1,284.00: the amount with its symbol. Text passes through, for prices finer than the currency's own digits."""
    if isinstance(amount, str):
        return amount
    minor, currency = (amount.minor, amount.currency) if isinstance(amount, Money) else amount
    return format_money(minor, currency)


def money_code(amount: Money | tuple[int, str]) -> str:
    """£1,284.00 GBP: the amount with its symbol and its currency code."""
    currency = amount.currency if isinstance(amount, Money) else amount[1]
    return f"{money(amount)} {currency}"


def symbol(currency: str) -> str:
    """The sign written before an amount in this currency: £, $, ¥."""
    return format_money(0, currency).rstrip("0.").strip()


def date_long(day: date) -> str:
    """27 November 2026."""
    return f"{day.day} {day:%B %Y}"


def date_short(day: date) -> str:
    """27 Nov."""
    return short_day(day)


def moment(when: datetime, now: datetime) -> str:
    """Today, 09:12 · Yesterday, 16:05 · 20 Nov, 16:05 · 20 Nov 2025, 16:05."""
    days = (now.date() - when.date()).days
    if days in {0, 1}:
        return f"{('Today', 'Yesterday')[days]}, {when:%H:%M}"
    year = "" if when.year == now.year else f" {when.year}"
    return f"{short_day(when)}{year}, {when:%H:%M}"


def moment_long(when: datetime) -> str:
    """22 November 2026, 09:12."""
    return f"{date_long(when)}, {when:%H:%M}"


def ago(when: datetime, now: datetime) -> str:
    """Just now · 2 minutes ago · 3 hours ago · 5 days ago."""
    passed = max(now - when, timedelta())
    for size, noun in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute")):
        if passed >= size:
            return f"{counted(passed // size, noun)} ago"
    return "just now"


def counted(number: int, noun: str, plural: str = "") -> str:
    """1 invoice · 23 invoices · 1,204 invoices."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def due_words(due: date, today: date) -> str:
    """In 5 days · tomorrow · today · 31 days overdue."""
    days = (due - today).days
    if days < 0:
        return f"{counted(-days, 'day')} overdue"
    return {0: "today", 1: "tomorrow"}.get(days, f"in {counted(days, 'day')}")


def due_long(due: date, today: date) -> str:
    """Due in 5 days · Due tomorrow · Due today · 31 days overdue."""
    words = due_words(due, today)
    return words if due < today else f"Due {words}"


def _assets(build: Path, url: str) -> Callable[[str], str]:
    """A function from a file's plain name to its address with a hash in it."""
    try:
        names: dict[str, str] = json.loads((build / "manifest.json").read_text())
    except FileNotFoundError:
        raise AssetMissing("The front-end files are not built: run `python scripts/build_assets.py`.") from None

    def asset(name: str) -> str:
        if name not in names:
            raise AssetMissing(f"{name} was not built: run `python scripts/build_assets.py`.")
        return url + names[name]

    return asset
