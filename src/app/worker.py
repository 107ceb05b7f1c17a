"""The worker's door: a process that does the work beside the web, woken by the broker, never dependent on it."""

import signal
import threading

import structlog

from app.runtime.workers import Worker
from app.settings import Settings

log = structlog.get_logger()


def main(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then finish what is under way."""
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    worker = Worker(settings)
    worker.start()
    log.info("worker.ready")
    stopping.wait()
    worker.stop()
    log.info("worker.stopped")
