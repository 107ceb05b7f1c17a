"""One call to the accounting API: who calls, for which organisation, with which scope, and how the answer is written.

Order of checks as observed: bearer token (401), tenant (403), scope (401), then the request itself (400, 404).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import Request, Response

from sandbox.store import Obj
from sandbox.world import World, broke
from sandbox.xero_connections import connection_of, expired, problem
from sandbox.xero_ledger import local_day, lock_problem
from sandbox.xero_tokens import Tokens
from sandbox.xero_wire import encode, encode_xml, instant, read_json

OBJECTS = {"Invoice", "CreditNote", "Prepayment", "Overpayment", "Account", "Contact", "BankAccount"} | {
    "FromBankAccount",
    "ToBankAccount",
}
LISTS = {"LineItems", "ContactPersons"}
# Read-only lists and objects a client may send back; they are not read.
IGNORED = {
    "Tracking",
    "Payments",
    "CreditNotes",
    "Prepayments",
    "Overpayments",
    "Addresses",
    "Phones",
    "Attachments",
} | {
    "ContactGroups",
    "ValidationErrors",
    "Warnings",
    "InvoicePaymentServices",
    "BatchPayment",
    "PaymentTerms",
    "BrandingTheme",
    "Balances",
    "Item",
}
Web = Request[Any, Any, Any]
Answer = Response[bytes]


class XeroProblem(Exception):
    """Any refusal; knows its own answer. ``rule`` is what the log says was broken."""

    def __init__(
        self, status: int, body: dict[str, Any] | None, rule: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(rule)
        self.status, self.body, self.rule, self.headers = status, body, rule, headers

    def answer(self, call: Call) -> Answer:
        """The response: an empty body for some 404s, else JSON or XML as asked for."""
        if self.body is None:
            return Response(b"", status_code=self.status, headers=self.headers)
        return call.raw("ApiException", self.body, self.status, self.headers)


class Refused(XeroProblem):
    """401 or 403 in the problem schema, always JSON."""

    def __init__(
        self, world: World, status: int, detail: str, rule: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, None, rule, headers)
        self._title = "Unauthorized" if status == 401 else "Forbidden"
        self._detail, self._instance = detail, world.ids.uuid()

    def answer(self, call: Call | None = None) -> Answer:
        """The problem JSON."""
        return problem(self.status, self._title, self._detail, self._instance, self.headers)


def not_found(rule: str = "no such resource") -> XeroProblem:
    """404, empty body."""
    return XeroProblem(404, None, rule)


def invalid(elements: list[dict[str, Any]]) -> XeroProblem:
    """400 ValidationException echoing the elements with their ``ValidationErrors``."""
    texts = [e["Message"] for element in elements for e in element.get("ValidationErrors", [])]
    body = {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "A validation exception occurred",
        "Elements": elements,
    }
    return XeroProblem(400, body, "; ".join(texts) or "validation")


def bad_query(message: str) -> XeroProblem:
    """400 QueryParseException: a ``where`` or ``order`` Xero does not take."""
    return XeroProblem(400, {"ErrorNumber": 16, "Type": "QueryParseException", "Message": message}, message)


def bad_data(message: str) -> XeroProblem:
    """400 for a body that cannot be read."""
    return XeroProblem(400, {"ErrorNumber": 14, "Type": "PostDataInvalidException", "Message": message}, message)


class Call:
    """What a handler is given: ``world``, ``organisation`` (``tenant`` its id), ``claims``, and ways to answer."""

    def __init__(self, world: World, request: Web, organisation: Obj, claims: dict[str, Any]) -> None:
        self.world, self.request, self.organisation, self.claims = world, request, organisation, claims
        self.tenant: str = organisation["id"]
        self.modes = world.xero_modes(self.tenant)

    @property
    def organisation_shown(self) -> Obj:
        """The organisation as the modes leave it: with a later period lock when one is played."""
        lock, real = self.modes.lock_date, self.organisation["period_lock"]
        if lock is None:
            return self.organisation
        lock = local_day(self.world.clock.now(), self.organisation) if lock == "today" else lock
        return {**self.organisation, "period_lock": max(lock, real or lock)}

    def locked(self, date: str) -> str | None:
        """The message for a date in a locked period, or None."""
        return lock_problem(self.organisation_shown, date)

    @property
    def now_ms(self) -> int:
        """The sandbox's time in epoch milliseconds."""
        return int(self.world.clock.timestamp() * 1000)

    def param(self, name: str) -> str | None:
        """A query parameter by name, whatever its case."""
        wanted = name.lower()
        return next((v for k, v in self.request.query_params.items() if k.lower() == wanted), None)

    def flag(self, name: str) -> bool:
        """A query parameter that is ``true``."""
        return (self.param(name) or "").lower() == "true"

    def mine(self, kind: str, id: str | None) -> Obj | None:
        """An object of this organisation by id (any case), else None."""
        row = self.world.store.get(kind, id.lower() if id is not None else None)
        return self._shown(kind, row) if row is not None and row["tenant"] == self.tenant else None

    def rows(self, kind: str) -> list[Obj]:
        """All objects of a kind in this organisation."""
        return [self._shown(kind, row) for row in self.world.store.by(kind, "tenant", self.tenant)]

    def _shown(self, kind: str, row: Obj) -> Obj:
        """The row itself, or a copy of the account that a mode archives."""
        archived = self.modes.archived_account
        if archived is None or kind != "xero.account" or row["code"] != archived:
            return row
        return {**row, "status": "ARCHIVED"}

    def answer(self, noun: str, rows: list[Any], pagination: dict[str, int] | None = None) -> Answer:
        """The envelope around a list."""
        body: dict[str, Any] = {
            "Id": self.world.ids.uuid(),
            "Status": "OK",
            "ProviderName": self.world.config.xero.app_name,
            "DateTimeUTC": instant(self.now_ms),
        }
        if pagination is not None:
            body["pagination"] = pagination
        return self.raw("Response", {**body, noun: rows})

    def raw(self, root: str, body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Answer:
        """JSON when asked for, XML otherwise."""
        if "application/json" in self.request.headers.get("accept", ""):
            content, kind = encode(body), "application/json; charset=utf-8"
        else:
            content, kind = encode_xml(root, body), "text/xml; charset=utf-8"
        return Response(content, status_code=status, headers={**(headers or {}), "content-type": kind})


class Door:
    """Opens calls: the checks every accounting endpoint shares. One per world."""

    def __init__(self, world: World, tokens: Tokens) -> None:
        self._world, self._tokens = world, tokens
        self.idempotency: Callable[[Call, bytes, Callable[[], Answer]], Answer] = lambda _c, _b, act: act()

    def enter(self, request: Web, scope: str) -> Call:
        """Check token, tenant and scope; a read needs ``scope`` or ``scope.read``. Raises Refused."""
        world = self._world
        claims = self._tokens.verify(request.headers.get("authorization", "").removeprefix("Bearer "))
        if claims is None:
            raise Refused(world, 401, "AuthenticationUnsuccessful", "no valid bearer token")
        if claims["exp"] <= world.clock.timestamp():
            raise Refused(world, 401, expired(claims["exp"]), "access token expired")
        tenant = request.headers.get("xero-tenant-id", "")
        organisation = world.store.get("xero.organisation", tenant)
        if organisation is None or connection_of(world, claims.get("xero_userid", ""), tenant) is None:
            raise Refused(world, 403, "AuthenticationUnsuccessful", "tenant not connected, or no tenant id")
        enough = {scope, f"{scope}.read"} if request.method == "GET" else {scope}
        if not enough & set(claims["scope"]):
            header = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
            raise Refused(world, 401, "AuthorizationUnsuccessful", f"scope {scope} not granted", header)
        if world.xero_modes(tenant).offline:
            raise XeroProblem(503, None, "the organisation is offline")
        return Call(world, request, organisation, claims)

    def read(self, request: Web, scope: str, act: Callable[[Call], Answer]) -> Answer:
        """Run a read; refusals become answers."""
        try:
            call = self.enter(request, scope)
        except XeroProblem as refusal:
            return _refuse(request, refusal, None)
        try:
            return act(call)
        except XeroProblem as refusal:
            return _refuse(request, refusal, call)

    async def write(self, request: Web, scope: str, act: Callable[[Call, Any], Answer]) -> Answer:
        """Run a write once per Idempotency-Key; ``act`` gets the parsed JSON body (None when empty)."""
        return await self.write_bytes(request, scope, lambda call, body: act(call, _parsed(body)))

    async def write_bytes(self, request: Web, scope: str, act: Callable[[Call, bytes], Answer]) -> Answer:
        """The same for raw bodies (attachments)."""
        body = await request.body()
        try:
            call = self.enter(request, scope)
        except XeroProblem as refusal:
            return _refuse(request, refusal, None)

        def run() -> Answer:
            try:
                return act(call, body)
            except XeroProblem as refusal:
                return _refuse(request, refusal, call)

        try:
            return self.idempotency(call, body, run)
        except XeroProblem as refusal:
            return _refuse(request, refusal, call)


def _parsed(body: bytes) -> Any:
    if not body.strip():
        return None
    try:
        return read_json(body)
    except ValueError as problem_:
        raise bad_data("The request body is not valid JSON") from problem_


def _refuse(request: Web, refusal: XeroProblem, call: Call | None) -> Answer:
    broke(request.scope, refusal.rule)
    if isinstance(refusal, Refused):
        return refusal.answer()
    if call is None:
        return Response(b"Service Unavailable", status_code=refusal.status, media_type="text/plain")
    return refusal.answer(call)


def wrong_verb(request: Web, _error: Exception) -> Answer:
    """501 for a method an accounting endpoint does not have, 405 elsewhere."""
    if not request.url.path.startswith("/xero/api/api.xro"):
        return Response(b"", status_code=405)
    broke(request.scope, "wrong verb")
    message = "The Api Method called is not implemented"
    body = {"ErrorNumber": 20, "Type": "ApiMethodNotImplementedException", "Message": message}
    return Response(encode(body), status_code=501, media_type="application/json")


def elements_of(body: Any, noun: str) -> list[dict[str, Any]]:
    """The elements of a write's body: one object, or a list under the noun; raises a 400."""
    rows = body.get(noun, body) if isinstance(body, dict) else body
    rows = rows if isinstance(rows, list) else [rows]
    if not rows or not all(isinstance(row, dict) and row for row in rows):
        raise bad_data(f"No {noun} in the request body")
    for row in rows:
        _check_shape(row)
    return rows


def _check_shape(wire: dict[str, Any]) -> None:
    """Refuse what Xero's deserialiser could not turn into its types: objects, lists of objects, scalars."""
    for name, value in wire.items():
        if value is None:
            continue
        items = value if name in LISTS and isinstance(value, list) else [value]
        if name in OBJECTS or name in LISTS:
            fits = (name in OBJECTS or isinstance(value, list)) and all(isinstance(item, dict) for item in items)
        else:
            fits = not isinstance(value, dict | list) and "\0" not in str(value)
        if not fits and name not in IGNORED:
            raise bad_data(f"Error converting value for {name}")
        for item in items:
            if isinstance(item, dict):
                _check_shape(item)
