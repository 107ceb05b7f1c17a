"""Credit notes, overpayments, prepayments and their allocations: they lower AmountDue without any payment."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from litestar import get, post, put
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.batches import batch
from sandbox.xero_accounting.queries import modified_since, page
from sandbox.xero_call import Call, elements_of
from sandbox.xero_lines import LineProblem, read_line, totals
from sandbox.xero_refusals import Answer, Web, invalid, not_found
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
EXCEEDS = "Allocation amount exceeds the amount outstanding on this document"


def _list(kit: Kit, call: Call, noun: str) -> Answer:
    kind, test = SCOPES[noun][0], where(call.param("where"), FIELDS)
    rows = [row for row in modified_since(call, call.rows(kind)) if test(row)]
    orders = {"updateddateutc": lambda row: row["updated"], "date": lambda row: row["date"]}
    rows = order(rows, call.param("order"), orders, lambda row: (row["updated"], row["id"]))
    rows, pagination = page(call, rows)
    wires = [kit.documents.credit(kind, row, full=pagination is not None) for row in rows]
    return call.answer(noun, wires, pagination)


def _one(kit: Kit, call: Call, noun: str, id: str) -> Answer:
    kind = SCOPES[noun][0]
    row = call.mine(kind, id) or next((r for r in call.rows(kind) if r.get("number") == id), None)
    if row is None:
        raise not_found()
    return call.answer(noun, [kit.documents.credit(kind, row)])


def _allocate(kit: Kit, call: Call, noun: str, id: str, body: Any) -> Answer:
    kind = SCOPES[noun][0]
    source = call.mine(kind, id)
    if source is None:
        raise not_found()
    made = []
    for wire in elements_of(body, "Allocations"):
        invoice = call.mine("xero.invoice", str((wire.get("Invoice") or {}).get("InvoiceID")))
        errors = _allocation_errors(kit, call, kind, source, invoice, wire)
        if errors or invoice is None:
            raise invalid([{**wire, "ValidationErrors": [{"Message": text} for text in errors]}])
        date = read_day(wire["Date"]) if wire.get("Date") else kit.ledger.today(call.organisation)
        made.append(kit.ledger.allocate(kind, source, invoice, cents(wire["Amount"]), date))
    return call.answer("Allocations", [kit.documents.allocation(row) for row in made])


def _allocation_errors(
    kit: Kit, call: Call, kind: str, source: Obj, invoice: Obj | None, wire: dict[str, Any]
) -> list[str]:
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
    if amount <= 0 or amount > min(kit.ledger.due(invoice), kit.ledger.remaining(source)):
        errors.append(EXCEEDS)
    return errors


def _read_note(kit: Kit, call: Call, wire: dict[str, Any]) -> tuple[list[str], Obj]:
    errors: list[str] = []
    contact = call.mine("xero.contact", str((wire.get("Contact") or {}).get("ContactID")))
    if contact is None:
        errors.append("A Contact must be specified for this type of transaction")
    if wire.get("Type") != "ACCRECCREDIT":
        errors.append("Type must be ACCRECCREDIT")
    kind = str(wire.get("LineAmountTypes", "Exclusive"))
    rates = {row["type"]: Decimal(row["rate"]) for row in call.rows("xero.taxrate")}
    lines = []
    for item in wire.get("LineItems") or []:
        try:
            lines.append(read_line(item, kind, rates, "NONE", call.world.ids.uuid))
        except (LineProblem, ValueError) as problem:
            errors.append(str(problem))
    try:
        date = read_day(wire["Date"]) if wire.get("Date") else kit.ledger.today(call.organisation)
    except ValueError as problem:
        return [*errors, str(problem)], {}
    locked = call.locked(date)
    errors += [locked] if locked is not None else []
    status = str(wire.get("Status", "DRAFT"))
    if status not in ("DRAFT", "SUBMITTED", "AUTHORISED") or not lines:
        errors.append("One or more line items must be specified" if not lines else "Status is not valid")
    values = {"contact": (contact or {}).get("id"), "date": date, "status": status, "lines": lines}
    values |= {"line_amount_types": kind, "reference": str(wire.get("Reference") or ""), **totals(lines, kind)}
    return errors, values | {"number": wire.get("CreditNoteNumber"), "currency": wire.get("CurrencyCode")}


def _next_number(kit: Kit, tenant: Obj) -> str:
    return f"CN-{kit.world.store.next_number('creditnote ' + tenant['id'], 1001)}"


def save_note(kit: Kit, tenant: Obj, values: Obj) -> Obj:
    """Store a credit note found valid; it gets the next number when it has none."""
    number = values.get("number") or _next_number(kit, tenant)
    row = {"type": "ACCRECCREDIT", "rate": "1", **values, "id": kit.world.ids.uuid(), "tenant": tenant["id"]}
    row |= {"number": number, "currency": values.get("currency") or tenant["currency"]}
    return kit.ledger.settle("xero.creditnote", row, "CREATE")


def _save_notes(kit: Kit, call: Call, body: Any) -> Answer:
    def make(values: Obj) -> dict[str, Any]:
        return kit.documents.credit("xero.creditnote", save_note(kit, call.organisation, values))

    return batch(call, body, "CreditNotes", "CreditNoteID", lambda wire: _read_note(kit, call, wire), make)


def _noun_routes(kit: Kit, noun: str) -> list[ControllerRouterHandler]:
    scope = SCOPES[noun][1]

    @get(f"{API}/{noun}", name=f"xero {noun}")
    async def rows(request: Web) -> Answer:
        return kit.door.read(request, scope, lambda call: _list(kit, call, noun))

    @get(f"{API}/{noun}/{{id:str}}", name=f"xero one of {noun}")
    async def one(request: Web, id: str) -> Answer:
        return kit.door.read(request, scope, lambda call: _one(kit, call, noun, id))

    @put(f"{API}/{noun}/{{id:str}}/Allocations", name=f"xero allocate {noun}")
    async def allocate(request: Web, id: str) -> Answer:
        return await kit.door.write(request, scope, lambda call, body: _allocate(kit, call, noun, id, body))

    return [rows, one, allocate]


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/CreditNotes``, ``/Overpayments``, ``/Prepayments`` and their ``/Allocations``."""

    @put(f"{API}/CreditNotes")
    async def create(request: Web) -> Answer:
        return await kit.door.write(request, "accounting.invoices", lambda call, body: _save_notes(kit, call, body))

    @post(f"{API}/CreditNotes", status_code=200)
    async def create_too(request: Web) -> Answer:
        return await kit.door.write(request, "accounting.invoices", lambda call, body: _save_notes(kit, call, body))

    return [*(handler for noun in SCOPES for handler in _noun_routes(kit, noun)), create, create_too]
