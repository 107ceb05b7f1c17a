"""What one life has at hand: its house, its chance, and what it must remember of what people did."""

from dataclasses import dataclass, field
from random import Random

from tests.simulation.house import House
from tests.simulation.scheduler import ACTOR, PowerCut, Scheduler


@dataclass
class Story:
    """One seed under way."""

    house: House
    rng: Random
    urls: list[str] = field(default_factory=list)  # of Stripe's pages that customers were shown
    removed: set[str] = field(default_factory=set)  # references of our payments that a person removed in Xero
    armed: str = ""  # the fault point at which the next process that reaches it ends
    deaths: list[str] = field(default_factory=list)

    @property
    def scheduler(self) -> Scheduler:
        """Who goes on next."""
        return self.house.scheduler

    def reached(self, point: str) -> None:
        """A fault point was reached; the process may end there."""
        actor = ACTOR.get()
        if actor is not None and point == self.armed:
            self.armed = ""
            self.deaths.append(point)
            self.scheduler.end(actor.process)
            raise PowerCut(point)
