"""Creating and changing invoices: PUT creates, POST creates or updates; what may change depends on the status.

Rules: facts §3.3 (status changes, what stays editable once money is applied, locked periods) and §5.4 (texts).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from litestar import post, put
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.contacts import save_contact
from sandbox.xero_accounting.invoice_fields import Refusal, check_complete, contact_id, read_fields
from sandbox.xero_accounting.invoices import SCOPE, find_invoice, unit_places
from sandbox.xero_call import Call, elements_of
from sandbox.xero_refusals import Answer, Web, invalid, shown
from sandbox.xero_seed import blank_invoice
from sandbox.xero_wire import ZERO_ID

NOT_VALID = "Invoice not of valid status for modification"
HAS_PAYMENT = "This document cannot be edited as it has a payment or credit note allocated to it."
EDGES = {
    "DRAFT": {"DRAFT", "SUBMITTED", "AUTHORISED", "DELETED"},
    "SUBMITTED": {"SUBMITTED", "AUTHORISED", "DRAFT", "DELETED"},
    "AUTHORISED": {"AUTHORISED", "VOIDED"},
    "PAID": {"PAID"},
}
EDITABLE_WHEN_PAID = {"InvoiceID", "Reference", "DueDate", "InvoiceNumber", "BrandingThemeID", "Contact", "Url"} | {
    "SentToContact",
    "Status",
    "Type",
    "LineItems",
}
# Of a line only words and coding may still change.
FIXED_WHEN_PAID = ("amount", "tax", "tax_type", "discount")
LIMIT_REACHED = "You have reached the limit of invoices you can approve"
# As reported of the real Xero; the flags its own SDKs add to every object they send are taken and not read.
UNRECOGNISED = {"StatusAttributeString"}
NOT_READ = {"HasErrors", "HasAttachments", "IsDiscounted", "ValidationErrors", "Warnings"}
Change = Callable[[], Obj]


def plan(kit: Kit, call: Call, wire: dict[str, Any], *, creating: bool, key: str | None = None) -> Change:
    """Check one element and return what applies it; raises Refusal."""
    for name in sorted(UNRECOGNISED & set(wire)):
        raise Refusal(f"The element '{name}' was not recognised")
    row = _addressed(call, wire, key)
    # A deleted draft's number is free for a new invoice; addressed by it, an update meets the deleted one.
    if row is None or (creating and row["status"] == "DELETED"):
        return _plan_new(kit, call, wire)
    if creating:
        raise Refusal("Invoice # must be unique.")
    return _plan_change(kit, call, row, wire)


def _addressed(call: Call, wire: dict[str, Any], key: str | None) -> Obj | None:
    if key is not None:
        return find_invoice(call, key)
    if wire.get("InvoiceID"):
        row = call.mine("xero.invoice", str(wire["InvoiceID"]))
        if row is None:
            raise Refusal("Invoice could not be found")
        return row
    number = wire.get("InvoiceNumber")
    if not number or wire.get("Type", "ACCREC") != "ACCREC":
        return None
    found = call.world.store.by("xero.invoice", "number", (call.tenant, "ACCREC", str(number)))
    return next((row for row in found if row["status"] != "DELETED"), found[0] if found else None)


def _plan_new(kit: Kit, call: Call, wire: dict[str, Any]) -> Change:
    kind = wire.get("Type")
    if kind not in ("ACCREC", "ACCPAY"):
        raise Refusal("Invoice type is required and must be ACCREC or ACCPAY.")
    status = str(wire.get("Status", "DRAFT"))
    if status not in ("DRAFT", "SUBMITTED", "AUTHORISED"):
        raise Refusal("Invoice not of valid status for creation")
    row = blank_invoice(kind, "", "", call.organisation["currency"])
    row |= {"id": None, "tenant": call.tenant, "app": True, "date": kit.ledger.today(call.organisation)}
    row["theme"] = next((t["id"] for t in call.rows("xero.theme") if t["sort"] == 0), None)
    contact = contact_id(call, wire)
    changes = read_fields(call, row, wire)
    check_complete({**row, **changes}, status)
    locked = call.locked(str(changes.get("date", row["date"])))
    if locked is not None:
        raise Refusal(locked)
    _check_approvals(call, row, status)

    def apply() -> Obj:
        row.update(changes)
        _count_approval(call, row, status)
        row["id"] = call.world.ids.uuid()
        row["number"] = row["number"] or next_number(call)
        row["status"] = status
        row["contact"] = _tell_contact(kit, call, contact, wire["Contact"])
        return kit.ledger.settle("xero.invoice", row, "CREATE")

    return apply


def next_number(call: Call) -> str:
    """The organisation's next free sales invoice number."""
    org = call.organisation
    while True:
        number = f"{org['prefix']}{org['next_number']}"
        org["next_number"] += 1
        call.world.store.put("xero.organisation", org["id"], org)
        if not call.world.store.by("xero.invoice", "number", (call.tenant, "ACCREC", number)):
            return number


