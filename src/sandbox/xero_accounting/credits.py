"""Credit notes, overpayments, prepayments: reading them, and applying them to invoices.

An applied credit lowers AmountDue without any payment.
"""

from __future__ import annotations

from typing import Any

from litestar import delete, get, put
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.queries import modified_since, page, searchable
from sandbox.xero_call import Call, elements_of
from sandbox.xero_refusals import Answer, Web, invalid, not_found, refuse
from sandbox.xero_where import Field, order, where
from sandbox.xero_wire import cents, read_day

SCOPES = {
    "CreditNotes": ("xero.creditnote", "accounting.invoices"),
    "Overpayments": ("xero.overpayment", "accounting.payments"),
    "Prepayments": ("xero.prepayment", "accounting.payments"),
}
FIELDS: dict[str, Field] = {
    "type": lambda row: row["type"],
    "status": lambda row: row["status"],
    "date": lambda row: row["date"],
    "reference": lambda row: row["reference"],
    "contact.contactid": lambda row: row["contact"],
}
IDS = {"CreditNotes": "creditnoteid", "Overpayments": "overpaymentid", "Prepayments": "prepaymentid"}
EXCEEDS = "Allocation amount exceeds the amount outstanding on this document"


def _list(kit: Kit, call: Call, noun: str) -> Answer:
    kind, id_name = SCOPES[noun][0], IDS[noun]
    fields: dict[str, Field] = {**FIELDS, id_name: lambda row: row["id"]}
    if noun == "CreditNotes":
        fields["creditnotenumber"] = lambda row: row["number"]
    test = where(call.param("where"), fields)
    rows = [row for row in searchable(call, modified_since(call, call.rows(kind))) if test(row)]
    orders: dict[str, Field] = {"updateddateutc": lambda row: row["updated"], "date": lambda row: row["date"]}
    orders[id_name] = fields[id_name]
    rows = order(rows, call.param("order"), orders, lambda row: (row["updated"], row["id"]))
    rows, pagination = page(call, rows)
    wires = [kit.documents.credit(kind, row, full=pagination is not None) for row in rows]
    return call.answer(noun, wires, pagination)


def find_credit(call: Call, noun: str, id: str) -> Obj:
    """By id, a credit note also by its number; raises a 404."""
    kind = SCOPES[noun][0]
    row = call.mine(kind, id) or next((r for r in call.rows(kind) if r.get("number") == id), None)
    if row is None:
        raise not_found(f"no such object in {noun}")
    return row


def _allocate(kit: Kit, call: Call, noun: str, id: str, body: Any) -> Answer:
    kind = SCOPES[noun][0]
    source = find_credit(call, noun, id)
    made = []
    for wire in elements_of(body, "Allocations"):
        invoice = call.mine("xero.invoice", str((wire.get("Invoice") or {}).get("InvoiceID")))
        errors = _allocation_errors(kit, call, source, invoice, wire)
        if errors or invoice is None:
            raise invalid([{**wire, "ValidationErrors": [{"Message": text} for text in errors]}])
        date = read_day(wire["Date"]) if wire.get("Date") else kit.ledger.today(call.organisation)
        made.append(kit.ledger.allocate(kind, source, invoice, cents(wire["Amount"]), date))
    return call.answer("Allocations", [kit.documents.allocation(row) for row in made])


def _allocation_errors(kit: Kit, call: Call, source: Obj, invoice: Obj | None, wire: dict[str, Any]) -> list[str]:
    if invoice is None:
        return ["Invoice could not be found"]
    try:
        amount = cents(wire.get("Amount"))
        locked = call.locked(read_day(wire["Date"])) if wire.get("Date") else None
    except ValueError as problem:
        return [str(problem)]
    errors = [locked] if locked is not None else []
    if source["status"] != "AUTHORISED" or invoice["status"] != "AUTHORISED":
        errors.append("Allocations can only be made between Authorised documents")
    if invoice["currency"] != source["currency"] or invoice["contact"] != source["contact"]:
        errors.append("The documents must have the same contact and currency")
    if (invoice["type"] == "ACCPAY") != (source["type"] == "ACCPAYCREDIT"):
        errors.append("A credit can only be applied to documents of its own side")
    if amount <= 0 or amount > min(kit.ledger.due(invoice), kit.ledger.remaining(source)):
        errors.append(EXCEEDS)
    return errors


def _unallocate(kit: Kit, call: Call, noun: str, id: str, allocation_id: str) -> Answer:
    source = find_credit(call, noun, id)
    row = call.world.store.get("xero.allocation", allocation_id.lower())
    if row is None or row["source"] != source["id"]:
        raise not_found("no such allocation")
    locked = call.locked(row["date"])
    if locked is not None:
        raise refuse(locked)
    kit.ledger.unallocate(row)
    return call.raw("Allocation", {**kit.documents.allocation(row), "IsDeleted": True})


def _noun_routes(kit: Kit, noun: str) -> list[ControllerRouterHandler]:
    kind, scope = SCOPES[noun]

    @get(f"{API}/{noun}", name=f"xero {noun}")
    async def rows(request: Web) -> Answer:
        return kit.door.read(request, scope, lambda call: _list(kit, call, noun))

    @get(f"{API}/{noun}/{{id:str}}", name=f"xero one of {noun}")
    async def one(request: Web, id: str) -> Answer:
        def act(call: Call) -> Answer:
            return call.answer(noun, [kit.documents.credit(kind, find_credit(call, noun, id))])

        return kit.door.read(request, scope, act)

    @put(f"{API}/{noun}/{{id:str}}/Allocations", name=f"xero allocate {noun}")
    async def allocate(request: Web, id: str) -> Answer:
        return await kit.door.write(request, scope, lambda call, body: _allocate(kit, call, noun, id, body))

    @delete(f"{API}/{noun}/{{id:str}}/Allocations/{{allocation:str}}", name=f"xero take back {noun}", status_code=200)
    async def unallocate(request: Web, id: str, allocation: str) -> Answer:
        return await kit.door.write(request, scope, lambda call, _: _unallocate(kit, call, noun, id, allocation))

    return [rows, one, allocate, unallocate]


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/CreditNotes``, ``/Overpayments``, ``/Prepayments`` and their ``/Allocations``."""
    return [handler for noun in SCOPES for handler in _noun_routes(kit, noun)]
