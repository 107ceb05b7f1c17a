"""GET /customers: who owes what."""

from litestar import Controller, Response, get

from app.core.http import AnyRequest
from app.merchants.customer_list import customers
from app.merchants.invoice_list import asked
from app.web.render import page
from app.web.viewer import Viewer


class CustomersController(Controller):
    """The list of customers."""

    path = "/customers"

    @get("")
    async def index(self, request: AnyRequest, viewer: Viewer) -> Response[str]:
        """Most owed first, a page at a time."""
        ask = asked(request.query_params)
        return await page(
            request, "app/customers", viewer=viewer, **await customers(viewer.merchant_id, ask.q, ask.page)
        )
