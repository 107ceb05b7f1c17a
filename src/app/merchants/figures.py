"""The numbers above the list: collected, waiting, overdue; in the merchant's own currency, others in a note."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from app.books.invoices_status import OPEN
from app.core import db
from app.core.money import Money, format_money
from app.merchants.places import Home, mine

WEEKS = 11

_WAITING = f"""
SELECT i.currency, count(*) AS open, sum(i.due_minor)::bigint AS due, count(l.requested_at) AS requested,
  count(*) FILTER (WHERE i.due_on < $2) AS overdue,
  COALESCE(sum(i.due_minor) FILTER (WHERE i.due_on < $2), 0)::bigint AS overdue_due,
  min(i.due_on) FILTER (WHERE i.due_on < $2) AS oldest
FROM invoice i LEFT JOIN pay_link l ON l.invoice = i.id AND l.merchant = (SELECT $1::uuid)
WHERE {mine("$1", "$3")} AND {OPEN} GROUP BY i.currency ORDER BY i.currency
"""

_PAID = f"SELECT count(*) FROM invoice i WHERE {mine('$1', '$2')} AND i.status = 'PAID'"

# Refunds count on the day of the payment: what was collected is what stayed.
_COLLECTED = """
SELECT (paid_at AT TIME ZONE $3)::date AS day, sum(amount_minor - refunded_minor)::bigint AS amount
FROM payment WHERE merchant = (SELECT $1::uuid) AND currency = (SELECT $2) AND paid_at >= (SELECT $4::timestamptz)
  AND state NOT IN ('processing', 'failed', 'dispute_lost')
GROUP BY day
"""


async def figures(home: Home) -> tuple[SimpleNamespace | None, SimpleNamespace]:
    """`kpis` (None while there is nothing to sum up) and `counts` of templates/app/invoices."""
    rows = await db.fetch(_WAITING, home.merchant_id, home.today, home.shown)
    paid = await db.fetch_value(_PAID, home.merchant_id, home.shown)
    requested = sum(row["requested"] for row in rows)
    counts = SimpleNamespace(
        new=sum(row["open"] for row in rows) - requested,
        sent=requested,
        overdue=sum(row["overdue"] for row in rows),
        paid=paid,
    )
    by_day = await collected_by_day(home)
    return (_kpis(home, rows, by_day) if rows or by_day or paid else None), counts


async def collected_by_day(home: Home) -> dict[date, int]:
    """Minor units of the merchant's currency collected on each day, back to whichever is earlier: 11 weeks, last month."""
    since = min(_week(home.today) - timedelta(weeks=WEEKS - 1), _month_before(home.today.replace(day=1)))
    start = datetime(since.year, since.month, since.day, tzinfo=ZoneInfo(home.zone))
    rows = await db.fetch(_COLLECTED, home.merchant_id, home.currency, home.zone, start)
    return {row["day"]: row["amount"] for row in rows}


def weeks(home: Home, by_day: dict[date, int]) -> list[tuple[date, Money]]:
    """Monday and amount of the last eleven weeks, the current one last."""
    first = _week(home.today) - timedelta(weeks=WEEKS - 1)
    totals = dict.fromkeys([first + timedelta(weeks=n) for n in range(WEEKS)], 0)
    for day, amount in by_day.items():
        if _week(day) in totals:
            totals[_week(day)] += amount
    return [(monday, Money(amount, home.currency)) for monday, amount in totals.items()]


def _kpis(home: Home, rows: Sequence[Any], by_day: dict[date, int]) -> SimpleNamespace:
    today, currency = home.today, home.currency
    month = today.replace(day=1)
    before = _month_before(month)
    here = next((row for row in rows if row["currency"] == currency), None)
    collected = sum(amount for day, amount in by_day.items() if day >= month)
    previous = sum(amount for day, amount in by_day.items() if before <= day < month)
    return SimpleNamespace(
        collected=Money(collected, currency),
        collected_month=f"{month:%B}",
        previous_month=f"{before:%B}",
        change=round((collected - previous) * 100 / previous) if previous > 0 else None,
        weeks=weeks(home, by_day),
        waiting=Money(here["due"] if here else 0, currency),
        waiting_count=here["open"] if here else 0,
        waiting_requested=here["requested"] if here else 0,
        overdue=Money(here["overdue_due"] if here else 0, currency),
        overdue_count=here["overdue"] if here else 0,
        overdue_days=(today - here["oldest"]).days if here and here["oldest"] else 0,
        note=_note([row for row in rows if row["currency"] != currency]),
    )


def _note(others: Sequence[Any]) -> str:
    parts = [f"{format_money(row['due'], row['currency'])} {row['currency']}" for row in others]
    return f"Other currencies: {', '.join(parts)} waiting" if parts else ""


def _week(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _month_before(first: date) -> date:
    return (first - timedelta(days=1)).replace(day=1)
