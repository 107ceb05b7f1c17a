"""Xero's wire format: fixed decimals, three forms of dates, JSON or XML.

Sources: Xero's own recorded responses (VCR cassettes of its Python SDK) and its OpenAPI 16.1.0. Money is held as integer
cents everywhere in the sandbox and becomes a Decimal only here.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from xml.sax.saxutils import escape

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_CENT = Decimal("0.01")
LARGEST = Decimal(10) ** 12
SMALLEST_RATE = Decimal("0.000001")
_DATE = re.compile(r"^/Date\((-?\d+)(?:[+-]\d{4})?\)/$")
# XML 1.0 has no way to write these.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_IRREGULAR = {
    "Addresses": "Address",
    "Currencies": "Currency",
    "TaxRates": "TaxRate",
    "Phones": "Phone",
    "HistoryRecords": "HistoryRecord",
    "Elements": "DataContractBase",
    "Tracking": "TrackingCategory",
}
ZERO_ID = "00000000-0000-0000-0000-000000000000"


def cents(value: Any) -> int:
    """Cents of a wire amount, rounded half up; raises ValueError when it is not a finite number."""
    try:
        number = Decimal(str(value))
    except InvalidOperation as problem:
        raise ValueError(f"not a number: {value!r}") from problem
    if not number.is_finite() or isinstance(value, bool) or abs(number) >= LARGEST:
        raise ValueError(f"not a number: {value!r}")
    return int((number * 100).quantize(Decimal(1), ROUND_HALF_UP))


def read_rate(value: Any) -> Decimal:
    """A CurrencyRate: how much of the document's currency one of the base currency is worth; raises ValueError."""
    try:
        rate = Decimal(str(value))
    except InvalidOperation as problem:
        raise ValueError(f"not a number: {value!r}") from problem
    if not rate.is_finite() or not SMALLEST_RATE <= rate < LARGEST:
        raise ValueError(f"no rate: {value!r}")
    return rate


def money(amount: int) -> Decimal:
    """A Decimal with two places, written as a bare number: 0.00."""
    return (Decimal(amount) * _CENT).quantize(_CENT)


def fixed(value: str, places: int) -> Decimal:
    """A Decimal with that many places: Quantity 1.0000, CurrencyRate 1.0000000000."""
    return Decimal(value).quantize(Decimal(1).scaleb(-places))


def day(text: str | None) -> str | None:
    """``/Date(ms+0000)/`` of midnight UTC of a calendar day given as YYYY-MM-DD."""
    if text is None:
        return None
    at = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return f"/Date({int(at.timestamp() * 1000)}+0000)/"


def day_string(text: str | None) -> str | None:
    """The same day as Xero's DateString: 2018-10-20T00:00:00."""
    return None if text is None else f"{text}T00:00:00"


def instant(ms: int) -> str:
    """``/Date(ms+0000)/`` of an instant."""
    return f"/Date({ms}+0000)/"


def instant_string(ms: int) -> str:
    """UpdatedDateUTCString: a space where one would expect a T (OAS example, since July 2026)."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S+00:00")


def seven_digits(ms: int) -> str:
    """The dates of /connections: seven fractional digits and no zone."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"


def read_day(value: Any) -> str:
    """A calendar day from a request, as YYYY-MM-DD: ISO date, ISO date-time or /Date(ms)/; raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"not a date: {value!r}")
    if match := _DATE.match(value):
        try:
            return datetime.fromtimestamp(int(match[1]) / 1000, UTC).date().isoformat()
        except OverflowError as problem:
            raise ValueError("beyond every calendar") from problem
    return date.fromisoformat(value[:10]).isoformat()


def read_json(body: bytes) -> Any:
    """The request's JSON with exact decimals; raises ValueError."""
    try:
        value = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem
    if b"\\ud" in body.lower():  # half a pair is text that nothing could ever write down again
        json.dumps(value, ensure_ascii=False, default=str).encode()
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def encode(value: Any) -> bytes:
    """JSON as Xero writes it: slashes of dates escaped, decimals bare and fixed."""
    return _ENCODER.encode(value).replace(b'"/Date(', b'"\\/Date(').replace(b')/"', b')\\/"')


def encode_xml(root: str, value: dict[str, Any]) -> bytes:
    """The same answer in XML, Xero's default when JSON was not asked for."""
    return ('<?xml version="1.0" encoding="utf-8"?>' + _element(root, value)).encode()


def _element(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(k, v) for k, v in value.items())}</{name}>"
    if isinstance(value, list):
        one = _IRREGULAR.get(name) or name.removesuffix("s")
        return f"<{name}>{''.join(_element(one, v) for v in value)}</{name}>"
    if isinstance(value, bool):
        return f"<{name}>{str(value).lower()}</{name}>"
    if isinstance(value, str) and (match := _DATE.match(value)):
        value = datetime.fromtimestamp(int(match[1]) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return f"<{name}>{escape(_NOT_XML.sub('', str(value)))}</{name}>"
