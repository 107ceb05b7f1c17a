"""The invoices: the dashboard, one invoice, requesting payment, the link's switches."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.enums import MediaType

from app.books import invoices, links
from app.clients.bundle import Clients
from app.core.errors import Refused, Upstream
from app.core.http import AnyRequest, Form, see_other
from app.merchants import letters, requests
from app.merchants.dashboard import dashboard
from app.merchants.invoice_list import asked
from app.merchants.invoice_page import invoice_page, invoice_view, read
from app.web.dialogs import either, elsewhere, in_dialog
from app.web.render import page, render
from app.web.viewer import Viewer, form_token


class InvoicesController(Controller):
    """GET and POST below /invoices."""

    path = "/invoices"

    @get("")
    async def index(self, request: AnyRequest, viewer: Viewer, clients: Clients) -> Response[Any]:
        """The dashboard; whoever has connected no organisation yet goes on with the setup."""
        context = await dashboard(clients.settings, viewer.merchant_id, asked(request.query_params))
        if context["is_new"]:
            return see_other("/setup")
        return await page(request, "app/invoices", viewer=viewer, **context)

    @get("/live")
    async def live(self, request: AnyRequest, viewer: Viewer, clients: Clients) -> Response[str]:
        """The changing part of the dashboard, for htmx."""
        context = await dashboard(clients.settings, viewer.merchant_id, asked(request.query_params))
        html = render(request, "app/_invoices_live", csrf_token=form_token(clients, viewer), **context)
        return Response(html, media_type=MediaType.HTML)

    @post("/request")
    async def request_chosen(self, request: AnyRequest, viewer: Viewer, clients: Clients, form: Form) -> Response[Any]:
        """Request payment for the ticked invoices."""
        chosen = [UUID(one) for one in form.many("id") if _is_uuid(one)]
        if not chosen:
            return see_other("/invoices", "Choose at least one invoice.")
        done = await requests.request_all(clients, viewer.merchant_id, chosen, viewer.given_name, viewer.email)
        return await _done(request, viewer, clients, done)

    @get("/{invoice_id:uuid}")
    async def one(self, request: AnyRequest, viewer: Viewer, clients: Clients, invoice_id: UUID) -> Response[str]:
        """One invoice."""
        return await page(
            request, "app/invoice", viewer=viewer, **await invoice_page(clients, viewer.merchant_id, invoice_id)
        )

    @get("/{invoice_id:uuid}/request")
    async def ask(self, request: AnyRequest, viewer: Viewer, clients: Clients, invoice_id: UUID) -> Response[Any]:
        """The request to be written: a dialog for htmx, else a page."""
        try:
            row = await requests.open_invoice(viewer.merchant_id, invoice_id)
        except Refused as refused:
            return elsewhere(request, f"/invoices/{invoice_id}", refused.message)
        letter, again = await requests.suggest(clients, row, viewer.given_name)
        return await _form(request, viewer, clients, row, letter, again=again)

    @post("/{invoice_id:uuid}/request")
    async def send(
        self, request: AnyRequest, viewer: Viewer, clients: Clients, form: Form, invoice_id: UUID
    ) -> Response[Any]:
        """Send the request, or say at the fields what is wrong."""
        letter = letters.read(form)
        errors = letters.check(letter)
        try:
            if not errors:
                done = await requests.request(clients, viewer.merchant_id, invoice_id, letter, viewer.email)
                return await _done(request, viewer, clients, [done])
            row = await requests.open_invoice(viewer.merchant_id, invoice_id)
        except Refused as refused:
            return elsewhere(request, f"/invoices/{invoice_id}", refused.message)
        link = await links.of_invoice(invoice_id)
        again = bool(link and link["requested_at"])
        return await _form(request, viewer, clients, row, letter, again=again, errors=errors)

    @post("/{invoice_id:uuid}/request/undo")
    async def undo(self, request: AnyRequest, viewer: Viewer, form: Form, invoice_id: UUID) -> Response[Any]:
        """Take the request back while its mail waits."""
        await invoices.one(viewer.merchant_id, invoice_id)
        mail_id = form.text("mail")
        undone = _is_uuid(mail_id) and await requests.undo(viewer.merchant_id, invoice_id, UUID(mail_id))
        words = (
            "Request taken back. No mail was sent."
            if undone
            else "Too late to take it back: the mail has gone out or is on its way."
        )
        return elsewhere(request, f"/invoices/{invoice_id}", words)

    @post("/{invoice_id:uuid}/link")
    async def link(self, viewer: Viewer, clients: Clients, form: Form, invoice_id: UUID) -> Response[Any]:
        """Make the link to hand out, give it a new address, or set its switches."""
        back, action = f"/invoices/{invoice_id}", form.text("action")
        if action == "make":
            await requests.hand_out(clients, viewer.merchant_id, invoice_id)
            return see_other(back, "Your payment link is ready.")
        await invoices.one(viewer.merchant_id, invoice_id)
        link = await links.of_invoice(invoice_id)
        if action not in {"replace", "save"}:
            raise Refused(
                "Nothing was changed: the form did not say what to do. Go back, reload the page and try again."
            )
        if link and action == "replace":
            await links.revoke(clients.keys, viewer.merchant_id, link["id"])
            return see_other(back, "Your new payment link is ready. The old one no longer works.")
        if link:
            await links.set_allow_part(viewer.merchant_id, link["id"], form.ticked("allow_part"))
            await links.set_active(viewer.merchant_id, link["id"], form.ticked("active"))
        return see_other(back, "Saved.")

    @get("/{invoice_id:uuid}/replace-link")
    async def replace_link(
        self, request: AnyRequest, viewer: Viewer, clients: Clients, invoice_id: UUID
    ) -> Response[Any]:
        """Whether the old address shall really stop working: a dialog for htmx, else a page."""
        row = await read(viewer.merchant_id, invoice_id)
        if not await links.of_invoice(invoice_id):
            return elsewhere(request, f"/invoices/{invoice_id}", "There is no payment link yet.")
        context = {"in_dialog": in_dialog(request), "invoice": invoice_view(clients, row)}
        return await either(request, viewer, clients, "app/replace_link", 200, context)

    @post("/{invoice_id:uuid}/refresh")
    async def refresh(self, viewer: Viewer, clients: Clients, form: Form, invoice_id: UUID) -> Response[Any]:
        """Read the invoice from Xero now."""
        await invoices.one(viewer.merchant_id, invoice_id)
        try:
            await invoices.now_due(clients, invoice_id)
        except Refused as refused:
            return see_other(f"/invoices/{invoice_id}", refused.message)
        except Upstream:
            return see_other(f"/invoices/{invoice_id}", "Xero did not answer just now. Please try again in a minute.")
        return see_other(f"/invoices/{invoice_id}", "Up to date with Xero.")


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


async def _form(
    request: AnyRequest,
    viewer: Viewer,
    clients: Clients,
    row: Any,
    letter: letters.Letter,
    *,
    again: bool,
    errors: dict[str, str] | None = None,
) -> Response[Any]:
    context = {
        "in_dialog": in_dialog(request),
        "invoice": invoice_view(clients, row),
        "requested": again,
        "values": letter.values(),
        "errors": errors or {},
        "can_attach": True,
    }
    return await either(request, viewer, clients, "app/request", 422 if errors else 200, context)


async def _done(request: AnyRequest, viewer: Viewer, clients: Clients, done: list[requests.Requested]) -> Response[Any]:
    named = [replace(one, number=one.number or "No number") for one in done]
    context = {"in_dialog": in_dialog(request), "requests": named}
    return await either(request, viewer, clients, "app/request_done", 200, context)
