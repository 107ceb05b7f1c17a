"""Time and chance that a seed decides: an event loop with a clock of its own, and random bytes that repeat."""

import asyncio
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

BEGIN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MICRO = 1_000_000


class VirtualLoop(asyncio.SelectorEventLoop):
    """Sockets are real, seconds are not: sleeps and timeouts end when `advance` says that their time has come."""

    micros = 0

    def time(self) -> float:
        """The virtual seconds since the beginning."""
        return self.micros / MICRO

    def now(self) -> datetime:
        """The same moment, aware and in UTC."""
        return BEGIN + timedelta(microseconds=self.micros)

    def advance(self, micros: int) -> None:
        """Let this much time pass at once."""
        self.micros += micros

    def busy(self) -> bool:
        """Whether anything is ready to run besides the caller."""
        return bool(self._ready)  # type: ignore[attr-defined]

    def next_timer(self) -> int | None:
        """When the next sleep or timeout ends, in microseconds; None when nobody sleeps."""
        times = [one.when() for one in self._scheduled if not one.cancelled()]  # type: ignore[attr-defined]
        return int(min(times) * MICRO) + 1 if times else None

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        """Threads end in no certain order: what would be done in one is done here and now."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is raised where it is awaited
            future.set_exception(error)
        return future


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random bytes, ids and jitter repeat in here: what a process draws from the system comes from the seed."""
    before, bits = (os.urandom, random._urandom), random.Random(f"bytes {seed}")  # type: ignore[attr-defined]
    state = random.getstate()
    random.seed(seed)
    os.urandom = random._urandom = bits.randbytes  # type: ignore[attr-defined]
    try:
        yield
    finally:
        os.urandom, random._urandom = before  # type: ignore[attr-defined]
        random.setstate(state)
