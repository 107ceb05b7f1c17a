"""Who works in an organisation, and whether Xero itself reminds its customers."""

from __future__ import annotations

from typing import Any

from litestar import get
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_call import Call
from sandbox.xero_refusals import Answer, Web
from sandbox.xero_wire import instant

SCOPE = "accounting.settings"


def _user(call: Call, row: Obj) -> dict[str, Any]:
    return {
        "UserID": row["id"],
        "EmailAddress": row["email"],
        "FirstName": row["given_name"],
        "LastName": row["family_name"],
        "UpdatedDateUTC": instant(call.now_ms),
        "IsSubscriber": False,
        "OrganisationRole": "FINANCIALADVISER",
    }


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/Users`` and ``/InvoiceReminders/Settings``."""

    @get(f"{API}/InvoiceReminders/Settings")
    async def reminders(request: Web) -> Answer:
        return kit.door.read(request, SCOPE, lambda call: call.answer("InvoiceReminders", [{"Enabled": False}]))

    @get(f"{API}/Users")
    async def users(request: Web) -> Answer:
        def act(call: Call) -> Answer:
            rows = [row for row in call.world.store.all("xero.user") if call.tenant in row["tenants"]]
            return call.answer("Users", [_user(call, row) for row in rows])

        return kit.door.read(request, SCOPE, act)

    return [reminders, users]
