"""Signing in with Xero, connecting the books, signing out. The callback's address holds secrets: it answers 302, never HTML."""

from typing import Any

import structlog
from litestar import Controller, Response, get, post
from litestar.response import Redirect

from app.clients.bundle import Clients
from app.core import limiter
from app.core.crypto import random_token
from app.core.errors import Upstream
from app.core.http import AnyRequest, Form, caller_address, see_other
from app.merchants import identity, onboarding, sessions
from app.web.render import page
from app.web.viewer import COOKIE, Viewer

log = structlog.get_logger()
FLOW = "__Host-flow"
FLOW_SECONDS = 900
TRIPS = 30  # to Xero from one address in ten minutes: each leaves a row behind
SESSION_SECONDS = sessions.DAYS * 86_400
TRY_AGAIN = {"sign_in": "/auth/xero/login", "connect": "/xero/connect"}


class AuthController(Controller):
    """The way in and the way out."""

    @get("/auth/xero/login")
    async def login(self, request: AnyRequest, clients: Clients) -> Response[Any]:
        """Sign in: who you are, nothing of your books."""
        return await _begin(request, clients, "sign_in")

    @get("/xero/connect")
    async def connect(self, request: AnyRequest, clients: Clients) -> Response[Any]:
        """The App Store's "Get this app", and connecting from inside: sign-up and consent in one."""
        return await _begin(request, clients, "connect")

    @get("/auth/xero/callback")
    async def callback(self, request: AnyRequest, clients: Clients) -> Response[Any]:
        """Back from Xero: a new session, or a page that says what to do."""
        try:
            query = {name: str(value) for name, value in request.query_params.items()}
            signed = await identity.finish(clients, query, request.cookies.get(FLOW, ""))
            old = request.cookies.get(COOKIE, "")
            if old:
                await sessions.end(clients.keys, old)
            token = await sessions.start(clients.keys, signed.user_id, signed.merchant_id)
            log.info("signin.done", user=str(signed.user_id), purpose=signed.purpose)
            answer = _found(await _way_on(signed))
        except identity.NotSignedIn as error:
            log.warning("signin.refused", reason=error.reason, purpose=error.purpose)
            return _problem(error.reason, error.purpose)
        except Exception:
            log.exception("signin.failed")
            return _problem("unavailable", "sign_in")
        _set(answer, COOKIE, token, SESSION_SECONDS)
        _set(answer, FLOW, "", 0)
        return answer

    @post("/auth/logout")
    async def logout(self, request: AnyRequest, viewer: Viewer, clients: Clients, form: Form) -> Response[Any]:
        """Sign out, here or everywhere: the session is deleted, not only forgotten by the browser."""
        log.info("signout", user=str(viewer.user_id), everywhere=form.ticked("everywhere"))
        if form.ticked("everywhere"):
            await sessions.end_all(viewer.user_id)
        else:
            await sessions.end(clients.keys, request.cookies.get(COOKIE, ""))
        answer = see_other("/")
        _set(answer, COOKIE, "", 0)
        return answer

    @get("/auth/problem")
    async def problem(self, request: AnyRequest, reason: str = "", purpose: str = "sign_in") -> Response[str]:
        """Signing in did not work: why, and the way on."""
        return await page(
            request,
            "app/signin_problem",
            csrf_token="",
            shell=None,
            reason="refused" if reason == "denied" else reason,
            retry_href=TRY_AGAIN.get(purpose, TRY_AGAIN["sign_in"]),
            reference="",
        )


async def _begin(request: AnyRequest, clients: Clients, purpose: identity.Purpose) -> Response[Any]:
    address = caller_address(request, int(clients.settings.trusted_proxies))
    if not await limiter.take(f"signin:{address}", TRIPS, 600):
        return _problem("too_often", purpose)
    browser_id = request.cookies.get(FLOW) or random_token()
    try:
        url = await identity.begin(clients, purpose, request.query_params.get("next", ""), browser_id)
    except Upstream as error:
        log.warning("signin.not_begun", code=error.code)
        return _problem("unavailable", purpose)
    answer = _found(url)
    _set(answer, FLOW, browser_id, FLOW_SECONDS)
    return answer


async def _way_on(signed: identity.SignedIn) -> str:
    if signed.next_path:
        return signed.next_path
    if signed.purpose == "connect":
        return "/setup/organisation"
    return "/invoices" if await onboarding.finished(signed.merchant_id) else "/setup"


def _found(url: str) -> Response[Any]:
    response: Response[Any] = Redirect(url, status_code=302)
    response.headers["cache-control"] = "no-store"
    return response


def _problem(reason: str, purpose: str) -> Response[Any]:
    return _found(f"/auth/problem?reason={reason}&purpose={purpose}")


def _set(answer: Response[Any], name: str, value: str, seconds: int) -> None:
    """A __Host- cookie: this host only, over TLS only, not for scripts; Lax, because Xero's redirect back must carry it.

    Deleting (0 seconds) needs the same attributes, or the browser keeps the cookie.
    """
    answer.set_cookie(name, value, path="/", secure=True, httponly=True, samesite="lax", max_age=seconds)
