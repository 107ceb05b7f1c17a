"""Payments that could not be recorded in Xero: try again, once the reason is gone."""

from typing import Any
from uuid import UUID

from litestar import Controller, Response, post

from app.books import writeback
from app.core import db
from app.core.errors import NotFound, Refused
from app.core.http import Form, see_other
from app.web.viewer import Viewer


class WritebacksController(Controller):
    """POST /writebacks/{id}/retry."""

    path = "/writebacks"

    @post("/{write_back_id:int}/retry")
    async def retry(self, viewer: Viewer, write_back_id: int, form: Form) -> Response[Any]:
        """Try again now, and show the invoice; pressing twice does no harm."""
        sql = "SELECT invoice FROM write_back WHERE id = $1 AND merchant = $2"
        invoice_id: UUID | None = await db.fetch_value(sql, write_back_id, viewer.merchant_id)
        if invoice_id is None:
            raise NotFound("No such write-back.")
        try:
            await writeback.retry(viewer.merchant_id, write_back_id)
        except Refused as no:
            return see_other(f"/invoices/{invoice_id}", no.message)
        return see_other(f"/invoices/{invoice_id}", "Trying again. This page updates when Xero has it.")
