"""The online invoice: what the customer sees at Xero, with Pay now when the branding theme has a payment service.

Placeholders are exactly [INVOICENUMBER], [CURRENCY], [AMOUNTDUE], [SHORTCODE]; values are percent-encoded. A payment made
through a custom URL never marks the invoice paid: only the app can, by writing a payment.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from sandbox.pages import page
from sandbox.store import Obj
from sandbox.xero_accounting import Kit
from sandbox.xero_pdf import invoice_pdf

SHOWN = ("AUTHORISED", "PAID", "SUBMITTED")


def pay_now(kit: Kit, row: Obj) -> dict[str, str] | None:
    """The button of an invoice that is due and whose theme has a service: its text and address."""
    theme = kit.world.store.get("xero.theme", row["theme"])
    due = kit.ledger.due(row)
    if theme is None or not theme["services"] or due <= 0 or row["status"] != "AUTHORISED":
        return None
    service = kit.world.store.get("xero.paymentservice", theme["services"][-1])
    return None if service is None else {"text": service["text"], "url": fill_in(kit, service["url"], row, due)}


def fill_in(kit: Kit, url: str, row: Obj, due: int) -> str:
    """The service's address with the four placeholders replaced."""
    organisation = kit.world.store.get("xero.organisation", row["tenant"]) or {}
    values = {
        "[INVOICENUMBER]": row["number"],
        "[CURRENCY]": row["currency"],
        "[AMOUNTDUE]": f"{due // 100}.{due % 100:02}",
        "[SHORTCODE]": organisation["short_code"],
    }
    for name, value in values.items():
        url = url.replace(name, quote(value, safe=""))
    return url


def _shown(kit: Kit, token: str) -> Obj | None:
    rows = kit.world.store.by("xero.invoice", "online", token)
    return next((row for row in rows if row["status"] in SHOWN), None)


def _gone() -> Response[Any]:
    return page("xero/gone.html", status=404)


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/xero/in/<40 characters>``, its PDF and its shown attachments."""

    @get("/xero/in/{token:str}")
    async def online_invoice(token: str) -> Response[Any]:
        row = _shown(kit, token)
        if row is None:
            return _gone()
        files = kit.world.store.by("xero.attachment", "owner", row["id"])
        return page(
            "xero/online.html",
            row=row,
            organisation=kit.world.store.get("xero.organisation", row["tenant"]),
            contact=kit.world.store.get("xero.contact", row["contact"]) or {"name": ""},
            due=kit.ledger.due(row),
            paid=kit.ledger.paid(row),
            credited=kit.ledger.credited(row),
            pay_now=pay_now(kit, row),
            files=[file for file in files if file["online"]],
        )

    @get("/xero/in/{token:str}/pdf")
    async def online_pdf(token: str) -> Response[Any]:
        row = _shown(kit, token)
        if row is None:
            return _gone()
        organisation = kit.world.store.get("xero.organisation", row["tenant"]) or {}
        contact = kit.world.store.get("xero.contact", row["contact"]) or {"name": ""}
        return Response(invoice_pdf(organisation, contact, row, kit.ledger.due(row)), media_type="application/pdf")

    @get("/xero/in/{token:str}/files/{file_id:str}")
    async def online_file(token: str, file_id: str) -> Response[Any]:
        row, file = _shown(kit, token), kit.world.store.get("xero.attachment", file_id)
        if row is None or file is None or file["owner"] != row["id"] or not file["online"]:
            return _gone()
        headers = {"content-security-policy": "sandbox; default-src 'none'", "x-content-type-options": "nosniff"}
        return Response(base64.b64decode(file["content"]), media_type=file["mime"], headers=headers)

    return [online_invoice, online_pdf, online_file]
