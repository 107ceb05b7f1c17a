"""One seeded life: some steps in an order of their own, then everything comes to rest and is compared with the truth."""

import contextlib
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import structlog

from app.core import db, faultpoint
from tests.simulation import machines, oracle, people
from tests.simulation.house import PROCESSES, WORKERS, House
from tests.simulation.scheduler import Stuck
from tests.simulation.story import Story
from tests.simulation.virtual import seeded

STEPS = 24
Step = Callable[[Story], Awaitable[None]]
WEIGHTS: dict[Step, int] = {
    people.buys: 9,
    people.presses_pay: 6,
    people.pays: 7,
    people.bank_decides: 3,
    people.asks_for_refund: 3,
    people.resolves: 2,
    people.chooses_accounts: 1,
    people.signs_in_again: 1,
    people.works_in_xero: 3,
    people.removes_payment: 1,
    people.locks_period: 1,
    people.archives_account: 1,
    people.leaves_xero: 1,
    people.refunds_in_stripe: 2,
    people.ends_refund: 1,
    people.disputes: 2,
    people.pays_out: 2,
    machines.works: 15,
    machines.stands_still: 5,
    machines.sweeps: 4,
    machines.ticks_once: 1,
    machines.brings_letters: 14,
    machines.time_passes: 5,
    machines.upstream_fails: 7,
    machines.upstream_heals: 1,
    machines.power_fails: 5,
}
MOVES = (0, 3, 8, 15, 30, 60, 400)
# What only repeats, and need not be waited for.
_NEXT = """
SELECT min(at) AS at, (SELECT max(lease_until) FROM (SELECT lease_until FROM inbox UNION ALL
  SELECT lease_until FROM write_back UNION ALL SELECT lease_until FROM job WHERE next_at IS NOT NULL) y) AS held FROM (
  SELECT next_at AS at FROM inbox UNION ALL SELECT next_at FROM write_back UNION ALL
  SELECT next_at FROM job WHERE kind NOT LIKE 'house.%' AND kind NOT LIKE 'connection.%' AND kind <> 'stripe.poll'
    AND kind <> 'stripe.account') x WHERE at IS NOT NULL
"""
ROUNDS = 120
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
        await house.back(seed, rng)
        faultpoint.watch(story.reached)
        taken: list[str] = []
        found: list[str] = []
        try:
            for _ in range(steps):
                await _step(story, taken)
            await calm(story)
            found = await oracle.wrong(story)
        except Stuck as stuck:
            found = [f"stuck: {stuck}"]
        except Exception as error:  # noqa: BLE001 - whatever a life runs into is told with its seed
            found = [f"ended by {error!r}"[:500]]
        for process in (*PROCESSES, "clock"):
            await house.scheduler.cut(process)
        found += said + house.wire.broken
        found += [f"{one.name} raised {one.failed!r}" for one in house.scheduler.failed]
        return Outcome(seed, taken, [*house.scheduler.trace, *await oracle.ends(story)], found)


async def _step(story: Story, taken: list[str]) -> None:
    step = story.rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    taken.append(step.__name__)
    story.scheduler.say(f"step {step.__name__}")
    await step(story)
    for _ in range(story.rng.choice(MOVES)):
        if not await story.scheduler.move():
            break


async def calm(story: Story) -> None:
    """Nothing goes wrong any more and everybody has time: whatever is not certain becomes so, or waits for a person."""
    story.armed = ""
    scheduler = story.scheduler
    scheduler.say("calm")
    scheduler.switching = scheduler.slowness = 0.0
    await machines.upstream_heals(story)
    scheduler.held.clear()
    await scheduler.finish()
    if story.rng.random() < 0.6:
        await _put_right(story)
    for _ in range(2):
        await _rest(story)
        await scheduler.jump(4500)  # sessions end
        for charge in [one for one in story.house.rows("stripe.charge") if one["status"] == "pending"]:
            outcome = story.rng.choice(("succeed", "fail"))
            await story.house.control("/_stripe/debits", {"charge": charge["id"], "outcome": outcome})
    await _rest(story)


async def _put_right(story: Story) -> None:
    """The merchant does what the pages ask for."""
    house = story.house
    await house.control("/_xero/organisations/harrow/lock", {"period_lock": ""})
    await house.control(f"/_xero/accounts/{house.till.accounts['Stripe clearing']}/restore")
    await people.signs_in_again(story)
    await story.scheduler.finish()
    await people.chooses_accounts(story)
    await story.scheduler.finish()
    for _ in range(3):
        await people.resolves(story)
        await story.scheduler.finish()


async def _rest(story: Story) -> None:
    """Do what is due, wait for what comes next, until nothing comes."""
    await machines.ticks_once(story)
    await story.scheduler.finish()
    for _ in range(ROUNDS):
        for _ in range(len(story.house.wire.letters)):
            letter = story.house.wire.letters.pop(0)
            await story.scheduler.start("post", "web", machines.post(story, letter))
            await story.scheduler.finish()
        found = await machines.due(story)
        for table, row_id in found:
            await machines.take(story, WORKERS[0], table, row_id)
            await story.scheduler.finish()
        if found:
            continue
        row = await db.fetch_row(_NEXT)
        if row is None or row["at"] is None:
            return
        at, held, moment = row["at"], row["held"], story.house.loop.now()
        until = max(at, moment) if held is None or held < moment else max(at, held)
        await story.scheduler.jump((until - moment).total_seconds() + 0.1)


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
