"""Payments received, and sending one back."""

from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post

from app.clients.bundle import Clients
from app.core.errors import Refused
from app.core.http import AnyRequest, Form, see_other
from app.merchants import refunding
from app.merchants.invoice_list import asked
from app.merchants.payment_list import invoice_of, payments
from app.web.dialogs import either, elsewhere, in_dialog
from app.web.render import page
from app.web.viewer import Viewer


class PaymentsController(Controller):
    """The list of payments, and the form that refunds one."""

    path = "/payments"

    @get("")
    async def index(self, request: AnyRequest, viewer: Viewer) -> Response[str]:
        """Newest first, a page at a time."""
        context = await payments(viewer.merchant_id, asked(request.query_params).page)
        return await page(request, "app/payments", viewer=viewer, **context)

    @get("/{payment_id:uuid}/refund")
    async def refund_form(
        self, request: AnyRequest, viewer: Viewer, clients: Clients, payment_id: UUID
    ) -> Response[Any]:
        """How much goes back, and what that does: a dialog for htmx, else a page."""
        try:
            context = await refunding.form(viewer.merchant_id, payment_id)
        except Refused as no:
            return elsewhere(request, f"/invoices/{await invoice_of(viewer.merchant_id, payment_id)}", no.message)
        return await either(request, viewer, clients, "app/refund", 200, context | {"in_dialog": in_dialog(request)})

    @post("/{payment_id:uuid}/refund")
    async def refund(
        self, request: AnyRequest, viewer: Viewer, clients: Clients, payment_id: UUID, form: Form
    ) -> Response[Any]:
        """Ask for it, once however often the button is pressed, or say at the field what is wrong."""
        typed = {name: form.text(name) for name in ("choice", "amount", "key")}
        errors = await refunding.ask(viewer.merchant_id, payment_id, typed, viewer.name)
        back = f"/invoices/{await invoice_of(viewer.merchant_id, payment_id)}"
        if not errors:
            return see_other(back, "The refund is on its way to Stripe.")
        try:
            context = await refunding.form(viewer.merchant_id, payment_id)
        except Refused as no:
            return see_other(back, no.message)
        values = {
            "values": context["values"] | {"choice": typed["choice"], "amount": typed["amount"]},
            "errors": errors,
        }
        return await either(request, viewer, clients, "app/refund", 422, context | values | {"in_dialog": False})
