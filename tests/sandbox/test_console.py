"""The console: faults as switches, the clock, the log, and the call behind every button; nothing needs a script."""

from __future__ import annotations

import html
import json
import re

import pytest

from tests.sandbox.process import Sandbox
from tests.sandbox.xero_people import Person

PAGES = ["/", "/console/faults", "/console/clock", "/console/log", "/console/webhooks", "/console/xero/harrow"]
PAGES += ["/console/xero/invoices", "/console/stripe", "/console/stripe/account", "/console/stripe/payment"]


SESSION = {
    "mode": "payment",
    "success_url": "https://x.example/ok",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "gbp",
    "line_items[0][price_data][unit_amount]": "12345",
    "line_items[0][price_data][product_data][name]": "Invoice",
}


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
    if path in ("/console/stripe/account", "/console/stripe/payment"):
        account, charge = shop(sandbox)
        path = f"/console/stripe/{account}" + (f"/{charge}" if path.endswith("payment") else "")
    page = sandbox.http.get(path).text
    assert "<script" not in page
    assert " style=" not in page
    forms = re.findall(r'<form method="post".*?</form>', page, re.DOTALL)
    if path == "/console/faults":  # there the call stands beside the form, tested above
        return
    assert [] == [form for form in forms if 'class="call"' not in form]


def test_every_page_says_where_one_is(sandbox: Sandbox) -> None:
    """The place a page belongs to is marked in the navigation, on pages deep inside as well."""
    account, charge = shop(sandbox)
    wanted = {"/": "Start", "/console/mail": "Mail", "/console/log": "Requests", "/console/faults": "Faults"}
    wanted |= {"/console/xero/harrow": "Start", f"/console/stripe/{account}/{charge}": "Stripe"}
    wanted |= {"/console/clock": "Clock", "/console/webhooks": "Webhooks", f"/console/stripe/{account}": "Stripe"}
    for path, words in wanted.items():
        marked = re.findall(r'aria-current="page">.*?</svg>(\w+)</a>', sandbox.http.get(path).text)
        assert [words] == marked, path


def test_what_the_pages_are_dressed_in_is_there(sandbox: Sandbox) -> None:
    """The stylesheets, the font they name and the mark come from this sandbox, and the pages' policy lets them in."""
    page = sandbox.http.get("/")
    assert "font-src 'self'" in page.headers["content-security-policy"]
    links = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text))
    links |= {f"/static/{name}" for name in re.findall(r"url\((\S+?)\)", sandbox.http.get("/static/console.css").text)}
    assert {"/static/console.css", "/static/sandbox.svg", "/static/fonts/google-sans.woff2"} <= links
    assert [200] * len(links) == [sandbox.http.get(link).status_code for link in links]


def shop(sandbox: Sandbox) -> tuple[str, str]:
    """An account with a payment, an open session, a refund, a dispute and a payout: account and payment."""
    account = sandbox.control("POST", "/_stripe/accounts", {"country": "GB"})["id"]
    headers = {"authorization": "Bearer sk_test_sandbox", "stripe-account": account}
    for card in ("4000000000000259", "4242424242424242", None):
        session = sandbox.http.post("/stripe/v1/checkout/sessions", data=SESSION, headers=headers).json()["id"]
        if card is not None:
            sandbox.control("POST", "/_stripe/pay", {"session": session, "card": card})
    sandbox.control("POST", "/_clock", {"advance": 6})
    charge = sandbox.control("GET", "/_truth")["stripe"]["charges"][-1]["id"]
    sandbox.control("POST", "/_stripe/refunds", {"charge": charge, "amount": 100})
    sandbox.control("POST", "/_stripe/payouts", {"account": account})
    return str(account), str(charge)


def test_every_stripe_button_makes_the_call_beside_it(sandbox: Sandbox) -> None:
    """Pressing each button of an account and a payment is taken, and the printed call works as it stands."""
    account, charge = shop(sandbox)
    for place in ("/console/stripe", f"/console/stripe/{account}/{charge}", f"/console/stripe/{account}"):
        page = html.unescape(sandbox.http.get(place).text)
        forms = re.findall(r'name="path" value="([^"]+)"><input type="hidden" name="body" value="(\{.*?\})"><', page)
        printed = re.findall(r'<code class="call">POST (/_stripe/\S+) (\{.*?\})</code>', page)
        assert len(forms) >= 3
        assert {call for call in printed if "…" not in call[1]} <= set(forms)
        for path, body in printed:
            if "…" not in body and not path.endswith(account):
                answer = sandbox.http.post(path, content=body, headers={"content-type": "application/json"})
                assert answer.status_code in (200, 400), (path, body, answer.text)
        for path, body in forms[:4]:
            pressed = sandbox.http.post("/console/stripe/do", data={"path": path, "body": body, "back": place})
            assert pressed.headers["location"].startswith(place)


