"""Whole exchanges with both platforms, kept on request: what a client really sent and what it was really told.

Off until asked for (``POST /_record {"on": true}``), bounded, in memory. Credentials in headers are left out, so that a
recording can be shown around.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec
from litestar.types import HTTPScope, Receive, ReceiveMessage

from sandbox.store import Obj

KEPT = 5_000
LARGEST_BODY = 1_000_000
SECRET_HEADERS = frozenset({"authorization", "cookie", "set-cookie"})


class Switch(msgspec.Struct, forbid_unknown_fields=True):
    """What ``/_record`` takes: on starts a fresh recording, off ends it and keeps what was heard."""

    on: bool


class Recording:
    """The last exchanges, oldest first; ``hear`` before a request is handled, ``keep`` once its answer is known."""

    def __init__(self) -> None:
        self.on = False
        self._rows: deque[Obj] = deque(maxlen=KEPT)

    def switch(self, *, on: bool) -> None:
        """Turning on forgets what was recorded before."""
        self.on = on
        if on:
            self._rows.clear()

    def rows(self, path: str | None = None) -> list[Obj]:
        """What was recorded; ``path`` keeps requests starting with it."""
        return [row for row in self._rows if path is None or row["path"].startswith(path)]

    def keep(
        self, scope: HTTPScope, sent: bytes, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> None:
        """Note one exchange; status 0 tells that the connection was cut without an answer."""
        request: Obj = {
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode("latin-1"),
            "headers": _public(scope["headers"]),
            **_text(sent),
        }
        self._rows.append({**request, "answer": {"status": status, "headers": _public(headers), **_text(body)}})


async def hear(receive: Receive) -> tuple[bytes, Receive]:
    """The request's whole body, and a receive that tells it again."""
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message["body"])
        more = message["more_body"]
    body = b"".join(parts)
    told = False

    async def again() -> ReceiveMessage:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return body, again


def _public(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header names in lower case; of a secret one only its scheme is told."""
    plain = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    return {name: _scheme(value) if name in SECRET_HEADERS else value for name, value in plain.items()}


def _scheme(value: str) -> str:
    first, gap, _ = value.partition(" ")
    return f"{first} …" if gap and "=" not in first else "…"


def _text(body: bytes) -> Obj:
    """A body as text, None where it is none (a picture, a PDF) or longer than a megabyte; ``bytes`` is its length."""
    try:
        text = body.decode() if len(body) <= LARGEST_BODY else None
    except UnicodeDecodeError:
        text = None
    return {"body": text, "bytes": len(body)}
