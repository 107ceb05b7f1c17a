"""The gate every request passes: faults before, the journal before any answer, the log after.

An ASGI application around the Litestar one. It holds each answer back until the store is on disk. Guards (a platform's
rate limiter) may refuse a request before the handlers see it and add headers to its answer.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, cast

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from sandbox.faults import Fault, Faults
from sandbox.recording import Recording, hear
from sandbox.store import Obj, Store

HTML_PAGE = b"<!doctype html><html><head><title>Access Denied</title></head><body><h1>Access Denied</h1></body></html>"


UNLOGGED = ("/_", "/health", "/static")


class Reply(msgspec.Struct):
    """An answer before it is sent."""

    status: int = 200
    headers: list[tuple[bytes, bytes]] = []
    body: bytes = b""

    def __post_init__(self) -> None:
        self.headers = list(self.headers)


class Guard(Protocol):
    """Something that may refuse requests under a path prefix."""

    prefix: str

    def enter(self, scope: HTTPScope, headers: dict[str, str]) -> Reply | None:
        """Count the request in; a reply means it is refused."""

    def leave(self, scope: HTTPScope, headers: dict[str, str], reply: Reply) -> None:
        """Count it out and add headers; called only when ``enter`` let it in."""


class Gate:
    """ASGI middleware; handlers may set ``scope["sandbox"]["broke_rule"]`` to have it shown in the log."""

    def __init__(
        self,
        app: ASGIApp,
        store: Store,
        faults: Faults,
        now: Callable[[], float],
        guards: list[Guard],
        log: deque[Obj],
        recording: Recording,
    ) -> None:
        self._app, self._store, self._faults, self._now = app, store, faults, now
        self._guards, self._log, self._recording = guards, log, recording

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        await self._http(scope, receive, send)

    async def _http(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        facts: dict[str, Any] = {}
        cast("dict[str, Any]", scope)["sandbox"] = facts
        if path.startswith(UNLOGGED):
            await self._send(send, await self._run(scope, receive))
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        sent, receive = await hear(receive) if self._recording.on else (b"", receive)
        started = time.perf_counter()
        fault = self._faults.strike(scope["method"], path, headers.get("xero-tenant-id"), headers.get("stripe-account"))
        reply = await self._guarded(scope, receive, headers, fault)
        self._note(scope, headers, reply, facts, started, fault)
        if self._recording.on:
            told = reply or Reply(0)
            self._recording.keep(scope, sent, told.status, told.headers, told.body)
        await self._deliver(scope, send, reply, fault)

    async def _guarded(
        self, scope: HTTPScope, receive: Receive, headers: dict[str, str], fault: Fault | None
    ) -> Reply | None:
        early = _instead(fault)
        if early is not None or (fault is not None and fault.reset_before_commit):
            self._store.commit()
            return early
        guard = next((g for g in self._guards if scope["path"].startswith(g.prefix)), None)
        refused = guard.enter(scope, headers) if guard is not None else None
        if refused is not None:
            self._store.commit()
            return refused
        reply = Reply(500)
        try:
            if fault is not None and fault.delay is not None:
                await asyncio.sleep(fault.delay)
            reply = await self._run(scope, receive)
            if fault is not None and fault.commit_then_delay is not None:
                await asyncio.sleep(fault.commit_then_delay)
        finally:
            if guard is not None:
                guard.leave(scope, headers, reply)
        return reply

    async def _run(self, scope: HTTPScope, receive: Receive) -> Reply:
        reply, body = Reply(), []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                reply.status, reply.headers = message["status"], list(message["headers"])
            elif message["type"] == "http.response.body":
                body.append(message["body"])

        await self._app(scope, receive, collect)
        reply.body = b"".join(body)
        self._store.commit()
        return reply

    def _note(
        self,
        scope: HTTPScope,
        headers: dict[str, str],
        reply: Reply | None,
        facts: dict[str, Any],
        started: float,
        fault: Fault | None,
    ) -> None:
        self._log.append(
            {
                "at": self._now(),
                "method": scope["method"],
                "path": scope["path"],
                "query": scope["query_string"].decode("latin-1"),
                "status": reply.status if reply is not None else 0,
                "bytes": len(reply.body) if reply is not None else 0,
                "tenant": headers.get("xero-tenant-id"),
                "account": headers.get("stripe-account"),
                "ms": round((time.perf_counter() - started) * 1000, 2),
                "broke_rule": facts.get("broke_rule"),
                "fault": None if fault is None else msgspec.to_builtins(fault),
            }
        )

    async def _deliver(self, scope: HTTPScope, send: Send, reply: Reply | None, fault: Fault | None) -> None:
        if reply is None or (fault is not None and fault.commit_then_reset):
            await _abort(scope)
            return
        if fault is not None and fault.html:
            reply = Reply(200, [(b"content-type", b"text/html")], HTML_PAGE)
        if fault is not None and fault.truncate is not None:
            await self._send(send, Reply(reply.status, reply.headers, reply.body), fault.truncate)
            await _abort(scope, rudely=False)
            return
        await self._send(send, reply)

    async def _send(self, send: Send, reply: Reply, only: int | None = None) -> None:
        # The length is that of the whole body, so a truncated answer is visibly short.
        headers = [(n, v) for n, v in reply.headers if n.lower() != b"content-length"]
        if reply.status >= 200 and reply.status not in (204, 304):
            headers.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        part = reply.body if only is None else reply.body[:only]
        await send({"type": "http.response.body", "body": part, "more_body": only is not None})


def _instead(fault: Fault | None) -> Reply | None:
    if fault is None:
        return None
    if fault.status is not None:
        headers = [(n.encode(), v.encode()) for n, v in fault.headers.items()]
        return Reply(fault.status, headers, fault.body.encode())
    if fault.rate_limit is not None:
        limit = [(b"x-rate-limit-problem", fault.rate_limit.problem.encode())]
        if fault.rate_limit.retry_after is not None:
            limit.append((b"retry-after", fault.rate_limit.retry_after.encode()))
        return Reply(429, limit)
    return None


async def _abort(scope: Scope, *, rudely: bool = True) -> None:
    extensions = cast("dict[str, Any]", scope.get("extensions") or {})
    abort: Callable[[bool], None] | None = extensions.get("sandbox.abort")
    if abort is not None:
        abort(rudely)
        # Let the server notice the closed connection before this request ends.
        await asyncio.sleep(0.01)
