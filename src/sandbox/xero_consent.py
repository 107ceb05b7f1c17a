"""Xero's login and consent pages: who you are, what the app may do, which organisation.

An error that is the app's fault (client, redirect URI, scope) is shown on Xero's own page and never reaches the callback;
only the user's own "Cancel" comes back, as ``error=access_denied``. One organisation per consent.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from sandbox.pages import page, see_other
from sandbox.store import Obj
from sandbox.world import World, broke
from sandbox.xero_connections import connect, connection_of

Web = Request[Any, Any, Any]
COOKIE = "sandbox_xero_login"
AUTHORIZE = "/xero/login/identity/connect/authorize"
# "Each organisation can be connected to at most two uncertified apps" (Xero, OAuth2 limits).
UNCERTIFIED_MAX = 2
OPENID = {"openid", "profile", "email", "offline_access"}
SCOPE_WORDS = {
    "openid": "Sign you in",
    "profile": "View your name",
    "email": "View your email address",
    "offline_access": "Keep this access until you disconnect it",
    "accounting.invoices": "View and manage your invoices, credit notes and quotes",
    "accounting.invoices.read": "View your invoices, credit notes and quotes",
    "accounting.payments": "View and manage your payments",
    "accounting.payments.read": "View your payments",
    "accounting.banktransactions": "View and manage your bank transactions and transfers",
    "accounting.banktransactions.read": "View your bank transactions and transfers",
    "accounting.settings": "View and manage your organisation settings",
    "accounting.settings.read": "View your organisation settings",
    "accounting.contacts": "View and manage your contacts",
    "accounting.contacts.read": "View your contacts",
    "accounting.attachments": "View and manage your attachments",
    "accounting.attachments.read": "View your attachments",
    "paymentservices": "View and manage your payment services",
}


def _fault(world: World, query: dict[str, str]) -> tuple[str, str] | None:
    """What is wrong with the app's request, as (error, message); None when it may go on."""
    app = world.config.xero
    scopes = query.get("scope", "").split()
    if query.get("client_id") != app.client_id:
        return "unauthorized_client", "Unknown client or client not enabled"
    if query.get("redirect_uri") not in app.redirect_uris:
        return "invalid_request", "Invalid redirect_uri"
    place = urlsplit(query["redirect_uri"])
    if place.scheme != "https" and place.hostname != "localhost":
        return "invalid_request", "Invalid redirect_uri"
    if query.get("response_type") != "code":
        return "unsupported_response_type", "Response type not supported"
    if not scopes or not set(scopes) <= set(app.scopes_allowed):
        return "unauthorized_client", "Invalid scope for client"
    if not app.client_secret and "code_challenge" not in query:
        return "invalid_request", "code challenge required"
    if "code_challenge" in query and query.get("code_challenge_method", "plain") not in ("plain", "S256"):
        return "invalid_request", "Transform algorithm not supported"
    return None


def _user(world: World, request: Web) -> Obj | None:
    session = world.store.get("xero.session", request.cookies.get(COOKIE))
    return world.store.get("xero.user", session["user"]) if session is not None else None


def _organisations(world: World, user: Obj) -> list[Obj]:
    rows = [world.store.get("xero.organisation", tenant) for tenant in user["tenants"]]
    return [{**row, "connected": connection_of(world, user["id"], row["id"])} for row in rows if row is not None]


def _granted(world: World, user: Obj) -> list[str]:
    return list((world.store.get("xero.grant", user["id"]) or {"scopes": []})["scopes"])


def _finish(world: World, user: Obj, query: dict[str, str], tenant: str | None) -> Redirect:
    """Record the consent, connect the organisation, hand out a code. Scopes add up over consents and never narrow."""
    asked = query["scope"].split()
    scopes = _granted(world, user)
    scopes += [scope for scope in asked if scope not in scopes]
    world.store.put("xero.grant", user["id"], {"scopes": scopes})
    event = world.ids.uuid()
    if tenant is not None:
        connect(world, user["id"], tenant, event)
    # Without offline_access in this very request there is no refresh token, whatever was consented to before.
    in_token = [s for s in scopes if s != "offline_access" or s in asked]
    code = world.ids.token("", 43)
    row = {
        "id": code,
        "user": user["id"],
        "scopes": in_token,
        "event": event,
        "redirect_uri": query["redirect_uri"],
        "challenge": query.get("code_challenge"),
        "method": query.get("code_challenge_method", "plain"),
        "nonce": query.get("nonce"),
        "issued": world.clock.timestamp(),
        "used": False,
    }
    world.store.put("xero.code", code, row)
    back = {"code": code, "scope": " ".join(asked), "session_state": world.ids.token("", 43)}
    return _back(query, back)


def _back(query: dict[str, str], values: dict[str, str]) -> Redirect:
    if "state" in query:
        values["state"] = query["state"]
    joint = "&" if urlsplit(query["redirect_uri"]).query else "?"
    return see_other(query["redirect_uri"] + joint + urlencode(values))


def _open_connections(world: World) -> int:
    return len({row["tenant"] for row in world.store.all("xero.connection")})


def _other_apps(world: World, tenant: str | None) -> int:
    return int((world.store.get("xero.organisation", tenant) or {}).get("other_apps", 0))


