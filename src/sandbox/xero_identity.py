"""Xero's identity service: discovery, keys, the token endpoint, revocation, user info.

Two discovery documents, as at the real one: the issuer is the same, the endpoints differ. Token errors carry only
``error``, no description (recorded bodies, facts §1.6).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from litestar import Request, Response, get, post
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.world import World, broke
from sandbox.xero_connections import drop_connections
from sandbox.xero_tokens import ACCESS_SECONDS, CODE_SECONDS, Tokens, named

Web = Request[Any, Any, Any]


class TokenError(Exception):
    """A refusal of the token endpoint."""

    def __init__(self, error: str, rule: str) -> None:
        super().__init__(error)
        self.error, self.rule = error, rule


def _discovery(world: World, tokens: Tokens, host: str) -> dict[str, Any]:
    login = world.url("/xero/login/identity")
    return {
        "issuer": tokens.issuer,
        "jwks_uri": world.url("/xero/identity/.well-known/openid-configuration/jwks"),
        "authorization_endpoint": f"{login}/connect/authorize",
        "token_endpoint": f"{host}/connect/token",
        "userinfo_endpoint": f"{host}/connect/userinfo",
        "end_session_endpoint": f"{login}/connect/endsession",
        "revocation_endpoint": f"{host}/connect/revocation",
        "scopes_supported": list(world.config.xero.scopes_allowed),
        "claims_supported": ["sub", "email", "given_name", "family_name", "name", "preferred_username", "xero_userid"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code", "token", "id_token", "code id_token", "code token", "code id_token token"],
        "response_modes_supported": ["form_post", "query", "fragment"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["plain", "S256"],
    }


async def _form(request: Web) -> dict[str, str]:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise TokenError("invalid_request", "the token endpoint takes forms only")
    return dict(parse_qsl((await request.body()).decode("latin-1"), keep_blank_values=True))


def _check_client(world: World, request: Web, form: dict[str, str]) -> None:
    """HTTP Basic or the form's fields: both are accepted."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as problem:
            raise TokenError("invalid_request", "malformed Basic header") from problem
        client_id, secret = unquote(client_id), unquote(secret)
    if not client_id:
        raise TokenError("invalid_request", "no client authentication")
    app = world.config.xero
    if (client_id, secret) != (app.client_id, app.client_secret):
        raise TokenError("invalid_client", "wrong client id or secret")


def _use_code(world: World, form: dict[str, str]) -> Obj:
    row = world.store.get("xero.code", form.get("code", ""))
    if row is None:
        raise TokenError("invalid_grant", "unknown code")
    if row["used"]:
        raise TokenError("invalid_grant", "a code is used once")
    row["used"] = True
    world.store.put("xero.code", row["id"], row)
    if world.clock.timestamp() - row["issued"] > CODE_SECONDS:
        raise TokenError("invalid_grant", "a code lives 5 minutes")
    if form.get("redirect_uri") != row["redirect_uri"]:
        raise TokenError("invalid_grant", "redirect_uri differs from the authorize request")
    if not _verifier_fits(row, form.get("code_verifier")):
        raise TokenError("invalid_grant", "PKCE verifier does not fit")
    return row


def _verifier_fits(row: Obj, verifier: str | None) -> bool:
    if row["challenge"] is None:
        return verifier is None
    if verifier is None or not 43 <= len(verifier) <= 128:
        return False
    if row["method"] == "plain":
        return bool(verifier == row["challenge"])
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return bool(digest == row["challenge"])


def _grant(world: World, tokens: Tokens, user: Obj, row: Obj, nonce: str | None) -> dict[str, Any]:
    client_id, scopes, event = world.config.xero.client_id, row["scopes"], row["event"]
    access = tokens.access(user, scopes, client_id, event)
    answer: dict[str, Any] = {"access_token": access, "expires_in": ACCESS_SECONDS, "token_type": "Bearer"}
    if "openid" in scopes:
        answer = {"id_token": tokens.identity(user, scopes, client_id, access, nonce), **answer}
    if "offline_access" in scopes:
        answer["refresh_token"] = tokens.refresh(user["id"], scopes, client_id, event)
    return {**answer, "scope": " ".join(scopes)}


