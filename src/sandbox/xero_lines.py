"""Line items to amounts: tax rounded per line to two places, then summed (Xero's rounding guide)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from sandbox.store import Obj
from sandbox.xero_wire import LARGEST, cents

NewId = Callable[[], str]
Rates = dict[str, Decimal]


class LineProblem(Exception):
    """A line cannot be taken; the text is the validation message."""


def read_line(wire: dict[str, Any], kind: str, rates: Rates, default_tax: str, new_id: NewId, places: int = 2) -> Obj:
    """A line row from a request's LineItem; raises LineProblem. Amounts in cents, unit and quantity as text."""
    description = str(wire.get("Description") or "")
    quantity = _decimal(wire.get("Quantity", 1), "Quantity")
    unit = _decimal(wire.get("UnitAmount", wire.get("LineAmount", 0)), "UnitAmount")
    unit = unit.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    discount = wire.get("DiscountRate")
    rate_off = _decimal(discount, "DiscountRate") if discount is not None else Decimal(0)
    amount = cents(quantity * unit * (1 - rate_off / 100))
    given = wire.get("LineAmount")
    if given is not None and cents(given) != amount:
        expected = f"{Decimal(amount) / 100:.2f}"
        raise LineProblem(f"The line total {given} does not match the expected line total {expected}")
    tax_type = str(wire.get("TaxType") or default_tax)
    if tax_type not in rates:
        raise LineProblem(
            f"The TaxType code '{tax_type}' does not exist or cannot be used for this type of transaction."
        )
    if not description:
        raise LineProblem("Description must not be empty.")
    tax = _tax(amount, rates[tax_type], kind)
    return {
        "id": wire.get("LineItemID") or new_id(),
        "description": description,
        "quantity": str(quantity),
        "unit": str(unit),
        "account": str(wire["AccountCode"]) if wire.get("AccountCode") else None,
        "tax_type": tax_type,
        "tax": cents(wire["TaxAmount"]) if wire.get("TaxAmount") is not None and kind != "NoTax" else tax,
        "amount": amount,
        "discount": str(discount) if discount is not None else None,
    }


def totals(lines: list[Obj], kind: str) -> Obj:
    """subtotal, tax and total in cents for Exclusive, Inclusive or NoTax lines."""
    amounts, tax = sum(line["amount"] for line in lines), sum(line["tax"] for line in lines)
    subtotal = amounts - tax if kind == "Inclusive" else amounts
    return {"subtotal": subtotal, "tax": tax, "total": subtotal + tax}


def _tax(amount: int, rate: Decimal, kind: str) -> int:
    if kind == "NoTax":
        return 0
    share = rate / (100 + rate) if kind == "Inclusive" else rate / 100
    return int((amount * share).quantize(Decimal(1), ROUND_HALF_UP))


def _decimal(value: Any, name: str) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation as problem:
        raise LineProblem(f"{name} is not a number") from problem
    if not number.is_finite() or isinstance(value, bool) or abs(number) >= LARGEST:
        raise LineProblem(f"{name} is not a number")
    return number
