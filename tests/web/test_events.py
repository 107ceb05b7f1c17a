"""The bell of open pages: it rings for changes, not for silence, and only for the merchant's own."""

import asyncio
from uuid import uuid4

from app.core.live import Hub
from app.web.events import bells


def rings(message: object) -> bool:
    """Whether a browser's EventSource would tell the page."""
    return b"data:" in message.encode()  # type: ignore[attr-defined]


async def test_silence() -> None:
    """Connecting and waiting send comments only."""
    stream = bells(Hub(), uuid4(), heartbeat=0.05)

    assert [False, False, False] == [rings(await anext(stream)) for _ in range(3)]
    await stream.aclose()


async def test_ring() -> None:
    """Ten changes in one breath ring once; another merchant's ring elsewhere."""
    hub, merchant_id, stranger = Hub(), uuid4(), uuid4()
    mine, theirs = bells(hub, merchant_id, heartbeat=0.5), bells(hub, stranger, heartbeat=0.5)
    await asyncio.gather(anext(mine), anext(theirs))
    heard = asyncio.gather(anext(mine), anext(theirs))
    await asyncio.sleep(0.05)
    for _ in range(10):
        hub._heard(None, 0, "", str(merchant_id))

    assert [True, False] == [rings(message) for message in await heard]
    assert not rings(await anext(mine))
    await mine.aclose()
    await theirs.aclose()
    assert not hub._listeners
