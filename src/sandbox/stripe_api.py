"""Stripe's API."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from sandbox.world import World


def routes(world: World) -> list[ControllerRouterHandler]:
    """The handlers under ``/stripe/v1`` and ``/stripe/v2``."""
    return []
