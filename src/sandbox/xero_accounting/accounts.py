"""Accounts: the chart, and creating one account per request."""

from __future__ import annotations

from typing import Any

from litestar import get, put
from litestar.types import ControllerRouterHandler

from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.queries import modified_since
from sandbox.xero_call import Call, elements_of
from sandbox.xero_refusals import Answer, Web, invalid, not_found
from sandbox.xero_where import Field, order, where

SCOPE = "accounting.settings"
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
        "class": "ASSET" if bank else "EXPENSE",
        "payments": bool(wire.get("EnablePaymentsToAccount", False)),
        "system": "",
        "status": "ACTIVE",
        "tax_type": wire.get("TaxType", "NONE"),
        "currency": wire.get("CurrencyCode", call.organisation["currency"]) if bank else None,
        "number": wire.get("BankAccountNumber"),
    }
    call.world.store.put("xero.account", row["id"], row)
    return call.answer("Accounts", [kit.documents.account(row)])


def _account_problems(call: Call, wire: dict[str, Any]) -> list[str]:
    errors = []
    if not wire.get("Name") or len(str(wire["Name"])) > 150:
        errors.append("Name is required and must be 150 characters or less.")
    if not wire.get("Type"):
        errors.append("The Type field is mandatory.")
    if wire.get("Type") == "BANK" and not wire.get("BankAccountNumber"):
        errors.append("A bank account number is required.")
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
            row = call.mine("xero.account", account_id)
            if row is None:
                raise not_found()
            return call.answer("Accounts", [kit.documents.account(row)])

        return kit.door.read(request, SCOPE, act)

    @put(f"{API}/Accounts")
    async def create_account(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _new_account(kit, call, body))

    return [accounts, account, create_account]
