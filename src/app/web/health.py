"""Health: whether the process runs, whether it can serve, and whether somebody should look. Never more: anybody may ask."""

import asyncpg
import structlog
from litestar import Controller, Response, get
from litestar.enums import MediaType

from app.books.condition import condition

log = structlog.get_logger()


class HealthController(Controller):
    """GET /health/live, /health/ready."""

    path = "/health"

    @get("/live", media_type=MediaType.TEXT)
    async def live(self) -> str:
        """The process answers."""
        return "live"

    @get("/ready")
    async def ready(self) -> Response[dict[str, bool]]:
        """200 when pages can be served, else 503. `degraded`: `payportal doctor` has something to tell."""
        try:
            found = await condition()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, RuntimeError, TimeoutError) as error:
            log.warning("health.unready", error=type(error).__name__)
            return Response({"ready": False, "degraded": True}, status_code=503)
        return Response({"ready": True, "degraded": found.degraded})
