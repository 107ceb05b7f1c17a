"""Lists: newest first, cursors by id, filters, and Stripe's limits on all of them.

v1 lists answer ``{object: "list", data, has_more, url}``; v2 lists ``{data, next_page_url, previous_page_url}``.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from sandbox import stripe_errors
from sandbox.store import Obj
from sandbox.stripe_world import render

_PLAIN = ("limit", "starting_after", "ending_before", "expand", "created", "arrival_date")
_BOUNDS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


def page(rows: Iterable[Obj], params: Obj, url: str, kind: str, filters: dict[str, str] | None = None) -> Obj:
    """One page of ``rows`` (given oldest first). Other parameters must equal the field of the same (or mapped) name."""
    names = filters or {}
    wanted = {names.get(name, name): value for name, value in params.items() if name not in _PLAIN}
    fitting = [row for row in rows if _fits(row, params, wanted)]
    fitting.reverse()
    return _cut(fitting, params, url, kind)


def _fits(row: Obj, params: Obj, wanted: dict[str, Any]) -> bool:
    moments = all(_within(row.get(name), params[name]) for name in ("created", "arrival_date") if name in params)
    return moments and all(row.get(name) == value for name, value in wanted.items())


def _within(value: Any, bounds: int | dict[str, int]) -> bool:
    if isinstance(bounds, int):
        return bool(value == bounds)
    return all(_BOUNDS[name](value, bound) for name, bound in bounds.items())


def limit(params: Obj) -> int:
    """The page size, 1 to 100, 10 by default."""
    size = int(params.get("limit", 10))
    if not 1 <= size <= 100:
        words = "less than or equal to 100" if size > 100 else "greater than or equal to 1"
        raise stripe_errors.invalid("limit", f"This value must be {words}.", "parameter_invalid_integer")
    return size


def _cut(rows: list[Obj], params: Obj, url: str, kind: str) -> Obj:
    size, after, before = limit(params), params.get("starting_after"), params.get("ending_before")
    if after is not None and before is not None:
        raise stripe_errors.invalid("starting_after", "You cannot parameterize both starting_after and ending_before.")
    if before is not None:
        # Going back: the page just before the cursor, still newest first.
        newer = rows[: _place(rows, before, "ending_before", kind)]
        part, more = newer[-size:], len(newer) > size
    else:
        start = 0 if after is None else _place(rows, after, "starting_after", kind) + 1
        part, more = rows[start : start + size], len(rows) > start + size
    return {"object": "list", "data": [render(row) for row in part], "has_more": more, "url": url}


def _place(rows: list[Obj], cursor: str, param: str, kind: str) -> int:
    for place, row in enumerate(rows):
        if row["id"] == cursor:
            return place
    raise stripe_errors.no_such(kind, cursor, param, 400)


def page_v2(rows: list[Obj], params: Obj, path: str, show: Callable[[Obj], Obj]) -> Obj:
    """One page of a v2 list, newest first; ``page`` in the next URL is the number of rows to skip."""
    page = str(params.get("page") or "0")
    if not re.fullmatch(r"[0-9]{1,9}", page):
        raise stripe_errors.invalid("page", f"Invalid page token: {page}")
    size, start = min(limit(params), 20 if "limit" not in params else 100), int(page)
    part = rows[::-1][start : start + size]

    def link(skip: int) -> str:
        return f"{path}?limit={size}&page={skip}"

    more = len(rows) > start + size
    return {
        "data": [show(row) for row in part],
        "next_page_url": link(start + size) if more else None,
        "previous_page_url": link(max(0, start - size)) if start else None,
    }
