"""The bell of open pages: it rings for changes, not for silence, and only for the merchant's own."""

import asyncio
from contextlib import ExitStack
from uuid import uuid4

import httpx

from app.core.live import Hub
from app.web.events import bells
from tests.world import Merchant, until


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
    assert not hub._owners


async def test_a_few_each() -> None:
    """One session holds five streams of a process, all sessions together two hundred; an ended one makes room."""
    hub, merchant_id = Hub(), uuid4()
    mine = [bells(hub, merchant_id, "mine", heartbeat=5) for _ in range(6)]
    begun = [await anext(stream, None) for stream in mine]
    assert [True] * 5 + [False] == [message is not None for message in begun]
    assert not hub.has_room("mine")
    assert hub.has_room("another")

    await mine[0].aclose()
    assert hub.has_room("mine")
    others = [bells(hub, merchant_id, number // 5, heartbeat=5) for number in range(196)]
    for stream in others:
        await anext(stream)
    assert not hub.has_room("another")
    for stream in [*mine, *others]:
        await stream.aclose()
    assert not hub._owners


def test_too_many_pages(hannah: Merchant) -> None:
    """The sixth open page of a session is told to ask no more, still works, and gets its stream once another is closed."""
    cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in hannah.cookies.items())}
    address = f"{hannah.url}/events"
    with ExitStack() as pages:
        http, open_lines = pages.enter_context(httpx.Client(headers=cookie, timeout=20)), []
        for _ in range(5):
            reply = pages.enter_context(http.stream("GET", address))
            assert 200 == reply.status_code
            open_lines.append(reply.iter_lines())
            assert "hello" in next(open_lines[-1])
        assert (204, b"") == ((sixth := http.get(address)).status_code, sixth.content)
        assert 200 == hannah.open(f"{hannah.url}/setup").status_code

    def gets_one() -> bool:
        with httpx.stream("GET", address, headers=cookie, timeout=20) as reply:
            return reply.status_code == 200

    until(gets_one, "a place")
