"""One seeded life: some steps in an order of their own, then everything comes to rest and is compared with the truth.

Its seed also decides who lives in it, and what happens in it at all: a life with fewer kinds of trouble goes deeper into each.
"""

import contextlib
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import structlog

from app.core import db, faultpoint
from tests.simulation import elsewhere, machines, oracle, people, rest, separation
from tests.simulation.house import PROCESSES, House
from tests.simulation.scheduler import Stuck
from tests.simulation.story import Story
from tests.simulation.virtual import seeded

STEPS = 22
Step = Callable[[Story], Awaitable[None]]
# In every life.
ALWAYS: dict[Step, int] = {
    people.buys: 9,
    people.presses_pay: 6,
    elsewhere.pays: 7,
    machines.works: 15,
    machines.sweeps: 4,
    machines.brings_letters: 14,
    machines.time_passes: 5,
}
# In some.
SOMETIMES: dict[Step, int] = {
    elsewhere.bank_decides: 4,
    people.asks_for_refund: 5,
    people.resolves: 3,
    people.chooses_accounts: 1,
    people.signs_in_again: 2,
    people.disconnects_xero: 1,
    people.returns_to_stripe: 2,
    people.meddles: 2,
    elsewhere.works_in_xero: 4,
    elsewhere.removes_payment: 2,
    elsewhere.locks_period: 2,
    elsewhere.archives_account: 2,
    elsewhere.leaves_xero: 1,
    elsewhere.refunds_in_stripe: 3,
    elsewhere.ends_refund: 2,
    elsewhere.disputes: 3,
    elsewhere.pays_out: 3,
    elsewhere.leaves_stripe: 1,
    machines.stands_still: 7,
    machines.ticks_once: 1,
    machines.clock_jumps: 2,
    machines.upstream_fails: 9,
    machines.upstream_heals: 1,
    machines.power_fails: 7,
}
HAS = 0.6  # how often a life has one of those
BY_PAYOUT = 0.25  # how often a merchant has the fees booked by payout
BY_NOTE = 0.5  # how often a merchant has refunds recorded as credit notes
_BY_PAYOUT = "UPDATE account_choice SET by_payout = true WHERE kind = 'fees' AND connection = ANY($1)"
_NOT_BY_NOTE = "DELETE FROM account_choice WHERE kind = 'refunds' AND NOT connection = ANY($1)"
MOVES = (0, 3, 8, 15, 30, 60, 400)
# Complaints that something lags: in a life nobody works for hours, and lists show changes late. At rest they must be gone.
_LATE = ("I4 no write stays unclear", "I5 events are worked on", "I6 our totals", "I7 our copy", "TimeoutError()")


@dataclass(frozen=True)
class Outcome:
    """What one life was: everything that happened in order, where it ended, and what was wrong."""

    seed: int
    steps: list[str]
    trace: list[str]
    found: list[str]


async def live(house: House, seed: int, steps: int = STEPS) -> Outcome:
    """Live one seed from the beginning; `steps` fewer give the beginning of the same life."""
    rng = Random(seed)
    story = Story(house, rng)
    with seeded(seed), heard(story) as said:
        weights = await _begin(story, seed)
        faultpoint.watch(story.reached)
        taken: list[str] = []
        found: list[str] = []
        try:
            for _ in range(steps):
                await _step(story, weights, taken)
            await rest.calm(story)
            found = [*await oracle.wrong(story), *await separation.wrong(story)]
        except Stuck as stuck:
            found = [f"stuck: {stuck}"]
        except Exception as error:  # noqa: BLE001 - whatever a life runs into is told with its seed
            found = [f"ended by {error!r}"[:500]]
        for process in (*PROCESSES, "clock"):
            await house.scheduler.cut(process)
        found += said + house.wire.broken
        found += [f"{one.name} raised {one.failed!r}" for one in house.scheduler.failed]
        return Outcome(seed, taken, [*house.scheduler.trace, *await oracle.ends(story)], found)


async def _begin(story: Story, seed: int) -> dict[Step, int]:
    """Two merchants that know nothing of each other, and what may happen to them."""
    story.shops = story.rng.sample(story.house.shops, 2)
    weights = ALWAYS | {step: weight for step, weight in SOMETIMES.items() if story.rng.random() < HAS}
    by_payout = [shop.connection_id for shop in story.shops if story.rng.random() < BY_PAYOUT]
    by_note = [shop.connection_id for shop in story.shops if story.rng.random() < BY_NOTE]
    await story.house.back(seed, story.rng, story.shops)
    await db.fetch(_BY_PAYOUT, by_payout)
    await db.fetch(_NOT_BY_NOTE, by_note)
    return weights


async def _step(story: Story, weights: dict[Step, int], taken: list[str]) -> None:
    step = story.rng.choices(list(weights), list(weights.values()))[0]
    taken.append(step.__name__)
    story.scheduler.say(f"step {step.__name__}")
    await step(story)
    for _ in range(story.rng.choice(MOVES)):
        if not await story.scheduler.move():
            break


@contextlib.contextmanager
def heard(story: Story) -> Any:
    """What the product calls an error in here, as lines; warnings go to the trace."""
    before = structlog.get_config()
    said: list[str] = []

    def hear(_logger: Any, level: str, event: Any) -> Any:
        what = f"{event.pop('event')} { ({name: str(value)[:200] for name, value in event.items() if name != 'exc_info'}) }"
        story.scheduler.say(f"log {level}: {what}")
        if level in {"error", "exception", "critical"} and not any(one in what for one in _LATE):
            said.append(f"said {what}")
        raise structlog.DropEvent

    structlog.configure(
        processors=[_with_error, hear],
        wrapper_class=structlog.make_filtering_bound_logger(30),
        cache_logger_on_first_use=False,
    )
    try:
        yield said
    finally:
        structlog.configure(**before)


def _with_error(_logger: Any, _level: str, event: Any) -> Any:
    if event.get("exc_info"):
        event["error"] = repr(sys.exc_info()[1])
    return event
