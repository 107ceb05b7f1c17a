"""The gate every request passes: faults before, the journal before any answer, the log after.

An ASGI application around the Litestar one. It holds each answer back until the store is on disk. Guards (a platform's
rate limiter) may refuse a request before the handlers see it and add headers to its answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol, cast

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from sandbox.fault_kinds import Fault
from sandbox.faults import Faults
from sandbox.recording import Recording, hear
from sandbox.request_log import RequestLog
from sandbox.spoil import Reply, instead, spoilt
from sandbox.store import Store

DRIP_SECONDS = 0.1
UNLOGGED = ("/_", "/health", "/static")


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
        log: RequestLog,
        recording: Recording,
        placed: Callable[[str], str],
    ) -> None:
        self._app, self._store, self._faults, self._now = app, store, faults, now
        self._guards, self._log, self._recording, self._placed = guards, log, recording, placed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        await self._http(scope, receive, send)

    async def _http(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        path = scope["path"] = self._placed(scope["path"])
        facts: dict[str, Any] = {}
        cast("dict[str, Any]", scope)["sandbox"] = facts
        if path.startswith(UNLOGGED):
            reply = await self._run(scope, receive)
            self._store.commit()
            await self._send(send, reply)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        sent, receive = await hear(receive) if self._recording.on else (b"", receive)
        started = time.perf_counter()
        fault = self._faults.strike(scope["method"], path, headers.get("xero-tenant-id"), headers.get("stripe-account"))
        answer = await self._guarded(scope, receive, headers, fault)
        self._note(scope, headers, answer, facts, started, fault)
        self._store.commit()
        if self._recording.on:
            told = answer or Reply(0)
            self._recording.keep(scope, sent, told.status, told.headers, told.body)
        await self._deliver(scope, send, answer, fault)

    async def _guarded(
        self, scope: HTTPScope, receive: Receive, headers: dict[str, str], fault: Fault | None
    ) -> Reply | None:
        early = instead(fault, scope["path"], self._now())
        if early is not None or (fault is not None and fault.reset_before_commit):
            return early
        guard = next((g for g in self._guards if scope["path"].startswith(g.prefix)), None)
        refused = guard.enter(scope, headers) if guard is not None else None
        if refused is not None:
            return refused
        reply = Reply(500)
        try:
            if fault is not None and fault.delay is not None:
                await asyncio.sleep(fault.delay)
            reply = await self._run(scope, receive)
            if fault is not None and fault.commit_then_delay is not None:
                self._store.commit()
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
        if fault is not None and fault.truncate is not None:
            await self._send(send, reply, [reply.body[: fault.truncate]])
            await _abort(scope, rudely=False)
        elif fault is not None and fault.drip is not None:
            await self._send(send, reply, pieces(reply.body, fault.drip), DRIP_SECONDS)
        else:
            await self._send(send, await spoilt(reply, fault))

    async def _send(self, send: Send, reply: Reply, parts: list[bytes] | None = None, pause: float = 0.0) -> None:
        """The whole body at once, or in ``parts`` with pauses between them."""
        # The length is that of the whole body, so a truncated answer is visibly short.
        headers = [(n, v) for n, v in reply.headers if n.lower() != b"content-length"]
        if reply.status >= 200 and reply.status not in (204, 304):
            headers.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        for part in parts if parts is not None else [reply.body]:
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(pause)
        if parts is None or b"".join(parts) == reply.body:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def pieces(body: bytes, seconds: float) -> list[bytes]:
    """A body in as many parts as there are pauses in ``seconds``, each of at least one byte."""
    size = max(1, round(len(body) / max(1.0, seconds / DRIP_SECONDS)))
    return [body[start : start + size] for start in range(0, len(body), size)]


async def _abort(scope: Scope, *, rudely: bool = True) -> None:
    extensions = cast("dict[str, Any]", scope.get("extensions") or {})
    abort: Callable[[bool], None] | None = extensions.get("sandbox.abort")
    if abort is not None:
        abort(rudely)
        # Let the server notice the closed connection before this request ends.
        await asyncio.sleep(0.01)
