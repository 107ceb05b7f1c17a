"""Reading lists: paging with a silent clamp, If-Modified-Since to the second, comma lists."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.store import Obj
from sandbox.xero_call import Call
from sandbox.xero_refusals import XeroProblem, too_many

DEFAULT_PAGE, LARGEST_PAGE, MOST_ROWS = 100, 1000, 100_000


def searchable(call: Call, rows: list[Obj]) -> list[Obj]:
    """What a search may find: nothing changed within ``search_lag_seconds``, nothing at all with ``filter_broken``."""
    modes = call.modes
    if modes.filter_broken and call.param("where"):
        return []
    if modes.search_lag_seconds:
        newest = call.now_ms - modes.search_lag_seconds * 1000
        return [row for row in rows if row["updated"] <= newest]
    return rows


def modified_since(call: Call, rows: list[Obj]) -> list[Obj]:
    """Rows changed after the header's second (exclusive, the hostile reading); raises 412 for an unreadable header."""
    second = since(call)
    return rows if second is None else [row for row in rows if row["updated"] // 1000 > second]


def since(call: Call) -> int | None:
    """The second of the If-Modified-Since header, None without one; raises 412 when it is unreadable."""
    header = call.request.headers.get("if-modified-since")
    if header is None:
        return None
    try:
        given = datetime.fromisoformat(header)
    except ValueError:
        try:
            given = datetime.strptime(header, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        except ValueError as problem:
            raise XeroProblem(412, None, "If-Modified-Since not understood") from problem
    return int((given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp())


def listed(call: Call, name: str) -> set[str] | None:
    """The values of a comma list, or None when it was not given."""
    given = call.param(name)
    return None if given is None else {part.strip() for part in given.split(",") if part.strip()}


def page(call: Call, rows: list[Any], *, force: bool = False) -> tuple[list[Any], dict[str, int] | None]:
    """One page and its pagination, or everything and None when paging was not asked for. Out of range is clamped."""
    asked_page, asked_size = call.param("page"), call.param("pageSize")
    if asked_page is None and asked_size is None and not force:
        if len(rows) > MOST_ROWS:
            raise too_many()
        return rows, None
    number = max(1, _whole(asked_page, 1))
    size = min(max(1, _whole(asked_size, DEFAULT_PAGE)), LARGEST_PAGE)
    count = -(-len(rows) // size)
    told = {"page": number, "pageSize": size, "pageCount": count, "itemCount": len(rows)}
    return rows[(number - 1) * size : number * size], told


def _whole(text: str | None, default: int) -> int:
    try:
        return int(text) if text is not None else default
    except ValueError:
        return default
