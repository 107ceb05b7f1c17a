"""The merchant's invoices as a list: searched, filtered, sorted, a page at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from app.books.invoices_status import FILTERS, KIND, KINDS, LISTED
from app.core import db
from app.core.money import Money
from app.merchants.places import Home, mine

PAGE = 50
_SORTS = {
    # What was settled long ago does not stand before what is due now.
    "due": "COALESCE(i.due_minor <= 0 AND COALESCE(i.paid_on, i.due_on) < $2 - 30, FALSE), i.due_on NULLS LAST",
    "-due": "i.due_on DESC NULLS LAST",
    "amount": "i.due_minor, i.due_on",
    "-amount": "i.due_minor DESC, i.due_on",
    "number": "i.number",
    "-number": "i.number DESC",
    "customer": "lower(i.contact_name), i.due_on",
    "-customer": "lower(i.contact_name) DESC, i.due_on",
}
_LINK = "LEFT JOIN pay_link l ON l.invoice = i.id AND l.merchant = (SELECT $1::uuid)"
_ACTIONS = {"new": "request", "void": "view", "paid": "view", "processing": "view", "attention": "view"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for, made safe: unknown words fall back to the default."""

    q: str = ""
    status: str = ""
    sort: str = "due"
    page: int = 1


def asked(query: Mapping[str, str]) -> Asked:
    """?q=&status=&sort=&page= as typed by anybody."""
    status, sort, page = query.get("status", ""), query.get("sort", ""), query.get("page", "")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1
    return Asked(
        q=" ".join(query.get("q", "").replace("\x00", "").split())[:100],
        status=status if status in FILTERS or status in KINDS else "",
        sort=sort if sort in _SORTS else "due",
        page=max(1, number),
    )


async def listing(home: Home, ask: Asked) -> tuple[list[SimpleNamespace], SimpleNamespace]:
    """The rows of one page (see templates/app/invoices) and the pager; a page beyond the end is the last one."""
    where, args = _where(home, ask)
    total = await db.fetch_value(f"SELECT count(*) FROM invoice i {_LINK} WHERE {where}", *args)
    pager = pages(total, ask.page)
    order = f"ORDER BY {_SORTS[ask.sort]}, i.number, i.id"
    # The page is chosen first: to tell the state of each of a hundred thousand invoices would take a second.
    page = f"SELECT i.* FROM invoice i {_LINK} WHERE {where} {order} {pager.window}"
    found = await db.fetch(
        f"SELECT i.*, l.requested_at, ({KIND}) AS kind FROM ({page}) i {_LINK} {order}",
        *args,
    )
    return [_row(home, row) for row in found], pager


def _where(home: Home, ask: Asked) -> tuple[str, list[Any]]:
    args: list[Any] = [home.merchant_id, home.today, home.shown]
    parts = [mine("$1", "$3"), "$2::date IS NOT NULL", LISTED]
    if ask.status in FILTERS:
        parts.append(FILTERS[ask.status])
    else:
        args.append(ask.status)
        parts.append(f"({KIND}) = ${len(args)}")
    if ask.q:
        args.append(f"%{like(ask.q)}%")
        parts.append(
            f"(i.number ILIKE ${len(args)} OR i.reference ILIKE ${len(args)} OR i.contact_name ILIKE ${len(args)})"
        )
    return " AND ".join(parts), args


def like(text: str) -> str:
    """Text that stands for itself in a LIKE pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def pages(total: int, page: int, size: int = PAGE) -> SimpleNamespace:
    """first, last, total, pages for the foot of a list, the page really shown, and its window as SQL."""
    count = max(1, -(-total // size))
    page = min(page, count)
    first = (page - 1) * size + 1 if total else 0
    window = f"LIMIT {size} OFFSET {(page - 1) * size}"
    return SimpleNamespace(
        first=first, last=min(page * size, total), total=total, pages=count, page=page, window=window
    )


def _row(home: Home, row: Any) -> SimpleNamespace:
    requested = row["requested_at"] is not None
    return SimpleNamespace(
        id=str(row["id"]),
        number=row["number"] or "No number",
        reference=row["reference"],
        customer=row["contact_name"],
        due=row["due_on"],
        paid_on=row["paid_on"],
        amount_due=Money(row["due_minor"], row["currency"]),
        total=Money(row["total_minor"], row["currency"]),
        status=row["kind"],
        action=_ACTIONS.get(row["kind"], "remind" if requested else "request"),
        seen_at=home.local(row["seen_at"]),
    )
