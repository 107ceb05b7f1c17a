"""Exchanges with Stripe held against the types of Stripe's own library 16.1.0: endpoints, parameters and objects."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from tests.contract.specs import Exchange, json_of, read_json

PREFIX = "/stripe"
FILES = {
    "checkout.session": "checkout/_session.py::Session",
    "payment_intent": "_payment_intent.py::PaymentIntent",
    "charge": "_charge.py::Charge",
    "balance_transaction": "_balance_transaction.py::BalanceTransaction",
    "balance": "_balance.py::Balance",
    "refund": "_refund.py::Refund",
    "dispute": "_dispute.py::Dispute",
    "payout": "_payout.py::Payout",
    "application_fee": "_application_fee.py::ApplicationFee",
    "fee_refund": "_application_fee_refund.py::ApplicationFeeRefund",
    "item": "_line_item.py::LineItem",
    "event": "_event.py::Event",
    "account": "_account.py::Account",
    "account_link": "_account_link.py::AccountLink",
    "webhook_endpoint": "_webhook_endpoint.py::WebhookEndpoint",
    "v2.core.account": "v2/core/_account.py::Account",
    "v2.core.account_link": "v2/core/_account_link.py::AccountLink",
    "v2.core.event": "v2/core/_event.py::Event",
    "v2.core.event_destination": "v2/core/_event_destination.py::EventDestination",
}
# What the library's types leave out, each with its reason.
GAPS = {
    "related_object": "on the wire of every thin event, absent from the library's class of the event itself",
    "sometimes": "fields that Stripe sends only when they apply or when asked for (SOMETIMES names them)",
    "lists": "the library's list classes describe no fields: object, data, has_more, url; in v2 data and page addresses",
    "some operations": "parameters are held for some sixty operations; others are checked for path and verb only",
    "open words": "parameters allow any text beside the listed words, for words of later versions; ours must be listed",
}
WIRE_ONLY = {"v2.core.event": {"related_object"}}
SOMETIMES = {
    "checkout.session": {"line_items", "name_collection", "optional_items", "presentment_details", "tax_id_collection"}
    | {"managed_payments"},
    "charge": {"level3", "presentment_details", "refunds", "transfer"},
    "payment_intent": {"hooks", "managed_payments", "payment_details", "payment_record", "presentment_details"},
    "refund": {"presentment_details"},
    "balance": {"connect_reserved", "instant_available", "issuing", "refund_and_dispute_prefunding"},
    "account": {"company", "deleted", "groups", "individual"},
    "webhook_endpoint": {"deleted", "secret"},
    "event": {"account", "context"},
    "v2.core.event": {"snapshot_event", "changes"},  # the notification leaves out what changed
    "item": {"discounts", "taxes"},
}
LISTS = ({"object", "data", "has_more", "url"}, {"data", "next_page_url", "previous_page_url"})


@cache
def classes() -> dict[str, dict[str, Any]]:
    """The library's response classes: fields by file and class."""
    loaded: dict[str, dict[str, Any]] = read_json("sdk-16.1.0/objects.json")
    return loaded


@cache
def params() -> dict[str, dict[str, Any]]:
    """The library's request classes."""
    loaded: dict[str, dict[str, Any]] = read_json("sdk-16.1.0/params.json")
    return loaded


@cache
def endpoints() -> list[tuple[str, str, str]]:
    """Verb, path and service method; paths with fewer holes first."""
    rows = [(verb, path, service) for verb, path, _, service in read_json("sdk-16.1.0/endpoints.json")]
    return sorted(rows, key=lambda row: row[1].count("{"))


@cache
def event_types() -> tuple[frozenset[str], frozenset[str]]:
    """Snapshot and thin types."""
    found = read_json("sdk-16.1.0/event_types.json")
    return frozenset(found["snapshot_event_types"]), frozenset(found["thin_event_types"])


# ---- exchanges


def check(one: Exchange) -> list[str]:
    """Every rule of the library's types that an exchange breaks."""
    found = _operation(one)
    if found is None:
        return ["the library knows no such operation"]
    _, service = found
    return [*_sent_problems(one, service), *_answer_problems(one)]


def check_event(body: str, *, thin: bool) -> list[str]:
    """What of a webhook's body Stripe would not send."""
    event = json_of(body)
    snapshots, thins = event_types()
    known = event["type"] in (thins if thin else snapshots)
    return ([] if known else [f"{event['type']} is no {'thin' if thin else 'snapshot'} event"]) + whole_problems(event)


