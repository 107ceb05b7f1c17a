"""From Xero's JSON to `xero_wire`. Structs name what we read; Decimal comes from numbers or text."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from app.clients import xero_wire as w
from app.clients.xero_dates import day, instant
from app.core.errors import Upstream

Text = str | None
Number = Decimal | None
S = TypeVar("S", bound=msgspec.Struct)


class Raw(msgspec.Struct, rename="pascal", gc=False):
    """Base: Xero's names are ours in PascalCase, except where a field says otherwise."""


class Said(Raw):
    Message: Text = None


class Connection(msgspec.Struct, rename="camel"):
    id: str
    tenant_id: str
    tenant_type: Text = None
    tenant_name: Text = None
    auth_event_id: Text = None
    created_date_utc: Text = None
    updated_date_utc: Text = None


class Address(Raw):
    address_type: Text = None
    address_line1: Text = None
    address_line2: Text = None
    city: Text = None
    region: Text = None
    postal_code: Text = None
    country: Text = None


class Organisation(Raw):
    name: Text = None
    legal_name: Text = None
    short_code: Text = None
    base_currency: Text = None
    country_code: Text = None
    timezone: Text = None
    is_demo_company: bool | None = None
    tax_number: Text = None
    registration_number: Text = None
    period_lock_date: Text = None
    end_of_year_lock_date: Text = None
    addresses: list[Address] | None = None


class Account(Raw):
    account_id: Text = msgspec.field(name="AccountID", default=None)
    code: Text = None
    name: Text = None
    type: Text = None
    bank_account_type: Text = None
    currency_code: Text = None
    status: Text = None
    class_: Text = msgspec.field(name="Class", default=None)
    tax_type: Text = None
    enable_payments_to_account: bool | None = None
    system_account: Text = None


class TaxRate(Raw):
    tax_type: Text = None
    name: Text = None
    status: Text = None
    effective_rate: Number = None
    can_apply_to_expenses: bool | None = None
    can_apply_to_revenue: bool | None = None


class Contact(Raw):
    contact_id: Text = msgspec.field(name="ContactID", default=None)
    name: Text = None
    email_address: Text = None
    first_name: Text = None
    last_name: Text = None
    contact_status: Text = None
    account_number: Text = None


class Line(Raw):
    description: Text = None
    quantity: Number = None
    unit_amount: Number = None
    tax_amount: Number = None
    line_amount: Number = None
    discount_rate: Number = None
    account_code: Text = None
    item_code: Text = None


class Payment(Raw):
    payment_id: Text = msgspec.field(name="PaymentID", default=None)
    batch_id: Text = msgspec.field(name="BatchPaymentID", default=None)
    status: Text = None
    payment_type: Text = None
    reference: Text = None
    date: Text = None
    amount: Number = None
    currency_rate: Number = None
    is_reconciled: bool | None = None
    invoice: "Invoice | None" = None
    account: Account | None = None
    updated: Text = msgspec.field(name="UpdatedDateUTC", default=None)
    has_validation_errors: bool | None = None
    status_attribute: Text = msgspec.field(name="StatusAttributeString", default=None)
    validation_errors: list[Said] | None = None
    warnings: list[Said] | None = None


class Invoice(Raw):
    invoice_id: Text = msgspec.field(name="InvoiceID", default=None)
    type: Text = None
    status: Text = None
    invoice_number: Text = None
    reference: Text = None
    contact: Contact | None = None
    currency_code: Text = None
    sub_total: Number = None
    total_tax: Number = None
    total: Number = None
    amount_due: Number = None
    amount_paid: Number = None
    amount_credited: Number = None
    date: Text = None
    date_string: Text = None
    due_date: Text = None
    due_date_string: Text = None
    fully_paid_on_date: Text = None
    updated: Text = msgspec.field(name="UpdatedDateUTC", default=None)
    line_amount_types: Text = None
    line_items: list[Line] | None = None
    payments: list[Payment] | None = None
    theme_id: Text = msgspec.field(name="BrandingThemeID", default=None)
    url: Text = None
    sent_to_contact: bool | None = None
    has_attachments: bool | None = None
    has_errors: bool | None = None
    validation_errors: list[Said] | None = None


