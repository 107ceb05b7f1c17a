"""Reading invoices: lists with every filter of the documentation, single ones by id or number, as JSON, XML or PDF."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.catalogue import Catalogue
from sandbox.xero_accounting.queries import listed, page
from sandbox.xero_call import Call
from sandbox.xero_pdf import invoice_pdf
from sandbox.xero_refusals import Answer, Web, not_found
from sandbox.xero_sown import Glimpse
from sandbox.xero_where import Field, where
from sandbox.xero_wire import money

SCOPE = "accounting.invoices"
ORDER_FIELDS: dict[str, Field] = {
    "invoiceid": lambda row: row["id"],
    "updateddateutc": lambda row: row["updated"],
    "date": lambda row: row["date"],
}


def where_fields(kit: Kit) -> dict[str, Field]:
    """The optimised fields of an invoice's ``where``."""

    def contact(row: Obj) -> Obj:
        return kit.world.store.get("xero.contact", row["contact"]) or {}

    return {
        "type": lambda row: row["type"],
        "status": lambda row: row["status"],
        "contact.contactid": lambda row: row["contact"],
        "contact.name": lambda row: contact(row).get("name"),
        "contact.contactnumber": lambda row: contact(row).get("contact_number"),
        "reference": lambda row: row["reference"],
        "invoicenumber": lambda row: row["number"],
        "invoiceid": lambda row: row["id"],
        "date": lambda row: row["date"],
        "duedate": lambda row: row["due"],
        # Nobody has paid any of an invoice that is still as it was sown.
        "amountdue": lambda row: money(row["total"] if isinstance(row, Glimpse) else kit.ledger.due(row)),
        "amountpaid": lambda row: money(0 if isinstance(row, Glimpse) else kit.ledger.paid(row)),
    }


def _tests(call: Call, kit: Kit) -> list[Callable[[Obj], bool]]:
    tests = [where(call.param("where"), where_fields(kit))] if call.param("where") else []
    lists: dict[str, Callable[[Obj], Any]] = {
        "Statuses": lambda row: row["status"],
        "InvoiceNumbers": lambda row: row["number"],
        "IDs": lambda row: row["id"],
        "ContactIDs": lambda row: row["contact"],
    }
    for name, field in lists.items():
        wanted = listed(call, name)
        if wanted is not None:
            lower = {value.lower() for value in wanted}
            tests.append(lambda row, field=field, lower=lower: str(field(row)).lower() in lower)  # type: ignore[misc]
    term = (call.param("searchTerm") or "").lower()
    if term:
        tests.append(lambda row: term in row["number"].lower() or term in row["reference"].lower())
    if call.flag("createdByMyApp"):
        tests.append(lambda row: bool(row["app"]))
    return tests


def _list(kit: Kit, catalogue: Catalogue, call: Call) -> Answer:
    found = catalogue.find(call, _tests(call, kit))
    summary = call.flag("summaryOnly")
    shown, pagination = page(call, found, force=summary or call.param("Statuses") is not None)
    rows = [catalogue.row(entry) for entry in shown]
    lines, places = pagination is not None and not summary, unit_places(call)
    wires = [kit.documents.invoice(row, lines=lines, single=False, summary=summary, places=places) for row in rows]
    return call.answer("Invoices", wires, pagination)


def unit_places(call: Call) -> int:
    """Decimal places of UnitAmount: two unless ``unitdp=4``."""
    return 4 if call.param("unitdp") == "4" else 2


def find_invoice(call: Call, key: str) -> Obj:
    """By id, or by number (sales invoices first, for bills' numbers are not unique); raises a 404."""
    row = call.mine("xero.invoice", key)
    for kind in ("ACCREC", "ACCPAY"):
        found = call.world.store.by("xero.invoice", "number", (call.tenant, kind, key))
        row = row or next((one for one in found if one["status"] != "DELETED"), None)
    if row is None:
        raise not_found("no such invoice")
    return row


def pdf_answer(call: Call, row: Obj, left: int, title: str = "TAX INVOICE") -> Answer:
    """The document as Xero prints it, with what is left of it: without any code of ours on it."""
    contact = call.world.store.get("xero.contact", row["contact"]) or {"name": ""}
    content = invoice_pdf(call.organisation, contact, row, left, title)
    return Response(content, media_type="application/pdf")


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """GET ``/Invoices``, ``/Invoices/{id or number}``, ``/Invoices/{id}/pdf``."""
    catalogue = Catalogue(kit.world, ORDER_FIELDS)

    @get(f"{API}/Invoices")
    async def invoices(request: Web) -> Answer:
        return kit.door.read(request, SCOPE, lambda call: _list(kit, catalogue, call))

    @get(f"{API}/Invoices/{{key:str}}")
    async def invoice(request: Web, key: str) -> Answer:
        def act(call: Call) -> Answer:
            row = find_invoice(call, key)
            if "application/pdf" in request.headers.get("accept", ""):
                return pdf_answer(call, row, kit.ledger.due(row))
            return call.answer("Invoices", [kit.documents.invoice(row, places=unit_places(call))])

        return kit.door.read(request, SCOPE, act)

    @get(f"{API}/Invoices/{{key:str}}/pdf")
    async def pdf(request: Web, key: str) -> Answer:
        def act(call: Call) -> Answer:
            row = find_invoice(call, key)
            return pdf_answer(call, row, kit.ledger.due(row))

        return kit.door.read(request, SCOPE, act)

    return [invoices, invoice, pdf]
