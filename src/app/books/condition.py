"""How the house itself is: work that waits longer than it should, invariants that do not hold, notifications that got lost.

For whoever runs the product (`payportal doctor`); the health page says only whether there is something to look at.
"""

from dataclasses import dataclass

from app.books import breaches, repairs
from app.core import db

LATE_MINUTES = 5
QUEUES = ("inbox", "job", "write_back")
# Rows that were due five minutes ago and that nobody holds, and rows put aside for a person to look at.
_WAITING = """
SELECT source, count(*) FILTER (WHERE next_at < now() - make_interval(mins => $1)
    AND (lease_until IS NULL OR lease_until < now())) AS late, count(*) FILTER (WHERE dead_at IS NOT NULL) AS put_aside
FROM (SELECT 'inbox' AS source, next_at, lease_until, dead_at FROM inbox WHERE next_at IS NOT NULL OR dead_at IS NOT NULL
  UNION ALL SELECT 'job', next_at, lease_until, dead_at FROM job WHERE next_at IS NOT NULL OR dead_at IS NOT NULL
  UNION ALL SELECT 'write_back', next_at, lease_until, dead_at FROM write_back
    WHERE next_at IS NOT NULL OR dead_at IS NOT NULL) AS work
GROUP BY source
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows of one queue that are late, and rows that were put aside."""

    late: int = 0
    put_aside: int = 0


@dataclass(frozen=True, slots=True)
class Condition:
    """`work` by queue; open breaches; today's (UTC) repairs by source."""

    work: dict[str, Waiting]
    breaches: int
    repairs: dict[str, int]

    @property
    def degraded(self) -> bool:
        """Whether a person should look: work is late or was put aside, or an invariant does not hold."""
        return bool(self.breaches) or any(one.late or one.put_aside for one in self.work.values())


async def condition() -> Condition:
    """How it is now, over all merchants."""
    rows = await db.fetch(_WAITING, LATE_MINUTES)
    work = {name: Waiting() for name in QUEUES}
    work |= {row["source"]: Waiting(row["late"], row["put_aside"]) for row in rows}
    return Condition(work, len(await breaches.open_ones()), await repairs.today())
