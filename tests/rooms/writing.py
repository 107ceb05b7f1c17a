"""Rows of the write-back as a turn meets them, and Xero's papers as it sends them: for tests that force one exact answer."""

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from app.books import intents
from app.books.writeback.rows import Item
from app.books.writeback.timing import TIMING
from app.books.writeback.verdict import Later
from app.core import db
from app.core.clock import from_now, now
from app.core.money import Money
from tests.rooms.shelf import Row, Shelf, bring, held, put, write_back

LOST = "Xero's answer was lost."
ONCE_MORE = "Not in Xero; looking once more."
LOOKING = "Recorded; looking that it is there once."
GONE = r"^This is not waiting for you any more\.$"
REFUSED = "The document date cannot be before the lock date."


async def due(shelf: Shelf, minor: int = 4000, state: str = "intended", **columns: Any) -> Item:
    """A payment that is meant for Xero, in our hands."""
    return await in_hand((await shelf.meant(minor))["id"], state, **columns)


async def lost(shelf: Shelf, minor: int = 4000, **columns: Any) -> Item:
    """One that was sent a while ago and whose answer was lost; `absent_at` as it is said."""
    return await due(shelf, minor, "unknown", sent_at=now() - timedelta(hours=1), **columns)


async def fee(shelf: Shelf, minor: int = 76, state: str = "intended", **columns: Any) -> Item:
    """Stripe's fee for a payment of its own."""
    if await intents.chosen(shelf.connection, "fees", "") is None:
        await shelf.choose("fees", code="404")
        await shelf.choose("payments", "GBP")
    return await in_hand(await intents.intend_fee(await shelf.payment(), Money(minor, "GBP")), state, **columns)


async def transfer(shelf: Shelf, minor: int = 900, state: str = "intended", **columns: Any) -> Item:
    """A payout on its way to the bank account."""
    if await intents.chosen(shelf.connection, "bank", "GBP") is None:
        await shelf.choose("bank", "GBP")
        await shelf.choose("payments", "GBP")
    made = await intents.intend_transfer(await shelf.payout(minor), shelf.connection)
    return await in_hand(made, state, **columns)


async def waiting(
    shelf: Shelf, reason: str = "overpaid", minor: int = 4000, state: str = "parked", **columns: Any
) -> Row:
    """A payment that waits for the merchant."""
    return await bring((await shelf.meant(minor))["id"], state, reason=reason, next_at=None, **columns)


async def in_hand(row_id: int | None, state: str, **columns: Any) -> Item:
    """The row in this state, as a worker holds it."""
    await bring(row_id, state, **columns)
    return await held(row_id)


async def told(item: Item) -> tuple[str, str, str]:
    """What became of it: state, reason and the words that go with it."""
    row = await write_back(item.claim.id)
    return row["state"], row["reason"], row["message"]


async def states(*items: Item) -> list[str]:
    return [(await told(item))[0] for item in items]


def after(seconds: float, why: str) -> Later:
    """The verdict of a row that comes back (while the clock stands still)."""
    return Later(from_now(seconds), why)


def quiet(why: str = LOST) -> Later:
    return after(TIMING.quiet, why)


# ---- what Xero sends


def invoice(of: Item, due: str = "100.00", *shown: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The invoice of this row, with the payments that it shows."""
    paper = {"InvoiceID": of.invoice_id, "Status": "AUTHORISED", "CurrencyCode": "GBP", "AmountDue": due}
    return paper | {"Payments": list(shown)} | more


def payment(of: Item | str, xero_id: str = "pay-1", amount: str = "40.00", **more: Any) -> dict[str, Any]:
    """A payment under this row's reference (or under these words)."""
    reference = of if isinstance(of, str) else of.reference
    return {"PaymentID": xero_id, "Reference": reference, "Amount": amount, "Status": "AUTHORISED"} | more


def entry(of: Item | str, xero_id: str, kind: str = "BankTransaction", **more: Any) -> dict[str, Any]:
    """A bank transaction (or transfer) under this row's reference."""
    reference = of if isinstance(of, str) else of.reference
    return {f"{kind}ID": xero_id, "Reference": reference, "Status": "AUTHORISED"} | more


def no(*words: str) -> dict[str, Any]:
    """An element that Xero refused."""
    return {"StatusAttributeString": "ERROR", "ValidationErrors": [{"Message": one} for one in words]}


def invoices(*papers: Mapping[str, Any]) -> dict[str, Any]:
    return {"Invoices": papers}


def payments(*papers: Mapping[str, Any]) -> dict[str, Any]:
    return {"Payments": papers}


def spent(*papers: Mapping[str, Any]) -> dict[str, Any]:
    return {"BankTransactions": papers}


def moved(*papers: Mapping[str, Any]) -> dict[str, Any]:
    return {"BankTransfers": papers}


def read(item: Item) -> Any:
    """The frozen bytes of a row, read."""
    return json.loads(item.row["request"], parse_float=Decimal)


async def credited(shelf: Shelf, kind: str = "credit_note", minor: int = 1500, **columns: Any) -> Item:
    """A refund of a payment that stands in Xero, on its way there as a credit note, or as the refund of that (`note-1`)."""
    if await intents.chosen(shelf.connection, "refunds", "") is None:
        await shelf.choose("refunds", code="200")
        await shelf.choose("payments", "GBP")
    paid = await shelf.payment(refunded_minor=minor, state="refunded_part")
    await bring(await intents.intend_payment(paid), "confirmed", xero_id="pay-1")
    refund: dict[str, Any] = {
        "stripe_refund_id": f"re_{paid['stripe_payment_intent_id']}",
        "status": "succeeded",
        "amount_minor": minor,
    }
    await put("stripe_refund", payment=paid["id"], refunded_at=now(), **refund)
    amount = Money(minor, "GBP")
    made = await intents.intend_of_refund(paid, refund["stripe_refund_id"], "credit_note", amount)
    if kind == "credit_refund":
        await bring(made, "confirmed", xero_id="note-1")
        made = await intents.intend_of_refund(paid, refund["stripe_refund_id"], kind, amount)
    return await in_hand(made, **{"state": "intended"} | columns)


async def refund_failed(item: Item) -> None:
    """Stripe says that the refund of this row did not go through."""
    sql = "UPDATE stripe_refund SET status = 'failed' WHERE stripe_refund_id = $1"
    await db.fetch(sql, item.row["stripe_refund_id"])
