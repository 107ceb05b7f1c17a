"""Everything the product says to Xero and Stripe, and everything the sandbox answers, is as the platforms describe it."""

import asyncio
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.clients.stripe import Stripe
from app.clients.xero import Tenant, Xero
from app.clients.xero_identity import XeroIdentity
from tests.contract import stripe_spec, xero_spec
from tests.contract.lives import Life, rare_days
from tests.contract.specs import Exchange, needs_specs, nothing_wrong
from tests.fixtures.database import Postgres
from tests.fixtures.product import SECRETS
from tests.fixtures.sandbox import SandboxServer
from tests.rooms.till import open_till
from tests.web.shops import open_product

pytestmark = [needs_specs, pytest.mark.timeout(240)]
SECRET_NAME = re.compile(r"token|secret|password|api_?key|authorization|verifier", re.IGNORECASE)
# What the product never asks a tenant, Xero or Stripe by itself, or what is no request at all.
NO_REQUEST = {"Xero.tenant", "Stripe.close", "Stripe.verify_snapshot", "Stripe.verify_thin", "XeroIdentity.close"}
NO_REQUEST |= {"XeroIdentity.discover", "XeroIdentity.authorize_url", "XeroIdentity.verify_id_token"}
API = "/xero/api/api.xro/2.0"
ID = "[^/]+"
# Each request of each client: verb, path, and what its query says where several share an address.
SAYS = {
    "Tenant.organisation": ("GET", f"{API}/Organisation", ""),
    "Tenant.accounts": ("GET", f"{API}/Accounts", ""),
    "Tenant.tax_rates": ("GET", f"{API}/TaxRates", ""),
    "Tenant.contact": ("GET", f"{API}/Contacts/{ID}", ""),
    "Tenant.invoices": ("GET", f"{API}/Invoices", "page="),
    "Tenant.invoice": ("GET", f"{API}/Invoices/{ID}", ""),
    "Tenant.set_invoice_url": ("POST", f"{API}/Invoices/{ID}", ""),
    "Tenant.attach": ("PUT", f"{API}/Invoices/{ID}/Attachments/{ID}", "IncludeOnline=true"),
    "Tenant.invoice_pdf": ("GET", f"{API}/Invoices/{ID}/pdf", ""),
    "Tenant.payment": ("GET", f"{API}/Payments/{ID}", ""),
    "Tenant.payments_of_invoices": ("GET", f"{API}/Payments", "where=Invoice.InvoiceID"),
    "Tenant.payments_by_references": ("GET", f"{API}/Payments", "where=Reference"),
    "Tenant.put_payments": ("PUT", f"{API}/Payments", "summarizeErrors=false"),
    "Tenant.delete_payment": ("POST", f"{API}/Payments/{ID}", ""),
    "Tenant.credit_notes": ("GET", f"{API}/CreditNotes", ""),
    "Tenant.credit_note": ("GET", f"{API}/CreditNotes/{ID}", ""),
    "Tenant.put_credit_notes": ("PUT", f"{API}/CreditNotes", "summarizeErrors=false"),
    "Tenant.credit_refunds": ("GET", f"{API}/Payments", "where=PaymentType"),
    "Tenant.put_bank_transaction": ("PUT", f"{API}/BankTransactions", "summarizeErrors=false"),
    "Tenant.bank_transactions": ("GET", f"{API}/BankTransactions", ""),
    "Tenant.put_bank_transfer": ("PUT", f"{API}/BankTransfers", ""),
    "Tenant.bank_transfers": ("GET", f"{API}/BankTransfers", ""),
    "Xero.connections": ("GET", "/xero/api/connections", ""),
    "Xero.delete_connection": ("DELETE", f"/xero/api/connections/{ID}", ""),
    "XeroIdentity.exchange": ("POST", "/xero/identity/connect/token", ""),
    "XeroIdentity.refresh": ("POST", "/xero/identity/connect/token", ""),
    "XeroIdentity.revoke": ("POST", "/xero/identity/connect/revocation", ""),
    "XeroIdentity.issuer": ("GET", "/xero/identity/.well-known/openid-configuration", ""),
    "Stripe.whoami": ("GET", "/stripe/v1/account", ""),
    "Stripe.create_account": ("POST", "/stripe/v2/core/accounts", ""),
    "Stripe.account": ("GET", f"/stripe/v2/core/accounts/{ID}", ""),
    "Stripe.account_link": ("POST", "/stripe/v2/core/account_links", ""),
    "Stripe.create_session": ("POST", "/stripe/v1/checkout/sessions", ""),
    "Stripe.session": ("GET", f"/stripe/v1/checkout/sessions/{ID}", ""),
    "Stripe.expire_session": ("POST", f"/stripe/v1/checkout/sessions/{ID}/expire", ""),
    "Stripe.sessions_of_intent": ("GET", "/stripe/v1/checkout/sessions", "payment_intent="),
    "Stripe.intent": ("GET", f"/stripe/v1/payment_intents/{ID}", "expand"),
    "Stripe.disputes": ("GET", "/stripe/v1/disputes", "charge="),
    "Stripe.create_refund": ("POST", "/stripe/v1/refunds", ""),
    "Stripe.refunds": ("GET", "/stripe/v1/refunds", "payment_intent="),
    "Stripe.payout": ("GET", f"/stripe/v1/payouts/{ID}", ""),
    "Stripe.balance_lines": ("GET", "/stripe/v1/balance_transactions", "created"),
    "Stripe.payout_lines": ("GET", "/stripe/v1/balance_transactions", "payout="),
    "Stripe.events": ("GET", "/stripe/v1/events", "types"),
}


