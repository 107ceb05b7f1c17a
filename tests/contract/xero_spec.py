"""Exchanges with Xero's accounting and identity APIs, and its webhooks, held against Xero's OpenAPI files 16.1.0."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema

from tests.contract.specs import Exchange, json_of, read_yaml

ACCOUNTING, CONNECTIONS, IDENTITY = "/xero/api/api.xro/2.0", "/xero/api", "/xero/identity"
Schema = dict[str, Any]

# What the files say and Xero does otherwise, or leave out: each with its reason (facts/xero.md where none is named).
GAPS = {
    "fields of every list": "schemas of lists leave out Id, Status, ProviderName, DateTimeUTC; they stand in the examples only",
    "DateString": "sent beside each /Date()/ and described for some objects only (recorded answers of Xero's SDK)",
    "HasErrors": "marks of a refused element are sent back with it, whatever the element is",
    "InvoicePaymentServices": "sent with every invoice, in no schema",
    "ID": "recorded answers carry a second name of the object's id",
    "IsNonRecoverable": "in recorded TaxRates, in no schema",
    "Elements": "refused elements echo what was sent, whatever object it was; Element knows neither PaymentID nor most fields",
    "PaymentTerms": "null when there are none, though the schema allows no null",
    "one element for a list": "a write to an address of one object takes that object without its list around it",
    "octet-stream": "attachments are described as application/octet-stream; Xero wants the file's real type",
    "If-Modified-Since": "described as a date-time; HTTP dates and UTC without zone are what clients send and Xero takes",
    "/Connections": "the path is written with a capital; clients and Xero's own SDKs use /connections",
    "/connections dates": "seven digits and no zone, though the schema says date-time",
    "other answers": "401, 403, 404 and 429 are described nowhere; 400 is described for writes only",
    "304": "the answer to If-Modified-Since is described nowhere",
    "token endpoint": "described by its answer only (AccessToken); discovery, keys, revocation not at all",
    "scope": "token answers carry the granted scopes, which AccessToken leaves out",
    "intent to receive": "a call without events, its sequences 0, proves the key; the file wants at least 1",
    "categories": "PREPAYMENT and OVERPAYMENT came after 16.1.0, in August and September 2026",
    "taking an allocation back": "its example has another shape than its schema; the schema is kept",
    "pdf": "described at an address of its own; Xero also answers Accept: application/pdf at the document's",
    "payment services of a theme": "a POST in the file; Xero's guide and clients say the same, though creating is a PUT",
    "eventDateUtc": "described as a date-time; Xero's own example has no zone",
}
# Fields that answers carry and no schema knows → the gap that explains them.
UNKNOWN = {
    **dict.fromkeys(("Id", "Status", "ProviderName", "DateTimeUTC", "pagination"), "fields of every list"),
    **dict.fromkeys(("DateString", "DueDateString", "DateUTCString", "UpdatedDateUTCString"), "DateString"),
    **dict.fromkeys(("HasErrors", "HasValidationErrors"), "HasErrors"),
    **dict.fromkeys(("ID", "AttachmentID"), "ID"),
    "InvoicePaymentServices": "InvoicePaymentServices",
    "IsNonRecoverable": "IsNonRecoverable",
}
LATER = dict.fromkeys(("PREPAYMENT", "OVERPAYMENT"), "CREDITNOTE")
PROBLEM = ["Type", "Title", "Status", "Detail", "Instance", "Extensions"]
MSDATE = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/")
HTTP_DATE = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
FORMATS = jsonschema.FormatChecker(formats=["uuid"])
SIMPLE = {"integer": re.compile(r"\d+"), "boolean": re.compile(r"true|false"), "number": re.compile(r"-?\d+(\.\d+)?")}


class XeroFile:
    """One OpenAPI file: its paths and schemas."""

    def __init__(self, name: str) -> None:
        self.file = read_yaml(name)
        self.schemas: dict[str, Schema] = self.file["components"]["schemas"]

    def resolve(self, node: Any) -> Any:
        """What a reference stands for."""
        while "$ref" in node:
            found = self.file
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node

    def operation(self, method: str, path: str) -> tuple[str, Any, list[Any]] | None:
        """The path's template, the operation and all its parameters; templates with fewer holes go first."""
        for template in sorted(self.file.get("paths", {}), key=lambda one: (one.count("{"), "Number}" in one)):
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                item = self.file["paths"][template]
                if method.lower() in item:
                    operation = item[method.lower()]
                    listed = [*item.get("parameters", []), *operation.get("parameters", [])]
                    return template, operation, [self.resolve(one) for one in listed]
        return None

    def problems(self, schema: Any, value: Any) -> list[str]:
        """What in a value breaks a schema, and which fields no schema knows."""
        whole = {**schema, "components": self.file["components"]}
        found = [
            f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
            for error in jsonschema.Draft4Validator(whole, format_checker=FORMATS).iter_errors(value)
            if not (error.instance is None and list(error.absolute_path)[-1:] == ["PaymentTerms"])
        ]
        return found + [f"{place}: no schema knows it" for place in self._unknown(schema, value, "")]

    def _unknown(self, schema: Any, value: Any, at: str) -> Iterator[str]:
        schema = self.resolve(schema)
        if isinstance(value, list):
            for item in value:
                yield from self._unknown(schema.get("items", {}), item, at)
        if isinstance(value, dict) and "properties" in schema:
            for key, inner in value.items():
                if key in schema["properties"]:
                    yield from self._unknown(schema["properties"][key], inner, f"{at}/{key}")
                elif key not in UNKNOWN and not at.startswith("/Elements"):
                    yield f"{at}/{key}"


