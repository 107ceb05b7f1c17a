"""What Xero says no with: two error schemas, in JSON when it was asked for and in XML when not.

400 is ``ErrorNumber/Type/Message/Elements``; 401 and 403 are ``Type/Title/Status/Detail/Instance/Extensions``; many 404 are
empty (facts §9). Each refusal knows its own answer, and the rule that was broken for the log.
"""

from __future__ import annotations

from typing import Any

from litestar import Request, Response

from sandbox.world import World, broke
from sandbox.xero_wire import encode, encode_xml, seven_digits

Web = Request[Any, Any, Any]
Answer = Response[bytes]
Headers = dict[str, str]


def written(request: Web, root: str, body: dict[str, Any], status: int = 200, headers: Headers | None = None) -> Answer:
    """A body in JSON when asked for, in XML otherwise."""
    if "application/json" in request.headers.get("accept", ""):
        content, kind = encode(body), "application/json; charset=utf-8"
    else:
        content, kind = encode_xml(root, body), "text/xml; charset=utf-8"
    return Response(content, status_code=status, headers={**(headers or {}), "content-type": kind})


def problem(status: int, detail: str, instance: str) -> dict[str, Any]:
    """The schema of 401 and 403."""
    title = "Unauthorized" if status == 401 else "Forbidden"
    told: dict[str, Any] = {"Type": None, "Title": title, "Status": status, "Detail": detail, "Instance": instance}
    return {**told, "Extensions": {}}


def expired(epoch: int) -> str:
    """The text of an expired token, with the American date Xero writes."""
    at = seven_digits(epoch * 1000)
    return f"TokenExpired: token expired at {at[5:7]}/{at[8:10]}/{at[:4]} {at[11:19]}"


class XeroProblem(Exception):
    """Any refusal. ``rule`` is what the log says was broken."""

    root = "ApiException"

    def __init__(self, status: int, body: dict[str, Any] | None, rule: str, headers: Headers | None = None) -> None:
        super().__init__(rule)
        self.status, self.body, self.rule, self.headers = status, body, rule, headers

    def answer(self, request: Web) -> Answer:
        """The response, noted in the log."""
        broke(request.scope, self.rule)
        if self.body is None:
            return Response(b"", status_code=self.status, headers=self.headers)
        return written(request, self.root, self.body, self.status, self.headers)


class Refused(XeroProblem):
    """401 or 403."""

    root = "Problem"

    def __init__(self, world: World, status: int, detail: str, rule: str, headers: Headers | None = None) -> None:
        super().__init__(status, problem(status, detail, world.ids.uuid()), rule, headers)


class Offline(XeroProblem):
    """503 in plain text: the organisation cannot be reached."""

    def __init__(self) -> None:
        super().__init__(503, None, "the organisation is offline")

    def answer(self, request: Web) -> Answer:
        """The same whatever was asked for."""
        broke(request.scope, self.rule)
        return Response(b"Service Unavailable", status_code=self.status, media_type="text/plain")


def not_found(rule: str = "no such resource") -> XeroProblem:
    """404, empty body."""
    return XeroProblem(404, None, rule)


def shown(element: dict[str, Any]) -> dict[str, Any]:
    """What was sent, as it comes back: without the fields that were null."""
    return {name: value for name, value in element.items() if value is not None}


def invalid(elements: list[dict[str, Any]]) -> XeroProblem:
    """400 ValidationException echoing the elements with their ``ValidationErrors``."""
    texts = [e["Message"] for element in elements for e in element.get("ValidationErrors", [])]
    body = {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "A validation exception occurred",
        "Elements": [shown(element) for element in elements],
    }
    return XeroProblem(400, body, "; ".join(texts) or "validation")


def refuse(*texts: str) -> XeroProblem:
    """400 ValidationException for a request whose element need not be echoed."""
    return invalid([{"ValidationErrors": [{"Message": text} for text in texts]}])


def bad_query(message: str) -> XeroProblem:
    """400 QueryParseException: a ``where`` or ``order`` Xero does not take."""
    return XeroProblem(400, {"ErrorNumber": 16, "Type": "QueryParseException", "Message": message}, message)


def bad_data(message: str) -> XeroProblem:
    """400 for a body that cannot be read."""
    return XeroProblem(400, {"ErrorNumber": 14, "Type": "PostDataInvalidException", "Message": message}, message)


def too_many() -> XeroProblem:
    """400: Xero does not gather more than 100,000 records for one answer (its documentation of lists)."""
    return bad_query("The request would return more than 100,000 records: page it, or narrow it")


def wrong_verb(request: Web, _error: Exception) -> Answer:
    """501 for a method an accounting endpoint does not have, 405 elsewhere."""
    if not request.url.path.startswith("/xero/api/api.xro"):
        return Response(b"", status_code=405)
    message = "The Api Method called is not implemented"
    body = {"ErrorNumber": 20, "Type": "ApiMethodNotImplementedException", "Message": message}
    return XeroProblem(501, body, "wrong verb").answer(request)
