"""Idempotency-Key: six minutes from the first call, per app, errors cached too (facts §5.2). Modes change each of these."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from litestar import Response

from sandbox.world import World
from sandbox.xero_call import Call
from sandbox.xero_refusals import Answer, XeroProblem

LONGEST_KEY = 128


class Idempotency:
    """Runs a write at most once per key and window, and replays its answer."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, call: Call, body: bytes, act: Callable[[], Answer]) -> Answer:
        """``act`` or the kept answer; raises a 400 for a key used with another request."""
        key = call.request.headers.get("idempotency-key")
        if not key or call.request.method not in ("POST", "PUT", "PATCH"):
            return act()
        if len(key) > LONGEST_KEY:
            raise _refusal("Idempotency Key: must not be longer than 128 characters.")
        modes = call.modes
        owner = call.claims["jti"] if modes.idempotency_scope == "token" else call.claims["client_id"]
        id, print_ = f"{owner}:{key}", _fingerprint(call, body)
        kept = self._world.store.get("xero.idempotency", id)
        if kept is not None and self._world.clock.timestamp() - kept["at"] < modes.idempotency_seconds:
            if kept["print"] != print_:
                raise _refusal(f"Idempotency Key: {key} is used with a different request.")
            return Response(kept["body"].encode(), status_code=kept["status"], headers=kept["headers"])
        answer = act()
        if (answer.status_code or 200) < 400 or modes.cache_errors:
            self._keep(id, print_, answer)
        return answer

    def _keep(self, id: str, print_: str, answer: Answer) -> None:
        kept = {
            "at": self._world.clock.timestamp(),
            "print": print_,
            "status": answer.status_code,
            "headers": {k: v for k, v in answer.headers.items() if k.lower() == "content-type"},
            "body": (answer.content or b"").decode(),
        }
        self._world.store.put("xero.idempotency", id, kept)


def _fingerprint(call: Call, body: bytes) -> str:
    request = call.request
    line = f"{request.method} {request.url.path}?{request.url.query} {call.tenant}\n"
    return hashlib.sha256(line.encode() + body).hexdigest()


def _refusal(message: str) -> XeroProblem:
    body = {"ErrorNumber": 10, "Type": "ValidationException", "Message": message, "Elements": []}
    return XeroProblem(400, body, message)
