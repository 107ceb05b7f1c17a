"""History and notes: what happened to a document, and what an app adds to it. Nothing here is ever changed or removed."""

from __future__ import annotations

from typing import Any

from litestar import get, put
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.owners import OWNERS, owner
from sandbox.xero_call import Call, elements_of
from sandbox.xero_refusals import Answer, Web, refuse
from sandbox.xero_wire import instant, seven_digits

LONGEST_NOTE = 2_500
WITHOUT = {"Accounts"}


def note_history(kit: Kit, row: Obj, changes: str, details: str, user: str) -> Obj:
    """Add a line to a document's history."""
    record = {
        "id": kit.world.ids.uuid(),
        "owner": row["id"],
        "at": int(kit.world.clock.timestamp() * 1000),
        "changes": changes,
        "details": details,
        "user": user,
    }
    return kit.world.store.put("xero.history", record["id"], record)


def _record(row: Obj) -> dict[str, Any]:
    return {
        "Changes": row["changes"],
        "DateUTCString": seven_digits(row["at"])[:19],
        "DateUTC": instant(row["at"]),
        "User": row["user"],
        "Details": row["details"],
    }


def _list(kit: Kit, call: Call, noun: str, key: str) -> Answer:
    rows = kit.world.store.by("xero.history", "owner", owner(call, noun, key)["id"])
    return call.answer("HistoryRecords", [_record(row) for row in reversed(rows)])


def _add(kit: Kit, call: Call, noun: str, key: str, body: Any) -> Answer:
    row = owner(call, noun, key)
    records = elements_of(body, "HistoryRecords")
    if any(not wire.get("Details") or len(str(wire["Details"])) > LONGEST_NOTE for wire in records):
        raise refuse("Details must be between 1 and 2500 characters")
    made = [note_history(kit, row, "Note", str(wire["Details"]), "System Generated") for wire in records]
    return call.answer("HistoryRecords", [_record(record) for record in made])


def _noun_routes(kit: Kit, noun: str, scope: str) -> list[ControllerRouterHandler]:
    address = f"{API}/{noun}/{{key:str}}/History"

    @get(address, name=f"xero history of {noun}")
    async def history(request: Web, key: str) -> Answer:
        return kit.door.read(request, scope, lambda call: _list(kit, call, noun, key))

    @put(address, name=f"xero note on {noun}")
    async def add_history(request: Web, key: str) -> Answer:
        return await kit.door.write(request, scope, lambda call, body: _add(kit, call, noun, key, body))

    return [history, add_history]


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/{noun}/{id}/History`` of every noun that has one."""
    return [
        handler
        for noun, (_, scope) in OWNERS.items()
        if noun not in WITHOUT
        for handler in _noun_routes(kit, noun, scope)
    ]
