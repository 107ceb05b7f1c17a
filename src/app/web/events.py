"""GET /events: tells a merchant's open page that something changed; the page then asks for itself again.

Only a message with data rings in the browser; comments (`data=None`) keep the line open.
"""

import asyncio
from collections.abc import AsyncGenerator
from time import monotonic
from uuid import UUID

from litestar import Controller, get
from litestar.response import ServerSentEvent, ServerSentEventMessage

from app.core.http import AnyRequest
from app.core.live import Hub
from app.web.viewer import Viewer

HEARTBEAT = 15.0
# Then the browser connects anew by itself, and has to be signed in still.
LONGEST = 600.0
_SETTLE = 0.1  # several changes in one breath are one bell


class EventsController(Controller):
    """Server-sent events without a name; their data says nothing."""

    path = "/events"

    @get("")
    async def events(self, request: AnyRequest, viewer: Viewer) -> ServerSentEvent:
        """One stream for an open page."""
        return ServerSentEvent(bells(request.app.state.hub, viewer.merchant_id))


async def bells(
    hub: Hub, merchant_id: UUID, heartbeat: float = HEARTBEAT
) -> AsyncGenerator[ServerSentEventMessage, None]:
    """A message for each change of this merchant's, a comment every `heartbeat` seconds; ends after a while."""
    until = monotonic() + LONGEST
    async with hub.subscribe(merchant_id) as changed:
        yield ServerSentEventMessage(data=None, comment="hello", retry=2_000)
        while monotonic() < until and not hub.leaving:
            try:
                await asyncio.wait_for(changed.wait(), heartbeat)
            except TimeoutError:
                yield ServerSentEventMessage(data=None, comment="still here")
                continue
            await asyncio.sleep(_SETTLE)
            changed.clear()
            yield ServerSentEventMessage(data="changed")
