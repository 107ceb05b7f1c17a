"""What went wrong, as a page: what happened, what is safe, what to do. Business errors never become a 500."""

import secrets
from typing import Any

import asyncpg
import structlog
from litestar import Response
from litestar.enums import MediaType
from litestar.exceptions import HTTPException, PermissionDeniedException
from litestar.types import ExceptionHandlersMap

from app.core.errors import NotFound, Refused, Upstream
from app.core.http import AnyRequest, see_other
from app.web.render import render
from app.web.viewer import COOKIE, NotSignedIn

log = structlog.get_logger()
PLAIN = ("/webhooks/", "/health/", "/static/", "/brand/")


def _problem(request: AnyRequest, status: int, text: str = "", reference: str = "") -> Response[str]:
    path = request.url.path
    if path.startswith(PLAIN):
        return Response("", status_code=status, media_type=MediaType.TEXT)
    html = render(
        request,
        "app/problem",
        csrf_token="",
        shell=None,
        status=status,
        audience=_audience(request, path),
        reference=reference,
        unchanged=request.method in {"GET", "HEAD"},
        title="",
        text=text,
    )
    return Response(html, status_code=status, media_type=MediaType.HTML)


def _audience(request: AnyRequest, path: str) -> str:
    if path.startswith(("/p/", "/now/")):
        return "customer"
    return "merchant" if COOKIE in request.cookies else "visitor"


def not_found(request: AnyRequest, _error: Exception) -> Response[str]:
    """404: the same for what does not exist and for what belongs to somebody else."""
    if COOKIE in request.cookies:  # a signed-in person asks for what is not theirs, or a page of ours leads nowhere
        log.warning("page.not_theirs", path=request.url.path, method=request.method)
    return _problem(request, 404)


def not_signed_in(request: AnyRequest, _error: Exception) -> Response[Any]:
    """To the landing page; scripts get a plain 401."""
    if request.headers.get("hx-request") or "text/event-stream" in request.headers.get("accept", ""):
        return Response("", status_code=401, media_type=MediaType.TEXT)
    return see_other("/")


def refused(request: AnyRequest, error: Refused) -> Response[str]:
    """422 with the rule's own words."""
    return _problem(request, 422, error.message)


def upstream(request: AnyRequest, error: Upstream) -> Response[str]:
    """503: another platform did not answer; nothing of ours is lost."""
    log.warning("page.upstream", path=request.url.path, code=error.code, status=error.status)
    return _problem(
        request, 503, "Xero or Stripe did not answer just now. Nothing was changed. Please try again in a minute."
    )


def http_error(request: AnyRequest, error: HTTPException) -> Response[str]:
    """Whatever Litestar refuses: unknown page, wrong method, bad input, a form that is not ours."""
    if error.status_code == 405:
        return _problem(request, 404)
    if error.status_code in {403, 429}:
        what = "page.turned_away" if error.status_code == 403 else "page.limited"
        log.warning(what, path=request.url.path, method=request.method)
    shown = error.detail if isinstance(error, PermissionDeniedException) else ""
    return _problem(request, error.status_code, shown)


def failed(request: AnyRequest, error: Exception) -> Response[str]:
    """500 with a reference that is also in the log."""
    reference = secrets.token_hex(4).upper()
    reference = f"{reference[:4]}-{reference[4:]}"
    log.error("page.failed", path=request.url.path, reference=reference, error=type(error).__name__, exc_info=error)
    return _problem(request, 500, reference=reference)


def unreadable(request: AnyRequest, error: Exception) -> Response[str]:
    """400: something in the request that no column can hold, such as a NUL or a number too large."""
    log.warning("page.unreadable", path=request.url.path, error=type(error).__name__)
    return _problem(request, 400)


HANDLERS: ExceptionHandlersMap = {
    asyncpg.DataError: unreadable,
    NotFound: not_found,
    NotSignedIn: not_signed_in,
    Refused: refused,
    Upstream: upstream,
    HTTPException: http_error,
    Exception: failed,
}
