"""Xero's ``where`` and ``order``: the small C#-like language, on optimised fields only.

``Type=="ACCREC" AND Status=="AUTHORISED"``, ``AmountDue>5000 and DueDate>DateTime(2015,01,01)``,
``Invoice.InvoiceID==guid("…")``. The documentation writes ``=`` and ``==`` alike. Anything else is a QueryParseException.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sandbox.store import Obj
from sandbox.xero_refusals import bad_query

Field = Callable[[Obj], Any]
Test = Callable[[Obj], bool]
_TOKEN = re.compile(
    r"""\s*(?:(?P<guid>guid\(\s*"([0-9a-fA-F-]{36})"\s*\))|(?P<date>DateTime\(\s*(\d{4})\s*,\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\))
    |(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<op>==|!=|>=|<=|=|>|<|\(|\))
    |(?P<word>[A-Za-z][A-Za-z0-9_.]*|&&|\|\|))""",
    re.VERBOSE | re.IGNORECASE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


class _Parser:
    def __init__(self, text: str, fields: Mapping[str, Field]) -> None:
        self._fields = fields
        self._tokens = _tokens(text)
        self._at = 0

    def parse(self) -> Test:
        test = self._either()
        if self._at != len(self._tokens):
            raise bad_query("Unexpected text at the end of the filter")
        return test

    def _peek(self) -> tuple[str, Any]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", None)

    def _take(self) -> tuple[str, Any]:
        token = self._peek()
        self._at += 1
        return token

    def _either(self) -> Test:
        tests = [self._both()]
        while self._peek() in (("word", "or"), ("word", "||")):
            self._take()
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._peek() in (("word", "and"), ("word", "&&")):
            self._take()
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        kind, value = self._take()
        if (kind, value) == ("op", "("):
            test = self._either()
            if self._take() != ("op", ")"):
                raise bad_query("')' expected")
            return test
        field = self._fields.get(str(value).lower()) if kind == "word" else None
        if field is None:
            raise bad_query(f"No property or field '{value}' exists that can be filtered on")
        return self._comparison(field)

    def _comparison(self, field: Field) -> Test:
        kind, sign = self._take()
        compare = _COMPARE.get(sign) if kind == "op" else None
        wanted_kind, wanted = self._take()
        if compare is None or wanted_kind not in ("guid", "date", "text", "number"):
            raise bad_query("Expression expected")

        def test(row: Obj) -> bool:
            have = field(row)
            if have is None:
                return compare is operator.ne
            if wanted_kind == "text":
                return compare(str(have), wanted)
            if isinstance(have, Decimal) != (wanted_kind == "number"):
                raise bad_query("Operator incompatible with operand types")
            return compare(have, wanted)

        return test


def _tokens(text: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    at, text = 0, text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise bad_query(f"Syntax error at position {at}")
        found.append(_token(match))
        at = match.end()
    return found


def _token(match: re.Match[str]) -> tuple[str, Any]:
    kind, value = str(match.lastgroup), match[0].strip()
    if match["guid"]:
        return "guid", match[2].lower()
    if match["date"]:
        return "date", f"{int(match[4]):04}-{int(match[5]):02}-{int(match[6]):02}"
    if kind == "text":
        return "text", re.sub(r"\\(.)", r"\1", value[1:-1])
    if kind == "number":
        return "number", Decimal(value)
    return (kind, value.lower()) if value.lower() in ("and", "or") else (kind, value)


def where(text: str | None, fields: Mapping[str, Field]) -> Test:
    """The test a filter means; fields are keyed in lower case. Raises a 400 for anything not optimised."""
    if text is None or not text.strip():
        return lambda _row: True
    try:
        return _Parser(text, fields).parse()
    except RecursionError as problem:
        raise bad_query("The filter is nested too deeply") from problem


def order(rows: list[Obj], text: str | None, fields: Mapping[str, Field], default: Callable[[Obj], Any]) -> list[Obj]:
    """Rows in the asked order (``Date DESC``, several separated by commas) or the default one."""
    rows = sorted(rows, key=default)
    for part in reversed((text or "").split(",")):
        name, _, direction = part.strip().partition(" ")
        if not name:
            continue
        field = fields.get(name.lower())
        if field is None or direction.strip().upper() not in ("", "ASC", "DESC"):
            raise bad_query(f"Cannot order by '{part.strip()}'")
        key = field
        rows.sort(key=lambda row: (key(row) is not None, key(row)), reverse=direction.strip().upper() == "DESC")
    return rows
