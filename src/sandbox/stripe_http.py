"""The way into the API: key, account, version, idempotency, parameters, then one handler per operation.

Order as at Stripe: 401 for the key, 403 for the account, 404 for the URL, then the idempotency store, then parameters.
Refusals up to the parameters leave the idempotency key free; whatever a handler answered is kept and replayed, 400s and
500s too. Source: docs.stripe.com/api/idempotent_requests, /api/errors, /connect/authentication.
"""

import asyncio
import base64
import binascii
import hashlib
import logging
import re
from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, Response

from sandbox import stripe_errors, stripe_form, stripe_params, stripe_versions
from sandbox.store import Obj
from sandbox.stripe_accounts import KIND
from sandbox.stripe_errors import StripeError
from sandbox.stripe_expand import expanded
from sandbox.stripe_limits import Locks
from sandbox.stripe_world import API_VERSION, DAY, PLATFORM, Stripe
from sandbox.world import broke

log = logging.getLogger(__name__)
KEPT_V1, KEPT_V2 = DAY, 30 * DAY


class Call(msgspec.Struct):
    """One API call after all checks: who (``account`` is "" for the platform), what, with which typed parameters."""

    stripe: Stripe
    account: str
    path: str
    ids: list[str]
    params: dict[str, Any]
    version: str = API_VERSION

    @property
    def id(self) -> str:
        """The id in the path."""
        return self.ids[0]


Handler = Callable[[Call], Obj]


class Operation(msgspec.Struct, frozen=True):
    """A path with one handler; ``name`` is its key in the parameter schemas."""

    name: str
    pattern: re.Pattern[str]
    handler: Handler


def operation(name: str, handler: Handler) -> Operation:
    """``operation("GET /v1/refunds/{id}", retrieve)``."""
    return Operation(name, re.compile(re.sub(r"\{\w+\}", "([^/]+)", name.split(" ")[1])), handler)


