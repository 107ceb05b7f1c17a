"""What one life has at hand: its house, its chance, who lives in it, and what it must remember of what people did."""

from dataclasses import dataclass, field
from random import Random

from tests.simulation.house import House
from tests.simulation.scheduler import ACTOR, PowerCut, Scheduler
from tests.simulation.shops import Shop


@dataclass
class Story:
    """One seed under way."""

    house: House
    rng: Random
    shops: list[Shop] = field(default_factory=list)  # who lives in it: strangers to each other
    urls: list[str] = field(default_factory=list)  # of Stripe's pages that customers were shown
    removed: set[str] = field(default_factory=set)  # references of our payments that a person removed in Xero
    left: set[str] = field(default_factory=set)  # Stripe accounts that were not ours to read for a while
    armed: str = ""  # the fault point at which the next process that reaches it ends
    deaths: list[str] = field(default_factory=list)
    trespasses: list[str] = field(default_factory=list)  # what a stranger could do

    @property
    def scheduler(self) -> Scheduler:
        """Who goes on next."""
        return self.house.scheduler

    def shop(self) -> Shop:
        """One of the merchants, whose turn it is."""
        return self.rng.choice(self.shops)

    def reached(self, point: str) -> None:
        """A fault point was reached; the process may end there."""
        actor = ACTOR.get()
        if actor is not None and point == self.armed:
            self.armed = ""
            self.deaths.append(point)
            self.scheduler.end(actor.process)
            raise PowerCut(point)
