"""``/connections``: which organisations a user has connected to the app. A bare array, dates with seven digits."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, delete, get
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.world import World, broke
from sandbox.xero_refusals import expired, problem
from sandbox.xero_tokens import Tokens
from sandbox.xero_wire import encode, seven_digits

Web = Request[Any, Any, Any]


def connect(world: World, user_id: str, tenant_id: str, event_id: str) -> Obj:
    """Connect an organisation, or touch the connection that exists: the tenant id never changes by reconnecting."""
    now = int(world.clock.timestamp() * 1000)
    row = connection_of(world, user_id, tenant_id)
    if row is not None:
        row |= {"updated": now, "event": event_id}
        return world.store.put("xero.connection", row["id"], row)
    id = world.ids.uuid()
    row = {"id": id, "user": user_id, "tenant": tenant_id, "event": event_id, "created": now, "updated": now}
    return world.store.put("xero.connection", id, row)


def connection_of(world: World, user_id: str, tenant_id: str) -> Obj | None:
    """The user's connection to a tenant, if there is one."""
    rows = world.store.by("xero.connection", "tenant", tenant_id)
    return next((row for row in rows if row["user"] == user_id), None)


def drop_connections(world: World, user_id: str) -> None:
    """What revocation does: all of the user's connections to the app go."""
    for row in list(world.store.find("xero.connection", user=user_id)):
        world.store.delete("xero.connection", row["id"])


def _wire(world: World, row: Obj) -> dict[str, Any]:
    tenant = world.store.get("xero.organisation", row["tenant"]) or {"name": None}
    return {
        "id": row["id"],
        "authEventId": row["event"],
        "tenantId": row["tenant"],
        "tenantType": "ORGANISATION",
        "tenantName": tenant["name"],
        "createdDateUtc": seven_digits(row["created"]),
        "updatedDateUtc": seven_digits(row["updated"]),
    }


def _refuse(
    world: World, request: Web, status: int, detail: str, rule: str, headers: dict[str, str] | None = None
) -> Response[bytes]:
    broke(request.scope, rule)
    body = encode(problem(status, detail, world.ids.uuid()))
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def _caller(world: World, tokens: Tokens, request: Web) -> str | Response[bytes] | None:
    """The user's id; None for the app itself, which sees and removes every connection; or a refusal."""
    claims = tokens.verify(request.headers.get("authorization", "").removeprefix("Bearer "))
    if claims is None:
        return _refuse(world, request, 401, "AuthenticationUnsuccessful", "no valid bearer token")
    if claims["exp"] <= world.clock.timestamp():
        return _refuse(world, request, 401, expired(claims["exp"]), "access token expired")
    if "xero_userid" in claims:
        return str(claims["xero_userid"])
    if "app.connections" in claims["scope"]:
        return None
    header = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    return _refuse(world, request, 401, "AuthorizationUnsuccessful", "scope app.connections not granted", header)


def routes(tokens: Tokens) -> list[ControllerRouterHandler]:
    """GET and DELETE of connections; a bearer token, never a tenant header."""

    @get("/xero/api/connections")
    async def list_connections(world: World, request: Web) -> Response[bytes]:
        user = _caller(world, tokens, request)
        if isinstance(user, Response):
            return user
        rows = [row for row in world.store.all("xero.connection") if user in (None, row["user"])]
        event = request.query_params.get("authEventId")
        found = [_wire(world, row) for row in rows if event in (None, row["event"])]
        return Response(encode(found), media_type="application/json")

    @delete("/xero/api/connections/{connection_id:str}", status_code=200)
    async def delete_connection(world: World, request: Web, connection_id: str) -> Response[bytes]:
        user = _caller(world, tokens, request)
        if isinstance(user, Response):
            return user
        row = world.store.get("xero.connection", connection_id)
        if row is None or user not in (None, row["user"]):
            broke(request.scope, "no such connection id (a tenant id is not one)")
            return Response(b"", status_code=404)
        world.store.delete("xero.connection", connection_id)
        return Response(b"", status_code=204)

    return [list_connections, delete_connection]
