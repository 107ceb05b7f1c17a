"""What the parts of the room `payments` share: the row as it is, and how a payment is told to people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.books import timeline
from app.core import db, live
from app.core.money import Money

Row = Mapping[str, Any]


async def reread(payment: Row) -> Row:
    """The row as it is now, locked."""
    row: Row | None = await db.fetch_row("SELECT * FROM payment WHERE id = $1 FOR NO KEY UPDATE", payment["id"])
    assert row is not None
    return row


async def tell(payment: Row, kind: str, title: str, detail: str = "", at: datetime | None = None) -> None:
    """One line in the invoice's timeline, and every open page of the merchant and the customer is told."""
    await timeline.add(payment["merchant"], payment["invoice"], kind, title, detail, at)
    await live.announce(payment["merchant"])
    await live.announce(payment["invoice"])


def amount_of(payment: Row) -> Money:
    """What the customer paid."""
    return Money(payment["amount_minor"], payment["currency"])


def method_words(payment: Row) -> str:
    """The means of payment, as people say it: Visa ending 4242."""
    brands = {
        "visa": "Visa",
        "mastercard": "Mastercard",
        "amex": "American Express",
        "unionpay": "UnionPay",
        "jcb": "JCB",
    }
    kinds = {"card": "card", "us_bank_account": "bank account", "link": "Link"}
    name = brands.get(payment["method_brand"], payment["method_brand"].replace("_", " ").title())
    name = name or kinds.get(payment["method_type"], "bank account")
    return f"{name} ending {payment['method_last4']}" if payment["method_last4"] else name
