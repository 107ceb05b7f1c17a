"""GET /payouts and /payouts/{id}: what Stripe paid out, and what is in it."""

from uuid import UUID

from litestar import Controller, Response, get

from app.core.http import AnyRequest
from app.merchants.invoice_list import asked
from app.merchants.payout_list import explained, listed
from app.web.render import page
from app.web.viewer import Viewer


class PayoutsController(Controller):
    """The list of payouts, and one explained."""

    path = "/payouts"

    @get("")
    async def index(self, request: AnyRequest, viewer: Viewer) -> Response[str]:
        """Newest first, a page at a time."""
        context = await listed(viewer.merchant_id, asked(request.query_params).page)
        return await page(request, "app/payouts", viewer=viewer, **context)

    @get("/{payout_id:uuid}")
    async def one(self, request: AnyRequest, viewer: Viewer, payout_id: UUID) -> Response[str]:
        """How the amount came about, line by line."""
        return await page(request, "app/payout", viewer=viewer, **await explained(viewer.merchant_id, payout_id))
