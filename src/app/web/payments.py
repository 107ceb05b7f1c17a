"""GET /payments: payments received."""

from litestar import Controller, Response, get

from app.core.http import AnyRequest
from app.merchants.invoice_list import asked
from app.merchants.payment_list import payments
from app.web.render import page
from app.web.viewer import Viewer


class PaymentsController(Controller):
    """The list of payments."""

    path = "/payments"

    @get("")
    async def index(self, request: AnyRequest, viewer: Viewer) -> Response[str]:
        """Newest first, a page at a time."""
        context = await payments(viewer.merchant_id, asked(request.query_params).page)
        return await page(request, "app/payments", viewer=viewer, **context)
