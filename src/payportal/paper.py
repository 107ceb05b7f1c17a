"""The invoice as paper: what Xero wrote, laid out for the pay page and the receipt."""

from types import SimpleNamespace
from typing import Any

from app.books.invoices_content import Line, content_of
from app.core.html import symbol
from app.core.money import BadAmount, Money, from_decimal


def paper(row: Any, left: Money) -> SimpleNamespace:
    """An invoice row for the templates; totals are Xero's own, never added up again. `left` is what may be paid now."""
    currency = row["currency"]
    content = content_of(row)

    def money(minor: int) -> Money:
        return Money(minor, currency)

    total = row["total_minor"]
    return SimpleNamespace(
        number=row["number"],
        reference=row["reference"],
        customer=row["contact_name"],
        customer_address="",
        issued=row["issued_on"],
        due=row["due_on"],
        amount_due=left,
        total=money(total),
        subtotal=money(content.subtotal_minor if content.lines else total),
        tax=money(content.tax_minor),
        paid=money(total - left.minor if row["status"] in {"AUTHORISED", "PAID"} else 0),
        tax_name="Tax included" if content.line_amounts == "Inclusive" else "Tax",
        lines=[_line(line, currency) for line in content.lines],
        payments=[],
        memo="",
        pdf_href="",
    )


def _line(line: Line, currency: str) -> SimpleNamespace:
    amount = Money(line.amount_minor, currency)
    return SimpleNamespace(
        description=line.description,
        quantity=line.quantity or "1",
        unit_price=_unit(line.unit_amount, currency) if line.unit_amount else amount,
        amount=amount,
    )


def _unit(text: str, currency: str) -> Money | str:
    """A unit price as money; one that is finer than the currency (£0.0525) as text with its sign."""
    try:
        return from_decimal(text, currency)
    except BadAmount:
        return f"{symbol(currency)}{text}"