@cache
def accounting() -> XeroFile:
    """The accounting API."""
    return XeroFile("xero_accounting.yaml")


@cache
def identity() -> XeroFile:
    """Connections, and the shape of tokens."""
    return XeroFile("xero-identity.yaml")


@cache
def webhooks() -> XeroFile:
    """Events."""
    return XeroFile("xero-webhooks.yaml")


def check(one: Exchange) -> list[str]:
    """Every rule of Xero's files that an exchange breaks."""
    if one.path.startswith(ACCOUNTING):
        return _check_operation(accounting(), one, one.path.removeprefix(ACCOUNTING))
    if one.path.startswith("/xero/api/connections"):
        # Gap "/Connections".
        return _check_operation(identity(), one, one.path.removeprefix(CONNECTIONS).replace("/c", "/C", 1))
    return _check_token(one) if one.path == f"{IDENTITY}/connect/token" else []


def check_answer(one: Exchange) -> list[str]:
    """Every rule of Xero's files that an answer breaks, whatever was asked; XML is the same answer written otherwise."""
    kind = one.answer_headers.get("content-type", "").partition(";")[0]
    if kind == "text/xml" or not one.path.startswith((ACCOUNTING, "/xero/api/connections")):
        return _check_token(one) if one.path == f"{IDENTITY}/connect/token" else []
    if kind == "application/json" and one.status in (401, 403):
        return [] if list(json_of(one.answer or "")) == PROBLEM else ["not the fields of 401 and 403"]
    if kind == "application/json" and one.status == 400:
        return accounting().problems({"$ref": "#/components/schemas/Error"}, json_of(one.answer or ""))
    return _check_success(one, kind) if 200 <= one.status < 300 else []


def _check_success(one: Exchange, kind: str) -> list[str]:
    file, prefix = (accounting(), ACCOUNTING) if one.path.startswith(ACCOUNTING) else (identity(), CONNECTIONS)
    path = one.path.removeprefix(prefix)
    found = file.operation(one.method, path.replace("/c", "/C", 1) if file is identity() else path)
    if found is None:
        return ["the file knows no such operation"]
    if kind == "application/pdf" or ("/Attachments/" in path and one.method == "GET"):  # gaps "pdf", "octet-stream"
        return []
    return list(_answer_problems(file, one, found[1]))


def check_event(body: str) -> list[str]:
    """Every rule of the webhook file that a delivery breaks."""
    schema = {"$ref": "#/components/schemas/WebhookEvent"}
    whole = {**schema, "components": webhooks().file["components"]}
    validator = jsonschema.Draft202012Validator(whole, format_checker=FORMATS)
    event = json_of(body)
    for each in event["events"]:  # gap "categories"
        each["eventCategory"] = LATER.get(each["eventCategory"], each["eventCategory"])
    if event.get("events") == []:  # gap "intent to receive"
        event |= {"firstEventSequence": 1, "lastEventSequence": 1}
    return [error.message[:200] for error in validator.iter_errors(event)]


def operation_of(one: Exchange) -> str:
    """The operation an exchange belongs to, as the file names it; "" for none."""
    file, prefix = (accounting(), ACCOUNTING) if one.path.startswith(ACCOUNTING) else (identity(), CONNECTIONS)
    path = one.path.removeprefix(prefix)
    found = file.operation(one.method, path.replace("/c", "/C", 1) if file is identity() else path)
    return f"{one.method} {found[0]}" if found else ""


