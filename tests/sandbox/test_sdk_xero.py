"""Xero's official Python SDK against the sandbox: nothing of it is changed but the host it talks to."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from xero_python.accounting import (
    Account,
    AccountingApi,
    BatchPayment,
    BatchPayments,
    Contact,
    Invoice,
    Invoices,
    LineAmountTypes,
    LineItem,
    Payment,
    PaymentDelete,
)
from xero_python.api_client import ApiClient
from xero_python.api_client.configuration import Configuration
from xero_python.api_client.oauth2 import OAuth2Token, TokenApi
from xero_python.exceptions import AccountingBadRequestException, HTTPStatusException
from xero_python.identity import IdentityApi

from tests.sandbox.xero_people import CLIENT_ID, CLIENT_SECRET, Person

TODAY = datetime.now(UTC).date()
PNG = b"\x89PNG\r\n\x1a\n0000"


class Sdk:
    """The SDK as its starter applications set it up: a token kept outside, handed over by a getter and a saver."""

    def __init__(self, person: Person) -> None:
        self.tenant, self.token = person.tenant, self.kept(person.tokens)
        configuration = Configuration(oauth2_token=OAuth2Token(client_id=CLIENT_ID, client_secret=CLIENT_SECRET))
        self.client = ApiClient(configuration, pool_threads=1)
        self.client.oauth2_token_getter(lambda: self.token)
        self.client.oauth2_token_saver(self.save)
        api = f"{person.sandbox.url}/xero/api"
        self.identity = IdentityApi(self.client, base_url=api)
        self.accounting = AccountingApi(self.client, base_url=f"{api}/api.xro/2.0")

    @staticmethod
    def kept(tokens: dict[str, Any]) -> dict[str, Any]:
        return {**tokens, "scope": tokens["scope"].split()}

    def save(self, token: dict[str, Any]) -> None:
        self.token = token


@pytest.fixture
def sdk(hannah: Person, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sdk]:
    """Hannah's tokens in the SDK, its three token addresses moved to the sandbox's host."""
    identity = f"{hannah.sandbox.url}/xero/identity/connect"
    monkeypatch.setattr(TokenApi, "refresh_token_url", f"{identity}/token")
    monkeypatch.setattr(TokenApi, "client_credentials_token_url", f"{identity}/token")
    monkeypatch.setattr(TokenApi, "revoke_token_url", f"{identity}/revocation")
    made = Sdk(hannah)
    yield made
    # The SDK never reads the answer to a revocation, which leaves its socket to the garbage collector.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        made.client.rest_client.pool_manager.clear()
        del made
        gc.collect()


def invoice(sdk: Sdk, number: str = "INV-2041") -> Any:
    return sdk.accounting.get_invoice(sdk.tenant, number).invoices[0]


def payment(sdk: Sdk, amount: str) -> Payment:
    target = Invoice(invoice_id=invoice(sdk).invoice_id)
    return Payment(invoice=target, account=Account(code="615"), amount=Decimal(amount), date=TODAY, reference="pp-1")


def test_tokens_are_refreshed_and_revoked(sdk: Sdk, hannah: Person) -> None:
    """The SDK exchanges its refresh token for a new pair, keeps it, works with it, and revokes it."""
    old = sdk.token["refresh_token"]
    token = sdk.client.configuration.oauth2_token
    token.update_token(**sdk.token)
    assert token.refresh_access_token(sdk.client)
    assert sdk.token["refresh_token"] != old
    assert "accounting.payments" in sdk.token["scope"]
    assert [hannah.tenant] == [row.tenant_id for row in sdk.identity.get_connections()]
    assert token.revoke_access_token(sdk.client)
    hannah.tokens = {"access_token": hannah.tokens["access_token"]}
    assert hannah.connections() == []


def test_the_app_itself_gets_a_token(sdk: Sdk) -> None:
    """client_credentials through the SDK: a token without a user."""
    token = sdk.client.configuration.oauth2_token
    assert token.get_client_credentials_access_token(sdk.client, False)
    assert (None, "app.connections") == (token.refresh_token, token.scope)


def test_connections_are_listed_and_removed(sdk: Sdk) -> None:
    """Connections come as the SDK's models, with dates it can read; removing one closes the organisation."""
    one = sdk.identity.get_connections()[0]
    assert ("ORGANISATION", "Harrow & Finch Joinery Ltd") == (one.tenant_type, one.tenant_name)
    assert one.created_date_utc.year >= 2026
    sdk.identity.delete_connection(one.id)
    with pytest.raises(HTTPStatusException) as refused:
        sdk.accounting.get_organisations(sdk.tenant)
    assert 403 == refused.value.status


