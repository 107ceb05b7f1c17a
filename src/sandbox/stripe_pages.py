"""Stripe's pages, mounted: the hosted payment page, the hosted onboarding page, and the console's Stripe pages."""

from litestar import Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from sandbox import stripe_checkout, stripe_console, stripe_onboarding, stripe_steps
from sandbox.stripe_world import Stripe
from sandbox.world import World


def routes(world: World) -> list[ControllerRouterHandler]:
    """The handlers of ``/stripe/c/pay``, ``/stripe/verify``, ``/stripe/setup``, ``/stripe/receipts`` and ``/console/stripe``."""
    stripe = Stripe(world)
    handlers = [
        *stripe_checkout.HANDLERS,
        *stripe_steps.HANDLERS,
        *stripe_onboarding.HANDLERS,
        *stripe_console.HANDLERS,
    ]
    return [
        Router("/", route_handlers=handlers, dependencies={"stripe": Provide(lambda: stripe, sync_to_thread=False)})
    ]
