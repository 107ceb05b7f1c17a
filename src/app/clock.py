"""The clock's door: a process that only makes sure that everything that repeats is planned."""

import asyncio
import signal

import structlog

from app.core import db
from app.runtime.ticks import Clock

log = structlog.get_logger()


async def _run() -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    await db.open_pool(2)
    clock = Clock()
    await clock.start()
    log.info("clock.ready")
    await stopping.wait()
    await clock.stop()
    await db.close_pool()


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    asyncio.run(_run())
