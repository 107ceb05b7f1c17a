"""What an invoice says beside its amounts: lines, sub-totals and Xero's own payments, kept as JSON beside our copy."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from app.clients.xero_wire import XeroInvoice, money


class Line(msgspec.Struct, omit_defaults=True):
    """One line. `quantity` and `unit_amount` are decimals as text, since a unit may be finer than the currency."""

    description: str = ""
    quantity: str = ""
    unit_amount: str = ""
    amount_minor: int = 0


class Paid(msgspec.Struct, omit_defaults=True):
    """A payment as Xero's invoice shows it; `reference` tells ours from others."""

    xero_payment_id: str = ""
    on: date | None = None
    amount_minor: int = 0
    reference: str = ""


class Content(msgspec.Struct, omit_defaults=True):
    """Amounts are minor units of the invoice's currency; `line_amounts` is Exclusive, Inclusive or NoTax."""

    lines: list[Line] = []
    payments: list[Paid] = []
    subtotal_minor: int = 0
    tax_minor: int = 0
    line_amounts: str = ""


def content_of(row: Any) -> Content:
    """The content of an invoice row; blank while only a summary was read."""
    return msgspec.json.decode(row["content"], type=Content)


def is_blank(row: Any) -> bool:
    """Whether only a summary of the invoice was read so far."""
    return bool(row["content"] in ("{}", "", None))


def read_content(invoice: XeroInvoice) -> Content | None:
    """The content Xero sent with an invoice; None for a summary without lines."""
    if not invoice.lines:
        return None

    def minor(amount: Decimal) -> int:
        return money(amount, invoice.currency).minor

    return Content(
        lines=[
            Line(line.description, plain(line.quantity), plain(line.unit_amount), minor(line.amount))
            for line in invoice.lines
        ],
        payments=[Paid(paid.id, paid.on, minor(paid.amount), paid.reference) for paid in invoice.payments],
        subtotal_minor=minor(invoice.sub_total),
        tax_minor=minor(invoice.total_tax),
        line_amounts=invoice.line_amounts,
    )


def plain(number: Decimal) -> str:
    """13.0000 as 13, 0.0500 as 0.05."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