class Api:
    """All operations, and the answer to one request."""

    def __init__(self, stripe: Stripe, operations: list[Operation]) -> None:
        self._stripe = stripe
        self._operations: dict[str, list[Operation]] = {}
        for known in operations:
            self._operations.setdefault(known.name.split(" ")[0], []).append(known)
        self._busy: set[tuple[str, str]] = set()
        self._locks = Locks()

    async def answer(self, request: Request[Any, Any, Any], path: str) -> Response[bytes]:
        """The response to a request for ``path`` (``/v1/…`` or ``/v2/…``)."""
        # A read leaves nothing behind, not even a step of the id row; only what changes the world repeats with its seed.
        name = self._stripe.request_id() if request.method == "GET" else self._stripe.id("req_", 14)
        headers = {"request-id": name, "content-type": "application/json"}
        headers["stripe-version"] = request.headers.get("stripe-version", API_VERSION)
        if "stripe-account" in request.headers:
            headers["stripe-account"] = request.headers["stripe-account"]
        try:
            status, body = await self._checked(request, path, headers)
        except StripeError as refusal:
            status, body = refusal.status, msgspec.json.encode(refusal.body())
        if status >= 400:
            broke(request.scope, msgspec.json.decode(body)["error"]["message"])
        return Response(body, status_code=status, headers=headers, media_type="application/json")

    async def _checked(self, request: Request[Any, Any, Any], path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        stripe, body = self._stripe, await request.body()
        key = authenticate(stripe, request.headers.get("authorization", ""))
        account = scope(stripe, key, request.headers.get("stripe-context") or request.headers.get("stripe-account"))
        stripe_versions.check(headers["stripe-version"])
        found, ids = self._find(request.method, path)
        token = request.headers.get("idempotency-key") if request.method != "GET" else None
        ask = _Ask(account, path, ids, request.method, request.url.query, body, headers["stripe-version"])
        if not token:
            return await self._run(found, ask, headers["request-id"], None)
        return await self._once(found, ask, token, headers)

    def _find(self, method: str, path: str) -> tuple[Operation, list[str]]:
        for candidate in self._operations.get(method, ()):
            if match := candidate.pattern.fullmatch(path.rstrip("/")):
                return candidate, list(match.groups())
        raise stripe_errors.unrecognised(method, path)

    async def _once(self, found: Operation, ask: "_Ask", token: str, headers: dict[str, str]) -> tuple[int, bytes]:
        if len(token) > 255:
            raise stripe_errors.invalid("Idempotency-Key", "Idempotency-Key must be at most 255 characters.")
        slot = (ask.account, token)
        kept = self._kept(slot, ask.path)
        headers["idempotency-key"] = token
        if kept is not None:
            if kept["fingerprint"] != ask.fingerprint():
                raise _mismatch(token, ask.path)
            headers |= {"idempotent-replayed": "true", "original-request": kept["request"]}
            return self._replayed(found, ask, kept)
        if slot in self._busy:
            raise stripe_errors.key_in_use(token)
        self._busy.add(slot)
        try:
            return await self._run(found, ask, headers["request-id"], token)
        finally:
            self._busy.discard(slot)

    def _replayed(self, found: Operation, ask: "_Ask", kept: Obj) -> tuple[int, bytes]:
        """v1 repeats the first answer to the byte; v2 shows what it made as it is now, where that can be read."""
        made = msgspec.json.decode(kept["body"])
        if not ask.path.startswith("/v2") or "id" not in made:
            return kept["status"], kept["body"].encode()
        place = "/".join([*ask.path.split("/")[:4], made["id"]])
        reader, ids = self._find("GET", place)
        wanted = {"include": ask.params(found.name).get("include") or []}
        return _perform(reader, Call(self._stripe, ask.account, place, ids, wanted, ask.version))

    def _kept(self, slot: tuple[str, str], path: str) -> Obj | None:
        row = self._stripe.world.store.get("stripe._idempotent", ":".join(slot))
        lasts = KEPT_V2 if path.startswith("/v2") else KEPT_V1
        return None if row is None or self._stripe.now() - row["at"] > lasts else row

    async def _run(self, found: Operation, ask: "_Ask", request_id: str, token: str | None) -> tuple[int, bytes]:
        stripe = self._stripe
        call = Call(stripe, ask.account, ask.path, ask.ids, ask.params(found.name), ask.version)
        async with self._locks.on(_changed(call) if ask.method == "POST" else None, stripe.modes.lock_seconds):
            if stripe.modes.api_seconds:
                await asyncio.sleep(stripe.modes.api_seconds)
            # From here to the answer nothing awaits: events made meanwhile are this request's.
            stripe.request = {"id": request_id, "idempotency_key": token}
            try:
                status, body = _perform(found, call)
            finally:
                stripe.request = {"id": None, "idempotency_key": None}
        # v2 replays successes only; what failed there is tried again.
        if token is not None and (status < 400 or not ask.path.startswith("/v2")):
            row = {"status": status, "body": body.decode(), "fingerprint": ask.fingerprint()}
            row |= {"at": stripe.now(), "request": request_id}
            stripe.world.store.put("stripe._idempotent", f"{ask.account}:{token}", row)
        return status, body


def _changed(call: Call) -> str | None:
    """The object a change is about: the one in the path, or the payment a refund names."""
    named = [*call.ids, *(call.params.get(name) for name in ("charge", "payment_intent"))]
    return next((id for id in named if isinstance(id, str)), None)


def _perform(found: Operation, call: Call) -> tuple[int, bytes]:
    try:
        answer = found.handler(call)
        if call.path.startswith("/v1"):
            answer = expanded(call.stripe, answer, call.params.get("expand") or [])
        return 200, msgspec.json.encode(stripe_versions.told(answer, call.version))
    except StripeError as refusal:
        return refusal.status, msgspec.json.encode(refusal.body())
    except Exception:
        log.exception("%s failed", found.name)
        message = "An unknown error occurred. (This sandbox has a fault; its log has the details.)"
        return 500, msgspec.json.encode(StripeError(500, message, type="api_error").body())


class _Ask(msgspec.Struct):
    """The raw request once its key and account are known."""

    account: str
    path: str
    ids: list[str]
    method: str
    query: str
    body: bytes
    version: str

    def fingerprint(self) -> str:
        """What must be the same for a key to be used again."""
        return hashlib.sha256(f"{self.method} {self.path} ".encode() + self.body).hexdigest()

    def params(self, name: str) -> dict[str, Any]:
        """The typed parameters; raises ``StripeError`` 400."""
        if self.path.startswith("/v2") and self.method == "POST":
            return stripe_params.read(name, _json(self.body), text=False)
        given = stripe_form.parse(self.query if self.method == "GET" else self.body.decode("utf-8", "replace"))
        if self.path.startswith("/v2"):
            page = given.pop("page", None)
            return stripe_params.read(name, given, text=True) | ({} if page is None else {"page": page})
        if self.method != "GET" and self.query:
            given = stripe_form.parse(self.query) | given
        return stripe_params.read(name, stripe_versions.asked(given, self.version), text=True)


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, RecursionError) as problem:
        raise StripeError(400, f"Invalid JSON: {problem}") from problem


def authenticate(stripe: Stripe, authorization: str) -> str:
    """The secret key, from Bearer or Basic; raises 401."""
    kind, _, value = authorization.partition(" ")
    key = value.strip()
    if kind.lower() == "basic":
        try:
            key = base64.b64decode(key, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            key = ""
    if kind.lower() not in ("bearer", "basic") or not key:
        raise stripe_errors.key_missing()
    if key != stripe.world.config.stripe.secret_key:
        raise stripe_errors.key_invalid(key)
    return key


def scope(stripe: Stripe, key: str, account: str | None) -> str:
    """Whose objects this call is about: "" is the platform; raises 403 for an account that is not connected."""
    if not account or account == stripe.platform_id():
        return PLATFORM
    row = stripe.find(KIND, account)
    if row is None or not row["_connected"]:
        raise stripe_errors.account_invalid(key, account)
    return account


def _mismatch(token: str, path: str) -> StripeError:
    error = stripe_errors.key_reused(token)
    if path.startswith("/v2"):
        error.status = 409
    return error
