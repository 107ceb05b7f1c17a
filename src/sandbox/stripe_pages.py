"""Stripe's hosted pages and console pages."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from sandbox.world import World


def routes(world: World) -> list[ControllerRouterHandler]:
    """The handlers of ``/stripe/c/pay``, ``/stripe/setup`` and the console's Stripe pages."""
    return []