@dataclass
class Heard:
    """All exchanges of the product with the platforms, and all webhooks it was sent."""

    exchanges: list[Exchange]
    deliveries: list[dict[str, Any]]

    def xero(self) -> list[Exchange]:
        """Those with Xero's APIs."""
        return [one for one in self.exchanges if one.path.startswith(("/xero/api", "/xero/identity"))]

    def stripe(self) -> list[Exchange]:
        """Those with Stripe's."""
        return [one for one in self.exchanges if one.path.startswith(("/stripe/v1", "/stripe/v2"))]

    def problems(self, rule: Any) -> list[str]:
        """What a rule says of each exchange: "exchange: what is wrong"."""
        return [f"{one}: {problem}" for one in [*self.xero(), *self.stripe()] for problem in rule(one)]


def record(sandbox: SandboxServer, *, on: bool) -> None:
    """Switch the sandbox's recording."""
    httpx.post(f"{sandbox.url}/_record", json={"on": on}, timeout=20).raise_for_status()


def recorded(sandbox: SandboxServer) -> list[Exchange]:
    """What was recorded."""
    rows = httpx.get(f"{sandbox.url}/_record", timeout=60).raise_for_status().json()
    return [Exchange.of(row) for row in rows]


@pytest.fixture(scope="module")
def heard(_sandbox: SandboxServer, postgres: Postgres, migrated_template: str, database_url: str) -> Heard:
    """Two lives with the product: an ordinary one with everything in it, and one where answers get lost."""
    with open_product(_sandbox, database_url) as product:
        record(_sandbox, on=True)
        Life(product, _sandbox.url, postgres).live()
        exchanges = recorded(_sandbox)
        deliveries = httpx.get(f"{_sandbox.url}/_webhooks", timeout=20).json()
    _sandbox.reset()
    record(_sandbox, on=True)
    url = postgres.create(migrated_template)
    asyncio.run(_rare(_sandbox.url, url))
    exchanges += recorded(_sandbox)
    record(_sandbox, on=False)
    postgres.drop(url)
    return Heard(exchanges, deliveries)


async def _rare(sandbox: str, database_url: str) -> None:
    async with open_till(sandbox, database_url) as till:
        await rare_days(till)


def test_every_exchange_with_xero_is_as_described(heard: Heard) -> None:
    """Path, parameters, headers, body and answer of every request to Xero fit Xero's OpenAPI files."""
    nothing_wrong(f"{one}: {problem}" for one in heard.xero() for problem in xero_spec.check(one))


def test_every_exchange_with_stripe_is_as_described(heard: Heard) -> None:
    """Path, parameters and answer of every request to Stripe fit the types of Stripe's library."""
    nothing_wrong(f"{one}: {problem}" for one in heard.stripe() for problem in stripe_spec.check(one))


def test_every_webhook_is_as_described(heard: Heard) -> None:
    """Each event sent to the product is one the platforms describe."""
    found = set()
    for row in heard.deliveries:
        rule = _stripe_event if row["channel"] == "stripe" else xero_spec.check_event
        found |= {f"{row['channel']} {row['body'][:120]}: {problem}" for problem in rule(row["body"])}
    assert {"xero", "xero.intent", "stripe"} == {row["channel"] for row in heard.deliveries}
    nothing_wrong(found)


def _stripe_event(body: str) -> list[str]:
    return stripe_spec.check_event(body, thin='"v2.core.event"' in body)


def test_every_webhook_is_answered_as_described(heard: Heard) -> None:
    """Signed well a delivery is taken with 200, signed badly it is turned away with 401; status 0 was before the start."""
    for row in heard.deliveries:
        right = 401 if row["meta"].get("good") is False else 200
        assert {attempt["status"] for attempt in row["attempts"]} <= {right, 0}, row


def test_every_method_of_the_clients_is_spoken(heard: Heard) -> None:
    """No client can say what nobody here has heard it say: each of its requests was exercised, and checked above."""
    kinds = (Tenant, Xero, XeroIdentity, Stripe)
    methods = {f"{k.__name__}.{name}" for k in kinds for name, _ in inspect.getmembers(k, inspect.isfunction)}
    public = {name for name in methods if not name.partition(".")[2].startswith("_")}
    assert public - NO_REQUEST == set(SAYS)

    said = [
        name
        for name, (verb, path, query) in SAYS.items()
        if any(_is(one, verb, path, query) for one in heard.exchanges)
    ]
    assert [] == sorted(set(SAYS) - set(said))