def _check_operation(file: XeroFile, one: Exchange, path: str) -> list[str]:
    found = file.operation(one.method, path)
    if found is None:
        return ["the file knows no such operation"]
    template, operation, parameters = found
    return [
        *_path_problems(template, path, parameters),
        *_query_problems(one, parameters),
        *_header_problems(one, parameters),
        *_body_problems(file, one, operation),
        *_answer_problems(file, one, operation),
    ]


def _path_problems(template: str, path: str, parameters: list[Any]) -> Iterator[str]:
    values = dict(zip(re.findall(r"\{(\w+)\}", template), _holes(template, path), strict=True))
    for parameter in parameters:
        is_uuid = parameter["in"] == "path" and parameter["schema"].get("format") == "uuid"
        if is_uuid and not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", values[parameter["name"]]):
            yield f"{parameter['name']} in the path is no UUID"


def _holes(template: str, path: str) -> tuple[str, ...]:
    found = re.fullmatch(re.sub(r"\{\w+\}", "([^/]+)", template), path)
    return found.groups() if found else ()


def _query_problems(one: Exchange, parameters: list[Any]) -> Iterator[str]:
    known = {parameter["name"]: parameter["schema"] for parameter in parameters if parameter["in"] == "query"}
    for name, value in one.params:
        pattern = SIMPLE.get(known.get(name, {}).get("type", ""))
        if name not in known:
            yield f"query parameter {name} is unknown"
        elif pattern and not pattern.fullmatch(value):
            yield f"query parameter {name}={value} is no {known[name]['type']}"


def _header_problems(one: Exchange, parameters: list[Any]) -> Iterator[str]:
    for parameter in parameters:
        if parameter["in"] == "header" and parameter.get("required") and not one.headers.get(parameter["name"].lower()):
            yield f"header {parameter['name']} is missing"
    since = one.headers.get("if-modified-since")
    if since and not HTTP_DATE.fullmatch(since):
        yield f"If-Modified-Since {since} is no date"
    if since and "If-Modified-Since" not in {parameter["name"] for parameter in parameters}:
        yield "header If-Modified-Since is unknown here"


def _body_problems(file: XeroFile, one: Exchange, operation: Any) -> Iterator[str]:
    described = operation.get("requestBody")
    if described is None:
        if one.body:
            yield "a body where none is described"
        return
    content = file.resolve(described)["content"]
    if "application/json" not in content:  # gap "octet-stream"
        return
    if one.headers.get("content-type", "").partition(";")[0] != "application/json":
        yield f"a body of type {one.headers.get('content-type')}"
    value = json_of(one.body or "")
    schema = content["application/json"]["schema"]
    yield from (f"body {problem}" for problem in file.problems(_for_one(file, schema, value), value))


def _for_one(file: XeroFile, schema: Any, value: Any) -> Any:
    """Gap "one element for a list": the schema of the element when the body is one."""
    properties = file.resolve(schema).get("properties", {})
    if "x-objectArrayKey" not in file.resolve(schema) or not isinstance(value, dict):
        return schema
    lists = [inner for name, inner in properties.items() if inner.get("type") == "array" and name != "Warnings"]
    return lists[0]["items"] if not set(value) <= set(properties) else schema


def _answer_problems(file: XeroFile, one: Exchange, operation: Any) -> Iterator[str]:
    described = operation["responses"].get(str(one.status))
    if described is None:
        # Gaps "other answers" and "304"; anything else is nothing Xero says.
        if one.status not in {0, 304, 400, 401, 403, 404, 429, 500, 503}:
            yield f"status {one.status} is not described"
        return
    content = file.resolve(described).get("content", {})
    kind = one.answer_headers.get("content-type", "").partition(";")[0]
    if not content:
        return
    if kind not in content:
        yield f"an answer of type {kind}; described is {', '.join(content)}"
    elif kind == "application/json" and one.answer is not None:
        yield from (f"answer {p}" for p in file.problems(content[kind]["schema"], json_of(one.answer)))


def _check_token(one: Exchange) -> list[str]:
    """Gap "token endpoint": only the answer has a schema."""
    if one.status != 200:
        return []
    value = json_of(one.answer or "")
    value.pop("scope", None)
    return identity().problems({"$ref": "#/components/schemas/AccessToken"}, value)
