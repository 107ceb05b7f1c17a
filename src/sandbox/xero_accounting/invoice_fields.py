"""The fields of an invoice as a request gives them: each checked, each refused with Xero's text."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.store import Obj
from sandbox.xero_accounting.invoices import unit_places
from sandbox.xero_call import Call
from sandbox.xero_lines import LineProblem, read_line, totals
from sandbox.xero_wire import cents, read_day, read_rate

LONGEST_TEXT = 255


class Refusal(Exception):
    """Validation messages for one element."""

    def __init__(self, *texts: str) -> None:
        super().__init__("; ".join(texts))
        self.texts = texts


def contact_id(call: Call, wire: dict[str, Any]) -> str | None:
    """The id of the contact meant, or None when the name is new and one will be made."""
    given = wire.get("Contact") or {}
    if given.get("ContactID"):
        row = call.mine("xero.contact", str(given["ContactID"]))
        if row is None:
            raise Refusal("The contact could not be found")
        if row["status"] != "ACTIVE":
            raise Refusal("The contact has been archived")
        return str(row["id"])
    name = str(given.get("Name") or "").strip()
    if not name:
        raise Refusal("A Contact must be specified for this type of transaction")
    return next((row["id"] for row in call.rows("xero.contact") if row["name"].lower() == name.lower()), None)


def check_complete(row: Obj, status: str) -> None:
    """What an invoice needs before it may have this status; raises Refusal."""
    problems = []
    if status in ("AUTHORISED", "SUBMITTED"):
        if not row["due"]:
            problems.append("The DueDate field is mandatory.")
        if not row["lines"]:
            problems.append("One or more line items must be specified")
        if any(line["account"] is None for line in row["lines"]):
            problems.append("Account code must be specified.")
    if row["total"] < 0:
        problems.append("The invoice total must not be negative.")
    if problems:
        raise Refusal(*problems)


def read_fields(call: Call, row: Obj, wire: dict[str, Any]) -> Obj:
    """The changed fields an element means, checked one by one."""
    changes: Obj = {}
    for name, field in (("InvoiceNumber", "number"), ("Reference", "reference"), ("Url", "url")):
        if name in wire:
            changes[field] = str(wire[name] or "")
            if len(changes[field]) > LONGEST_TEXT and name != "Url":
                raise Refusal(f"{name} must not be longer than 255 characters.")
    _check_number_and_url(call, row, changes)
    for name, field in (
        ("Date", "date"),
        ("DueDate", "due"),
        ("ExpectedPaymentDate", "expected"),
        ("PlannedPaymentDate", "expected"),
    ):
        if wire.get(name):
            changes[field] = _day(wire[name], name)
    if "CurrencyCode" in wire:
        _check_currency(call, str(wire["CurrencyCode"]))
        changes["currency"] = str(wire["CurrencyCode"])
    if "CurrencyRate" in wire:
        changes["rate"] = _rate(wire["CurrencyRate"])
    if "BrandingThemeID" in wire:
        if call.mine("xero.theme", str(wire["BrandingThemeID"])) is None:
            raise Refusal("Branding theme could not be found")
        changes["theme"] = str(wire["BrandingThemeID"]).lower()
    if "LineItems" in wire or "LineAmountTypes" in wire:
        changes |= _read_lines(call, row, wire)
    return changes


def _check_number_and_url(call: Call, row: Obj, changes: Obj) -> None:
    number = changes.get("number")
    if number and row["type"] == "ACCREC" and number != row["number"]:
        taken = call.world.store.by("xero.invoice", "number", (call.tenant, "ACCREC", number))
        if any(other["status"] != "DELETED" for other in taken):
            raise Refusal("Invoice # must be unique.")
    url = changes.get("url")
    if url and not url.startswith(("http://", "https://")):
        raise Refusal("Url is not a valid URL")
    if url and "xero" in url.lower():
        raise Refusal("Url must not contain 'xero'")


def _day(value: Any, name: str) -> str:
    try:
        return read_day(value)
    except ValueError as problem:
        raise Refusal(f"{name} is not a valid date") from problem


def _rate(value: Any) -> str:
    try:
        return str(read_rate(value))
    except ValueError as problem:
        raise Refusal("CurrencyRate must be greater than zero") from problem


def _check_currency(call: Call, code: str) -> None:
    if code not in {row["code"] for row in call.rows("xero.currency")}:
        raise Refusal(f"Organisation is not subscribed to currency {code}")


def _read_lines(call: Call, row: Obj, wire: dict[str, Any]) -> Obj:
    kind = wire.get("LineAmountTypes", row["line_amount_types"])
    if kind not in ("Exclusive", "Inclusive", "NoTax"):
        raise Refusal("LineAmountTypes must be Exclusive, Inclusive or NoTax")
    rates = {rate["type"]: Decimal(rate["rate"]) for rate in call.rows("xero.taxrate")}
    codes = {account["code"]: account for account in call.rows("xero.account")}
    lines = []
    for item in wire.get("LineItems") or []:
        code = item.get("AccountCode")
        if code and (codes.get(code) is None or codes[code]["status"] != "ACTIVE"):
            raise Refusal(f"Account code '{code}' is not a valid code for this document.")
        default = codes[code]["tax_type"] if code else "NONE"
        try:
            lines.append(read_line(item, kind, rates, default, call.world.ids.uuid, unit_places(call)))
        except (LineProblem, ValueError) as problem:
            raise Refusal(str(problem)) from problem
    sums = totals(lines, kind)
    for name, field in (("SubTotal", "subtotal"), ("Total", "total")):
        if wire.get(name) is not None and not _equals(wire[name], sums[field]):
            raise Refusal("The invoice total does not equal the sum of the lines.")
    return {"lines": lines, "line_amount_types": kind, **sums}


def _equals(given: Any, expected: int) -> bool:
    try:
        return cents(given) == expected
    except ValueError:
        return False
