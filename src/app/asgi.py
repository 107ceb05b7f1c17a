"""The web's door: one Litestar application for both sides."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import cast

from litestar import Litestar, Router
from litestar.config.compression import CompressionConfig
from litestar.datastructures import CacheControlHeader
from litestar.di import Provide
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp

from app.clients.bundle import open_clients
from app.core import db, html
from app.core.headers import SecurityHeaders, policy
from app.core.live import Hub
from app.runtime import workers
from app.settings import Settings
from app.web.problems import HANDLERS
from app.web.routes import ROUTES
from app.web.viewer import provide_clients, provide_form, provide_viewer
from payportal.web import ROUTES as CUSTOMER_ROUTES

FOR_EVER = CacheControlHeader(public=True, max_age=31_536_000, immutable=True)  # names carry a hash
STATIC = Path(__file__).resolve().parents[2] / "static"


def create_app(settings: Settings) -> Litestar:
    """The application; the database must be configured and migrated. Without a broker it also does the work itself."""
    app = Litestar(
        route_handlers=[*ROUTES, *CUSTOMER_ROUTES, _static()],
        dependencies={
            "clients": Provide(provide_clients),
            "viewer": Provide(provide_viewer),
            "form": Provide(provide_form),
        },
        exception_handlers=HANDLERS,
        lifespan=[_lifespan(settings)],
        compression_config=CompressionConfig(backend="gzip", minimum_size=600, exclude=["/events", "/webhooks"]),
        request_max_body_size=2_500_000,
        openapi_config=None,
        logging_config=None,
    )
    app.state.jinja = html.environment()
    app.state.settings = settings
    return app


def secured(app: Litestar) -> ASGIApp:
    """The application as it is served: with the security headers around everything."""
    settings: Settings = app.state.settings
    csp = policy([settings.stripe_pages_url, settings.stripe_connect_url, settings.xero_login_url])
    return cast("ASGIApp", SecurityHeaders(app, csp=csp, secure=settings.secure))


def _static() -> Router:
    return create_static_files_router(
        path="/static", directories=[STATIC], cache_control=FOR_EVER, include_in_schema=False, name="static"
    )


def _lifespan(settings: Settings) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def span(app: Litestar) -> AsyncIterator[None]:
        await db.open_pool(20)
        app.state.clients = await open_clients(settings)
        app.state.hub = Hub()
        await app.state.hub.start()
        own = None
        if settings.redis_url or settings.amqp_url:
            workers.listen_only(settings)
        else:
            own = workers.Worker(settings, with_clock=True)
            own.start()
        try:
            yield
        finally:
            await app.state.hub.stop()
            if own:
                own.stop(10)
            await app.state.clients.close()
            await db.close_pool()

    return span
