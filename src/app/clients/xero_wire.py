"""What Xero says, in our types: amounts are Decimal in the document's currency, dates are dates, missing text is "".

Read leniently: unknown fields and new words are no error (facts: typed SDKs broke on each new plan name). Built by
`xero_decode`; nothing here knows JSON.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Generic, TypeVar

from app.core.money import Money, exponent

Item_co = TypeVar("Item_co", covariant=True)


def money(amount: Decimal, currency: str) -> Money:
    """Xero's decimal as money. Never more than Xero says: a fraction the currency does not have is cut off.

    Xero keeps two digits for every currency, so a yen amount may carry a fraction nobody can pay.
    """
    return Money(int(amount.scaleb(exponent(currency)).to_integral_value(ROUND_DOWN)), currency)


@dataclass(frozen=True, slots=True)
class XeroConnection:
    """One organisation a user let us into. `id` is the connection's, `tenant_id` the organisation's."""

    id: str
    tenant_id: str
    tenant_type: str
    name: str
    auth_event_id: str
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class XeroOrganisation:
    """A tenant's own data. `timezone` is Xero's word, such as NEWZEALANDSTANDARDTIME."""

    name: str
    legal_name: str
    short_code: str
    base_currency: str
    country: str
    timezone: str
    is_demo: bool
    address: str
    tax_number: str
    registration_number: str
    line1: str
    line2: str
    city: str
    region: str
    postal_code: str
    period_lock_on: date | None
    year_lock_on: date | None


@dataclass(frozen=True, slots=True)
class XeroAccount:
    """An account of the chart; `currency` is set for bank accounts only."""

    id: str
    code: str
    name: str
    type: str
    bank_type: str
    currency: str
    status: str
    kind: str
    tax_type: str
    takes_payments: bool
    system_account: str


@dataclass(frozen=True, slots=True)
class XeroTaxRate:
    """A tax rate; `percent` is the effective one. Whether it may be used on money spent, and on money earned."""

    tax_type: str
    name: str
    status: str
    percent: Decimal
    for_expenses: bool
    for_revenue: bool


@dataclass(frozen=True, slots=True)
class XeroContact:
    """Who an invoice is for; lists of invoices carry `id` and `name` only."""

    id: str
    name: str
    email: str
    first_name: str
    last_name: str
    status: str
    account_number: str


@dataclass(frozen=True, slots=True)
class XeroLine:
    """One line of an invoice."""

    description: str
    quantity: Decimal
    unit_amount: Decimal
    tax_amount: Decimal
    amount: Decimal
    discount_percent: Decimal
    account_code: str
    item_code: str


@dataclass(frozen=True, slots=True)
class XeroInvoicePayment:
    """A payment as an invoice shows it: no status, no account."""

    id: str
    on: date | None
    amount: Decimal
    reference: str


@dataclass(frozen=True, slots=True)
class XeroInvoice:
    """An invoice or bill. Amounts are Xero's own and are never recomputed; `due` is the truth.

    `issued_on` and the other dates are the organisation's calendar. Lines are empty in un-paged lists.
    """

    id: str
    type: str
    status: str
    number: str
    reference: str
    contact: XeroContact
    currency: str
    sub_total: Decimal
    total_tax: Decimal
    total: Decimal
    due: Decimal
    paid: Decimal
    credited: Decimal
    issued_on: date | None
    due_on: date | None
    paid_on: date | None
    updated_at: datetime | None
    line_amounts: str
    lines: tuple[XeroLine, ...]
    payments: tuple[XeroInvoicePayment, ...]
    theme_id: str
    url: str
    sent_to_contact: bool
    has_attachments: bool
    has_errors: bool


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """One page of invoices. `server_date` is Xero's clock when it answered: the next cursor, never our own clock."""

    invoices: list[XeroInvoice]
    page_count: int
    item_count: int
    server_date: datetime


@dataclass(frozen=True, slots=True)
class Page(Generic[Item_co]):
    """A page of a list; `more` says that another one follows."""

    items: Sequence[Item_co]
    more: bool


@dataclass(frozen=True, slots=True)
class XeroPayment:
    """A payment in Xero's books. `amount` is in the invoice's currency."""

    id: str
    status: str
    type: str
    reference: str
    on: date | None
    amount: Decimal
    rate: Decimal | None
    is_reconciled: bool
    invoice_id: str
    account_id: str
    batch_id: str
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Answered:
    """What Xero made of one element of a write: its id, or why not. Exactly one of `xero_id` and `errors` is set.

    `reference` is the element's own as Xero echoed it, "" when it did not.
    """

    xero_id: str
    status: str
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    amount: Decimal
    due: Decimal | None
    invoice_status: str
    reference: str = ""


PaymentAnswer = Answered


@dataclass(frozen=True, slots=True)
class XeroBankTransfer:
    """Money moved between two bank accounts."""

    id: str
    status: str
    reference: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class XeroCreditNote:
    """A credit note; `remaining` is what was neither applied to an invoice nor refunded."""

    id: str
    status: str
    reference: str
    remaining: Decimal


@dataclass(frozen=True, slots=True)
class XeroBankTransaction:
    """Money spent or received on a bank account."""

    id: str
    type: str
    status: str
    reference: str
    total: Decimal
    is_reconciled: bool
