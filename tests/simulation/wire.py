"""The network of a simulation: the product's own HTTP clients speak with the sandbox, and the sandbox with the product.

Nothing is listened to: a request is handed to the other side's ASGI application, at the moment the scheduler chooses, and so
is its answer. A fault that resets a connection or cuts an answer short reaches the client as httpx's own error.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import httpx

from sandbox import webhooks
from sandbox.outbound import Answer, post
from tests.simulation.scheduler import ANSWERS, LEAVES, Scheduler
from tests.simulation.virtual import MICRO

App = Callable[[Any, Any, Any], Awaitable[None]]
READ_TIMEOUT = 30 * MICRO


class Wire:
    """Hosts by name, and the letters (webhooks) that the sandbox has sent and nobody delivered yet."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.hosts: dict[str, App] = {}
        self.before: Callable[[], Awaitable[None]] | None = None
        self.letters: list[tuple[str, bytes, dict[str, str]]] = []
        self.answers: Counter[int] = Counter()
        self.broken: list[str] = []
        self.calls: list[tuple[str, str]] = []  # on whose behalf (tenant or account), and all that was said

    def begin(self) -> None:
        """A new life: nothing was sent yet."""
        for kept in (self.letters, self.answers, self.broken, self.calls):
            kept.clear()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Every httpx client of the process, and the sandbox's post, uses this wire in here."""
        kept = httpx.AsyncHTTPTransport.handle_async_request
        wire = self

        async def handle(_self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
            return await wire.send(request)

        httpx.AsyncHTTPTransport.handle_async_request = handle  # type: ignore[method-assign,assignment]
        webhooks.post = self._take  # type: ignore[attr-defined]
        try:
            yield
        finally:
            httpx.AsyncHTTPTransport.handle_async_request = kept  # type: ignore[method-assign]
            webhooks.post = post  # type: ignore[attr-defined]

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Carry one request there and its answer back."""
        trace = request.extensions.get("trace")
        if trace is not None:
            await trace("http11.send_request_headers.started", {})
        began, named = self._scheduler.loop.micros, f"{request.method} {request.url.path}"
        body = await request.aread()
        if owner := request.headers.get("xero-tenant-id") or request.headers.get("stripe-account"):
            self.calls.append((owner, f"{request.url} {body!r}"))
        await self._scheduler.point(f"{LEAVES} {named} {body[:300]!r}")
        status, headers, content = await self._ask(request, body)
        await self._scheduler.point(f"{ANSWERS} {status} {named}")
        if self._scheduler.loop.micros - began > READ_TIMEOUT:
            raise httpx.ReadTimeout("", request=request)
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content), request=request)

    async def deliver(self, letter: tuple[str, bytes, dict[str, str]]) -> int:
        """Hand one webhook to the product; its status."""
        url, body, headers = letter
        request = httpx.Request("POST", url, content=body, headers=headers)
        await self._scheduler.point(f"{LEAVES} {request.url.path}")
        return (await self._ask(request, body))[0]

    async def _take(self, url: str, body: bytes, headers: dict[str, str], timeout: float) -> Answer:
        self.letters.append((url, body, headers))
        return Answer(200)

    async def _ask(self, request: httpx.Request, body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        if self.before is not None and request.url.host == "sandbox":
            await self.before()
        status, headers, parts = 0, [], []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message["headers"])
            else:
                parts.append(message.get("body", b""))

        def abort(rudely: bool) -> None:
            raise httpx.ReadError("", request=request) if rudely else httpx.RemoteProtocolError("", request=request)

        await self.hosts[request.url.host](_scope(request, abort), receive, send)
        content = b"".join(parts)
        self.answers[status] += 1
        if status == 500 and content:  # a fault that answers so has no body
            self.broken.append(f"{request.method} {request.url} answered 500: {content[:200]!r}")
        return status, headers, content


def _scope(request: httpx.Request, abort: Callable[[bool], None]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 1),
        "server": (request.url.host, 80),
        "state": {},
        "extensions": {"sandbox.abort": abort},
    }
