"""The sandbox's own time, and what is due in it.

Virtual time runs beside real time, from an offset and at a rate; ``POST /_clock`` moves it. Work for later is a row:
``schedule`` stores it, and the loop (or a jump of the clock) hands it to the handler registered for its kind. A jump steps
through everything that falls due on the way, in order, each seeing the time it was due at.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.ids import Ids
from sandbox.store import Obj, Store

Handler = Callable[[Obj], Awaitable[None]]
log = logging.getLogger(__name__)
_LONGEST_NAP_SECONDS = 3600.0


class Clock:
    """``now`` is aware UTC; ``timestamp`` the same as epoch seconds."""

    def __init__(self, store: Store, ids: Ids) -> None:
        self._store, self._ids = store, ids
        self._handlers: dict[str, Handler] = {}
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._taken: set[str] = set()
        self._heap: list[tuple[float, int, str]] = []
        self._count = 0
        self.reload()

    def reload(self) -> None:
        """Read the offset and everything scheduled from the store (at start, and after a reset)."""
        state = self._store.get("_clock", "state") or {"virtual": 0.0, "real": 0.0, "rate": 1.0}
        self._virtual: float = state["virtual"]
        self._real: float = state["real"]
        self._rate: float = state["rate"]
        self._heap = []
        for id, row in self._store.items("_schedule"):
            self._push(row["at"], id)

    def begin(self, at: datetime | None) -> None:
        """Start afresh at a moment (none: the real one) and stand still until ``go``."""
        self.reload()
        self._anchor(at.timestamp() if at is not None else time.time(), 0.0)

    def go(self, at: datetime | None, rate: float) -> None:
        """Run on from where it stands, or with real time when it was never set; rate 0 leaves it standing."""
        if at is None and rate == 1:
            self._store.delete("_clock", "state")
            self.reload()
        else:
            self._anchor(self._virtual, rate)
        self._wake.set()

    def timestamp(self) -> float:
        """Virtual epoch seconds."""
        return self._virtual + (time.time() - self._real) * self._rate

    def now(self) -> datetime:
        """Virtual time, aware UTC."""
        return datetime.fromtimestamp(self.timestamp(), UTC)

    def on(self, kind: str, handler: Handler) -> None:
        """Register what runs when an action of ``kind`` falls due; it gets the payload. Register before the loop starts."""
        self._handlers[kind] = handler

    def schedule(self, at: datetime | float, kind: str, payload: Obj) -> str:
        """Store an action for later (aware UTC or epoch seconds) and return its id; it survives a restart."""
        when = at.timestamp() if isinstance(at, datetime) else at
        id = self._ids.token("sched_", 20)
        self._store.put("_schedule", id, {"id": id, "at": when, "kind": kind, "payload": payload})
        self._push(when, id)
        self._wake.set()
        return id

    def after(self, delay: timedelta | float, kind: str, payload: Obj) -> str:
        """``schedule`` relative to now; ``delay`` in seconds or a timedelta."""
        seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
        return self.schedule(self.timestamp() + seconds, kind, payload)

    def cancel(self, id: str) -> bool:
        """Take a scheduled action back; False when it already ran."""
        return self._store.delete("_schedule", id)

    async def change(
        self, *, advance: float | None = None, set_to: datetime | None = None, rate: float | None = None
    ) -> None:
        """Move the clock: jump ahead by seconds, to a moment, or run at another rate. Returns when all due work is done."""
        await self.settle()
        start = self.timestamp()
        target = (set_to.timestamp() if set_to is not None else start) + (advance or 0.0)
        while (at := self._next_at()) is not None and at <= target:
            self._anchor(max(at, self.timestamp()), self._rate)
            # Whoever performs it, the loop or this: time never jumps while something is under way, or what that
            # schedules relative to now would be as late as the jump was long.
            await self.settle()
        # What was done on the way took real time: never step back behind it, except when told to go back.
        now = target if target < start else max(target, self.timestamp())
        self._anchor(now, self._rate if rate is None else rate)
        self._store.commit()
        self._wake.set()

    async def run(self) -> None:
        """The loop: perform what falls due, for ever. Each action is a task of its own, so a slow one delays nothing."""
        while True:
            self._wake.clear()
            # Whatever scheduled this action must be on disk before the action is seen by anyone.
            self._store.commit()
            while (due := self._pop(self.timestamp())) is not None:
                self._start(due)
            try:
                await asyncio.wait_for(self._wake.wait(), self._nap())
            except TimeoutError:
                continue

    async def stop(self) -> None:
        """Cut short what is under way; it runs again after a restart. Call when the loop has ended."""
        under_way = [*self._tasks]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def settle(self) -> None:
        """Perform what is due now, in order, and wait until every action under way has finished."""
        self._store.commit()
        while True:
            while (due := self._pop(self.timestamp())) is not None:
                await self._start(due)
            if not self._tasks:
                return
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, due: Obj) -> asyncio.Task[None]:
        task = asyncio.create_task(self._perform(due))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _anchor(self, virtual: float, rate: float) -> None:
        self._virtual, self._real, self._rate = virtual, time.time(), rate
        self._store.put("_clock", "state", {"virtual": virtual, "real": self._real, "rate": rate})

    def _push(self, at: float, id: str) -> None:
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, id))

    def _pop(self, until: float) -> dict[str, Any] | None:
        while self._heap and self._heap[0][0] <= until:
            _, _, id = heapq.heappop(self._heap)
            row = self._store.get("_schedule", id)
            if row is not None and id not in self._taken:
                self._taken.add(id)
                return row
        return None

    def _next_at(self) -> float | None:
        while self._heap and self._store.get("_schedule", self._heap[0][2]) is None:
            heapq.heappop(self._heap)  # taken back meanwhile
        return self._heap[0][0] if self._heap else None

    def _nap(self) -> float:
        at = self._next_at()
        if at is None:
            return _LONGEST_NAP_SECONDS
        wait = (at - self.timestamp()) / max(self._rate, 1e-9)
        return min(max(wait, 0.0), _LONGEST_NAP_SECONDS)

    async def _perform(self, row: Obj) -> None:
        try:
            await self._handlers[row["kind"]](row["payload"])
        except Exception:
            log.exception("scheduled action %s failed", row["kind"])
        # Deleted only after it ran: an action cut short by a kill, or a stop, runs again after the restart.
        self._store.delete("_schedule", row["id"])
        self._taken.discard(row["id"])
        self._store.commit()
