"""Many lives, one after the other, in one house."""

from collections.abc import Callable, Iterable

from tests.simulation.house import house
from tests.simulation.life import STEPS, Outcome, live
from tests.simulation.virtual import VirtualLoop


def live_all(url: str, seeds: Iterable[int], tell: Callable[[Outcome], None], *, shrink: bool = True) -> None:
    """Live each seed over this (migrated, empty) database and tell how it went; a bad life as short as it stays bad."""
    loop = VirtualLoop()

    async def all_of_them() -> None:
        async with house(loop, url) as opened:
            for seed in seeds:
                outcome = await live(opened, seed)
                steps = 0
                while outcome.found and shrink and steps < STEPS:
                    shorter = await live(opened, seed, steps)
                    if shorter.found:
                        outcome = shorter
                        break
                    steps += 1
                tell(outcome)

    try:
        loop.run_until_complete(all_of_them())
    finally:
        loop.close()


def told(outcome: Outcome) -> str:
    """A bad life in one line: what was wrong, and the steps that led there. `TRACE=1` with its seed shows the rest."""
    return f"SEED={outcome.seed} {'; '.join(outcome.found)} after {' '.join(outcome.steps)}"