def _plan_change(kit: Kit, call: Call, row: Obj, wire: dict[str, Any]) -> Change:
    status = str(wire.get("Status", row["status"]))
    applied = bool(kit.ledger.paid(row) or kit.ledger.credited(row))
    _check_may_change(call, row, wire, status, applied=applied)
    changes = read_fields(call, row, wire)
    if wire.get("Contact") and wire["Contact"].get("ContactID"):
        changes["contact"] = contact_id(call, wire)
        if changes["contact"] != row["contact"] and kit.ledger.credited(row):
            raise Refusal(HAS_PAYMENT)
    if applied and "lines" in changes and not _same_amounts(row["lines"], changes["lines"]):
        raise Refusal(HAS_PAYMENT)
    if "SentToContact" in wire:
        if row["status"] not in ("AUTHORISED", "PAID"):
            raise Refusal("SentToContact can only be set on approved invoices")
        changes["sent"] = bool(wire["SentToContact"])
    check_complete({**row, **changes}, status)
    _check_approvals(call, row, status)
    # Xero does not move UpdatedDateUTC for these on documents with money applied, and says so.
    quiet = applied and set(changes) <= {"due", "sent"} and status == row["status"]

    def apply() -> Obj:
        row.update(changes)
        _count_approval(call, row, status)
        if "contact" in changes:
            _tell_contact(kit, call, changes["contact"], wire["Contact"])
        row["status"] = status
        if quiet:
            return call.world.store.put("xero.invoice", row["id"], row)
        return kit.ledger.settle("xero.invoice", row)

    return apply


def _tell_contact(kit: Kit, call: Call, id: str | None, wire: dict[str, Any]) -> str:
    """The contact's id, made when new; details sent along change the contact, and persons left out are gone."""
    row = call.world.store.get("xero.contact", id)
    if row is None or set(wire) & {"FirstName", "LastName", "EmailAddress", "ContactPersons"}:
        row = save_contact(kit, call, row, wire)
    return str(row["id"])


def _same_amounts(before: list[Obj], after: list[Obj]) -> bool:
    def amounts(lines: list[Obj]) -> list[list[Any]]:
        exact = [[Decimal(line["quantity"]), Decimal(line["unit"])] for line in lines]
        return [[*pair, *(line[name] for name in FIXED_WHEN_PAID)] for pair, line in zip(exact, lines, strict=True)]

    return amounts(before) == amounts(after)


def _check_approvals(call: Call, row: Obj, status: str) -> None:
    """A small plan approves so many invoices a month."""
    if status == "AUTHORISED" != row["status"] and call.organisation.get("approvals") == 0:
        raise Refusal(LIMIT_REACHED)


def _count_approval(call: Call, row: Obj, status: str) -> None:
    left = call.organisation.get("approvals")
    if left and status == "AUTHORISED" != row["status"]:
        call.organisation["approvals"] = left - 1
        call.world.store.put("xero.organisation", call.tenant, call.organisation)


def _check_may_change(call: Call, row: Obj, wire: dict[str, Any], status: str, *, applied: bool) -> None:
    locked = call.locked(row["date"])
    if locked is not None:
        raise Refusal(locked)
    if status not in EDGES.get(row["status"], set()):
        raise Refusal(NOT_VALID)
    if status == "VOIDED" and applied:
        raise Refusal(HAS_PAYMENT)
    if applied and not set(wire) - NOT_READ <= EDITABLE_WHEN_PAID:
        raise Refusal(HAS_PAYMENT)
    if wire.get("Type", row["type"]) != row["type"]:
        raise Refusal(NOT_VALID)


def save(kit: Kit, call: Call, body: Any, *, creating: bool, key: str | None = None) -> Answer:
    """All elements, or none and a 400; with ``summarizeErrors=false`` each by itself, and always a 200."""
    each = (call.param("summarizeErrors") or "").lower() == "false"
    results: list[dict[str, Any]] = []
    changes: list[Change] = []
    for wire in elements_of(body, "Invoices"):
        try:
            change = plan(kit, call, wire, creating=creating, key=key)
        except Refusal as refusal:
            echo = {"InvoiceID": ZERO_ID, **shown(wire), "HasErrors": True, "StatusAttributeString": "ERROR"}
            results.append({**echo, "ValidationErrors": [{"Message": text} for text in refusal.texts]})
            continue
        if each:
            wire_ = kit.documents.invoice(change(), places=unit_places(call))
            results.append({**wire_, "StatusAttributeString": "OK"})
        else:
            changes.append(change)
    if each:
        return call.answer("Invoices", results)
    if results:
        raise invalid(results)
    rows = [change() for change in changes]
    return call.answer("Invoices", [kit.documents.invoice(row, places=unit_places(call)) for row in rows])


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """PUT and POST of ``/Invoices``, POST ``/Invoices/{id}``."""

    @put(f"{API}/Invoices")
    async def create(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: save(kit, call, body, creating=True))

    @post(f"{API}/Invoices", status_code=200)
    async def create_or_update(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: save(kit, call, body, creating=False))

    @post(f"{API}/Invoices/{{key:str}}", status_code=200)
    async def update(request: Web, key: str) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: save(kit, call, body, creating=False, key=key))

    return [create, create_or_update, update]
