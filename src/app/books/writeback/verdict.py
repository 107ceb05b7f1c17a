"""What becomes of each held row after a turn: done (None), or to be looked at again at a time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.books.writeback.rows import Item, note
from app.books.writeback.timing import TIMING
from app.core.clock import from_now, now


@dataclass(frozen=True, slots=True)
class Later:
    """Come back at `at`; the try does not count."""

    at: datetime
    why: str


@dataclass(slots=True)
class Verdicts:
    """By row id; a row that is not in here was not come to."""

    said: dict[int, Later | None] = field(default_factory=dict)

    def done(self, item: Item) -> None:
        self.said[item.claim.id] = None

    def later(self, item: Item, at: datetime, why: str) -> None:
        self.said[item.claim.id] = Later(at, why)

    def open(self, items: list[Item]) -> list[Item]:
        """Those nothing was said about yet."""
        return [item for item in items if item.claim.id not in self.said]


async def absent(item: Item, verdicts: Verdicts) -> bool:
    """Xero said that it does not have it. True when it said so before, long enough ago: then it may be sent again."""
    first = item.row["absent_at"]
    if first is None:
        await note(item, absent_at=now())
        verdicts.later(item, from_now(TIMING.apart), "Not in Xero; looking once more.")
        return False
    ready = first + timedelta(seconds=TIMING.apart)
    if now() < ready:
        verdicts.later(item, ready, "Not in Xero; looking once more.")
        return False
    return True


def quiet_until(item: Item) -> datetime:
    """Until when nothing is asked about a write whose answer was lost."""
    since: datetime = item.row["sent_at"] or now()
    return since + timedelta(seconds=TIMING.quiet)
