"""A small load generator over keep-alive connections; bounded in count and time, loopback only."""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

Make = Callable[[int], bytes]


class Load(NamedTuple):
    """What came of it: seconds of each request, seconds in all, how many were not answered with 2xx."""

    times: list[float]
    seconds: float
    bad: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.times) / self.seconds


def run(port: int, make: Make, *, requests: int, connections: int, limit: float = 60) -> Load:
    """Send `requests` requests (raw bytes from `make(number)`) over `connections` connections to localhost."""
    return asyncio.run(_run(port, make, requests, connections, limit))


async def _run(port: int, make: Make, requests: int, connections: int, limit: float) -> Load:
    numbers = iter(range(requests))
    times: list[float] = []
    bad = 0
    began = perf_counter()

    async def worker() -> None:
        nonlocal bad
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            if perf_counter() - began > limit:
                break
            data = make(number)
            start = perf_counter()
            writer.write(data)
            status = await _answer(reader)
            times.append(perf_counter() - start)
            bad += not 200 <= status < 300
        writer.close()

    await asyncio.gather(*(worker() for _ in range(connections)))
    return Load(times, perf_counter() - began, bad)


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at >= 0:
        await reader.readexactly(int(lower[at + 15 : lower.index(b"\r\n", at)]))
    elif b"transfer-encoding: chunked" in lower:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    return status


def get(port: int, path: str, headers: dict[str, str] | None = None) -> bytes:
    """A GET of a page."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in ({"accept": "text/html"} | (headers or {})).items())
    return f"GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\n{lines}\r\n".encode()


def post(port: int, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A POST with a body."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\nhost: localhost:{port}\r\ncontent-length: {len(body)}\r\n{lines}\r\n"
    return head.encode() + body
