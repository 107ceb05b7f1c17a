"""Live updates: a change announces itself through PostgreSQL's NOTIFY; each web process fans it out to open pages.

`announce` inside a transaction is delivered when (and only when) that transaction commits.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import structlog

from app.core import db

CHANNEL = "payportal_live"
MOST_STREAMS, MOST_OF_ONE = 200, 5  # of one process; of one owner in it
# Seconds between two questions whether the database is still there: who only listens never hears of a silent end.
PING = 15.0
log = structlog.get_logger()


async def announce(key: object) -> None:
    """Tell every open page that listens to `key` (a merchant's or a link's id) that something changed."""
    await db.fetch("SELECT pg_notify($1, $2)", CHANNEL, str(key))


class Hub:
    """One LISTEN connection for a web process, fanned out to its subscribers; reconnects by itself.

    Every `ping` seconds the database is asked for a sign of life, which must come within `answer` seconds.
    """

    def __init__(self, ping: float = PING, answer: float = db.SILENT_SECONDS) -> None:
        self._ping, self._answer = ping, answer
        self._listeners: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._owners: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None
        self.leaving = False

    def let_go(self) -> None:
        """The process is about to stop: every open page's stream ends now, and connects to another process."""
        self.leaving = True
        self._wake_all()

    async def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Stop listening and let every open page go."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self.let_go()

    def has_room(self, owner: object) -> bool:
        """Whether `owner` (a session) may have one more stream: a few each, so that nobody holds all of them."""
        return self._owners[str(owner)] < MOST_OF_ONE and self._owners.total() < MOST_STREAMS

    @asynccontextmanager
    async def subscribe(self, key: object, owner: object = "") -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever `key` was announced (clear it after waiting); counts as one of `owner`'s."""
        event = asyncio.Event()
        self._listeners[str(key)].add(event)
        self._owners[str(owner)] += 1
        try:
            yield event
        finally:
            self._owners[str(owner)] -= 1
            self._owners += Counter()  # forgets who has none
            self._listeners[str(key)].discard(event)
            if not self._listeners[str(key)]:
                del self._listeners[str(key)]

    async def _listen(self) -> None:
        while True:
            try:
                await self._until_lost()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("live.lost", error=type(error).__name__)
            await asyncio.sleep(1)

    async def _until_lost(self) -> None:
        async with asyncio.timeout(db.CONNECT_SECONDS):
            connection: Any = await db.ENGINE.get_new_connection()
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            async with asyncio.timeout(self._answer):
                await connection.add_listener(CHANNEL, self._heard)
            self._wake_all()  # whatever was announced while nobody listened
            while not await self._ended(lost):
                await connection.execute("SELECT 1", timeout=self._answer)
        finally:
            with suppress(Exception):
                await connection.close(timeout=1)

    async def _ended(self, lost: asyncio.Event) -> bool:
        """Whether the connection ended before it is time to ask again."""
        with suppress(TimeoutError):
            return await asyncio.wait_for(lost.wait(), self._ping)
        return False

    def _heard(self, _connection: object, _pid: int, _channel: str, key: object) -> None:
        for event in self._listeners.get(str(key), ()):
            event.set()

    def _wake_all(self) -> None:
        for events in self._listeners.values():
            for event in events:
                event.set()
