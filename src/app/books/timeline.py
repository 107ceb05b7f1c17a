"""The timeline of an invoice: what happened, in words, newest first."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.core import db


async def add(
    merchant_id: UUID, invoice_id: UUID, kind: str, title: str, detail: str = "", at: datetime | None = None
) -> None:
    """Write one line; with the caller's transaction if one is open. `kind` is one of tables.Happening's."""
    await db.fetch(
        "INSERT INTO happening (merchant, invoice, kind, title, detail, at) VALUES ($1, $2, $3, $4, $5, COALESCE($6, now()))",
        merchant_id, invoice_id, kind, title, detail, at,
    )  # fmt: skip


async def of_invoice(merchant_id: UUID, invoice_id: UUID, limit: int = 200) -> list[Any]:
    """Lines (kind, title, detail, at), newest first; the last one says when the invoice came from Xero.

    Stripe tells its times in whole seconds: within one, lines stand in the order in which they were written.
    """
    return await db.fetch(
        "SELECT kind, title, detail, at FROM ("
        "  SELECT id, kind, title, detail, at FROM happening WHERE invoice = $2 AND merchant = $1"
        "  UNION ALL"
        "  SELECT 0, 'synced', 'Synced from Xero', '', created_at FROM invoice WHERE id = $2 AND merchant = $1"
        ") AS line ORDER BY date_trunc('second', at) DESC, id DESC LIMIT $3",
        merchant_id, invoice_id, limit,
    )  # fmt: skip
