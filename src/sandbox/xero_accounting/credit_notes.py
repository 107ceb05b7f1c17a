"""Writing credit notes: created in draft or approved, approved and voided later, edited until something is applied."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from litestar import get, post, put
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.batches import batch
from sandbox.xero_accounting.credits import SCOPES, find_credit
from sandbox.xero_accounting.invoice_writes import EDGES, HAS_PAYMENT
from sandbox.xero_accounting.invoices import pdf_answer
from sandbox.xero_call import Call
from sandbox.xero_lines import LineProblem, read_line, totals
from sandbox.xero_refusals import Answer, Web, not_found
from sandbox.xero_wire import read_day

KIND, SCOPE = SCOPES["CreditNotes"]
TYPES = ("ACCRECCREDIT", "ACCPAYCREDIT")
NOT_VALID = "Credit note not of valid status for modification"
EDITABLE_WHEN_APPLIED = {"CreditNoteID", "CreditNoteNumber", "Reference", "Status", "Type"}


def _addressed(call: Call, wire: dict[str, Any]) -> tuple[Obj | None, list[str]]:
    """The note meant by id, or by number; none and no error for a new one."""
    if wire.get("CreditNoteID"):
        row = call.mine(KIND, str(wire["CreditNoteID"]))
        return row, [] if row is not None else ["Credit note could not be found"]
    number = wire.get("CreditNoteNumber")
    live = (row for row in call.rows(KIND) if row["status"] not in ("DELETED", "VOIDED"))
    return (next((row for row in live if row["number"] == number), None) if number else None), []


def _read(kit: Kit, call: Call, wire: dict[str, Any], *, creating: bool) -> tuple[list[str], Obj]:
    row, errors = _addressed(call, wire)
    if errors:
        return errors, {}
    if row is None:
        return _read_new(kit, call, wire)
    return (["Credit note # must be unique."], {}) if creating else _read_change(kit, call, row, wire)


def _read_new(kit: Kit, call: Call, wire: dict[str, Any]) -> tuple[list[str], Obj]:
    values: Obj = {"line_amount_types": "Exclusive", "reference": "", "number": wire.get("CreditNoteNumber")}
    values |= {"date": kit.ledger.today(call.organisation), "currency": call.organisation["currency"], "lines": []}
    errors, fields = _fields(call, {**values, "contact": None}, wire)
    values |= fields | {"type": wire.get("Type"), "status": str(wire.get("Status", "DRAFT"))}
    if values["type"] not in TYPES:
        errors.append("Type must be ACCRECCREDIT or ACCPAYCREDIT")
    if "contact" not in fields:
        errors.append("A Contact must be specified for this type of transaction")
    if values["status"] not in ("DRAFT", "SUBMITTED", "AUTHORISED"):
        errors.append("Status is not valid")
    if not values["lines"]:
        errors.append("One or more line items must be specified")
    return errors + _locked(call, values["date"]), values


def _read_change(kit: Kit, call: Call, row: Obj, wire: dict[str, Any]) -> tuple[list[str], Obj]:
    status = str(wire.get("Status", row["status"]))
    applied = kit.ledger.remaining(row) != row["total"]
    if status not in EDGES.get(row["status"], set()):
        return [NOT_VALID], {}
    if applied and (status == "VOIDED" or not set(wire) <= EDITABLE_WHEN_APPLIED):
        return [HAS_PAYMENT], {}
    errors, fields = _fields(call, row, wire)
    errors += _locked(call, row["date"]) or _locked(call, str(fields.get("date", row["date"])))
    if wire.get("CreditNoteNumber"):
        fields["number"] = str(wire["CreditNoteNumber"])
    return errors, {**fields, "id": row["id"], "status": status}


def _fields(call: Call, row: Obj, wire: dict[str, Any]) -> tuple[list[str], Obj]:
    """What both may set: contact, date, reference, currency, lines."""
    errors: list[str] = []
    fields: Obj = {"reference": str(wire["Reference"] or "")} if "Reference" in wire else {}
    if wire.get("Contact"):
        contact = call.mine("xero.contact", str(wire["Contact"].get("ContactID")))
        fields |= {} if contact is None else {"contact": contact["id"]}
        errors += ["The contact could not be found"] if contact is None else []
    if wire.get("Date"):
        try:
            fields["date"] = read_day(wire["Date"])
        except ValueError as problem:
            errors.append(str(problem))
    if wire.get("CurrencyCode"):
        fields["currency"] = str(wire["CurrencyCode"])
        if fields["currency"] not in {one["code"] for one in call.rows("xero.currency")}:
            errors.append(f"Organisation is not subscribed to currency {fields['currency']}")
    if "LineItems" in wire or "LineAmountTypes" in wire:
        fields |= _lines(call, row, wire, errors)
    return errors, fields


def _lines(call: Call, row: Obj, wire: dict[str, Any], errors: list[str]) -> Obj:
    kind = str(wire.get("LineAmountTypes", row["line_amount_types"]))
    if kind not in ("Exclusive", "Inclusive", "NoTax"):
        errors.append("LineAmountTypes must be Exclusive, Inclusive or NoTax")
    rates = {one["type"]: Decimal(one["rate"]) for one in call.rows("xero.taxrate")}
    lines = []
    for item in wire.get("LineItems") or []:
        try:
            lines.append(read_line(item, kind, rates, "NONE", call.world.ids.uuid))
        except (LineProblem, ValueError) as problem:
            errors.append(str(problem))
    return {"lines": lines, "line_amount_types": kind, **totals(lines, kind)}


def _locked(call: Call, date: str) -> list[str]:
    locked = call.locked(date)
    return [locked] if locked is not None else []


def save_note(kit: Kit, tenant: Obj, values: Obj) -> Obj:
    """Store a credit note found valid, new or changed; a new one gets the next number when it has none."""
    known = kit.world.store.get(KIND, values.get("id"))
    if known is not None:
        known |= values
        return kit.ledger.settle(KIND, known)
    number = values.get("number") or f"CN-{kit.world.store.next_number('creditnote ' + tenant['id'], 1001)}"
    row = {"type": "ACCRECCREDIT", "rate": "1", **values, "id": kit.world.ids.uuid(), "tenant": tenant["id"]}
    return kit.ledger.settle(KIND, row | {"number": number}, "CREATE")


def _save(kit: Kit, call: Call, body: Any, *, creating: bool, id: str | None = None) -> Answer:
    def check(wire: dict[str, Any]) -> tuple[list[str], Obj]:
        return _read(kit, call, wire if id is None else {**wire, "CreditNoteID": id}, creating=creating)

    def make(values: Obj) -> dict[str, Any]:
        return kit.documents.credit(KIND, save_note(kit, call.organisation, values))

    if id is not None and call.mine(KIND, id) is None:
        raise not_found("no such credit note")
    return batch(call, body, "CreditNotes", "CreditNoteID", check, make)


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """PUT and POST of ``/CreditNotes``, POST ``/CreditNotes/{id}``, its PDF."""

    @put(f"{API}/CreditNotes")
    async def create(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _save(kit, call, body, creating=True))

    @post(f"{API}/CreditNotes", status_code=200)
    async def create_or_update(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _save(kit, call, body, creating=False))

    @post(f"{API}/CreditNotes/{{id:str}}", status_code=200)
    async def update(request: Web, id: str) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _save(kit, call, body, creating=False, id=id))

    @get(f"{API}/CreditNotes/{{id:str}}/pdf")
    async def pdf(request: Web, id: str) -> Answer:
        def act(call: Call) -> Answer:
            row = find_credit(call, "CreditNotes", id)
            return pdf_answer(call, row, kit.ledger.remaining(row), "CREDIT NOTE")

        return kit.door.read(request, SCOPE, act)

    return [create, create_or_update, update, pdf]
