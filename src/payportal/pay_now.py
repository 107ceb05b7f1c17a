"""Xero's Pay now button: from its unsigned address to the invoice's own link.

Whoever holds an online invoice can edit every part of the address, so it is a lookup hint only: the secret names the
merchant, the short code the organisation, number, amount and currency must be those of one open sales invoice. All misses
look alike.
"""

import re
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


AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,4})?")
CODE = re.compile(r"[A-Z]{3}")


async def merchant(clients: Clients, secret: str) -> UUID | None:
    """Whose address it is; None for a wrong or outdated secret."""
    return await secrets.find(clients.keys, secret)


async def find(
    clients: Clients, merchant_id: UUID, number: str, currency: str, amount: str, *, short_code: str
) -> Any | None:
    """The link of the one invoice that the address means, made if it has none yet; None for every kind of miss."""
    code, plain = currency.upper().strip(), amount.replace(",", "").strip()
    if not CODE.fullmatch(code) or not AMOUNT.fullmatch(plain) or not (number + short_code).isprintable():
        return None
    try:
        minor = from_decimal(plain, code).minor
    except BadAmount:
        return None
    rows = await db.fetch(_MATCH, merchant_id, short_code[:40], number[:255], code, minor)
    invoice_id: UUID | None = rows[0]["id"] if len(rows) == 1 else None
    return await links.ensure(clients.keys, invoice_id) if invoice_id else None
