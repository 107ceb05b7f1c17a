"""Accounts: the chart, creating one account per request, renaming, archiving and deleting it."""

from __future__ import annotations

from typing import Any

from litestar import delete, get, post, put
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.queries import modified_since
from sandbox.xero_call import Call, elements_of
from sandbox.xero_refusals import Answer, Web, invalid, not_found, refuse
from sandbox.xero_where import Field, order, where

SCOPE = "accounting.settings"
CLASSES = {
    **dict.fromkeys(("BANK", "CURRENT", "FIXED", "INVENTORY", "NONCURRENT", "PREPAYMENT"), "ASSET"),
    **dict.fromkeys(("CURRLIAB", "LIABILITY", "TERMLIAB"), "LIABILITY"),
    **dict.fromkeys(("DIRECTCOSTS", "EXPENSE", "OVERHEADS", "DEPRECIATN"), "EXPENSE"),
    **dict.fromkeys(("REVENUE", "SALES", "OTHERINCOME"), "REVENUE"),
    "EQUITY": "EQUITY",
}
EDITABLE = {"Code": "code", "Name": "name", "TaxType": "tax_type"}
MOVES = ("xero.payment", "xero.banktransaction")
FIELDS: dict[str, Field] = {
    "accountid": lambda row: row["id"],
    "code": lambda row: row["code"],
    "name": lambda row: row["name"],
    "type": lambda row: row["type"],
    "status": lambda row: row["status"],
    "class": lambda row: row["class"],
}


def _new_account(kit: Kit, call: Call, body: Any) -> Answer:
    elements = elements_of(body, "Accounts")
    wire = elements[0]
    errors = [] if len(elements) == 1 else ["Only one account can be created per request"]
    errors += _account_problems(call, wire)
    if errors:
        raise invalid([{**wire, "ValidationErrors": [{"Message": text} for text in errors]}])
    bank = wire["Type"] == "BANK"
    row = {
        "id": call.world.ids.uuid(),
        "tenant": call.tenant,
        "updated": call.now_ms,
        "code": wire.get("Code"),
        "name": wire["Name"],
        "type": wire["Type"],
        "class": CLASSES[wire["Type"]],
        "payments": bool(wire.get("EnablePaymentsToAccount", False)),
        "system": "",
        "status": "ACTIVE",
        "tax_type": wire.get("TaxType", "NONE"),
        "currency": (wire.get("CurrencyCode") or call.organisation["currency"]) if bank else None,
        "number": wire.get("BankAccountNumber"),
    }
    call.world.store.put("xero.account", row["id"], row)
    return call.answer("Accounts", [kit.documents.account(row)])


def _change_account(kit: Kit, call: Call, id: str, body: Any) -> Answer:
    """Rename, archive or restore; archiving goes alone, and no system account goes at all."""
    row, wire = _known(call, id), elements_of(body, "Accounts")[0]
    changes: Obj = {field: str(wire[name]) for name, field in EDITABLE.items() if wire.get(name)}
    if "EnablePaymentsToAccount" in wire:
        changes["payments"] = wire["EnablePaymentsToAccount"] is True
    status, others = wire.get("Status", row["status"]), [one for one in call.rows("xero.account") if one is not row]
    errors = []
    if row["status"] == "DELETED" or status not in ("ACTIVE", "ARCHIVED"):
        errors.append("The account status is not valid")
    if status != row["status"] and (changes or row["system"]):
        errors.append("An account can only be archived by itself, and never a system account")
    if any(one[field] == changes[field] for one in others for field in ("code", "name") if changes.get(field)):
        errors.append("Please enter a unique Code and Name.")
    if errors:
        raise invalid([{**wire, "AccountID": row["id"], "ValidationErrors": [{"Message": text} for text in errors]}])
    return _stored(kit, call, {**row, **changes, "status": status})


def _delete_account(kit: Kit, call: Call, id: str) -> Answer:
    row = _known(call, id)
    used = any(one["account"] == row["id"] for kind in MOVES for one in call.rows(kind))
    used = used or any(row["id"] in (one["from"], one["to"]) for one in call.rows("xero.banktransfer"))
    if row["system"] or used:
        raise refuse("The account is in use and cannot be deleted: archive it")
    return _stored(kit, call, {**row, "status": "DELETED"})


def _known(call: Call, id: str) -> Obj:
    row = call.mine("xero.account", id)
    if row is None:
        raise not_found("no such account")
    return row


def _stored(kit: Kit, call: Call, row: Obj) -> Answer:
    row = call.world.store.put("xero.account", row["id"], {**row, "updated": call.now_ms})
    return call.answer("Accounts", [kit.documents.account(row)])


def _account_problems(call: Call, wire: dict[str, Any]) -> list[str]:
    errors = []
    if not wire.get("Name") or len(str(wire["Name"])) > 150:
        errors.append("Name is required and must be 150 characters or less.")
    if not wire.get("Type"):
        errors.append("The Type field is mandatory.")
    elif wire["Type"] not in CLASSES:
        errors.append(f"Account type '{wire['Type']}' is not valid.")
    if wire.get("BankAccountType") == "PAYPAL":
        errors.append("A PayPal account cannot be created.")
    if wire.get("Type") == "BANK" and not wire.get("BankAccountNumber"):
        errors.append("A bank account number is required.")
    enabled = {row["code"] for row in call.rows("xero.currency")} | {call.organisation["currency"]}
    if wire.get("Type") == "BANK" and wire.get("CurrencyCode") and str(wire["CurrencyCode"]) not in enabled:
        errors.append(f"Organisation is not subscribed to currency {wire['CurrencyCode']}")
    if wire.get("Type") != "BANK" and not wire.get("Code"):
        errors.append("Please enter a unique Code.")
    taken = {row["code"] for row in call.rows("xero.account")} | {row["name"] for row in call.rows("xero.account")}
    if {wire.get("Code"), wire.get("Name")} & taken - {None}:
        errors.append("Please enter a unique Name.")
    return errors


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/Accounts``."""

    @get(f"{API}/Accounts")
    async def accounts(request: Web) -> Answer:
        def act(call: Call) -> Answer:
            test = where(call.param("where"), FIELDS)
            rows = [row for row in modified_since(call, call.rows("xero.account")) if test(row)]
            rows = order(rows, call.param("order"), FIELDS, lambda row: row["code"] or "")
            return call.answer("Accounts", [kit.documents.account(row) for row in rows])

        return kit.door.read(request, SCOPE, act)

    @get(f"{API}/Accounts/{{account_id:str}}")
    async def account(request: Web, account_id: str) -> Answer:
        def act(call: Call) -> Answer:
            return call.answer("Accounts", [kit.documents.account(_known(call, account_id))])

        return kit.door.read(request, SCOPE, act)

    @put(f"{API}/Accounts")
    async def create_account(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _new_account(kit, call, body))

    @post(f"{API}/Accounts/{{account_id:str}}", status_code=200)
    async def change_account(request: Web, account_id: str) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _change_account(kit, call, account_id, body))

    @delete(f"{API}/Accounts/{{account_id:str}}", status_code=200)
    async def delete_account(request: Web, account_id: str) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, _body: _delete_account(kit, call, account_id))

    return [accounts, account, create_account, change_account, delete_account]