class BankTransaction(Raw):
    id: Text = msgspec.field(name="BankTransactionID", default=None)
    type: Text = None
    status: Text = None
    reference: Text = None
    total: Number = None
    is_reconciled: bool | None = None
    has_errors: bool | None = None
    status_attribute: Text = msgspec.field(name="StatusAttributeString", default=None)
    validation_errors: list[Said] | None = None
    warnings: list[Said] | None = None


class CreditNote(Raw):
    id: Text = msgspec.field(name="CreditNoteID", default=None)
    status: Text = None
    reference: Text = None
    total: Number = None
    remaining_credit: Number = None
    has_errors: bool | None = None
    status_attribute: Text = msgspec.field(name="StatusAttributeString", default=None)
    validation_errors: list[Said] | None = None
    warnings: list[Said] | None = None


class BankTransfer(Raw):
    id: Text = msgspec.field(name="BankTransferID", default=None)
    status: Text = None
    reference: Text = None
    amount: Number = None
    has_errors: bool | None = None
    status_attribute: Text = msgspec.field(name="StatusAttributeString", default=None)
    validation_errors: list[Said] | None = None


class Pagination(msgspec.Struct, rename="camel"):
    page_count: int | None = None
    item_count: int | None = None


class Envelope(Raw):
    """Every list Xero sends; one of the lists is filled."""

    pagination: Pagination | None = msgspec.field(name="pagination", default=None)
    organisations: list[Organisation] | None = None
    accounts: list[Account] | None = None
    tax_rates: list[TaxRate] | None = None
    contacts: list[Contact] | None = None
    invoices: list[Invoice] | None = None
    payments: list[Payment] | None = None
    credit_notes: list[CreditNote] | None = None
    bank_transactions: list[BankTransaction] | None = None
    bank_transfers: list[BankTransfer] | None = None


def decoder(kind: Any) -> Callable[[bytes], Any]:
    """A reader of `kind`; raises Upstream (to be tried again) for an answer that is not what Xero promised."""
    inner = msgspec.json.Decoder(kind, strict=False)

    def decode(raw: bytes) -> Any:
        try:
            return inner.decode(raw)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise Upstream("Xero's answer could not be read.", code="unreadable", status=200, unknown=True) from error

    return decode


read_envelope: Callable[[bytes], Envelope] = decoder(Envelope)
read_connections: Callable[[bytes], list[Connection]] = decoder(list[Connection])


def number(value: Decimal | None) -> Decimal:
    """The amount, 0 for none; raises Upstream for what is no amount (NaN, infinity)."""
    if value is None:
        return Decimal(0)
    if not value.is_finite():
        raise Upstream(
            "Xero's answer held an amount that is not a number.", code="unreadable", status=200, unknown=True
        )
    return value


def connection(raw: Connection) -> w.XeroConnection:
    """A row of /connections; its dates have seven digits and no zone, and are UTC."""
    return w.XeroConnection(
        raw.id, raw.tenant_id, raw.tenant_type or "", raw.tenant_name or "", raw.auth_event_id or "",
        instant(raw.created_date_utc), instant(raw.updated_date_utc),
    )  # fmt: skip


def organisation(raw: Organisation) -> w.XeroOrganisation:
    """The organisation with its first postal (else first) address."""
    addresses = sorted(raw.addresses or [], key=lambda one: one.address_type != "STREET")
    where = addresses[0] if addresses else Address()
    parts = [where.address_line1, where.address_line2, where.city, where.region, where.postal_code, where.country]
    return w.XeroOrganisation(
        name=raw.name or "", legal_name=raw.legal_name or raw.name or "", short_code=raw.short_code or "",
        base_currency=raw.base_currency or "", country=raw.country_code or "", timezone=raw.timezone or "",
        is_demo=bool(raw.is_demo_company), address="\n".join(part for part in parts if part),
        tax_number=raw.tax_number or "", registration_number=raw.registration_number or "",
        line1=where.address_line1 or "", line2=where.address_line2 or "", city=where.city or "",
        region=where.region or "", postal_code=where.postal_code or "",
        period_lock_on=day(raw.period_lock_date), year_lock_on=day(raw.end_of_year_lock_date),
    )  # fmt: skip


