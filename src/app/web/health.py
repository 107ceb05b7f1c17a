"""Health: whether the process runs, whether it can serve, what waits longer than it should, and what does not hold."""

from typing import Any

import asyncpg
import structlog
from litestar import Controller, Response, get
from litestar.enums import MediaType

from app.books import breaches, repairs
from app.core import db

log = structlog.get_logger()
LATE_MINUTES = 5
# Rows that were due five minutes ago and that nobody holds, and rows put aside for a person to look at.
_COUNTS = """
SELECT source, count(*) FILTER (WHERE next_at < now() - make_interval(mins => $1)
    AND (lease_until IS NULL OR lease_until < now())) AS late, count(*) FILTER (WHERE dead_at IS NOT NULL) AS put_aside
FROM (SELECT 'inbox' AS source, next_at, lease_until, dead_at FROM inbox WHERE next_at IS NOT NULL OR dead_at IS NOT NULL
  UNION ALL SELECT 'job', next_at, lease_until, dead_at FROM job WHERE next_at IS NOT NULL OR dead_at IS NOT NULL
  UNION ALL SELECT 'write_back', next_at, lease_until, dead_at FROM write_back
    WHERE next_at IS NOT NULL OR dead_at IS NOT NULL) AS work
GROUP BY source
"""


class HealthController(Controller):
    """GET /health/live, /health/ready."""

    path = "/health"

    @get("/live", media_type=MediaType.TEXT)
    async def live(self) -> str:
        """The process answers."""
        return "live"

    @get("/ready")
    async def ready(self) -> Response[dict[str, Any]]:
        """200 when pages can be served, else 503. `degraded`: work is late or was put aside, or an invariant does not hold.

        `repairs` are today's changes that had to be fetched because a notification did not arrive.
        """
        try:
            rows = await db.fetch(_COUNTS, LATE_MINUTES)
            breached, repaired = len(await breaches.open_ones()), await repairs.today()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, RuntimeError, TimeoutError) as error:
            log.warning("health.unready", error=type(error).__name__)
            return Response({"ready": False, "degraded": True, "work": {}}, status_code=503)
        work = {name: {"late": 0, "put_aside": 0} for name in ("inbox", "job", "write_back")}
        work |= {row["source"]: {"late": row["late"], "put_aside": row["put_aside"]} for row in rows}
        degraded = bool(breached) or any(any(counts.values()) for counts in work.values())
        said = {"ready": True, "degraded": degraded, "work": work, "breaches": breached, "repairs": repaired}
        return Response(said)
