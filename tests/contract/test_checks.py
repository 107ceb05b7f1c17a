"""The checks see what is wrong: each of these exchanges breaks one rule, which is named."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.contract import stripe_spec, xero_spec
from tests.contract.specs import Exchange, needs_specs

pytestmark: pytest.MarkDecorator = needs_specs
TENANT = {"xero-tenant-id": "t", "accept": "application/json", "content-type": "application/json"}
JSON = {"content-type": "application/json; charset=utf-8"}
ID = "8b6a2f3e-5c4d-4e8f-9a1b-2c3d4e5f6a7b"
LIST = Exchange(
    "GET", "/xero/api/api.xro/2.0/Invoices", "page=1&pageSize=1000", TENANT, "", 200, JSON, '{"Invoices":[]}'
)
PAY = Exchange("PUT", "/xero/api/api.xro/2.0/Payments", "", TENANT, '{"Payments":[{"Amount":1.5}]}', 200, JSON, "{}")
FORM = {"content-type": "application/x-www-form-urlencoded"}
LINE = "line_items[0][price_data][currency]=gbp&line_items[0][price_data][unit_amount]=100&line_items[0][quantity]=1"
CHECKOUT = Exchange(
    "POST", "/stripe/v1/checkout/sessions", "", FORM, f"mode=payment&ui_mode=hosted_page&{LINE}", 200, JSON, ""
)
ACCOUNT = Exchange("POST", "/stripe/v2/core/accounts", "", JSON, '{"dashboard":"full"}', 200, JSON, "")


def invoices(**fields: Any) -> str:
    return json.dumps({"Invoices": [fields]})


@pytest.mark.parametrize("one", [LIST, PAY, CHECKOUT, ACCOUNT], ids=str)
def test_a_good_exchange_has_no_problems(one: Exchange) -> None:
    """What is right is not complained about."""
    assert [] == [*(xero_spec if "xero" in one.path else stripe_spec).check(one)]


@pytest.mark.parametrize(
    ("one", "rule"),
    [
        (replace(LIST, path="/xero/api/api.xro/2.0/Invoice"), "no such operation"),
        (replace(LIST, method="DELETE"), "no such operation"),
        (replace(LIST, query="page=1&modifiedSince=2026"), "query parameter modifiedSince is unknown"),
        (replace(LIST, query="page=first"), "query parameter page=first is no integer"),
        (replace(LIST, headers={"accept": "application/json"}), "header xero-tenant-id is missing"),
        (replace(LIST, headers=TENANT | {"if-modified-since": "yesterday"}), "If-Modified-Since yesterday is no date"),
        (replace(LIST, path=f"{LIST.path}/{ID}/Attachments"), "query parameter page is unknown"),
        (replace(LIST, body="{}"), "a body where none is described"),
        (replace(LIST, answer=invoices(Total="a lot")), "answer Invoices/0/Total"),
        (replace(LIST, answer=invoices(Sum=1)), "answer /Invoices/Sum: no schema knows it"),
        (replace(LIST, answer=invoices(InvoiceID="17")), "answer Invoices/0/InvoiceID"),
        (replace(LIST, answer_headers={"content-type": "text/xml"}), "an answer of type text/xml"),
        (replace(LIST, status=202), "status 202 is not described"),
        (replace(PAY, body='{"Payments":[{"Sum":1.5}]}'), "body /Payments/Sum: no schema knows it"),
        (replace(PAY, body='{"Payments":[{"Status":"GONE"}]}'), "body Payments/0/Status"),
        (replace(PAY, headers=TENANT | {"content-type": "text/plain"}), "a body of type text/plain"),
        (replace(LIST, path="/xero/api/connections", query="tenant=1"), "query parameter tenant is unknown"),
    ],
)
def test_a_wrong_exchange_with_xero_is_named(one: Exchange, rule: str) -> None:
    """A rule of Xero's files that is broken is the one that is named."""
    assert any(rule in problem for problem in xero_spec.check(one)), xero_spec.check(one)


@pytest.mark.parametrize(
    ("one", "rule"),
    [
        (replace(CHECKOUT, path="/stripe/v1/checkout/session"), "no such operation"),
        (
            replace(CHECKOUT, body="mode=payment&payment_method_types[0]=card"),
            "parameter payment_method_types is unknown",
        ),
        (replace(CHECKOUT, body="mode=payment&ui_mode=hosted"), "parameter ui_mode='hosted' is no"),
        (replace(CHECKOUT, body="expires_at=soon"), "parameter expires_at='soon' is no"),
        (replace(CHECKOUT, body="line_items[quantity]=1"), "parameter line_items="),
        (replace(CHECKOUT, body="line_items[0][price_data][amount]=1"), "line_items.price_data.amount is unknown"),
        (
            replace(CHECKOUT, body="line_items[0][price_data][unit_amount]=1"),
            "line_items.price_data.currency is missing",
        ),
        (replace(CHECKOUT, answer='{"object":"checkout.sesion"}'), "object 'checkout.sesion' is unknown"),
        (replace(CHECKOUT, answer='{"object":"checkout.session","sum":1}'), "checkout.session.sum is unknown"),
        (replace(CHECKOUT, answer='{"object":"checkout.session"}'), "checkout.session.amount_total is absent"),
        (replace(ACCOUNT, headers=FORM), "a v2 body of type application/x-www-form-urlencoded"),
        (replace(ACCOUNT, body='{"dashboard":"whole"}'), "parameter dashboard='whole' is no"),
        (replace(ACCOUNT, body='{"identity":{"nation":"gb"}}'), "parameter identity.nation is unknown"),
    ],
)
def test_a_wrong_exchange_with_stripe_is_named(one: Exchange, rule: str) -> None:
    """A rule of the library's types that is broken is the one that is named."""
    assert any(rule in problem for problem in stripe_spec.check(one)), stripe_spec.check(one)


def test_wrong_events_are_named() -> None:
    """Events of unknown kinds are seen, on both channels."""
    event = {"id": "evt_1", "object": "event", "type": "charge.paid"}
    assert "charge.paid is no snapshot event" in stripe_spec.check_event(json.dumps(event), thin=False)
    odd = {"events": [{"eventCategory": "PAYMENT"}], "firstEventSequence": 1, "lastEventSequence": 1, "entropy": "E"}
    assert xero_spec.check_event(json.dumps(odd))


def test_every_gap_has_its_reason() -> None:
    """What is let pass although the descriptions say otherwise is written down with a reason, and nothing else is."""
    assert set(xero_spec.UNKNOWN.values()) <= set(xero_spec.GAPS)
    assert all(len(reason) > 30 for reason in [*xero_spec.GAPS.values(), *stripe_spec.GAPS.values()])
