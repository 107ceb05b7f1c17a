"""Stripe's control API against its own OpenAPI, and its API against its parameters: odd calls are refused, never a 5xx."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import stripe_params
from tests.sandbox.process import Sandbox
from tests.sandbox.test_control_fuzz import JUNK, ODD, bodies

SECONDS = 5
QUIET = settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
KEY = {"authorization": "Bearer sk_test_sandbox"}
FORM = {
    "mode": "payment",
    "success_url": "https://x.example/ok",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "gbp",
    "line_items[0][price_data][unit_amount]": "5000",
    "line_items[0][price_data][product_data][name]": "Invoice",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of its own: these tests may leave it in any state."""
    made = Sandbox(tmp_path_factory.mktemp("fuzz"))
    limits = {"second": None, "endpoint_second": None}
    made.control("POST", "/_config", {"stripe": {"limits": limits}})
    yield made
    made.stop()


class Known:
    """One of everything: ids that fuzzed calls may name."""

    def __init__(self, world: Sandbox) -> None:
        control = world.control
        control("POST", "/_reset")
        self.account = control("POST", "/_stripe/accounts", {"country": "GB"})["id"]
        headers = KEY | {"stripe-account": self.account}

        def session() -> str:
            return str(world.http.post("/stripe/v1/checkout/sessions", data=FORM, headers=headers).json()["id"])

        for way in ({"card": "4242424242424242"}, {"card": "4000000000000259"}, {"bank": "00012345"}):
            control("POST", "/_stripe/pay", {"session": session(), **way})
        self.session = session()
        control("POST", "/_clock", {"advance": 6})
        charge = control("GET", "/_truth")["stripe"]["charges"][0]["id"]
        control("POST", "/_stripe/refunds", {"charge": charge, "amount": 100})
        control("POST", "/_stripe/payouts", {"account": self.account})
        told = control("GET", "/_truth")["stripe"]
        kinds = ("sessions", "payment_intents", "charges", "refunds", "disputes", "payouts", "balance_transactions")
        self.ids = [self.account, *[row["id"] for kind in kinds for row in told[kind]]]
        self.by_parameter = {f"{kind[:-1]}_id": told[kind][0]["id"] for kind in ("refunds", "disputes", "payouts")}
        self.by_parameter["account_id"] = self.account


def described(world: Sandbox) -> dict[str, Any]:
    """The control API's own description."""
    told: dict[str, Any] = world.control("GET", "/_schema/openapi.json")
    return told


def test_the_control_calls_are_described(world: Sandbox) -> None:
    """Every call of /_stripe is in the OpenAPI, with the shape of its body."""
    paths = described(world)["paths"]
    named = {f"{path}/{{{path[:-1]}_id}}" for path in ("refunds", "disputes", "payouts", "accounts")}
    wanted = {"modes", "pay", "debits", "refunds", "disputes", "payouts", "accounts", *named}
    assert {f"/_stripe/{name}" for name in wanted} <= set(paths)
    assert all("requestBody" in paths[f"/_stripe/{name}"]["post"] for name in wanted)


def test_the_control_calls_never_break(world: Sandbox) -> None:
    """Good and odd bodies to every call, with ids of things that are there: answered, none with a 5xx."""
    known, told = Known(world), described(world)
    calls = []
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/_stripe/"):
                content = operation.get("requestBody", {}).get("content", {})
                schema = next(iter(content.values()))["schema"] if content else None
                body = st.none() if schema is None else _named(bodies(schema, told["components"]["schemas"]), known)
                calls.append(st.tuples(st.just(method.upper()), st.just(path.format(**known.by_parameter)), body))
    assert len(calls) > 10
    end = time.monotonic() + SECONDS

    @QUIET
    @given(st.one_of(calls))
    def check(call: tuple[str, str, Any]) -> None:
        method, path, body = call
        if time.monotonic() < end:
            answer = world.http.request(method, path, json=body)
            assert answer.status_code < 500, f"{call} {answer.text[:500]}"

    check()
    _pages_open(world, known)


