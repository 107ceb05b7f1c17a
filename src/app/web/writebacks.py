"""What could not be recorded in Xero: try again once the reason is gone, or say that it was booked by hand."""

from typing import Any

from litestar import Controller, Response, get, post

from app.books import writeback
from app.clients.bundle import Clients
from app.core.errors import Refused, Upstream
from app.core.http import AnyRequest, Form, see_other
from app.merchants import troubles
from app.web.dialogs import either, elsewhere, in_dialog
from app.web.viewer import Viewer


class WritebacksController(Controller):
    """POST /writebacks/{id}/retry, /overpay, /redate and /credit; GET, POST /writebacks/{id}/abandon."""

    path = "/writebacks"

    @post("/{write_back_id:int}/retry")
    async def retry(self, viewer: Viewer, write_back_id: int, form: Form) -> Response[Any]:
        """Try again now, and show what it belongs to; pressing twice does no harm."""
        back = await _back(viewer, write_back_id)
        try:
            await writeback.retry(viewer.merchant_id, write_back_id)
        except Refused as no:
            return see_other(back, no.message)
        return see_other(back, "Trying again. This page updates when Xero has it.")

    @post("/{write_back_id:int}/overpay")
    async def overpay(self, viewer: Viewer, clients: Clients, write_back_id: int, form: Form) -> Response[Any]:
        """What the invoice does not take becomes the customer's credit in Xero."""
        back = await _back(viewer, write_back_id)
        try:
            await writeback.overpay(clients, viewer.merchant_id, write_back_id)
        except (Refused, Upstream) as no:
            return see_other(back, no.message)
        return see_other(back, "Recording the overpayment. This page updates when Xero has it.")

    @post("/{write_back_id:int}/redate")
    async def redate(self, viewer: Viewer, clients: Clients, write_back_id: int, form: Form) -> Response[Any]:
        """What belongs to a locked day is recorded on the first open one."""
        back = await _back(viewer, write_back_id)
        try:
            said = await writeback.redate(clients, viewer.merchant_id, write_back_id)
        except (Refused, Upstream) as no:
            return see_other(back, no.message)
        return see_other(back, said)

    @post("/{write_back_id:int}/credit")
    async def credit(self, viewer: Viewer, write_back_id: int, form: Form) -> Response[Any]:
        """A payment that cannot be taken back, or not in part, gets a credit note beside it."""
        back = await _back(viewer, write_back_id)
        try:
            await writeback.credit(viewer.merchant_id, write_back_id)
        except Refused as no:
            return see_other(back, no.message)
        return see_other(back, "Recording the credit note. This page updates when Xero has it.")

    @get("/{write_back_id:int}/abandon")
    async def ask(self, request: AnyRequest, viewer: Viewer, clients: Clients, write_back_id: int) -> Response[Any]:
        """Whether it was really booked by hand: a dialog for htmx, else a page."""
        back = await _back(viewer, write_back_id)
        try:
            failure = await troubles.failure(viewer.merchant_id, write_back_id)
        except Refused as no:
            return elsewhere(request, back, no.message)
        if not failure.by_hand:
            return elsewhere(request, back, failure.way_out)
        context = {"in_dialog": in_dialog(request), "failure": failure, "back": back}
        return await either(request, viewer, clients, "app/mark_done", 200, context)

    @post("/{write_back_id:int}/abandon")
    async def abandon(self, viewer: Viewer, write_back_id: int, form: Form) -> Response[Any]:
        """It is booked by hand, says the person who presses."""
        back = await _back(viewer, write_back_id)
        try:
            await writeback.abandon(viewer.merchant_id, write_back_id, viewer.name)
        except Refused as no:
            return see_other(back, no.message)
        return see_other(back, "Marked as done.")


async def _back(viewer: Viewer, write_back_id: int) -> str:
    """The page it belongs to. Raises NotFound for a stranger's."""
    row = await writeback.own(viewer.merchant_id, write_back_id)
    return f"/payouts/{row['payout']}" if row["payout"] else f"/invoices/{row['invoice']}"
