"""Stripe's API, mounted: ``/stripe/v1``, ``/stripe/v2`` and the OAuth deauthorisation of ``connect.stripe.com``."""

from typing import Any

import msgspec
from litestar import Request, Response, Router, post, route
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from sandbox import (
    stripe_accounts,
    stripe_control,
    stripe_debits,
    stripe_disputes,
    stripe_events,
    stripe_form,
    stripe_http,
    stripe_payments,
    stripe_payouts,
    stripe_refunds,
    stripe_setup,
    stripe_v1,
    stripe_v2,
)
from sandbox.stripe_world import Stripe
from sandbox.world import World

WireRequest = Request[Any, Any, Any]


def routes(world: World) -> list[ControllerRouterHandler]:
    """The API's handlers, and ``/_stripe/…`` with them; also teaches the clock and the webhooks about Stripe."""
    stripe = Stripe(world)
    for room in (stripe_payments, stripe_debits, stripe_refunds, stripe_disputes, stripe_payouts, stripe_setup):
        room.register(stripe)
    world.webhooks.register(stripe_events.channel(stripe))
    world.truths["stripe"] = lambda: stripe_control.truth(stripe)
    api = stripe_http.Api(stripe, [*stripe_v1.operations(), *stripe_v2.operations()])

    @route("/stripe/{version:str}/{rest:path}", http_method=["GET", "POST", "DELETE"])
    async def call(request: WireRequest, version: str, rest: str) -> Response[bytes]:
        """Any API call."""
        return await api.answer(request, f"/{version}{rest}")

    @post("/stripe/oauth/deauthorize", status_code=200)
    async def deauthorize(request: WireRequest) -> Response[bytes]:
        """The platform lets go of an account: ``client_id`` and ``stripe_user_id``."""
        given = stripe_form.parse((await request.body()).decode())
        account = stripe.find(stripe_accounts.KIND, given.get("stripe_user_id"))
        if account is None or not account["_connected"]:
            error = {
                "error": "invalid_client",
                "error_description": "This application is not connected to that account.",
            }
            return Response(msgspec.json.encode(error), status_code=401, media_type="application/json")
        stripe_http.authenticate(stripe, request.headers.get("authorization", ""))
        stripe_accounts.deauthorise(stripe, account)
        return Response(msgspec.json.encode({"stripe_user_id": account["id"]}), media_type="application/json")

    control = Router(
        "/",
        route_handlers=stripe_control.HANDLERS,
        dependencies={"stripe": Provide(lambda: stripe, sync_to_thread=False)},
    )
    return [call, deauthorize, control]
