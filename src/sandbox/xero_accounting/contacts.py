"""Contacts: read, create, update. PUT on a contact that exists is the 500 seen at the real Xero."""

from __future__ import annotations

from typing import Any

from litestar import get, post, put
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.queries import listed, modified_since, page
from sandbox.xero_call import Call, elements_of
from sandbox.xero_refusals import Answer, Web, XeroProblem, invalid, not_found
from sandbox.xero_where import Field, order, where

SCOPE = "accounting.contacts"
FIELDS: dict[str, Field] = {
    "contactid": lambda row: row["id"],
    "name": lambda row: row["name"],
    "emailaddress": lambda row: row["email"],
    "contactstatus": lambda row: row["status"],
    "accountnumber": lambda row: row.get("account_number"),
}
SERVER_ERROR = {
    "Title": "An error occurred",
    "Detail": "An error occurred in Xero. Check the API Status page http://status.developer.xero.com for current service"
    " status.",
    "Status": 500,
}


def _list(kit: Kit, call: Call) -> Answer:
    test, ids = where(call.param("where"), FIELDS), listed(call, "IDs")
    term = (call.param("searchTerm") or "").lower()
    rows = [row for row in modified_since(call, call.rows("xero.contact")) if test(row)]
    rows = [row for row in rows if ids is None or row["id"] in {id.lower() for id in ids}]
    rows = [row for row in rows if term in f"{row['name']} {row['first']} {row['last']} {row['email']}".lower()]
    if not call.flag("includeArchived"):
        rows = [row for row in rows if row["status"] == "ACTIVE"]
    rows = order(rows, call.param("order"), FIELDS, lambda row: (row["updated"], row["id"]))
    rows, pagination = page(call, rows)
    return call.answer("Contacts", [kit.documents.contact(row) for row in rows], pagination)


def _save(kit: Kit, call: Call, body: Any, *, creating: bool) -> Answer:
    made, refused = [], []
    for wire in elements_of(body, "Contacts"):
        row = _known(call, wire)
        if row is not None and creating:
            raise XeroProblem(500, {**SERVER_ERROR, "Instance": call.world.ids.uuid()}, "PUT on an existing contact")
        if row is None and not wire.get("Name"):
            errors = [{"Message": "The contact name must be specified."}]
            refused.append({**wire, "ValidationErrors": errors})
            continue
        made.append((row, wire))
    if refused:
        raise invalid(refused)
    rows = [save_contact(kit, call, row, wire) for row, wire in made]
    return call.answer("Contacts", [kit.documents.contact(row) for row in rows])


def _known(call: Call, wire: dict[str, Any]) -> Obj | None:
    if wire.get("ContactID"):
        return call.mine("xero.contact", str(wire["ContactID"]))
    name = str(wire.get("Name") or "").strip().lower()
    return next((row for row in call.rows("xero.contact") if row["name"].lower() == name), None) if name else None


def save_contact(kit: Kit, call: Call, row: Obj | None, wire: dict[str, Any]) -> Obj:
    """Create or update; contact persons not sent along are gone, as at the real Xero."""
    event = "UPDATE" if row is not None else "CREATE"
    row = row or {
        "id": call.world.ids.uuid(),
        "tenant": call.tenant,
        "name": "",
        "first": "",
        "last": "",
        "email": "",
        "status": "ACTIVE",
        "persons": [],
        "currency": None,
        "address": {},
    }
    names = {
        "Name": "name",
        "FirstName": "first",
        "LastName": "last",
        "EmailAddress": "email",
        "ContactStatus": "status",
    }
    for wire_name, name in names.items():
        if wire_name in wire:
            row[name] = str(wire[wire_name] or "")
    row["persons"] = wire.get("ContactPersons") or []
    return kit.ledger.touch("xero.contact", row, event)


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/Contacts``."""

    @get(f"{API}/Contacts")
    async def contacts(request: Web) -> Answer:
        return kit.door.read(request, SCOPE, lambda call: _list(kit, call))

    @get(f"{API}/Contacts/{{contact_id:str}}")
    async def contact(request: Web, contact_id: str) -> Answer:
        def act(call: Call) -> Answer:
            row = call.mine("xero.contact", contact_id)
            if row is None:
                raise not_found()
            return call.answer("Contacts", [kit.documents.contact(row)])

        return kit.door.read(request, SCOPE, act)

    @put(f"{API}/Contacts")
    async def create(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _save(kit, call, body, creating=True))

    @post(f"{API}/Contacts", status_code=200)
    async def save(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _save(kit, call, body, creating=False))

    @post(f"{API}/Contacts/{{contact_id:str}}", status_code=200)
    async def update(request: Web, contact_id: str) -> Answer:
        def act(call: Call, body: Any) -> Answer:
            row = call.mine("xero.contact", contact_id)
            if row is None:
                raise not_found()
            wire = elements_of(body, "Contacts")[0]
            return call.answer("Contacts", [kit.documents.contact(save_contact(kit, call, row, wire))])

        return await kit.door.write(request, SCOPE, act)

    return [contacts, contact, create, save, update]
