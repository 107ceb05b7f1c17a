"""What a fault makes of an answer: another one in its place, or the same one spoilt on its way out."""

from __future__ import annotations

import asyncio
import json
import zlib
from email.utils import formatdate

import msgspec

from sandbox.fault_kinds import Fault, RateLimit

HTML_PAGE = b"<!doctype html><html><head><title>Access Denied</title></head><body><h1>Access Denied</h1></body></html>"
REMAINING = {"minute": b"x-minlimit-remaining", "day": b"x-daylimit-remaining", "appminute": b"x-appminlimit-remaining"}
_GZIP = 16 + zlib.MAX_WBITS
_CHUNK = b" " * 1_048_576
_STRIPE_LIMIT = {
    "message": "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
    "type": "invalid_request_error",
    "code": "rate_limit",
    "doc_url": "https://stripe.com/docs/error-codes/rate-limit",
}


class Reply(msgspec.Struct):
    """An answer before it is sent."""

    status: int = 200
    headers: list[tuple[bytes, bytes]] = []
    body: bytes = b""

    def __post_init__(self) -> None:
        self.headers = list(self.headers)


class Number(str):
    """A JSON number as it was written: Xero's decimals keep their zeros."""

    __slots__ = ()


def instead(fault: Fault | None, path: str, now: float) -> Reply | None:
    """The answer given in place of the handler's, if the fault is of that kind; ``now`` in epoch seconds."""
    if fault is not None and fault.status is not None:
        headers = [(n.lower().encode(), v.encode("latin-1")) for n, v in fault.headers.items()]
        return Reply(fault.status, headers, fault.body.encode())
    if fault is not None and fault.rate_limit is not None:
        return _too_many(fault.rate_limit, path, now)
    return None


async def spoilt(reply: Reply, fault: Fault | None) -> Reply:
    """The answer as the fault leaves it (dripping and cutting are the sender's)."""
    if fault is None:
        return reply
    if fault.html:
        return Reply(200, [(b"content-type", b"text/html")], HTML_PAGE)
    if fault.charset is not None:
        text = reply.body.decode(errors="replace")
        return Reply(reply.status, reply.headers, text.encode(fault.charset, errors="replace"))
    if fault.duplicate_keys:
        return Reply(reply.status, reply.headers, twice(reply.body))
    if fault.gzip_bomb is not None:
        packed = await asyncio.to_thread(bomb, reply.body, fault.gzip_bomb)
        return Reply(reply.status, [*reply.headers, (b"content-encoding", b"gzip")], packed)
    return reply


def twice(body: bytes) -> bytes:
    """JSON with every key said twice, the second time with null; anything else as it is."""
    try:
        pairs = json.loads(body, object_pairs_hook=tuple, parse_float=Number, parse_int=Number)
    except ValueError:
        return body
    return _write(pairs).encode()


def bomb(body: bytes, size: int) -> bytes:
    """``body`` behind ``size`` spaces, packed: a thousandth of its size, and still good JSON."""
    packer = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
    parts = [packer.compress(_CHUNK) for _ in range(size // len(_CHUNK))]
    parts += [packer.compress(_CHUNK[: size % len(_CHUNK)]), packer.compress(body), packer.flush()]
    return b"".join(parts)


def _too_many(limit: RateLimit, path: str, now: float) -> Reply:
    headers: list[tuple[bytes, bytes]] = []
    after = limit.retry_after
    if limit.retry_after_date is not None:
        after = formatdate(now + limit.retry_after_date, usegmt=True)
    if after is not None:
        headers.append((b"retry-after", after.encode("latin-1")))
    if path.startswith("/stripe/"):
        headers += [(b"stripe-rate-limited-reason", b"global-rate"), (b"content-type", b"application/json")]
        return Reply(429, headers, json.dumps({"error": _STRIPE_LIMIT}).encode())
    headers.append((b"x-rate-limit-problem", limit.problem.encode("latin-1")))
    if limit.problem in REMAINING:
        headers.append((REMAINING[limit.problem], b"0"))
    return Reply(429, headers)


def _write(value: object) -> str:
    """The objects of ``twice`` are tuples of pairs, its lists lists."""
    if isinstance(value, tuple):
        members = (f"{json.dumps(key)}:{_write(item)},{json.dumps(key)}:null" for key, item in value)
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_write(item) for item in value) + "]"
    return str(value) if isinstance(value, Number) else json.dumps(value)
