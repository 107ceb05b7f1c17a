"""A merchant's rows put straight on the shelf: for tests of rooms that talk to nobody but the database."""

import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from app.books import intents, payments
from app.books.writeback.rows import Item, load
from app.core import db
from app.core.work import Claim

Row = Mapping[str, Any]
ACCOUNT = "acct_shelf"
PAID_AT = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
_numbers = itertools.count(1)


class Shelf:
    """One merchant with an organisation, an approved invoice and whatever is put beside them."""

    def __init__(self) -> None:
        self.merchant, self.connection, self.invoice = uuid4(), uuid4(), uuid4()
        self.xero_invoice_id = str(uuid4())

    async def open(self) -> "Shelf":
        await put("merchant", id=self.merchant, legal_name="Harrow & Finch Joinery Ltd", country="GB")
        await put("connection", id=self.connection, merchant=self.merchant, xero_tenant_id=str(uuid4()), timezone="UTC")
        await put(
            "invoice", id=self.invoice, merchant=self.merchant, connection=self.connection, number="INV-1", currency="GBP",
            xero_invoice_id=self.xero_invoice_id, status="AUTHORISED", contact_name="Pemberley", contact_id="con-1",
        )  # fmt: skip
        return self

    async def payment(self, minor: int = 4000, currency: str = "GBP", **columns: Any) -> Row:
        """A payment that succeeded, with the attempt it came from."""
        number, attempt, payment = next(_numbers), uuid4(), uuid4()
        of = {"merchant": self.merchant, "invoice": self.invoice, "amount_minor": minor, "currency": currency}
        await put("attempt", id=attempt, idempotency_key=str(attempt), state="succeeded", expires_at=PAID_AT, **of)
        values = {
            "id": payment, "connection": self.connection, "attempt": attempt, "stripe_account_id": ACCOUNT,
            "stripe_payment_intent_id": f"pi_{number}", "stripe_charge_id": f"ch_{number}", "state": "succeeded",
            "paid_at": PAID_AT, **of,
        }  # fmt: skip
        await put("payment", **values | columns)
        return await self.reread(payment)

    async def reread(self, payment_id: UUID) -> Row:
        row = await payments.one(payment_id)
        assert row is not None
        return row

    async def payout(self, minor: int, currency: str = "GBP", **columns: Any) -> Row:
        """A payout on its way."""
        values = {
            "id": uuid4(), "merchant": self.merchant, "stripe_account_id": ACCOUNT, "stripe_payout_id": f"po_{next(_numbers)}",
            "amount_minor": minor, "currency": currency, "arrives_on": date(2026, 3, 4), "created_at": PAID_AT,
        }  # fmt: skip
        await put("payout", **values | columns)
        return await one("SELECT * FROM payout WHERE id = $1", (values | columns)["id"])

    async def choose(self, kind: str, currency: str = "", **columns: Any) -> None:
        """The account chosen for something."""
        values = {"xero_account_id": f"{kind}-account", "code": "", "name": kind.capitalize(), "tax_type": ""}
        await put(
            "account_choice", id=uuid4(), connection=self.connection, kind=kind, currency=currency, **values | columns
        )

    async def meant(self, minor: int = 4000, **columns: Any) -> Row:
        """The write-back of a payment whose currency has an account, as it is meant."""
        if await intents.chosen(self.connection, "payments", "GBP") is None:
            await self.choose("payments", "GBP")
        return await write_back(await intents.intend_payment(await self.payment(minor, **columns)))

    async def lines(self) -> list[tuple[str, str, str]]:
        """The invoice's timeline: kind, title, detail; oldest first."""
        rows = await db.fetch("SELECT kind, title, detail FROM happening WHERE invoice = $1 ORDER BY id", self.invoice)
        return [tuple(row) for row in rows]

    async def trail(self) -> list[tuple[str, str, Any]]:
        """The audit trail: action, subject, details; oldest first."""
        rows = await db.fetch(
            "SELECT action, subject, details FROM audit WHERE merchant = $1 ORDER BY number", self.merchant
        )
        return [(row["action"], row["subject"], json.loads(row["details"])) for row in rows]

    async def asked(self) -> set[tuple[str, str]]:
        """The jobs that were asked for and concern this merchant's rows."""
        return {(row["kind"], row["subject"]) for row in await db.fetch("SELECT kind, subject FROM job")}

    async def ledger(self, payment: Row) -> dict[tuple[str, str], int]:
        """What each account holds of a payment; what came to nothing is left out."""
        rows = await db.fetch(
            "SELECT account, currency, sum(amount_minor)::bigint AS minor FROM ledger_entry e JOIN ledger_transaction t "
            "ON t.id = e.ledger_transaction WHERE t.payment = $1 GROUP BY 1, 2",
            payment["id"],
        )
        return {(row["account"], row["currency"]): row["minor"] for row in rows if row["minor"]}


async def put(table: str, **columns: Any) -> None:
    """Insert one row."""
    marks = ", ".join(f"${at}" for at in range(1, len(columns) + 1))
    await db.fetch(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", *columns.values())


async def one(sql: str, *args: Any) -> Row:
    """The one row that must be there."""
    (row,) = await db.fetch(sql, *args)
    found: Row = row
    return found


async def write_back(row_id: int | None) -> Row:
    """A write-back as it is now."""
    return await one("SELECT * FROM write_back WHERE id = $1", row_id)


async def bring(row_id: int | None, state: str, **columns: Any) -> Row:
    """Bring a write-back into a state, past the guard, with other columns besides."""
    sets = "".join(f", {name} = ${at}" for at, name in enumerate(columns, start=3))
    async with db.transaction():
        await db.fetch("SET LOCAL session_replication_role = replica")  # no triggers: any state may follow any other
        await db.fetch(f"UPDATE write_back SET state = $2{sets} WHERE id = $1", row_id, state, *columns.values())
    return await write_back(row_id)


async def held(row_id: int | None) -> Item:
    """The row as a worker holds it."""
    row = await one(
        "UPDATE write_back SET fence = fence + 1, attempts = attempts + 1, lease_until = now() + interval '1 minute' "
        "WHERE id = $1 RETURNING id, fence, attempts",
        row_id,
    )
    (item,) = await load([Claim("write_back", row["id"], row["fence"], row["attempts"])])
    return item


@asynccontextmanager
async def open_shelf(database_url: str) -> AsyncIterator[Shelf]:
    """A fresh merchant in a database of this module."""
    db.configure(database_url)
    await db.open_pool(4)
    try:
        yield await Shelf().open()
    finally:
        await db.close_pool()
