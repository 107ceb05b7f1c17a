"""Dramatiq: the engine that wakes work up. The rows are the truth; any broker, or none, will do.

Without REDIS_URL or AMQP_URL the worker lives in the same process on a StubBroker. The Redis values are tuned: the defaults
hand a killed worker's job on only after minutes (measured), and a short heartbeat is safe because claims are rows.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import dramatiq
import structlog
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AsyncIO, Middleware, MiddlewareError, ShutdownNotifications

from app.core import db, work
from app.core.faultpoint import faultpoint

log = structlog.get_logger()
Lifecycle = Callable[[], Awaitable[None]]


class SentInTransaction(MiddlewareError):
    """A message was sent while a transaction was open; the row it speaks of may never exist."""


class NoMessageInTransaction(Middleware):
    """Refuse to enqueue while a database transaction is open."""

    def before_enqueue(self, broker: dramatiq.Broker, message: Any, delay: Any) -> None:
        if db.ENGINE.transaction_exists():
            raise SentInTransaction(message.actor_name)


class OnLoop(Middleware):
    """Run `start` on Dramatiq's event loop after boot and `stop` on it before the worker leaves."""

    def __init__(self, start: Lifecycle, stop: Lifecycle) -> None:
        self._start = start
        self._stop = stop

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        thread = get_event_loop_thread()
        assert thread is not None
        thread.run_coroutine(self._start())

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        thread = get_event_loop_thread()
        if thread is not None:
            thread.run_coroutine(self._stop())


def make_broker(redis_url: str = "", amqp_url: str = "") -> dramatiq.Broker:
    """The broker the settings ask for: RabbitMQ, Redis, or an in-process stub."""
    middleware: list[Middleware] = [AsyncIO(), ShutdownNotifications(), NoMessageInTransaction()]
    broker: dramatiq.Broker
    if amqp_url:
        broker = RabbitmqBroker(url=amqp_url, confirm_delivery=True, middleware=middleware)
    elif redis_url:
        broker = RedisBroker(  # type: ignore[no-untyped-call]  # Dramatiq leaves it untyped
            url=redis_url,
            heartbeat_timeout=15_000,
            maintenance_chance=100_000,
            socket_timeout=5,
            socket_connect_timeout=0.25,
            middleware=middleware,
        )
    else:
        broker = StubBroker(middleware=middleware)
    dramatiq.set_broker(broker)
    return broker


def declare(broker: dramatiq.Broker, lanes: Iterable[work.Lane]) -> dict[str, Any]:
    """One actor for each lane; returns the actors by table name. An actor is a shell: it runs the claimed row."""
    return {lane.table: _actor(broker, lane) for lane in lanes}


def _actor(broker: dramatiq.Broker, lane: work.Lane) -> Any:
    async def do(row_id: int) -> None:
        await work.run(lane, row_id)

    # No Retries middleware: when to come back stands in the row.
    shell: Any = dramatiq.actor(broker=broker, actor_name=f"work_{lane.table}", queue_name=lane.queue)
    return shell(do)


async def _found(lane: work.Lane, late: float = 0) -> list[Any]:
    rows = await work.due(lane.table, late=late)
    if rows:
        faultpoint("K18")
    return rows


class Sweep:
    """Finds due rows that no message led to, and does them itself: the product finishes its work without any broker."""

    def __init__(self, lanes: Iterable[work.Lane], *, every: float = 2.0, parallel: int = 6) -> None:
        self._slots = {lane: asyncio.Semaphore(parallel) for lane in lanes}
        self._every = every
        self._task: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to sweep on the running loop."""
        self._task = asyncio.create_task(self._for_ever())

    async def stop(self) -> None:
        """Stop looking for work and wait for what is under way."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*self._running, return_exceptions=True)

    async def once(self) -> int:
        """Do everything that is due now; returns how many rows it worked on."""
        done = 0
        for lane in self._slots:
            for row in await _found(lane):
                done += await work.run(lane, row["id"])
        return done

    async def _for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._every * random.uniform(0.7, 1.3))
            try:
                await self._round()
            except Exception as error:  # the database may be away; the next round finds it again
                log.warning("sweep.failed", error=type(error).__name__)

    async def _round(self) -> None:
        """Start what was forgotten, in each lane as much as it has room for: a slow lane never holds up another."""
        for lane, slots in self._slots.items():
            # A fresh row has its message under way; the sweep is for those that were forgotten.
            for row in await _found(lane, late=1):
                if slots.locked():
                    break
                await slots.acquire()
                task = asyncio.create_task(self._one(lane, slots, row["id"]))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    async def _one(self, lane: work.Lane, slots: asyncio.Semaphore, row_id: int) -> None:
        try:
            await work.run(lane, row_id)
        finally:
            slots.release()