def operation_of(one: Exchange) -> str:
    """Verb and path as the library names them; "" for none."""
    found = _operation(one)
    return f"{one.method} {found[0]}" if found else ""


def _operation(one: Exchange) -> tuple[str, str] | None:
    path = one.path.removeprefix(PREFIX)
    for verb, template, service in endpoints():
        if verb == one.method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return template, service
    return None


def _sent_problems(one: Exchange, service: str) -> Iterator[str]:
    name = params_class(service)
    if one.path.startswith("/stripe/v2") and one.method == "POST":
        if one.headers.get("content-type", "").partition(";")[0] != "application/json":
            yield f"a v2 body of type {one.headers.get('content-type')}"
        given, text = json_of(one.body or "{}"), False
    else:
        pairs = one.params if one.method == "GET" else parse_qsl(one.body or "", keep_blank_values=True)
        given, text = nested(pairs), True
    if name in params():
        yield from _fields(name, given, "", text=text)
    # Gap "some operations".


def params_class(service: str) -> str:
    """checkout/_session_service.py::SessionService.create → params/checkout/_session_create_params.py::SessionCreateParams."""
    file, _, call = service.partition("::")
    noun, method = call.split(".")
    words = "".join(part.capitalize() for part in method.split("_"))
    return f"params/{file.replace('_service.py', '')}_{method}_params.py::{noun.removesuffix('Service')}{words}Params"


def nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """a[b][0]=c as the object it stands for; numbered keys make lists."""
    whole: dict[str, Any] = {}
    for name, value in pairs:
        place, parts = whole, re.findall(r"[^\[\]]+", name)
        for part in parts[:-1]:
            place = place.setdefault(part, {})
        place[parts[-1]] = value
    return {name: _listed(value) for name, value in whole.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(name.isdigit() for name in value):
        return [_listed(value[name]) for name in sorted(value, key=int)]
    return {name: _listed(inner) for name, inner in value.items()}


# ---- parameters


def _fields(name: str, given: Any, path: str, *, text: bool) -> Iterator[str]:
    """Problems of an object of parameters against its class."""
    known = params()[name]
    for field, value in given.items():
        where = f"{path}.{field}".strip(".")
        if field not in known:
            yield f"parameter {where} is unknown"
        elif not _fits(name, _kinds(known[field][0]), value, text=text):
            yield f"parameter {where}={str(value)[:80]!r} is no {known[field][0][:120]}"
            yield from _deeper(name, known[field][0], value, where, text=text)
        else:
            yield from _deeper(name, known[field][0], value, where, text=text)
    required = {field for field, spec in known.items() if not spec[0].startswith("NotRequired")}
    yield from (f"parameter {path}.{field} is missing" for field in sorted(required - set(given)))


def _deeper(name: str, annotation: str, value: Any, where: str, *, text: bool) -> Iterator[str]:
    """The same for the objects inside, alone or in a list."""
    for place in value if isinstance(value, list) else [value]:
        inner = _class_of(name, _kinds(annotation))
        if isinstance(place, dict) and inner:
            yield from _fields(inner, place, where, text=text)


Kind = tuple[str, Any]


@cache
def _kinds(annotation: str) -> tuple[Kind, ...]:
    """The alternatives an annotation allows: ("str", None), ("word", values), ("list", kinds), ("map", None), ("class", name)."""
    return tuple(_alternatives(ast.parse(annotation, mode="eval").body))


def _alternatives(node: ast.expr) -> Iterator[Kind]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _kinds(node.value)
    elif isinstance(node, ast.BinOp):
        yield from (*_alternatives(node.left), *_alternatives(node.right))
    elif isinstance(node, ast.Name):
        yield (node.id, None) if node.id in _SIMPLE else ("class", node.id)
    elif isinstance(node, ast.Subscript):
        yield from _subscript(ast.unparse(node.value), node.slice)


def _subscript(head: str, inside: ast.expr) -> Iterator[Kind]:
    if head == "Literal":
        yield (
            "word",
            frozenset(
                ast.literal_eval(ast.Tuple([inside], ast.Load()) if not isinstance(inside, ast.Tuple) else inside)
            ),
        )
    elif head == "List":
        yield "list", tuple(_alternatives(inside))
    elif head in {"Dict", "UntypedStripeObject"}:
        yield "map", None
    else:  # NotRequired, Optional, Union
        for one in inside.elts if isinstance(inside, ast.Tuple) else [inside]:
            yield from _alternatives(one)


_SIMPLE: dict[str, re.Pattern[str]] = {
    "str": re.compile(r"(?s).+"),
    "int": re.compile(r"-?\d+"),
    "bool": re.compile(r"true|false|True|False"),
    "float": re.compile(r"-?\d+(\.\d+)?"),
    "Decimal": re.compile(r"-?\d+(\.\d+)?"),
    "Any": re.compile(r"(?s).*"),
}
_NATIVE: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "float": (int, float),
    "Decimal": (str,),
}


