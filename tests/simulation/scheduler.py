"""Who goes on next: many actors on one loop, of whom exactly one moves at a time, in an order that the seed decides.

An actor (a worker's turn, a customer's request) stops at every point where a real process would wait for somebody else: before
a statement or a transaction reaches PostgreSQL, before a request reaches the other side, before its answer is read. There
it may wait while others go on, and there its process may end for ever. A transaction is one step: what PostgreSQL keeps
apart is not simulated, what happens between two transactions is.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.simulation.virtual import MICRO, VirtualLoop

# A request whose bytes have left arrives within this time, whatever else is held up.
FLIGHT = 25 * MICRO
LEAVES, ANSWERS = "→", "←"


class PowerCut(BaseException):
    """The process ended here: nothing in it goes on, no handler of errors hears of it."""


class Stuck(Exception):
    """Somebody waits and nobody is left to wake them."""


@dataclass(eq=False)
class Actor:
    """One thing a process is doing, with whatever tasks it started on the way."""

    name: str
    process: str
    cut: bool = False
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    failed: BaseException | None = None

    @property
    def done(self) -> bool:
        """Whether nothing of it runs any more."""
        return all(task.done() for task in self.tasks)


@dataclass(eq=False)
class Turn:
    """An actor at a point, until it is told to go on."""

    actor: Actor
    what: str
    future: asyncio.Future[None]
    since: int


ACTOR: ContextVar[Actor | None] = ContextVar("actor", default=None)


class Scheduler:
    """The order of things, and the trace of them."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.begin(Random(0))
        self._flying = 0
        self._landed = asyncio.Event()
        loop.set_task_factory(_of_actor)
        loop.set_exception_handler(lambda _loop, _context: None)  # what an actor raises is kept in it

    def begin(self, rng: Random) -> None:
        """A new life: nobody acts, nothing happened."""
        self.rng = rng
        self.trace: list[str] = []
        self.actors: list[Actor] = []
        self.waiting: list[Turn] = []
        self.held: set[Actor] = set()  # whose process stands still, like on a machine that was stopped
        self.failed: list[Actor] = []
        self.switching = rng.choice((0.0, 0.1, 0.3, 0.6))
        self.slowness = rng.choice((0.0, 0.0, 0.02, 0.1))
        self._last: Actor | None = None

    def say(self, what: str) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{self.loop.micros / MICRO:.6f} {what}")

    # ---- what actors call

    async def point(self, what: str) -> None:
        """Wait here until it is this actor's turn; raises PowerCut when its process has ended."""
        actor = ACTOR.get()
        if actor is None:
            return
        if actor.cut:
            raise PowerCut(what)
        turn = Turn(actor, what, self.loop.create_future(), self.loop.micros)
        self.waiting.append(turn)
        try:
            await turn.future
        finally:
            if turn in self.waiting:
                self.waiting.remove(turn)
        if actor.cut:
            raise PowerCut(what)

    @contextmanager
    def on_the_wire(self) -> Iterator[None]:
        """In here the actor waits for a real socket; nobody else moves meanwhile."""
        self._flying += 1
        try:
            yield
        finally:
            self._flying -= 1
            if not self._flying:
                self._landed.set()

    # ---- what the life calls

    async def start(self, name: str, process: str, work: Coroutine[Any, Any, Any]) -> Actor:
        """Let an actor begin, up to its first point."""
        actor = Actor(name, process)
        context = copy_context()
        context.run(ACTOR.set, actor)
        self.actors.append(actor)
        self._last = actor
        asyncio.create_task(_kept(actor, work), context=context)  # noqa: RUF006 - kept by the task factory
        await self.settle()
        return actor

    async def move(self) -> bool:
        """One actor goes on, or time passes until one can; False when there is nobody left."""
        self._forget()
        turn = self._choose()
        if turn is not None:
            self._pass_time()
            await self.settle()  # whoever's time is up hears of it here, not with a statement under way
            self._go(turn)
        elif not set(self.actors) - self.held:
            return False
        else:
            at = self.loop.next_timer()
            if at is None:
                raise Stuck([one.name for one in self.actors])
            self.loop.advance(max(at - self.loop.micros, 0))
        await self.settle()
        return True

    def _go(self, turn: Turn) -> None:
        if turn in self.waiting:
            self._last = turn.actor
            self.waiting.remove(turn)
            self.say(f"{turn.actor.name}: {turn.what}")
            turn.future.set_result(None)

    def _forget(self) -> None:
        """Those who are done act no more; who failed is remembered."""
        self.failed += [one for one in self.actors if one.done and one.failed is not None]
        self.actors = [one for one in self.actors if not one.done]

    async def finish(self) -> None:
        """Everybody goes on to the end."""
        while await self.move():
            pass

    async def jump(self, seconds: float) -> None:
        """Time passes at once, also for those who are in the middle of something; what was on its way arrives first."""
        while any(turn.what.startswith(LEAVES) for turn in self.waiting):
            if not await self.move():
                raise Stuck("what is on its way cannot arrive")
        self.say(f"{seconds:.0f} seconds pass")
        self.loop.advance(int(seconds * MICRO))
        await self.settle()

    async def cut(self, process: str) -> None:
        """A process ends, wherever it is; what it holds open is dropped, what it leased stays leased."""
        self.end(process)
        for actor in [one for one in self.actors if one.cut]:
            for turn in [one for one in self.waiting if one.actor is actor]:
                turn.future.set_exception(PowerCut(turn.what))
        await self.settle()
        for actor in [one for one in self.actors if one.cut and not one.done]:
            for task in actor.tasks:  # asleep: no point will tell them
                task.cancel()
        await self.settle()

    def end(self, process: str) -> None:
        """Mark all that a process does as ended; each meets it at its next point."""
        self.say(f"{process} ends")
        for actor in self.actors:
            if actor.process == process:
                actor.cut = True

    async def settle(self) -> None:
        """Wait until everybody stands at a point, sleeps, or is done."""
        while True:
            if self._flying:
                self._landed.clear()
                await self._landed.wait()
            await asyncio.sleep(0)
            if not self._flying and not self.loop.busy():
                return

    def _choose(self) -> Turn | None:
        waiting = [turn for turn in self.waiting if turn.actor not in self.held]
        if not waiting:
            return None
        late = self.loop.micros - FLIGHT
        flying = [turn for turn in waiting if turn.what.startswith(LEAVES) and turn.since < late]
        if flying:
            return flying[0]
        own = [turn for turn in waiting if turn.actor is self._last]
        if own and self.rng.random() >= self.switching:
            return own[0]
        return self.rng.choice(waiting)

    def _pass_time(self) -> None:
        """Everything takes its time; now and then something takes long."""
        slow = self.rng.random() < self.slowness
        self.loop.advance(self.rng.randint(1 * MICRO, 15 * MICRO) if slow else self.rng.randint(500, 20_000))


async def _kept(actor: Actor, work: Coroutine[Any, Any, Any]) -> None:
    try:
        await work
    except (PowerCut, asyncio.CancelledError):
        if not actor.cut:
            raise
    except Exception as error:  # noqa: BLE001 - the life reports it
        actor.failed = error


def _of_actor(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
    context = more.get("context")
    actor = context.get(ACTOR) if context is not None else ACTOR.get()
    task = asyncio.Task(work, loop=loop, **more)
    if actor is not None:
        actor.tasks.add(task)
    return task