def account(raw: Account) -> w.XeroAccount:
    """An account of the chart."""
    return w.XeroAccount(
        raw.account_id or "", raw.code or "", raw.name or "", raw.type or "", raw.bank_account_type or "",
        raw.currency_code or "", raw.status or "", raw.class_ or "", raw.tax_type or "",
        bool(raw.enable_payments_to_account), raw.system_account or "",
    )  # fmt: skip


def tax_rate(raw: TaxRate) -> w.XeroTaxRate:
    """A tax rate."""
    return w.XeroTaxRate(
        raw.tax_type or "", raw.name or "", raw.status or "", number(raw.effective_rate),
        raw.can_apply_to_expenses is not False, raw.can_apply_to_revenue is not False,
    )  # fmt: skip


def contact(raw: Contact | None) -> w.XeroContact:
    """A contact, blank when Xero names none."""
    raw = raw or Contact()
    return w.XeroContact(
        raw.contact_id or "", raw.name or "", raw.email_address or "", raw.first_name or "", raw.last_name or "",
        raw.contact_status or "", raw.account_number or "",
    )  # fmt: skip


def _line(raw: Line) -> w.XeroLine:
    return w.XeroLine(
        raw.description or "", number(raw.quantity), number(raw.unit_amount), number(raw.tax_amount),
        number(raw.line_amount), number(raw.discount_rate), raw.account_code or "", raw.item_code or "",
    )  # fmt: skip


def invoice(raw: Invoice) -> w.XeroInvoice:
    """An invoice; the ...String dates win over `/Date()/`."""
    paid = [
        w.XeroInvoicePayment(one.payment_id or "", day(one.date), number(one.amount), one.reference or "")
        for one in raw.payments or []
    ]
    return w.XeroInvoice(
        id=raw.invoice_id or "", type=raw.type or "", status=raw.status or "", number=raw.invoice_number or "",
        reference=raw.reference or "", contact=contact(raw.contact), currency=raw.currency_code or "",
        sub_total=number(raw.sub_total), total_tax=number(raw.total_tax), total=number(raw.total),
        due=number(raw.amount_due), paid=number(raw.amount_paid), credited=number(raw.amount_credited),
        issued_on=day(raw.date_string, raw.date), due_on=day(raw.due_date_string, raw.due_date),
        paid_on=day(raw.fully_paid_on_date), updated_at=instant(raw.updated),
        line_amounts=raw.line_amount_types or "", lines=tuple(_line(one) for one in raw.line_items or []),
        payments=tuple(paid), theme_id=raw.theme_id or "", url=raw.url or "",
        sent_to_contact=bool(raw.sent_to_contact), has_attachments=bool(raw.has_attachments),
        has_errors=bool(raw.has_errors),
    )  # fmt: skip


def payment(raw: Payment) -> w.XeroPayment:
    """A payment."""
    return w.XeroPayment(
        raw.payment_id or "", raw.status or "", raw.payment_type or "", raw.reference or "", day(raw.date),
        number(raw.amount), raw.currency_rate, bool(raw.is_reconciled),
        (raw.invoice.invoice_id if raw.invoice else "") or "", (raw.account.account_id if raw.account else "") or "",
        raw.batch_id or "", instant(raw.updated),
    )  # fmt: skip


def credit_note(raw: CreditNote) -> w.XeroCreditNote:
    """A credit note."""
    return w.XeroCreditNote(raw.id or "", raw.status or "", raw.reference or "", number(raw.remaining_credit))


def texts(said: Sequence[Said] | None) -> tuple[str, ...]:
    """The messages, each once, in order."""
    return tuple(dict.fromkeys(one.Message for one in said or [] if one.Message))
