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
    stripe_errors,
    stripe_events,
    stripe_form,
    stripe_http,
    stripe_limits,
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


def _oauth_error(code: str, words: str, status: int) -> Response[bytes]:
    """A refusal as OAuth words it, which Stripe's other errors are not."""
    body = msgspec.json.encode({"error": code, "error_description": words})
    return Response(body, status_code=status, media_type="application/json")


def routes(world: World) -> list[ControllerRouterHandler]:
    """The API's handlers, and ``/_stripe/…`` with them; also teaches the clock and the webhooks about Stripe."""
    stripe = Stripe(world)
    for room in (stripe_payments, stripe_debits, stripe_refunds, stripe_disputes, stripe_payouts, stripe_setup):
        room.register(stripe)
    world.webhooks.register(stripe_events.channel(stripe))
    world.guards.append(stripe_limits.Limits(stripe))
    world.truths["stripe"] = lambda: stripe_control.truth(stripe)
    api = stripe_http.Api(stripe, [*stripe_v1.operations(), *stripe_v2.operations()])

    @route("/stripe/{version:str}/{rest:path}", http_method=["GET", "POST", "DELETE"])
    async def call(request: WireRequest, version: str, rest: str) -> Response[bytes]:
        """Any API call."""
        return await api.answer(request, f"/{version}{rest}")

    @post("/stripe/oauth/deauthorize", status_code=200)
    async def deauthorize(request: WireRequest) -> Response[bytes]:
        """The platform lets go of an account: ``client_id`` and ``stripe_user_id``."""
        given = stripe_form.parse((await request.body()).decode("utf-8", "replace"))
        try:
            stripe_http.authenticate(stripe, request.headers.get("authorization", ""))
        except stripe_errors.StripeError as refusal:
            return _oauth_error("invalid_request", refusal.message, 401)
        if not str(given.get("client_id", "")).startswith("ca_"):
            return _oauth_error("invalid_request", "No application matches the supplied client identifier", 400)
        account = stripe.find(stripe_accounts.KIND, str(given.get("stripe_user_id")))
        if account is None or not account["_connected"]:
            return _oauth_error("invalid_client", "This application is not connected to that account.", 401)
        stripe_accounts.deauthorise(stripe, account)
        return Response(msgspec.json.encode({"stripe_user_id": account["id"]}), media_type="application/json")

    control = Router(
        "/",
        include_in_schema=True,
        route_handlers=stripe_control.HANDLERS,
        dependencies={"stripe": Provide(lambda: stripe, sync_to_thread=False)},
    )
    return [call, deauthorize, control]
