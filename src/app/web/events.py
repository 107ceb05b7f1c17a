"""GET /events: tells a merchant's open page that something changed; the page then asks for itself again.

Only a message with data rings in the browser; comments (`data=None`) keep the line open.
"""

import asyncio
from collections.abc import AsyncGenerator
from time import monotonic
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get
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
    async def events(self, request: AnyRequest, viewer: Viewer) -> Response[Any]:
        """One stream for an open page; 204, after which a browser asks no more, when there are too many already."""
        hub: Hub = request.app.state.hub
        if not hub.has_room(viewer.session_id):
            return Response(None, status_code=204)
        return ServerSentEvent(bells(hub, viewer.merchant_id, viewer.session_id))


async def bells(
    hub: Hub, merchant_id: UUID, owner: object = "", heartbeat: float = HEARTBEAT
) -> AsyncGenerator[ServerSentEventMessage, None]:
    """A message for each change of this merchant's, a comment every `heartbeat` seconds; ends after a while.

    Ends at once when others of `owner` took the last place since it was asked for.
    """
    until = monotonic() + LONGEST
    if not hub.has_room(owner):
        return
    async with hub.subscribe(merchant_id, owner) as changed:
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