@get(AUTHORIZE)
async def authorize(world: World, request: Web) -> Response[Any]:
    """The start of every sign-in and connection."""
    query = dict(request.query_params.items())
    fault = _fault(world, query)
    if fault is not None:
        broke(request.scope, f"{fault[0]} : {fault[1]}")
        id = world.ids.token("", 32)
        world.store.put("xero.error", id, {"error": fault[0], "message": fault[1]})
        return Redirect(f"/xero/login/identity/error?errorId={id}", status_code=302)
    user = _user(world, request)
    if user is None or query.get("prompt") == "login":
        query.pop("prompt", None)
        return_url = quote(f"{AUTHORIZE}?{urlencode(query)}", safe="")
        return Redirect(f"/xero/login/identity/user/login?ReturnUrl={return_url}", status_code=302)
    asked = query["scope"].split()
    if set(asked) <= OPENID and set(asked) <= set(_granted(world, user)):
        return _finish(world, user, query, None)
    id = world.ids.token("", 32)
    world.store.put("xero.pending", id, {"id": id, "user": user["id"], "query": query})
    return Redirect(f"/xero/login/identity/consent?id={id}", status_code=302)


@get("/xero/login/identity/error")
async def error(world: World, request: Web) -> Response[str]:
    """Xero's own error page."""
    row = world.store.get("xero.error", request.query_params.get("errorId"))
    row = row or {"error": "unknown", "message": "This error is no longer known"}
    return page("xero/error.html", status=500, problem=row)


@get("/xero/login/identity/user/login")
async def login(world: World, request: Web) -> Response[str]:
    """Who are you? The sandbox asks for no password."""
    return_url = request.query_params.get("ReturnUrl", "/")
    return page("xero/login.html", users=world.store.all("xero.user"), return_url=return_url)


@post("/xero/login/identity/user/login")
async def log_in(world: World, request: Web) -> Response[Any]:
    """One of the people was picked."""
    form = await request.form()
    user, return_url = world.store.get("xero.user", str(form.get("user"))), str(form.get("return_url", "/"))
    if user is None or not return_url.startswith(("/xero/", "/console")):
        return page("xero/error.html", status=400, problem={"error": "invalid_request", "message": "Unknown user"})
    session = world.ids.token("", 40)
    world.store.put("xero.session", session, {"user": user["id"]})
    answer = see_other(return_url)
    answer.set_cookie(Cookie(COOKIE, value=session, path="/xero/login", httponly=True, samesite="lax"))
    return answer


@get("/xero/login/identity/user/logout")
async def log_out(world: World, request: Web) -> Response[Any]:
    """Sign in as someone else."""
    world.store.delete("xero.session", request.cookies.get(COOKIE, ""))
    answer = see_other(request.query_params.get("ReturnUrl", "/"))
    answer.delete_cookie(COOKIE, path="/xero/login")
    return answer


@get("/xero/login/identity/connect/endsession")
async def end_session(world: World, request: Web) -> Response[Any]:
    """The end_session endpoint: forgets the login and says so."""
    world.store.delete("xero.session", request.cookies.get(COOKIE, ""))
    answer = page("xero/error.html", problem={"error": "", "message": "You are signed out of Xero."})
    answer.delete_cookie(COOKIE, path="/xero/login")
    return answer


@get("/xero/login/identity/consent")
async def consent(world: World, request: Web) -> Response[str]:
    """What the app asks for, and for which organisation."""
    row, user = world.store.get("xero.pending", request.query_params.get("id")), _user(world, request)
    if row is None or user is None or row["user"] != user["id"]:
        gone = {"error": "invalid_request", "message": "This sign-in has expired"}
        return page("xero/error.html", status=400, problem=gone)
    asked = row["query"]["scope"].split()
    organisations = [] if set(asked) <= OPENID else _organisations(world, user)
    words = [SCOPE_WORDS.get(scope, scope) for scope in asked]
    return page(
        "xero/consent.html",
        id=row["id"],
        app=world.config.xero.app_name,
        user=user,
        words=words,
        organisations=organisations,
        problem=request.query_params.get("problem", ""),
        again=quote(f"{AUTHORIZE}?{urlencode(row['query'])}", safe=""),
    )


@post("/xero/login/identity/consent")
async def answer_consent(world: World, request: Web) -> Response[Any]:
    """Allow access, or cancel."""
    form = await request.form()
    row, user = world.store.get("xero.pending", str(form.get("id"))), _user(world, request)
    if row is None or user is None or row["user"] != user["id"]:
        gone = {"error": "invalid_request", "message": "This sign-in has expired"}
        return page("xero/error.html", status=400, problem=gone)
    query = row["query"]
    if form.get("choice") != "allow":
        world.store.delete("xero.pending", row["id"])
        return _back(query, {"error": "access_denied", "error_description": "The user cancelled"})
    tenant = str(form.get("tenant")) if form.get("tenant") else None
    if not set(query["scope"].split()) <= OPENID:
        again = f"/xero/login/identity/consent?id={row['id']}&problem="
        if tenant not in user["tenants"]:
            return see_other(again + quote("Choose an organisation"))
        new = not any(world.store.find("xero.connection", tenant=tenant))
        if new and _open_connections(world) >= world.config.xero.most_connections:
            return see_other(again + quote("This app has reached its limit of connected organisations"))
        if new and _other_apps(world, tenant) >= UNCERTIFIED_MAX and not world.config.xero.certified:
            return see_other(again + quote("This organisation is already connected to two uncertified apps"))
    else:
        tenant = None
    world.store.delete("xero.pending", row["id"])
    return _finish(world, user, query, tenant)


def routes() -> list[ControllerRouterHandler]:
    """The pages under ``/xero/login``."""
    return [authorize, error, login, log_in, log_out, end_session, consent, answer_consent]