def _is(one: Exchange, verb: str, path: str, query: str) -> bool:
    return one.method == verb and bool(re.fullmatch(path, one.path)) and query in one.query


def test_both_ways_to_a_token_are_spoken(heard: Heard) -> None:
    """Codes are exchanged and tokens refreshed, with the secret in the header or the form and never in the address."""
    forms = [
        dict(re.findall(r"(\w+)=([^&]*)", one.body or ""))
        for one in heard.xero()
        if one.path.endswith("/connect/token")
    ]
    assert {"authorization_code", "refresh_token"} == {form["grant_type"] for form in forms}
    assert all("code_verifier" in form for form in forms if form["grant_type"] == "authorization_code")


def test_xero_is_asked_for_json_of_one_tenant(heard: Heard) -> None:
    """XML is Xero's default: every call says what it wants, and which organisation it means."""
    nothing_wrong(heard.problems(_asks_for_json))


def _asks_for_json(one: Exchange) -> Iterator[str]:
    wanted = "application/pdf" if one.path.endswith("/pdf") else "application/json"
    if one.path.startswith("/xero/api") and one.headers.get("accept") != wanted:
        yield f"Accept is {one.headers.get('accept')}"
    if one.path.startswith(API) and not one.headers.get("xero-tenant-id"):
        yield "no xero-tenant-id"


def test_every_write_has_a_key(heard: Heard) -> None:
    """Each POST and PUT carries an Idempotency-Key no longer than the platform takes."""
    nothing_wrong(heard.problems(_has_a_key))


def _has_a_key(one: Exchange) -> Iterator[str]:
    longest = 128 if one.path.startswith(API) else 255
    if one.method in {"POST", "PUT"} and one.path.startswith((API, "/stripe")):
        key = one.headers.get("idempotency-key", "")
        if not 1 <= len(key) <= longest:
            yield f"Idempotency-Key of {len(key)} characters"


def test_no_key_is_used_for_two_things(heard: Heard) -> None:
    """The same key always goes with the same request, to the byte."""
    sent: dict[tuple[str, str], set[tuple[str, str, str | None]]] = {}
    for one in heard.exchanges:
        if "idempotency-key" in one.headers:
            who = (one.path[:6], one.headers["idempotency-key"])
            sent.setdefault(who, set()).add((one.method, one.path, one.body))
    assert [] == [key for key, requests in sent.items() if len(requests) > 1]


def test_stripe_chooses_the_ways_to_pay(heard: Heard) -> None:
    """payment_method_types is gone from Stripe's API: no request names it."""
    assert [] == [str(one) for one in heard.stripe() if "payment_method_types" in one.query + (one.body or "")]


def test_stripe_is_told_the_account_and_the_version(heard: Heard) -> None:
    """Customers pay on the merchant's account, accounts are the platform's, and the version is the library's."""
    nothing_wrong(heard.problems(_names_the_account))


def _names_the_account(one: Exchange) -> Iterator[str]:
    if not one.path.startswith("/stripe/v"):
        return
    platform = one.path.startswith(("/stripe/v2/core/account", "/stripe/v1/account"))
    if platform == ("stripe-account" in one.headers):
        yield f"Stripe-Account is {one.headers.get('stripe-account')}"
    if one.headers.get("stripe-version") != "2026-10-28.endive":
        yield f"Stripe-Version is {one.headers.get('stripe-version')}"


def test_no_secret_stands_in_an_address(heard: Heard) -> None:
    """Addresses are logged everywhere: no token, key or secret is part of one."""
    nothing_wrong(heard.problems(_tells_no_secret))


def _tells_no_secret(one: Exchange) -> Iterator[str]:
    yield from (f"{name} in the address" for name, _ in one.params if SECRET_NAME.search(name))
    yield from ("a secret in the address" for secret in SECRETS.values() if secret in f"{one.path}?{one.query}")


def test_consent_is_asked_with_proof(heard: Heard) -> None:
    """Xero's page is opened with code flow, S256 PKCE, state, nonce, and granular scopes only."""
    opened = [dict(one.params) for one in heard.exchanges if one.path.endswith("/connect/authorize") and one.query]
    assert opened
    for query in opened:
        assert ("code", "S256") == (query["response_type"], query["code_challenge_method"])
        assert all(query[name] for name in ("state", "nonce", "code_challenge", "redirect_uri", "client_id"))
        assert not {"accounting.transactions", "paymentservices"} & set(query["scope"].split())


def test_the_operations_heard(heard: Heard, record_property: Any) -> None:
    """What was exercised, for whoever reads the report: operations and how often."""
    names = [xero_spec.operation_of(one) for one in heard.xero()] + [
        stripe_spec.operation_of(one) for one in heard.stripe()
    ]
    counted = Counter(name for name in names if name)
    record_property("operations", dict(counted))
    assert len(counted) >= 28
