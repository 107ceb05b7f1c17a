"""The control API against its own OpenAPI: whatever the schema allows, and much it does not, is never a 5xx."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.process import Sandbox

SECONDS = 20
PATHS = ["/xero/api", "/stripe/v1/balance", "/_clock", "*", "["]
# What would only take long: big worlds, long journeys in time.
SMALL = {"size": st.integers(0, 60), "organisations": st.integers(0, 6), "advance": st.floats(-1e5, 1e5)}
SMALL |= {"rate": st.sampled_from([0, 1, 2, -1]), "seconds": st.integers(-1, 2)}
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["2026-11-22T10:00:00Z", "xero", "stripe", "http://localhost:9/x", *PATHS]),
)
ODD = st.recursive(
    JUNK,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of its own: this test may leave it in any state."""
    made = Sandbox(tmp_path_factory.mktemp("fuzz"))
    yield made
    made.stop()


def bodies(schema: dict[str, Any], parts: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values a schema allows, one in six of them replaced by something odd."""
    if "$ref" in schema:
        schema = parts[schema["$ref"].rsplit("/", 1)[1]]
    if "oneOf" in schema:
        good = st.one_of([bodies(one, parts) for one in schema["oneOf"]])
    elif "enum" in schema:
        good = st.sampled_from(schema["enum"])
    elif schema.get("type") == "object":
        fields = schema.get("properties", {})
        known = {name: SMALL[name] if name in SMALL else bodies(one, parts) for name, one in fields.items()}
        good = (
            st.fixed_dictionaries({}, optional=known)
            if known
            else st.dictionaries(st.text(max_size=6), ODD, max_size=2)
        )
    elif schema.get("type") == "array":
        good = st.lists(bodies(schema.get("items", {}), parts), max_size=3)
    else:
        plain = {"string": st.sampled_from(PATHS) | st.text(max_size=8), "boolean": st.booleans(), "null": st.none()}
        plain |= {"integer": st.integers(-2, 5), "number": st.floats(-1, 5)}
        good = plain.get(schema.get("type", ""), JUNK)
    return st.integers(0, 5).flatmap(lambda n: ODD if n == 0 else good)


def config() -> st.SearchStrategy[Any]:
    """``/_config`` takes any object by its schema; these have its keys."""
    modes = st.dictionaries(st.sampled_from(["lock_date", "offline", "search_lag_seconds", "archived_account"]), JUNK)
    xero = st.fixed_dictionaries(
        {}, optional={"modes": modes, "connections_max": JUNK, "webhook_url": JUNK, "limits": ODD}
    )
    return st.fixed_dictionaries({}, optional={"xero": xero | ODD, "stripe": ODD, "product_url": JUNK})


def calls(world: Sandbox, under: str, ids: dict[str, str]) -> st.SearchStrategy[tuple[str, str, Any]]:
    """One call of the documented API below a path: method, path with its parameters filled in, body."""
    told = world.control("GET", "/_schema/openapi.json")
    found: list[st.SearchStrategy[tuple[str, str, Any]]] = []
    for path, methods in told["paths"].items():
        for method, operation in methods.items() if path.startswith(under) else ():
            content = operation.get("requestBody", {}).get("content", {})
            schema = next(iter(content.values()))["schema"] if content else None
            body = st.none() if schema is None else bodies(schema, told["components"]["schemas"])
            body = config() if path == "/_config" and schema is not None else body
            found.append(st.tuples(st.just(method.upper()), st.just(filled(path, ids)), body))
    assert len(found) > 20
    return st.one_of(found)


def filled(path: str, ids: dict[str, str]) -> str:
    """A path with an id in each hole: that of its noun, where there is one."""
    noun = path.split("/")[2] if path.count("/") > 2 else ""
    return re.sub(r"\{\w+\}", ids.get(noun, "fault_x"), path)


def test_the_control_api_never_breaks(world: Sandbox) -> None:
    """A few hundred calls from its own schema, good and odd: each is answered, none with a 5xx."""
    end = time.monotonic() + SECONDS

    @settings(max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(calls(world, "/", {}))
    def check(call: tuple[str, str, Any]) -> None:
        method, path, body = call
        if time.monotonic() < end:
            answer = world.http.request(method, path, json=body)
            assert answer.status_code < 500, f"{call} {answer.text[:500]}"

    check()
    world.control("DELETE", "/_faults")
    world.control("POST", "/_reset")


def test_the_bookkeepers_desk_never_breaks(world: Sandbox) -> None:
    """Every action of /_xero, with fields of its schema or odd ones, is a 4xx or is taken; every page opens afterwards."""
    world.control("POST", "/_reset")
    invoices = world.control("GET", "/_xero/organisations/harrow/invoices")
    payment = world.control("GET", "/_truth")["xero"]["payments"][0]
    ids = {"organisations": "harrow", "invoices": invoices[0]["id"], "contacts": invoices[0]["contact"]}
    ids |= {"payments": payment["id"], "accounts": payment["account"]}
    end = time.monotonic() + SECONDS / 2

    @settings(max_examples=250, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(calls(world, "/_xero/", ids))
    def check(call: tuple[str, str, Any]) -> None:
        method, path, body = call
        if time.monotonic() < end:
            answer = world.http.request(method, path, json=body)
            assert answer.status_code < 500, f"{call} {answer.text[:500]}"

    check()
    for page in ("/", "/console/xero/harrow", f"/console/xero/invoices/{invoices[0]['id']}", "/console/clock"):
        assert world.http.get(page).status_code == 200
