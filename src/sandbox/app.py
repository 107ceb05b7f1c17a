"""The ASGI application: the control API, the console and both platforms behind the gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

from litestar import Litestar, Request, Response, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException, MethodNotAllowedException
from litestar.openapi import OpenAPIConfig
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp

from sandbox import console, control, stripe_api, stripe_pages, xero
from sandbox.gate import Gate
from sandbox.pages import HERE
from sandbox.roots import placed
from sandbox.world import World
from sandbox.xero_refusals import XeroProblem, wrong_verb

_SCHEMA = OpenAPIConfig(title="Sandbox control API", version="1", path="/_schema")


def _said(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """What no handler answers: as Xero says it under Xero's API, plainly elsewhere."""
    if request.url.path.startswith("/xero/api/"):
        return XeroProblem(error.status_code, None, error.detail).answer(request)
    return console.said_plainly(request, error)


def create_app(world: World) -> Gate:
    """Everything this world serves, as one ASGI application; its lifespan runs the clock."""
    kit, tokens = xero.make_kit(world)
    platforms = [*xero.routes(kit, tokens), *stripe_api.routes(world), *stripe_pages.routes(world), *console.routes()]
    world.seed_once()

    def give_world() -> World:
        return world

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        clock = asyncio.create_task(world.clock.run())
        yield
        clock.cancel()
        with suppress(asyncio.CancelledError):
            await clock
        await world.clock.stop()
        world.store.close()

    app = Litestar(
        route_handlers=[
            *control.routes(),
            create_static_files_router("/static", [HERE / "static"], include_in_schema=False),
            Router("/", route_handlers=platforms, include_in_schema=False),
        ],
        dependencies={"world": Provide(give_world, sync_to_thread=False)},
        openapi_config=_SCHEMA,
        exception_handlers={MethodNotAllowedException: wrong_verb, HTTPException: _said},
        lifespan=[running],
        request_max_body_size=10_000_000,
    )
    inner, now = cast("ASGIApp", app), world.clock.timestamp
    return Gate(inner, world.store, world.faults, now, world.guards, world.log, world.recording, placed)
