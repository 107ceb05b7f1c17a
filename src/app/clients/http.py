"""One HTTP client for each set of Clients: bounded in time and size, and never used while a transaction is open."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from app.core import db
from app.core.clock import now
from app.core.errors import Upstream
from app.core.faultpoint import faultpoint

TIMEOUT = httpx.Timeout(30, connect=5)
LARGEST_ANSWER = 32 * 1024 * 1024
LONGEST_PAUSE = 26 * 3600.0


async def refuse_in_transaction(request: httpx.Request) -> None:
    """The request hook: no call may leave while a transaction holds rows."""
    db.refuse_in_transaction(f"{request.method} {request.url.host}")


HOOKS: Mapping[str, list[Any]] = {"request": [refuse_in_transaction]}


def open_http() -> httpx.AsyncClient:
    """A client for the running loop; the caller closes it."""
    return httpx.AsyncClient(timeout=TIMEOUT, event_hooks=HOOKS, follow_redirects=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    content: bytes


# Asked when the connection stands and the first byte is about to leave; what it raises stops the request before that.
LastLook = Callable[[], Awaitable[None]]


async def call(http: httpx.AsyncClient, who: str, request: httpx.Request, last_look: LastLook | None = None) -> Reply:
    """Send and read the whole answer, at most 32 MB. Raises Upstream when none came.

    `unknown` tells a write that may have happened; a connection that was never made leaves no doubt.
    """
    writes = request.method not in {"GET", "HEAD"}
    if last_look:
        request.extensions = {**request.extensions, "trace": _before_bytes(last_look)}
    try:
        response = await http.send(request, stream=True)
        try:
            return Reply(response.status_code, response.headers, await _read(who, response, writes=writes))
        finally:
            await response.aclose()
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise Upstream(f"{who} cannot be reached.", code="unreachable") from error
    except httpx.HTTPError as error:
        raise Upstream(f"{who} did not answer ({type(error).__name__}).", code="no_answer", unknown=writes) from error


def _before_bytes(last_look: LastLook) -> Callable[[str, Any], Awaitable[None]]:
    """A trace for httpcore, which awaits it before and after each step of a request."""

    async def trace(step: str, _: Any) -> None:
        if step.endswith("send_request_headers.started"):
            await last_look()
        elif step.endswith("send_request_body.complete"):
            faultpoint("K13")
        elif step.endswith("receive_response_headers.complete"):
            faultpoint("K14")

    return trace


async def _read(who: str, response: httpx.Response, *, writes: bool) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_bytes(65_536):
        size += len(part)
        if size > LARGEST_ANSWER:
            raise Upstream(f"{who} sent too much.", code="unreadable", status=response.status_code, unknown=writes)
        parts.append(part)
    return b"".join(parts)


def retry_after(headers: Mapping[str, str], otherwise: float) -> float:
    """Seconds to wait: Retry-After as seconds or a date, 1 second to 26 hours; `otherwise` when it says nothing."""
    text = headers.get("retry-after", "").strip()
    seconds = otherwise
    with suppress(ValueError, TypeError, OverflowError):
        seconds = float(text) if text.replace(".", "", 1).lstrip("-").isdigit() else _until(text)
    return min(max(seconds, 1.0), LONGEST_PAUSE)


def _until(text: str) -> float:
    return (_aware(parsedate_to_datetime(text)) - now()).total_seconds()


def server_date(headers: Mapping[str, str]) -> datetime:
    """The other side's clock when it answered; ours when it did not say."""
    try:
        return _aware(parsedate_to_datetime(headers.get("date", "")))
    except (ValueError, TypeError):
        return now()


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