def test_a_payment_can_be_refunded_in_part(sandbox: Sandbox) -> None:
    """The amount typed beside the button goes with the call; nonsense is refused in words."""
    account, charge = shop(sandbox)
    order = {
        "path": "/_stripe/refunds",
        "body": f'{{"charge":"{charge}"}}',
        "back": f"/console/stripe/{account}/{charge}",
    }
    sandbox.http.post("/console/stripe/do", data=order | {"amount": "1234"})
    refunds = sandbox.control("GET", "/_truth")["stripe"]["refunds"]
    assert [100, 1234] == [row["amount"] for row in refunds]
    for nonsense in ({"amount": "12.50"}, {"amount": "1_000"}, {"amount": "-1"}, {"amount": "1", "body": "{"}):
        wrong = sandbox.http.post("/console/stripe/do", data=order | nonsense)
        assert (303, True) == (wrong.status_code, "smallest" in wrong.headers["location"])
    assert (
        "problem"
        not in sandbox.http.post("/console/stripe/do", data=order | {"back": "https://evil.example"}).headers[
            "location"
        ]
    )


def test_webhooks_are_given_habits(sandbox: Sandbox) -> None:
    """Twice, backwards, late, lost, forged, and as usual again: each button sets what is printed beside it."""
    page = html.unescape(sandbox.http.get("/console/webhooks").text)
    buttons = re.findall(r'action="(/console/webhooks/modes/(\w+)/\w+)".*?POST /_webhooks (\{.*?\}\})', page)
    assert len(buttons) == 12
    for path, channel, call in buttons:
        assert sandbox.http.post(path).status_code == 303
        set_by_button = sandbox.control("POST", "/_webhooks", {"channel": channel})
        assert set_by_button == sandbox.control("POST", "/_webhooks", json.loads(call))
    for channel in ("xero", "stripe"):
        sandbox.http.post(f"/console/webhooks/modes/{channel}/usual")
    assert sandbox.http.post("/console/webhooks/modes/stripe/whim").status_code == 404


def test_deliveries_can_be_seen_of_one_platform_and_sent_again(sandbox: Sandbox) -> None:
    """The list narrows to a platform, and redelivering goes back to where one was."""
    endpoint = {"url": "http://localhost:9/nobody", "secret": "whsec_x"}
    sandbox.control("POST", "/_config", {"stripe": {"endpoints": [endpoint]}})
    shop(sandbox)
    sandbox.control("POST", "/_config", {"stripe": {"endpoints": []}})
    row = sandbox.control("GET", "/_webhooks?channel=stripe")[0]
    assert row["id"] in sandbox.http.get("/console/webhooks?channel=stripe").text
    assert row["id"] not in sandbox.http.get("/console/webhooks?channel=xero").text
    again = f"/console/webhooks/{row['id']}/redeliver"
    assert "/console/webhooks" == sandbox.http.post(again).headers["location"]
    assert "/console/stripe" == sandbox.http.post(again, data={"back": "/console/stripe"}).headers["location"]
    assert sandbox.http.get(f"/console/webhooks/{row['id']}").status_code == 200


def test_a_refusal_leads_back_into_the_sandbox(sandbox: Sandbox) -> None:
    """A page that refuses (a file in place of a number) says so and links to where one came from, on this host."""
    headers = {"accept": "text/html", "referer": f"{sandbox.url}//evil.example/console/clock"}
    refused = sandbox.http.post("/console/clock", files={"seconds": ("a.txt", b"1")}, headers=headers)
    assert 400 == refused.status_code
    assert 'href="/evil.example/console/clock"' in refused.text


def test_the_clock_stops_and_goes_on(sandbox: Sandbox) -> None:
    """The button stops time, and lets it run again."""
    sandbox.http.post("/console/clock", data={"rate": "0"})
    assert "Let it run" in sandbox.http.get("/console/clock").text
    stood = [sandbox.control("GET", "/_clock")["timestamp"] for _ in range(2)]
    sandbox.http.post("/console/clock", data={"rate": "1"})
    assert stood[0] == stood[1]
    assert "Stop it" in sandbox.http.get("/console/clock").text


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
        "stripe.api_base = stripe.connect_api_base = stripe.upload_api_base = stripe.meter_events_api_base = base",
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
