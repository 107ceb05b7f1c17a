"""One call to the accounting API: who calls, for which organisation, with which scope, and how the answer is written.

Order of checks as observed: bearer token (401), tenant (403), scope (401), then the request itself (400, 404).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.store import Obj
from sandbox.world import World
from sandbox.xero_connections import connection_of
from sandbox.xero_ledger import local_day, lock_problem
from sandbox.xero_refusals import Answer, Offline, Refused, Web, XeroProblem, bad_data, expired, written
from sandbox.xero_tokens import Tokens
from sandbox.xero_wire import instant, read_json

OBJECTS = {"Invoice", "CreditNote", "Prepayment", "Overpayment", "Account", "Contact", "BankAccount"} | {
    "FromBankAccount",
    "ToBankAccount",
}
LISTS = {"LineItems", "ContactPersons"}
NUMBERS = set(
    "Amount BankAmount CurrencyRate Quantity UnitAmount LineAmount TaxAmount DiscountRate DiscountAmount SubTotal TotalTax "
    "Total AmountDue AmountPaid AmountCredited".split()
)
FLAGS = {"IsReconciled", "SentToContact", "EnablePaymentsToAccount", "IncludeInEmails", "IsDiscounted", "HasErrors"}
IDS = set(
    "InvoiceID PaymentID CreditNoteID OverpaymentID PrepaymentID BankTransactionID BankTransferID BatchPaymentID ContactID "
    "AccountID BrandingThemeID LineItemID PaymentServiceID".split()
)
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
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

    def raw(self, root: str, body: dict[str, Any]) -> Answer:
        """JSON when asked for, XML otherwise."""
        return written(self.request, root, body)


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
            raise Offline
        return Call(world, request, organisation, claims)

    def read(self, request: Web, scope: str, act: Callable[[Call], Answer]) -> Answer:
        """Run a read; refusals become answers."""
        try:
            return act(self.enter(request, scope))
        except XeroProblem as refusal:
            return refusal.answer(request)

    async def write(self, request: Web, scope: str, act: Callable[[Call, Any], Answer]) -> Answer:
        """Run a write once per Idempotency-Key; ``act`` gets the parsed JSON body (None when empty)."""
        return await self.write_bytes(request, scope, lambda call, body: act(call, _parsed(request, body)))

    async def write_bytes(self, request: Web, scope: str, act: Callable[[Call, bytes], Answer]) -> Answer:
        """The same for raw bodies (attachments)."""
        body = await request.body()
        try:
            call = self.enter(request, scope)

            def run() -> Answer:
                try:
                    return act(call, body)
                except XeroProblem as refusal:
                    return refusal.answer(request)

            return self.idempotency(call, body, run)
        except XeroProblem as refusal:
            return refusal.answer(request)


def _parsed(request: Web, body: bytes) -> Any:
    if not body.strip():
        return None
    if "json" not in request.headers.get("content-type", ""):
        raise XeroProblem(415, None, "a body that does not say it is JSON")
    try:
        return read_json(body)
    except ValueError as problem:
        raise bad_data("The request body is not valid JSON") from problem


def elements_of(body: Any, noun: str) -> list[dict[str, Any]]:
    """The elements of a write's body, each field as the type Xero reads it into; raises a 400.

    One object, or a list under the noun: what cannot be turned into its type never reaches the rules.
    """
    rows = body.get(noun, body) if isinstance(body, dict) else body
    rows = rows if isinstance(rows, list) else [rows]
    if not rows or not all(isinstance(row, dict) and row for row in rows):
        raise bad_data(f"No {noun} in the request body")
    return [_typed(row) for row in rows]


def _typed(wire: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in wire.items()}


def _value(name: str, value: Any) -> Any:
    if value is None or (name in IGNORED and name not in OBJECTS):
        return value
    if name in LISTS and isinstance(value, list):
        return [_object(name, item) for item in value]
    if name in OBJECTS:
        return _object(name, value)
    if name in LISTS or isinstance(value, dict | list) or "\0" in str(value):
        raise _unconvertible(name)
    if name in NUMBERS:
        return _number(name, value)
    if name in FLAGS:
        return _flag(name, value)
    return _id(name, value) if name in IDS else str(value)


def _object(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unconvertible(name)
    return _typed(value)


def _number(name: str, value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation as problem:
        raise _unconvertible(name) from problem
    if not number.is_finite() or isinstance(value, bool):
        raise _unconvertible(name)
    return number


def _flag(name: str, value: Any) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise _unconvertible(name)
    return text == "true"


def _id(name: str, value: Any) -> str:
    if _GUID.fullmatch(str(value)) is None:
        raise _unconvertible(name)
    return str(value)


def _unconvertible(name: str) -> XeroProblem:
    return bad_data(f"Error converting value for {name}")
