"""The waits of the write-back, in one place; tests shorten them."""

from dataclasses import dataclass


@dataclass(slots=True)
class Timing:
    """Seconds. Quiet: how long nothing is asked after a lost answer. Apart: between two absences before sending again.

    Leave: within what time of being marked as `sending` a write's bytes must leave, far less than quiet and apart; answer:
    how long the database may take to say that the rows are ours. Twice: until what was found twice is looked at again.
    """

    quiet: float = 120
    apart: float = 60
    same_key: float = 300
    lease: float = 15
    renew: float = 5
    waiting: float = 30
    leave: float = 20
    answer: float = 5
    twice: float = 900


TIMING = Timing()
# How many payments of one organisation are searched for and sent together.
LARGEST_BATCH = 40
# Tries (each counted before the work) after which a write is put before the merchant instead: about a day and a half.
PATIENCE = 45
