"""Bank transfers: payouts from the clearing account to the bank. Since July 2026 they can be deleted."""

from __future__ import annotations

from typing import Any

from litestar import get, post, put
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.bank import SCOPE, bank_account
from sandbox.xero_accounting.batches import batch
from sandbox.xero_accounting.queries import modified_since, searchable
from sandbox.xero_call import Call, elements_of
from sandbox.xero_refusals import Answer, Web, invalid, not_found
from sandbox.xero_where import Field, order, where
from sandbox.xero_wire import cents, day, day_string, fixed, instant, money, read_day

FIELDS: dict[str, Field] = {
    "banktransferid": lambda row: row["id"],
    "date": lambda row: row["date"],
    "amount": lambda row: money(row["amount"]),
    "reference": lambda row: row["reference"],
}


def _transfer(kit: Kit, row: Obj) -> dict[str, Any]:
    def side(id: str) -> dict[str, Any]:
        account = kit.world.store.get("xero.account", id) or {}
        return {"AccountID": id, "Code": account.get("code"), "Name": account.get("name")}

    return {
        "BankTransferID": row["id"],
        "FromBankAccount": side(row["from"]),
        "ToBankAccount": side(row["to"]),
        "Amount": money(row["amount"]),
        "Date": day(row["date"]),
        "DateString": day_string(row["date"]),
        "Reference": row["reference"],
        "CurrencyRate": fixed("1", 10),
        "Status": row["status"],
        "CreatedDateUTC": instant(row["created"]),
        "FromIsReconciled": False,
        "ToIsReconciled": False,
        "HasAttachments": kit.documents.has_files(row),
    }


def _read_transfer(kit: Kit, call: Call, wire: dict[str, Any]) -> tuple[list[str], Obj]:
    errors: list[str] = []
    ends = [bank_account(call, wire.get(name)) for name in ("FromBankAccount", "ToBankAccount")]
    source, target = ends
    if source is None or target is None or source is target:
        errors.append("A transfer needs two different bank accounts")
    try:
        amount = cents(wire.get("Amount"))
        date = read_day(wire["Date"]) if wire.get("Date") else kit.ledger.today(call.organisation)
    except ValueError as problem:
        return [*errors, str(problem)], {}
    if amount <= 0:
        errors.append("Amount must be greater than zero")
    locked = call.locked(date)
    errors += [locked] if locked is not None else []
    values = {"amount": amount, "date": date, "reference": str(wire.get("Reference") or "")}
    return errors, values | {"from": (source or {}).get("id"), "to": (target or {}).get("id")}


def _create_transfer(kit: Kit, call: Call, body: Any) -> Answer:
    def make(values: Obj) -> dict[str, Any]:
        row = {
            "id": call.world.ids.uuid(),
            "tenant": call.tenant,
            "status": "AUTHORISED",
            "created": call.now_ms,
            **values,
        }
        return _transfer(kit, kit.ledger.touch("xero.banktransfer", row))

    return batch(call, body, "BankTransfers", "BankTransferID", lambda wire: _read_transfer(kit, call, wire), make)


def _delete_transfers(kit: Kit, call: Call, body: Any, id: str | None = None) -> Answer:
    """All of them or none: a transfer can only be deleted, and not in a locked period."""
    found: list[Obj] = []
    for wire in elements_of(body, "BankTransfers"):
        row = call.mine("xero.banktransfer", id or str(wire.get("BankTransferID")))
        errors = ["The bank transfer cannot be edited"]
        if row is not None and wire.get("Status") == "DELETED" and row["status"] != "DELETED" and row not in found:
            found.append(row)
            locked = call.locked(row["date"])
            errors = [locked] if locked is not None else []
        if errors:
            raise invalid([{**wire, "ValidationErrors": [{"Message": text} for text in errors]}])
    for row in found:
        row["status"] = "DELETED"
        kit.ledger.touch("xero.banktransfer", row)
    return call.answer("BankTransfers", [_transfer(kit, row) for row in found])


def _list(kit: Kit, call: Call) -> Answer:
    test = where(call.param("where"), FIELDS)
    rows = [row for row in searchable(call, modified_since(call, call.rows("xero.banktransfer"))) if test(row)]
    rows = [row for row in rows if row["status"] != "DELETED" or call.flag("includeDeleted")]
    rows = order(rows, call.param("order"), FIELDS, lambda row: (row["created"], row["id"]))
    return call.answer("BankTransfers", [_transfer(kit, row) for row in rows])


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/BankTransfers``."""

    @get(f"{API}/BankTransfers")
    async def transfers(request: Web) -> Answer:
        return kit.door.read(request, SCOPE, lambda call: _list(kit, call))

    @get(f"{API}/BankTransfers/{{id:str}}")
    async def transfer(request: Web, id: str) -> Answer:
        def act(call: Call) -> Answer:
            row = call.mine("xero.banktransfer", id)
            if row is None:
                raise not_found("no such bank transfer")
            return call.answer("BankTransfers", [_transfer(kit, row)])

        return kit.door.read(request, SCOPE, act)

    @put(f"{API}/BankTransfers")
    async def create_transfer(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _create_transfer(kit, call, body))

    @post(f"{API}/BankTransfers", status_code=200)
    async def delete_transfers(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _delete_transfers(kit, call, body))

    @post(f"{API}/BankTransfers/{{id:str}}", status_code=200)
    async def delete_transfer(request: Web, id: str) -> Answer:
        def act(call: Call, body: Any) -> Answer:
            if call.mine("xero.banktransfer", id) is None:
                raise not_found("no such bank transfer")
            return _delete_transfers(kit, call, body, id)

        return await kit.door.write(request, SCOPE, act)

    return [transfers, transfer, create_transfer, delete_transfers, delete_transfer]
