"""Descriptions of control routes that take a form or JSON alike, for the OpenAPI at ``/_schema``."""

from __future__ import annotations

from dataclasses import dataclass

from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

KINDS = ("application/json", "application/x-www-form-urlencoded")


def body(fields: dict[str, str]) -> type[Operation]:
    """The ``operation_class`` of a route whose body has these optional fields (name → what it means), all of them text."""
    properties: dict[str, Reference | Schema] = {
        name: Schema(type=OpenAPIType.STRING, description=words) for name, words in fields.items()
    }
    schema = Schema(type=OpenAPIType.OBJECT, properties=properties, additional_properties=False)

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.request_body = RequestBody(content={kind: OpenAPIMediaType(schema=schema) for kind in KINDS})

    return Described