def test_organisations_accounts_contacts_and_themes_are_read(sdk: Sdk) -> None:
    """What the SDK reads before it writes fits its models and their enumerations."""
    organisation = sdk.accounting.get_organisations(sdk.tenant).organisations[0]
    assert ("GBP", "GB") == (str(organisation.base_currency.value), str(organisation.country_code.value))
    banks = sdk.accounting.get_accounts(sdk.tenant, where='Type=="BANK" AND Status=="ACTIVE"').accounts
    assert {"615", "090"} <= {account.code for account in banks}
    assert sdk.accounting.get_contacts(sdk.tenant).contacts
    assert sdk.accounting.get_branding_themes(sdk.tenant).branding_themes[0].name == "Standard"
    assert sdk.accounting.get_currencies(sdk.tenant).currencies
    assert sdk.accounting.get_tax_rates(sdk.tenant).tax_rates


def test_invoices_are_made_searched_and_changed(sdk: Sdk) -> None:
    """Create, read with a filter and pages, change the link, read the PDF."""
    contact = Contact(contact_id=invoice(sdk).contact.contact_id)
    line = LineItem(description="Shelf", quantity=Decimal(2), unit_amount=Decimal("12.50"), account_code="200")
    wanted = Invoice(
        type="ACCREC", contact=contact, line_items=[line], status="AUTHORISED", line_amount_types=LineAmountTypes.NOTAX
    )
    wanted.date = wanted.due_date = TODAY
    made = sdk.accounting.create_invoices(sdk.tenant, Invoices(invoices=[wanted]), idempotency_key="k-1").invoices[0]
    assert (Decimal("25.00"), "AUTHORISED") == (made.amount_due, made.status)
    found = sdk.accounting.get_invoices(sdk.tenant, i_ds=[made.invoice_id], page=1, page_size=50)
    assert [made.invoice_number] == [row.invoice_number for row in found.invoices]
    assert 1 == found.pagination.item_count
    link = Invoices(invoices=[Invoice(url="https://pay.example/p/1")])
    changed = sdk.accounting.update_invoice(sdk.tenant, made.invoice_id, link).invoices[0]
    assert "https://pay.example/p/1" == changed.url
    path = sdk.accounting.get_invoice_as_pdf(sdk.tenant, made.invoice_id)
    assert Path(path).read_bytes().startswith(b"%PDF-")


def test_payments_are_made_refused_found_and_deleted(sdk: Sdk) -> None:
    """A payment lowers what is due, too much is the SDK's bad request with Xero's words, deleting opens the invoice."""
    made = sdk.accounting.create_payment(sdk.tenant, payment(sdk, "84.00")).payments[0]
    assert ("AUTHORISED", Decimal("1200.00")) == (made.status, made.invoice.amount_due)
    with pytest.raises(AccountingBadRequestException) as refused:
        sdk.accounting.create_payment(sdk.tenant, payment(sdk, "99999"))
    assert "exceeds the amount outstanding" in str(refused.value)
    found = sdk.accounting.get_payments(sdk.tenant, where='Reference="pp-1"').payments
    assert [made.payment_id] == [row.payment_id for row in found]
    link = Invoices(invoices=[Invoice(url="https://pay.example/p/1")])
    assert sdk.accounting.update_invoice(sdk.tenant, made.invoice.invoice_id, link).invoices[0].url
    gone = sdk.accounting.delete_payment(sdk.tenant, made.payment_id, PaymentDelete(status="DELETED")).payments[0]
    assert ("DELETED", Decimal("1284.00")) == (gone.status, invoice(sdk).amount_due)


def test_batch_payments(sdk: Sdk) -> None:
    """A batch through the SDK is one RECBATCH."""
    items = [Payment(invoice=Invoice(invoice_id=invoice(sdk).invoice_id), amount=Decimal("5.00"))]
    wanted = BatchPayment(account=Account(code="615"), date=TODAY, reference="po_1", payments=items)
    batch = sdk.accounting.create_batch_payment(sdk.tenant, BatchPayments(batch_payments=[wanted])).batch_payments[0]
    assert ("RECBATCH", Decimal("5.00")) == (batch.type, batch.total_amount)


def test_attachments_and_the_online_invoice(sdk: Sdk, hannah: Person) -> None:
    """A file is attached for the customer to see, and the online invoice opens."""
    id = invoice(sdk).invoice_id
    sdk.accounting.create_invoice_attachment_by_file_name(sdk.tenant, id, "pay.png", PNG, include_online=True)
    files = sdk.accounting.get_invoice_attachments(sdk.tenant, id).attachments
    assert [("pay.png", "image/png", True)] == [(f.file_name, f.mime_type, f.include_online) for f in files]
    url = sdk.accounting.get_online_invoice(sdk.tenant, id).online_invoices[0].online_invoice_url
    assert "INV-2041" in hannah.browser.get(url).text
