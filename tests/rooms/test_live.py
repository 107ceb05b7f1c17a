"""Live pages hear of what changed, also after the way to the database has gone silent without a word."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import pytest

from app.core import db
from app.core.live import CHANNEL, Hub
from tests.fixtures.proxy import Proxy, Trouble


@pytest.fixture
def way(database_url: str) -> Iterator[Proxy]:
    """A way to the module's database over TCP; the engine takes it."""
    at = urlsplit(database_url)
    proxy = Proxy(f"{parse_qs(at.query)['host'][0]}/.s.PGSQL.5432").start()
    db.configure(f"postgresql://postgres@127.0.0.1:{proxy.port}{at.path}")
    yield proxy
    proxy.stop()


@pytest.fixture
async def somebody(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Another process, which announces over a way of its own."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def heard(changed: asyncio.Event) -> None:
    """Wait for the bell, and clear it."""
    async with asyncio.timeout(30):
        await changed.wait()
    changed.clear()


async def test_a_line_that_went_silent_is_left(way: Proxy, somebody: asyncpg.Connection):
    """A connection over which nothing comes any more, not even its end, is given up, and open pages look again."""
    page, hub = uuid4(), Hub(ping=0.1, answer=0.5)
    async with hub.subscribe(page) as changed:
        await hub.start()
        await heard(changed)  # it listens
        await somebody.execute("SELECT pg_notify($1, $2)", CHANNEL, str(page))
        await heard(changed)
        way.make(Trouble("hang"))
        await heard(changed)  # it listens again
        assert 1 == way.struck
        await somebody.execute("SELECT pg_notify($1, $2)", CHANNEL, str(page))
        await heard(changed)
        await hub.stop()
