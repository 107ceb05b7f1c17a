"""Wake-ups: after the commit, tell the broker that a row is due. Losing one costs seconds, never work.

Messages go through one daemon thread, so that a frozen Redis never holds up a request; when the thread is behind or the
broker is down the message is dropped and the sweep finds the row.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress

import structlog

from app.core import db
from app.core.faultpoint import faultpoint

log = structlog.get_logger()
Send = Callable[[str, int], None]


class Doorbell:
    """Hands (table, row id) to the broker from a thread of its own."""

    def __init__(self) -> None:
        self._queue: queue.Queue[tuple[str, int]] = queue.Queue(maxsize=10_000)
        self._send: Send | None = None
        self._thread: threading.Thread | None = None

    def install(self, send: Send | None) -> None:
        """Say how a wake-up is sent; called once, by a door. None: nobody listens, the sweep does it all."""
        self._send = send
        if send and self._thread is None:
            self._thread = threading.Thread(target=self._ring, name="doorbell", daemon=True)
            self._thread.start()

    def press(self, table: str, row_id: int) -> None:
        """Queue one wake-up; drops it when the bell is far behind."""
        if self._send:
            with suppress(queue.Full):
                self._queue.put_nowait((table, row_id))

    def _ring(self) -> None:
        while True:
            table, row_id = self._queue.get()
            send = self._send
            if send is None:
                continue
            faultpoint("K04")
            try:
                send(table, row_id)
            except Exception as error:
                log.warning("wake.lost", table=table, error=type(error).__name__)
            faultpoint("K05")


BELL = Doorbell()


def wake(table: str, row_id: int) -> None:
    """Wake somebody for the row as soon as the open transaction has committed."""
    db.after_commit(lambda: BELL.press(table, row_id))
