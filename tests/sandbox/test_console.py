"""The console: faults as switches, the clock, the log, and the call behind every button; nothing needs a script."""

from __future__ import annotations

import html
import re

import pytest

from tests.sandbox.process import Sandbox
from tests.sandbox.xero_people import Person

PAGES = ["/", "/console/faults", "/console/clock", "/console/log", "/console/webhooks", "/console/xero/harrow"]
PAGES += ["/console/xero/invoices"]


def test_every_switch_turns_on_and_off(sandbox: Sandbox) -> None:
    """Each switch puts exactly the rule in force that is printed beside it, and takes it back."""
    page = sandbox.http.get("/console/faults").text
    names = re.findall(r'action="/console/faults/([a-z-]+)"', page)
    assert len(names) > 20
    for name in [name for name in names if name != "clear"]:
        assert sandbox.http.post(f"/console/faults/{name}").status_code == 303
        (row,) = sandbox.control("GET", "/_faults")
        assert f"DELETE /_faults/{row['id']}" in sandbox.http.get("/console/faults").text
        assert sandbox.http.post(f"/console/faults/{name}").status_code == 303
        assert sandbox.control("GET", "/_faults") == []
    assert sandbox.http.post("/console/faults/none").status_code == 404


def test_the_calls_beside_the_switches_work(sandbox: Sandbox) -> None:
    """What is printed can be posted as it stands, and turns the same switch."""
    page = html.unescape(sandbox.http.get("/console/faults").text)
    calls = re.findall(r"POST /_faults (\{.*?)</code>", page)
    assert len(calls) > 20
    for call in calls:
        answer = sandbox.http.post("/_faults", content=call, headers={"content-type": "application/json"})
        assert answer.status_code == 201, call
    assert sandbox.http.get("/console/faults").text.count("Turn off") == len(calls)
    sandbox.http.post("/console/faults/clear")
    assert sandbox.control("GET", "/_faults") == []


def test_a_switch_is_felt(hannah: Person) -> None:
    """Xero is down while the switch is on."""
    hannah.sandbox.http.post("/console/faults/xero-down")
    assert hannah.api("GET", "/Organisation").status_code == 503
    hannah.sandbox.http.post("/console/faults/xero-down")
    assert hannah.api("GET", "/Organisation").status_code == 200


def test_the_clock_jumps(sandbox: Sandbox) -> None:
    """Half an hour, an hour, a day; nonsense is refused in words."""
    for seconds in (1800, 3600, 86_400):
        before = sandbox.control("GET", "/_clock")["timestamp"]
        assert sandbox.http.post("/console/clock", data={"seconds": str(seconds)}).status_code == 303
        assert seconds <= sandbox.control("GET", "/_clock")["timestamp"] - before < seconds + 60
    for wrong in ("soon", "-1", "1e99", "nan"):
        assert sandbox.http.post("/console/clock", data={"hours": wrong}).status_code == 400


@pytest.mark.parametrize("path", PAGES)
def test_pages_carry_no_script_and_every_button_its_call(sandbox: Sandbox, path: str) -> None:
    """Plain forms only; a form that changes something shows the HTTP call it makes."""
    if path == "/console/xero/invoices":
        path += f"/{sandbox.control('GET', '/_xero/organisations/harrow/invoices')[0]['id']}"
    page = sandbox.http.get(path).text
    assert "<script" not in page
    assert " style=" not in page
    forms = re.findall(r'<form method="post".*?</form>', page, re.DOTALL)
    if path == "/console/faults":  # there the call stands beside the form, tested above
        return
    assert [] == [form for form in forms if 'class="call"' not in form]


def test_the_log_follows_without_a_script(hannah: Person) -> None:
    """Following reloads the page by itself, and shows requests with their faults."""
    hannah.sandbox.http.post("/console/faults/xero-down")
    hannah.api("GET", "/Organisation")
    answer = hannah.sandbox.http.get("/console/log?follow=true")
    page = answer.text
    assert answer.headers["refresh"] == "2"
    assert "/xero/api/api.xro/2.0/Organisation" in page
    assert ">fault<" in page
    assert "refresh" not in hannah.sandbox.http.get("/console/log").headers


def test_the_start_page_shows_how_to_point_a_client_here(sandbox: Sandbox) -> None:
    """Snippets for xero-python, xero-node and stripe carry this sandbox's own address."""
    page = html.unescape(sandbox.http.get("/").text)
    for line in (
        f'TokenApi.refresh_token_url = "{sandbox.url}/xero/identity/connect/token"',
        f'"https://identity.xero.com": "{sandbox.url}/xero/identity"',
        f'base = "{sandbox.url}/stripe"',
        f'host: "localhost", port: {sandbox.port}',
    ):
        assert line in page


def test_a_client_that_takes_only_a_host(hannah: Person) -> None:
    """The platforms' own paths at the root are answered as in their places."""
    headers = {**hannah.bearer, "xero-tenant-id": hannah.tenant, "accept": "application/json"}
    assert hannah.browser.get("/api.xro/2.0/Organisation", headers=headers).status_code == 200
    assert len(hannah.browser.get("/connections", headers=hannah.bearer).json()) == 1
    assert hannah.browser.get("/.well-known/openid-configuration").json()["issuer"].endswith("/xero/identity")
    balance = hannah.sandbox.http.get("/v1/balance", headers={"authorization": "Bearer sk_test_sandbox"})
    assert (200, "balance") == (balance.status_code, balance.json()["object"])
