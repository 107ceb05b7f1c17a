"""Bar charts as SVG made on the server: no script, and every number also stands in a table elsewhere."""

from collections.abc import Sequence
from datetime import date
from html import escape
from itertools import count

from markupsafe import Markup

from app.core.money import Money, exponent, format_money

WIDTH, HEIGHT, TOP, BASE, LEFT = 336, 104, 8, 82, 28
Weeks = Sequence[tuple[date, Money]]


def short_day(day: date) -> str:
    """A day as charts and tables write it: 27 Nov."""
    return f"{day.day} {day:%b}"


def week_bars(weeks: Weeks, title: str) -> Markup:
    """Money per week, oldest first, the last bar marked as the current one; one currency throughout.

    The picture's text name gives the range, the lowest and the highest week. An empty sequence gives no picture.
    """
    if not weeks:
        return Markup("")
    step = _step(max(money.minor for _, money in weeks), weeks[0][1].currency)
    top = step * max(1, -(-max(money.minor for _, money in weeks) // step))
    parts = [*_grid(top, step, weeks[0][1].currency)]
    for index, (day, money) in enumerate(weeks):
        parts.append(_bar(index, len(weeks), day, money, top))
        parts.append(_label(index, len(weeks), day))
    head = f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(_name(weeks, title))}">'
    return Markup(head + "".join(parts) + "</svg>")  # noqa: S704 - numbers and escaped text only


def _name(weeks: Weeks, title: str) -> str:
    amounts = [money for _, money in weeks]
    span = f"{title}, {short_day(weeks[0][0])} to {short_day(weeks[-1][0])}"
    low, high = (format_money(pick(amounts).minor, amounts[0].currency) for pick in (min, max))
    return f"{span}. Lowest {low}, highest {high}."


def _step(peak: int, currency: str) -> int:
    """A round distance between grid lines so that at most two of them cover the peak."""
    unit: int = 10 ** exponent(currency)
    for power in count():
        for lead in (10, 20, 25, 40, 50):
            if peak <= 2 * lead * unit * 10**power:
                return int(lead * unit * 10**power)
    raise AssertionError


def _tick(minor: int, currency: str) -> str:
    """A short axis label: £2k, £500, 0."""
    whole = minor // 10 ** exponent(currency)
    symbol = "".join(c for c in format_money(0, currency) if not c.isdigit() and c not in ".,")
    for size, letter in ((1_000_000, "m"), (1_000, "k")):
        if whole >= size:
            return f"{symbol}{whole / size:g}{letter}"
    return f"{symbol}{whole}" if whole else "0"


def _grid(top: int, step: int, currency: str) -> list[str]:
    lines = []
    for value in range(0, top + 1, step):
        y = BASE - (BASE - TOP) * value / top
        lines.append(
            f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH}"/>'
            f'<text x="{LEFT - 6}" y="{y + 3:.1f}" text-anchor="end">{escape(_tick(value, currency))}</text>'
        )
    return lines


def _bar(index: int, total: int, day: date, money: Money, top: int) -> str:
    slot = (WIDTH - LEFT) / total
    width = min(18.0, slot * 0.62)
    x = LEFT + slot * index + (slot - width) / 2
    height = max(2.0, (BASE - TOP) * money.minor / top)
    r = min(4.0, height)
    words = f"Week of {short_day(day)}: {format_money(money.minor, money.currency)}"
    return (
        f'<path class="{"bar bar--now" if index == total - 1 else "bar"}" '
        f'd="M{x:.1f} {BASE}v-{height - r:.1f}q0 -{r:.1f} {r:.1f} -{r:.1f}h{width - 2 * r:.1f}'
        f'q{r:.1f} 0 {r:.1f} {r:.1f}v{height - r:.1f}z"><title>{escape(words)}</title></path>'
    )


def _label(index: int, total: int, day: date) -> str:
    """Every fifth week is named, counted back from the current one."""
    if index % 5 != (total - 1) % 5:
        return ""
    slot = (WIDTH - LEFT) / total
    x = min(LEFT + slot * (index + 0.5), WIDTH - 18)
    return f'<text x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(short_day(day))}</text>'
