"""Xero's Pay now button: from its unsigned address to the invoice's own link.

Whoever holds an online invoice can edit every part of the address, so it is a lookup hint only: the secret names the
merchant, the short code the organisation, number, amount and currency must be those of one open sales invoice. All misses
look alike.
"""

from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from app.books import links
from app.clients.bundle import Clients
from app.core import db
from app.core.money import BadAmount, from_decimal
from app.merchants import pay_now as secrets

_MATCH = """
SELECT i.id FROM invoice i JOIN connection c ON c.id = i.connection
WHERE i.merchant = $1 AND c.short_code = $2 AND c.state <> 'disconnected' AND i.number = $3 AND i.currency = $4
  AND i.status IN ('AUTHORISED', 'PAID') AND $5 IN (i.due_minor, i.total_minor, i.total_minor - i.paid_minor)
"""


async def find(
    clients: Clients, secret: str, number: str, currency: str, amount: str, *, short_code: str
) -> Any | None:
    """The link of the one invoice that the address means, made if it has none yet; None for every kind of miss."""
    merchant_id = await secrets.find(clients.keys, secret)
    code = currency.upper().strip()
    if merchant_id is None or len(code) != 3 or len(number) > 255:
        return None
    try:
        minor = from_decimal(Decimal(amount.replace(",", "").strip() or "x"), code).minor
    except (BadAmount, InvalidOperation, ValueError):
        return None
    rows = await db.fetch(_MATCH, merchant_id, short_code, number, code, minor)
    invoice_id: UUID | None = rows[0]["id"] if len(rows) == 1 else None
    return await links.ensure(clients.keys, invoice_id) if invoice_id else None
