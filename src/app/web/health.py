"""Health: whether the process runs, whether it can serve, and how much durable work waits longer than it should."""

from typing import Any

import asyncpg
import structlog
from litestar import Controller, Response, get
from litestar.enums import MediaType

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
        """200 when pages can be served; `degraded` when work is older than five minutes or was put aside; else 503."""
        try:
            rows = await db.fetch(_COUNTS, LATE_MINUTES)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, RuntimeError, TimeoutError) as error:
            log.warning("health.unready", error=type(error).__name__)
            return Response({"ready": False, "degraded": True, "work": {}}, status_code=503)
        work = {name: {"late": 0, "put_aside": 0} for name in ("inbox", "job", "write_back")}
        work |= {row["source"]: {"late": row["late"], "put_aside": row["put_aside"]} for row in rows}
        degraded = any(any(counts.values()) for counts in work.values())
        return Response({"ready": True, "degraded": degraded, "work": work})
