"""The sandbox's only way out: one POST with a total time limit, on a thread, from the standard library."""

from __future__ import annotations

import asyncio
import http.client
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import msgspec

_POOL = ThreadPoolExecutor(max_workers=16, thread_name_prefix="outbound")
_BODY_LIMIT = 64 * 1024


class Answer(msgspec.Struct):
    """What came back: ``status`` 0 when nothing did, with the reason in ``error``."""

    status: int = 0
    headers: list[tuple[str, str]] = []
    body: bytes = b""
    error: str | None = None

    def has(self, header: str) -> bool:
        """Whether a header of that name (any case) came back."""
        return any(name.lower() == header.lower() for name, _ in self.headers)


async def post(url: str, body: bytes, headers: dict[str, str], timeout: float) -> Answer:
    """POST ``body``; never raises, never takes much longer than ``timeout`` seconds. Redirects are not followed."""
    loop = asyncio.get_running_loop()
    try:
        return await asyncio.wait_for(loop.run_in_executor(_POOL, _post, url, body, headers, timeout), timeout + 0.5)
    except TimeoutError:
        return Answer(error="timeout")


def _post(url: str, body: bytes, headers: dict[str, str], timeout: float) -> Answer:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=timeout)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read(_BODY_LIMIT))
        finally:
            connection.close()
    except TimeoutError:
        return Answer(error="timeout")
    except (OSError, http.client.HTTPException, ValueError) as problem:
        return Answer(error=f"{type(problem).__name__}: {problem}")
