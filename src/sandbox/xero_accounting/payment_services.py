"""Payment services, for approved partners only: without the restricted scope nothing here works.

PUT creates a service, POST attaches it to a branding theme.
"""

from __future__ import annotations

from typing import Any

from litestar import get, post, put
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_call import Call, elements_of
from sandbox.xero_refusals import Answer, Web, invalid, not_found

PAY_NOW_LONGEST = 255


def _service(row: Obj) -> dict[str, Any]:
    return {
        "PaymentServiceID": row["id"],
        "PaymentServiceName": row["name"],
        "PaymentServiceUrl": row["url"],
        "PaymentServiceType": "Custom",
        "PayNowText": row["text"],
    }


def _problems(call: Call, wire: dict[str, Any]) -> list[str]:
    errors = [
        f"{name} is required"
        for name in ("PaymentServiceName", "PaymentServiceUrl", "PayNowText")
        if not wire.get(name)
    ]
    if any(row["name"] == wire.get("PaymentServiceName") for row in call.rows("xero.paymentservice")):
        errors.append("Payment service name must be unique")
    if len(str(wire.get("PayNowText", ""))) > PAY_NOW_LONGEST:
        errors.append("PayNowText is too long")
    return errors


def _create(call: Call, body: Any) -> Answer:
    made, refused = [], []
    for wire in elements_of(body, "PaymentServices"):
        errors = _problems(call, wire)
        if errors:
            refused.append({**wire, "ValidationErrors": [{"Message": text} for text in errors]})
            continue
        id = call.world.ids.uuid()
        row = {"id": id, "tenant": call.tenant, "name": wire["PaymentServiceName"], "url": wire["PaymentServiceUrl"]}
        made.append({**row, "text": wire["PayNowText"], "updated": call.now_ms})
    if refused:
        raise invalid(refused)
    for row in made:
        call.world.store.put("xero.paymentservice", row["id"], row)
    return call.answer("PaymentServices", [_service(row) for row in made])


def _attach(call: Call, theme_id: str, body: Any) -> Answer:
    theme = call.mine("xero.theme", theme_id)
    if theme is None:
        raise not_found()
    ids = [str(wire.get("PaymentServiceID")) for wire in elements_of(body, "PaymentServices")]
    rows = [call.mine("xero.paymentservice", id) for id in ids]
    if None in rows:
        message = {"Message": "Payment service could not be found"}
        raise invalid([{"PaymentServiceID": id, "ValidationErrors": [message]} for id in ids])
    # Several may be sent, but only the last one is taken for online invoices.
    theme["services"] = ids[-1:]
    call.world.store.put("xero.theme", theme["id"], theme)
    return call.answer("PaymentServices", [_service(row) for row in rows if row is not None])


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/PaymentServices`` and ``/BrandingThemes/{id}/PaymentServices``."""

    @get(f"{API}/PaymentServices")
    async def services(request: Web) -> Answer:
        def act(call: Call) -> Answer:
            return call.answer("PaymentServices", [_service(row) for row in call.rows("xero.paymentservice")])

        return kit.door.read(request, "paymentservices", act)

    @put(f"{API}/PaymentServices")
    async def create_service(request: Web) -> Answer:
        return await kit.door.write(request, "paymentservices", _create)

    @get(f"{API}/BrandingThemes/{{theme_id:str}}/PaymentServices")
    async def services_of(request: Web, theme_id: str) -> Answer:
        def act(call: Call) -> Answer:
            theme = call.mine("xero.theme", theme_id)
            if theme is None:
                raise not_found()
            rows = [call.mine("xero.paymentservice", id) for id in theme["services"]]
            return call.answer("PaymentServices", [_service(row) for row in rows if row is not None])

        return kit.door.read(request, "paymentservices", act)

    @post(f"{API}/BrandingThemes/{{theme_id:str}}/PaymentServices", status_code=200)
    async def attach(request: Web, theme_id: str) -> Answer:
        return await kit.door.write(request, "paymentservices", lambda call, body: _attach(call, theme_id, body))

    return [services, create_service, services_of, attach]