def _fits(name: str, kinds: tuple[Kind, ...], value: Any, *, text: bool) -> bool:
    words = [inside for kind, inside in kinds if kind == "word" and inside != {""}]  # "" only takes a value away
    for kind, inside in kinds:
        if kind == "str" and words:
            continue  # gap "open words"
        if _fits_one(name, kind, inside, value, text=text):
            return True
    return False


def _fits_one(name: str, kind: str, inside: Any, value: Any, *, text: bool) -> bool:
    if kind == "word":
        return isinstance(value, str) and value in inside
    if kind == "list":
        return isinstance(value, list) and all(_fits(name, inside, one, text=text) for one in value)
    if kind in {"map", "class"}:
        return isinstance(value, dict)
    if text:
        return isinstance(value, str) and bool(_SIMPLE[kind].fullmatch(value))
    return kind == "Any" or (isinstance(value, _NATIVE[kind]) and not (kind == "int" and isinstance(value, bool)))


def _class_of(name: str, kinds: tuple[Kind, ...]) -> str | None:
    file = name.partition("::")[0]
    for kind, inside in kinds:
        if kind == "class" and f"{file}::{inside}" in params():
            return f"{file}::{inside}"
        if kind == "list" and (found := _class_of(name, inside)):
            return found
    return None


# ---- objects


def _answer_problems(one: Exchange) -> list[str]:
    if one.answer is None or not one.answer:
        return []
    value = json_of(one.answer)
    if not isinstance(value, dict):
        return ["the answer is no object"]
    if "error" in value:
        return [] if one.status >= 400 and {"type", "message"} <= set(value["error"]) else ["an odd error"]
    if "data" in value and set(value) in LISTS:
        return [problem for row in value["data"] for problem in whole_problems(row)]
    return whole_problems(value)


def whole_problems(obj: dict[str, Any]) -> list[str]:
    """Problems of an object and of every object expanded or wrapped inside it."""
    name = FILES.get(obj.get("object", ""))
    if name is None:
        return [f"object {obj.get('object')!r} is unknown"]
    return problems(obj, name, obj["object"]) + [p for inner in _inside(obj) for p in whole_problems(inner)]


def _inside(value: Any) -> Iterator[dict[str, Any]]:
    """Objects with a name of their own, and not the ones inside those."""
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict) and isinstance(inner.get("object"), str) and inner["object"] in FILES:
            yield inner
        elif isinstance(inner, dict | list):
            yield from _inside(inner)


def problems(obj: dict[str, Any], name: str, path: str) -> list[str]:
    """Unknown fields of an object, nested classes included, and absent ones of the object itself."""
    fields = {field: spec for field, spec in classes()[name].items() if field != "OBJECT_NAME"}
    kind = obj.get("object", "") if "." not in name.split("::")[1] else ""
    found = [
        f"{path}.{field} is unknown" for field in obj if field not in fields and field not in WIRE_ONLY.get(kind, ())
    ]
    if kind:
        found += [
            f"{path}.{field} is absent" for field in fields if field not in obj and field not in SOMETIMES.get(kind, ())
        ]
    for field, value in obj.items():
        nested_name = _nested_class(name, fields.get(field))
        for place in value if isinstance(value, list) else [value]:
            if isinstance(place, dict) and nested_name is not None and "object" not in place:
                found += problems(place, nested_name, f"{path}.{field}")
    return found


def _nested_class(name: str, spec: Any) -> str | None:
    """The class an annotation names, looked up the way Python would: nearest first."""
    if spec is None:
        return None
    word = re.sub(r"^(Optional|List)\[|\]$", "", re.sub(r"^Optional\[List\[(.*)\]\]$", r"\1", spec[0])).strip("'")
    file, here = name.split("::")
    parts = here.split(".")
    for depth in range(len(parts), 0, -1):
        candidate = f"{file}::{'.'.join([*parts[:depth], word])}"
        if candidate in classes():
            return candidate
    return None
