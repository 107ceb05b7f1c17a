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
from sandbox.xero_call import Call, elements_of
from sandbox.xero_lines import LineProblem, read_line, totals
from sandbox.xero_refusals import Answer, Web, invalid, not_found
from sandbox.xero_where import Field, order, where
from sandbox.xero_wire import day, day_string, instant, money, read_day

SCOPE = "accounting.banktransactions"
TYPES = ("SPEND", "RECEIVE", "RECEIVE-OVERPAYMENT", "RECEIVE-PREPAYMENT")
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
    wire |= {"CurrencyCode": row["currency"], "UpdatedDateUTC": instant(row["updated"]), "HasAttachments": False}
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
    lines = []
    for item in items:
        code = item.get("AccountCode")
        if not credit and code not in codes:
            errors.append(f"Account code '{code or ''}' is not a valid code for this document.")
            continue
        try:
            default = codes[code]["tax_type"] if code in codes else "NONE"
            lines.append(read_line(item, kind, rates, default, call.world.ids.uuid))
        except (LineProblem, ValueError) as problem:
            errors.append(str(problem))
    return lines, kind


def _create(kit: Kit, call: Call, body: Any) -> Answer:
    def post_(values: Obj) -> dict[str, Any]:
        id = call.world.ids.uuid()
        row = {"id": id, "tenant": call.tenant, "status": "AUTHORISED", "reconciled": False, **values}
        if row["type"] in CREDITS:
            row[CREDITS[row["type"]].removeprefix("xero.")] = _credit(kit, call, row)
        return _transaction(kit, kit.ledger.touch("xero.banktransaction", row))

    return batch(call, body, "BankTransactions", "BankTransactionID", lambda wire: _read(kit, call, wire), post_)


def _credit(kit: Kit, call: Call, transaction: Obj) -> str:
    kind = CREDITS[transaction["type"]]
    names = ("tenant", "contact", "date", "lines", "line_amount_types", "reference", "subtotal", "tax", "total", "type")
    row = {name: transaction[name] for name in names}
    row |= {"id": call.world.ids.uuid(), "status": "AUTHORISED", "rate": "1", "currency": transaction["currency"]}
    return str(kit.ledger.settle(kind, row, "CREATE")["id"])


def _delete(kit: Kit, call: Call, id: str, body: Any) -> Answer:
    row = call.mine("xero.banktransaction", id)
    if row is None:
        raise not_found("no such bank transaction")
    wire = elements_of(body, "BankTransactions")[0]
    errors = []
    if wire.get("Status") != "DELETED" or row["status"] == "DELETED" or row["type"] in CREDITS or row["reconciled"]:
        errors.append("This bank transaction cannot be edited")
    locked = call.locked(row["date"])
    errors += [locked] if locked is not None else []
    if errors:
        raise invalid([{**wire, "BankTransactionID": id, "ValidationErrors": [{"Message": text} for text in errors]}])
    row["status"] = "DELETED"
    return call.answer("BankTransactions", [_transaction(kit, kit.ledger.touch("xero.banktransaction", row))])


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
        return await kit.door.write(request, SCOPE, lambda call, body: _create(kit, call, body))

    @post(f"{API}/BankTransactions", status_code=200)
    async def create_too(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _create(kit, call, body))

    @post(f"{API}/BankTransactions/{{id:str}}", status_code=200)
    async def delete(request: Web, id: str) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _delete(kit, call, id, body))

    return [transactions, transaction, create, create_too, delete]
