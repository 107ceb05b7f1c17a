"""An invoice's QR code as a picture and on paper."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get

from app.books import links
from app.clients.bundle import Clients
from app.core import qr
from app.core.errors import NotFound
from app.core.http import AnyRequest
from app.merchants.invoice_page import invoice_view, link_view, read
from app.merchants.letterhead import letterhead
from app.web.render import page
from app.web.viewer import Viewer


class CodesController(Controller):
    """Everything printed. 404 while the invoice has no link."""

    path = "/invoices/{invoice_id:uuid}"

    @get("/qr.svg")
    async def svg(self, viewer: Viewer, clients: Clients, invoice_id: UUID) -> Response[str]:
        """The code as SVG."""
        row, link = await _both(viewer, invoice_id)
        text = links.qr_text(clients.settings, clients.keys, link)
        name = f"QR code that opens {link_view(clients, row, link).short}"
        return Response(qr.svg(text, name), media_type="image/svg+xml")

    @get("/qr.png")
    async def png(self, viewer: Viewer, clients: Clients, invoice_id: UUID) -> Response[bytes]:
        """The code as PNG, ten pixels for each module."""
        _, link = await _both(viewer, invoice_id)
        return Response(qr.png(links.qr_text(clients.settings, clients.keys, link)), media_type="image/png")

    @get("/poster")
    async def poster(self, request: AnyRequest, viewer: Viewer, clients: Clients, invoice_id: UUID) -> Response[str]:
        """An A4 poster."""
        return await _paper(request, "app/poster", viewer, clients, invoice_id)

    @get("/insert")
    async def insert(self, request: AnyRequest, viewer: Viewer, clients: Clients, invoice_id: UUID) -> Response[str]:
        """A slip for the envelope."""
        return await _paper(request, "app/insert", viewer, clients, invoice_id)


async def _both(viewer: Viewer, invoice_id: UUID) -> tuple[Any, Any]:
    row = await read(viewer.merchant_id, invoice_id)
    link = await links.of_invoice(invoice_id)
    if link is None:
        raise NotFound
    return row, link


async def _paper(request: AnyRequest, name: str, viewer: Viewer, clients: Clients, invoice_id: UUID) -> Response[str]:
    row, link = await _both(viewer, invoice_id)
    shown = link_view(clients, row, link)
    return await page(
        request,
        name,
        csrf_token="",
        m=await letterhead(viewer.merchant_id),
        invoice=invoice_view(clients, row),
        link=SimpleNamespace(url=shown.url, short=shown.short),
    )