def _named(body: st.SearchStrategy[Any], known: Known) -> st.SearchStrategy[Any]:
    """Bodies whose ids are real half of the time, and whose words are ones that mean something."""
    words = [
        "succeed",
        "fail",
        "fail_late",
        "succeeded",
        "failed",
        "won",
        "lost",
        "paid",
        "restrict",
        "clear",
        "reject",
    ]
    words += [
        "require",
        "complete",
        "method",
        "payouts",
        "deauthorise",
        "reconnect",
        "escalated",
        "appeal",
        "prevented",
    ]
    fields = {name: st.sampled_from(known.ids) for name in ("charge", "account", "session")}
    fields |= {name: st.sampled_from(words) for name in ("outcome", "action")}

    def change(value: Any, better: dict[str, Any]) -> Any:
        return value | {name: better[name] for name in better if name in value} if isinstance(value, dict) else value

    return st.builds(change, body, st.fixed_dictionaries(fields) | st.just({}))


def _pages_open(world: Sandbox, known: Known) -> None:
    """Whatever happened, people can still look at it."""
    world.control("POST", f"/_stripe/accounts/{known.account}", {"action": "reconnect"})
    for page in ("/console/stripe", f"/console/stripe/{known.account}"):
        assert world.http.get(page).status_code == 200
    assert world.http.get("/stripe/v1/events", headers=KEY | {"stripe-account": known.account}).status_code == 200
    assert "stripe" in world.control("GET", "/_truth")


TEXT = st.one_of(
    st.text(max_size=12),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(
        ["", "true", "gbp", "0", "-1", "99999999999999", "1e9", "data.x", "https://x.example/y", "[", "a@b"]
    ),
)


def _form(schema: dict[str, Any], known: Known, prefix: str = "", depth: int = 0) -> st.SearchStrategy[dict[str, str]]:
    """A few parameters an operation knows, in Stripe's brackets, with values that fit or do not."""
    names = [name.rstrip("!") for name in schema]
    leaf = TEXT | st.sampled_from(known.ids)

    def one(name: str) -> st.SearchStrategy[dict[str, str]]:
        path, kind = f"{prefix}[{name}]" if prefix else name, schema.get(name) or schema.get(f"{name}!")
        inner = kind.get("obj") if isinstance(kind, dict) else None
        if inner and depth < 2:
            return _form(inner, known, path, depth + 1)
        if isinstance(kind, dict) and "list" in kind:
            return leaf.map(lambda value: {f"{path}[0]": value})
        return leaf.map(lambda value: {path: value})

    if not names:
        return st.just({})
    picked = st.lists(st.sampled_from(names), max_size=3, unique=True).flatmap(lambda some: st.tuples(*map(one, some)))
    return picked.map(lambda parts: {key: value for part in parts for key, value in part.items()})


def test_the_api_never_breaks(world: Sandbox) -> None:
    """Every operation with parameters it knows and values it may not like: a 2xx, 4xx or 402, never a 5xx."""
    known = Known(world)
    operations = [name for name in sorted(stripe_params.SCHEMAS) if not name.endswith("accounts/{id}/close")]
    end = time.monotonic() + SECONDS

    @QUIET
    @given(st.data(), st.sampled_from(operations), st.sampled_from(known.ids))
    def check(data: st.DataObject, name: str, id: str) -> None:
        method, path = name.split(" ")
        given_ = data.draw(_form(stripe_params.SCHEMAS[name], known))
        base = FORM if name == "POST /v1/checkout/sessions" else {}
        where = "params" if method == "GET" else "data"
        body: dict[str, Any] = {where: base | given_}
        if path.startswith("/v2") and method == "POST":
            body = {"json": data.draw(st.dictionaries(st.sampled_from(_names(name)), ODD | JUNK, max_size=4))}
        headers = KEY | ({"stripe-account": known.account} if data.draw(st.booleans()) else {})
        if time.monotonic() < end:
            answer = world.http.request(method, f"/stripe{path.replace('{id}', id)}", headers=headers, **body)
            assert answer.status_code < 500, f"{name} {id} {body} {answer.text[:400]}"

    check()
    _pages_open(world, known)


def _names(operation: str) -> list[str]:
    return [name.rstrip("!") for name in stripe_params.SCHEMAS[operation]] or ["x"]
