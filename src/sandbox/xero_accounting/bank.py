"""Bank transactions: fees out of the clearing account, money received beside invoices.

SPEND defaults to tax inclusive lines, where invoices default to exclusive. RECEIVE-OVERPAYMENT and RECEIVE-PREPAYMENT make
a credit that is allocated to invoices later and cannot be changed through this endpoint.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from litestar import get, post, put
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.batches import batch
from sandbox.xero_accounting.contacts import save_contact
from sandbox.xero_accounting.queries import modified_since, page, searchable
from sandbox.xero_call import Call
from sandbox.xero_lines import LineProblem, read_line, totals
from sandbox.xero_refusals import Answer, Web, not_found
from sandbox.xero_where import Field, order, where
from sandbox.xero_wire import day, day_string, instant, money, read_day

SCOPE = "accounting.banktransactions"
TYPES = ("SPEND", "RECEIVE", "RECEIVE-OVERPAYMENT", "RECEIVE-PREPAYMENT")
CANNOT_EDIT = "This bank transaction cannot be edited"
CREDITS = {"RECEIVE-OVERPAYMENT": "xero.overpayment", "RECEIVE-PREPAYMENT": "xero.prepayment"}
FIELDS: dict[str, Field] = {
    "banktransactionid": lambda row: row["id"],
    "type": lambda row: row["type"],
    "status": lambda row: row["status"],
    "date": lambda row: row["date"],
    "reference": lambda row: row["reference"],
    "contact.contactid": lambda row: row["contact"],
    "bankaccount.accountid": lambda row: row["account"],
}
ORDER_FIELDS: dict[str, Field] = {
    "banktransactionid": FIELDS["banktransactionid"],
    "updateddateutc": lambda row: row["updated"],
    "date": lambda row: row["date"],
}


def bank_account(call: Call, given: Any) -> Obj | None:
    """An active account of type BANK by AccountID or Code."""
    wire = given if isinstance(given, dict) else {}
    row = call.mine("xero.account", str(wire["AccountID"])) if wire.get("AccountID") else None
    if row is None and wire.get("Code"):
        row = next((one for one in call.rows("xero.account") if one["code"] == wire["Code"]), None)
    return row if row is not None and row["type"] == "BANK" and row["status"] == "ACTIVE" else None


def _transaction(kit: Kit, row: Obj) -> dict[str, Any]:
    account = kit.world.store.get("xero.account", row["account"]) or {}
    wire: dict[str, Any] = {"BankTransactionID": row["id"], "Type": row["type"], "Status": row["status"]}
    wire["BankAccount"] = {"AccountID": account["id"], "Code": account["code"], "Name": account["name"]}
    wire |= {"Contact": kit.documents.contact_summary(row["contact"], full=False), "IsReconciled": row["reconciled"]}
    wire |= {"Date": day(row["date"]), "DateString": day_string(row["date"]), "Reference": row["reference"]}
    wire |= {"LineAmountTypes": row["line_amount_types"], "LineItems": [kit.documents.line(x, 2) for x in row["lines"]]}
    wire |= {"SubTotal": money(row["subtotal"]), "TotalTax": money(row["tax"]), "Total": money(row["total"])}
    wire |= {
        "CurrencyCode": row["currency"],
        "UpdatedDateUTC": instant(row["updated"]),
        "HasAttachments": kit.documents.has_files(row),
    }
    for name, field in (("OverpaymentID", "overpayment"), ("PrepaymentID", "prepayment"), ("Url", "url")):
        if row.get(field):
            wire[name] = row[field]
    return wire


def _read(kit: Kit, call: Call, wire: dict[str, Any]) -> tuple[list[str], Obj]:
    errors: list[str] = []
    kind = wire.get("Type")
    if kind not in TYPES:
        errors.append("The Type field is mandatory and must be SPEND, RECEIVE or an overpayment or prepayment")
    account = bank_account(call, wire.get("BankAccount"))
    if account is None:
        errors.append("The bank account could not be found or is not of type BANK")
    contact = _contact(kit, call, wire.get("Contact"))
    if contact is None:
        errors.append("A Contact must be specified for this type of transaction")
    try:
        date = read_day(wire["Date"]) if wire.get("Date") else kit.ledger.today(call.organisation)
    except ValueError:
        date = ""
        errors.append("Date is not a valid date")
    locked = call.locked(date) if date else None
    errors += [locked] if locked is not None else []
    lines, line_kind = _lines(call, wire, errors)
    values = {"type": kind, "account": (account or {}).get("id"), "contact": contact, "date": date, "lines": lines}
    values |= {"line_amount_types": line_kind, "reference": str(wire.get("Reference") or ""), "url": wire.get("Url")}
    values |= totals(lines, line_kind) | {"currency": (account or {}).get("currency")}
    if not errors and values["total"] <= 0:
        errors.append("The transaction total must be greater than zero")
    return errors, values


def _contact(kit: Kit, call: Call, given: Any) -> Any:
    wire = given if isinstance(given, dict) else {}
    if wire.get("ContactID"):
        row = call.mine("xero.contact", str(wire["ContactID"]))
        return row["id"] if row is not None else None
    name = str(wire.get("Name") or "").strip()
    known = next((row for row in call.rows("xero.contact") if row["name"].lower() == name.lower()), None)
    if known is not None:
        return known["id"]
    return save_contact(kit, call, None, {"Name": name})["id"] if name else None


def _lines(call: Call, wire: dict[str, Any], errors: list[str]) -> tuple[list[Obj], str]:
    credit = wire.get("Type") in CREDITS
    kind = "NoTax" if wire.get("Type") == "RECEIVE-OVERPAYMENT" else str(wire.get("LineAmountTypes", "Inclusive"))
    items = wire.get("LineItems") or []
    if not items or (wire.get("Type") == "RECEIVE-OVERPAYMENT" and len(items) != 1):
        errors.append(
            "One or more line items must be specified" if not items else "An overpayment has exactly one line"
        )
        return [], kind
    rates = {row["type"]: Decimal(row["rate"]) for row in call.rows("xero.taxrate")}
    codes = {row["code"]: row for row in call.rows("xero.account") if row["status"] == "ACTIVE"}
    receivable = next((code for code, row in codes.items() if row["system"] == "DEBTORS"), None)
    lines = []
    for item in items:
        code = item.get("AccountCode")
        if not credit and code not in codes:
            errors.append(f"Account code '{code or ''}' is not a valid code for this document.")
            continue
        try:
            default = codes[code]["tax_type"] if code in codes else "NONE"
            line = read_line(item, kind, rates, default, call.world.ids.uuid)
            if Decimal(line["quantity"]) <= 0 or Decimal(line["unit"]) == 0:
                raise LineProblem("A line needs a quantity greater than zero and a unit amount")
            # An overpayment's line is coded by Xero itself, to accounts receivable.
            lines.append({**line, "account": receivable} if wire.get("Type") == "RECEIVE-OVERPAYMENT" else line)
        except (LineProblem, ValueError) as problem:
            errors.append(str(problem))
    return lines, kind


def _save(kit: Kit, call: Call, body: Any, *, creating: bool, id: str | None = None) -> Answer:
    def check(wire: dict[str, Any]) -> tuple[list[str], Obj]:
        key = id or (None if creating else wire.get("BankTransactionID"))
        if key is None:
            return _read(kit, call, wire)
        row = call.mine("xero.banktransaction", str(key))
        return _read_change(kit, call, row, wire) if row is not None else (["Bank transaction could not be found"], {})

    def make(values: Obj) -> dict[str, Any]:
        return _transaction(kit, _change(kit, values) if "id" in values else _post(kit, call, values))

    if id is not None and call.mine("xero.banktransaction", id) is None:
        raise not_found("no such bank transaction")
    return batch(call, body, "BankTransactions", "BankTransactionID", check, make)


def _post(kit: Kit, call: Call, values: Obj) -> Obj:
    id = call.world.ids.uuid()
    row = {"id": id, "tenant": call.tenant, "status": "AUTHORISED", "reconciled": False, **values}
    if row["type"] in CREDITS:
        row[CREDITS[row["type"]].removeprefix("xero.")] = _credit(kit, call, row)
    return kit.ledger.touch("xero.banktransaction", row)


def _change(kit: Kit, values: Obj) -> Obj:
    row = kit.world.store.get("xero.banktransaction", values["id"]) or {}
    row |= values
    return kit.ledger.touch("xero.banktransaction", row)


def _read_change(kit: Kit, call: Call, row: Obj, wire: dict[str, Any]) -> tuple[list[str], Obj]:
    """Deleted, or edited: until it is reconciled, and never one that made a credit."""
    locked = call.locked(row["date"])
    if row["status"] == "DELETED" or row["type"] in CREDITS or row["reconciled"]:
        return [CANNOT_EDIT], {}
    if locked is not None:
        return [locked], {}
    if wire.get("Status") == "DELETED":
        return [], {"id": row["id"], "status": "DELETED"}
    whole = {
        "Type": row["type"],
        "BankAccount": {"AccountID": row["account"]},
        "Contact": {"ContactID": row["contact"]},
        "Date": row["date"],
        "Reference": row["reference"],
        "Url": row["url"],
        "LineAmountTypes": row["line_amount_types"],
        "LineItems": [kit.documents.line(line) for line in row["lines"]],
    }
    errors, values = _read(kit, call, {**whole, **wire})
    if wire.get("Type", row["type"]) != row["type"]:
        errors.append(CANNOT_EDIT)
    return errors, {**values, "id": row["id"]}


def _credit(kit: Kit, call: Call, transaction: Obj) -> str:
    kind = CREDITS[transaction["type"]]
    names = ("tenant", "contact", "date", "lines", "line_amount_types", "reference", "subtotal", "tax", "total", "type")
    row = {name: transaction[name] for name in names}
    row |= {"id": call.world.ids.uuid(), "status": "AUTHORISED", "rate": "1", "currency": transaction["currency"]}
    return str(kit.ledger.settle(kind, row, "CREATE")["id"])


def _list(kit: Kit, call: Call) -> Answer:
    test = where(call.param("where"), FIELDS)
    rows = searchable(call, modified_since(call, call.rows("xero.banktransaction")))
    rows = [row for row in rows if test(row)]
    rows = order(rows, call.param("order"), ORDER_FIELDS, lambda row: (row["updated"], row["id"]))
    rows, pagination = page(call, rows)
    return call.answer("BankTransactions", [_transaction(kit, row) for row in rows], pagination)


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/BankTransactions``."""

    @get(f"{API}/BankTransactions")
    async def transactions(request: Web) -> Answer:
        return kit.door.read(request, SCOPE, lambda call: _list(kit, call))

    @get(f"{API}/BankTransactions/{{id:str}}")
    async def transaction(request: Web, id: str) -> Answer:
        def act(call: Call) -> Answer:
            row = call.mine("xero.banktransaction", id)
            if row is None:
                raise not_found("no such bank transaction")
            return call.answer("BankTransactions", [_transaction(kit, row)])

        return kit.door.read(request, SCOPE, act)

    @put(f"{API}/BankTransactions")
    async def create(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _save(kit, call, body, creating=True))

    @post(f"{API}/BankTransactions", status_code=200)
    async def create_or_update(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _save(kit, call, body, creating=False))

    @post(f"{API}/BankTransactions/{{id:str}}", status_code=200)
    async def update(request: Web, id: str) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _save(kit, call, body, creating=False, id=id))

    return [transactions, transaction, create, create_or_update, update]
