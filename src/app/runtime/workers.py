"""Dramatiq's worker around the lanes, alone in its process or inside the web's."""

import asyncio

import dramatiq
from dramatiq.middleware import AsyncIO

from app.core import broker as brokers
from app.core.wake import BELL
from app.runtime.dispatch import Runtime
from app.settings import Settings


class Worker:
    """Dramatiq's worker around a Runtime."""

    def __init__(self, settings: Settings, *, with_clock: bool = False, threads: int = 8) -> None:
        self._broker = brokers.make_broker(settings.redis_url, settings.amqp_url)
        self.runtime = Runtime(settings, with_clock=with_clock)
        self._broker.add_middleware(brokers.OnLoop(self.runtime.start, self.runtime.stop), after=AsyncIO)
        actors = brokers.declare(self._broker, self.runtime.lanes)
        BELL.install(lambda table, row_id: actors[table].send(row_id))
        self._worker = dramatiq.Worker(self._broker, worker_timeout=100, worker_threads=threads)

    def start(self) -> None:
        """Begin to work, in threads of its own."""
        self._worker.start()

    def stop(self, seconds: float = 25) -> None:
        """Take nothing new, finish what is under way within `seconds`."""
        BELL.install(None)
        self._worker.stop(timeout=int(seconds * 1000))
        self._broker.close()


def listen_only(settings: Settings) -> None:
    """For a web process beside a broker: send wake-ups, work on nothing."""
    broker = brokers.make_broker(settings.redis_url, settings.amqp_url)
    actors = brokers.declare(broker, Runtime(settings, with_clock=False).lanes)
    BELL.install(lambda table, row_id: actors[table].send(row_id))


async def drain(runtime: Runtime) -> int:
    """Do everything that is due, on the running loop, until nothing is; for tests and repairs."""
    total = 0
    while done := await runtime.sweep.once():
        total += done
        await asyncio.sleep(0)
    return total