def _exchange(world: World, tokens: Tokens, form: dict[str, str]) -> dict[str, Any]:
    kind = form.get("grant_type", "")
    if kind == "authorization_code":
        code = _use_code(world, form)
        user = world.store.get("xero.user", code["user"]) or {}
        return _grant(world, tokens, user, code, code["nonce"])
    if kind == "refresh_token":
        row = tokens.live_refresh(form.get("refresh_token", ""))
        if row is None:
            raise TokenError("invalid_grant", "refresh token unknown, rotated away, expired or revoked")
        if row["replaced_at"] is None:
            row["replaced_at"] = world.clock.timestamp()
            world.store.put("xero.refresh", row["id"], row)
        user = world.store.get("xero.user", row["user"]) or {}
        return _grant(world, tokens, user, row, None)
    if kind == "client_credentials":
        return _machine(world, tokens, form.get("scope", "").split())
    raise TokenError("unsupported_grant_type", kind)


def _machine(world: World, tokens: Tokens, scopes: list[str]) -> dict[str, Any]:
    """A token for the app itself, for managing connections; an app without such scopes has not this grant."""
    app = world.config.xero
    if not app.client_credentials_scopes:
        raise TokenError("unauthorized_client", "this app may not use client_credentials")
    scopes = scopes or list(app.client_credentials_scopes)
    if not set(scopes) <= set(app.client_credentials_scopes):
        raise TokenError("invalid_scope", "client_credentials with a scope the app does not have")
    access = tokens.machine(scopes, app.client_id)
    told = {"access_token": access, "expires_in": ACCESS_SECONDS, "token_type": "Bearer"}
    return {**told, "scope": " ".join(scopes)}


def _json(value: Any, status: int = 200) -> Response[bytes]:
    headers = {"content-type": "application/json; charset=UTF-8", "cache-control": "no-store, no-cache, max-age=0"}
    return Response(msgspec.json.encode(value), status_code=status, headers=headers)


def _revoke(world: World, token: str) -> None:
    row = world.store.get("xero.refresh", token)
    if row is None:
        return
    for other in list(world.store.find("xero.refresh", user=row["user"])):
        other["revoked"] = True
        world.store.put("xero.refresh", other["id"], other)
    world.store.delete("xero.grant", row["user"])
    drop_connections(world, row["user"])


def routes(tokens: Tokens) -> list[ControllerRouterHandler]:
    """The handlers under ``/xero/identity`` (and the second discovery document's copies under ``/xero/login``)."""

    @get("/xero/identity/.well-known/openid-configuration")
    async def discovery(world: World) -> Response[bytes]:
        return _json(_discovery(world, tokens, world.url("/xero/identity")))

    @get("/xero/login/identity/.well-known/openid-configuration")
    async def login_discovery(world: World) -> Response[bytes]:
        return _json(_discovery(world, tokens, world.url("/xero/login/identity")))

    @get("/xero/identity/.well-known/openid-configuration/jwks")
    async def jwks() -> Response[bytes]:
        return _json(tokens.jwks())

    @post(["/xero/identity/connect/token", "/xero/login/identity/connect/token"], status_code=200)
    async def token(world: World, request: Web) -> Response[bytes]:
        try:
            form = await _form(request)
            _check_client(world, request, form)
            return _json(_exchange(world, tokens, form))
        except TokenError as refusal:
            broke(request.scope, refusal.rule)
            return _json({"error": refusal.error}, 400)

    @post(["/xero/identity/connect/revocation", "/xero/login/identity/connect/revocation"], status_code=200)
    async def revocation(world: World, request: Web) -> Response[bytes]:
        try:
            form = await _form(request)
            _check_client(world, request, form)
        except TokenError as refusal:
            broke(request.scope, refusal.rule)
            return _json({"error": refusal.error}, 400)
        _revoke(world, form.get("token", ""))
        return Response(b"", status_code=200)

    @get(["/xero/identity/connect/userinfo", "/xero/login/identity/connect/userinfo"])
    async def userinfo(world: World, request: Web) -> Response[bytes]:
        claims = tokens.verify(request.headers.get("authorization", "").removeprefix("Bearer "))
        if claims is None or claims["exp"] <= world.clock.timestamp() or "xero_userid" not in claims:
            return _json({"error": "invalid_token"}, 401)
        user = world.store.get("xero.user", claims["xero_userid"]) or {}
        return _json({"sub": user["sub"], "xero_userid": user["id"], **named(user, claims["scope"])})

    return [discovery, login_discovery, jwks, token, revocation, userinfo]
