"""Once a day every invoice that may be paid is compared with Xero, whatever webhooks and polls have told.

Not every change moves Xero's UpdatedDateUTC (facts §3.2). Pages are ordered by InvoiceID, which never changes, so turning
them skips nothing.
"""

from datetime import datetime, timedelta
from typing import Any

from app.books import access
from app.books.invoices_save import save
from app.clients.bundle import Clients
from app.clients.xero_wire import XeroInvoice
from app.core import db
from app.core.clock import now

EVERY = timedelta(hours=24)
OPEN = 'Type=="ACCREC" AND Status=="AUTHORISED"'
_BATCH = 40

_DONE = """
INSERT INTO cursor (id, name, value) VALUES (gen_random_uuid(), $1, $2)
ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value
"""

_MISSING = """
SELECT xero_invoice_id FROM invoice WHERE connection = $1 AND status = 'AUTHORISED' AND seen_at < $2 ORDER BY seen_at LIMIT 1000
"""


async def check_open(clients: Clients, connection: Any, last: datetime) -> int:
    """Compare, unless that was done within a day (`last`: when everything was read otherwise); how many were repaired.

    Raises Upstream, Refused or Postpone; it is then done again from its beginning.
    """
    name = f"open:{connection['id']}"
    known = await db.fetch_value("SELECT value FROM cursor WHERE name = $1", name)
    if max(last, datetime.fromisoformat(known) if known else last) > now() - EVERY:
        return 0
    began = await db.fetch_value("SELECT now()")
    repaired = await _read_open(clients, connection) + await _read_missing(clients, connection, began)
    await db.fetch(_DONE, name, began.isoformat())
    return repaired


async def _read_open(clients: Clients, connection: Any) -> int:
    """Everything that Xero calls open."""
    repaired, number, pages = 0, 1, 1
    while number <= pages:
        async with access.tenant(clients, connection["id"], "sync") as tenant:
            page = await tenant.invoices(number, where=OPEN, order="InvoiceID ASC")
        repaired += len(await save(connection, page.invoices, clients.keys))
        number, pages = number + 1, page.page_count
    return repaired


async def _read_missing(clients: Clients, connection: Any, began: datetime) -> int:
    """What we call open and Xero, just now, did not."""
    missing = [row["xero_invoice_id"] for row in await db.fetch(_MISSING, connection["id"], began)]
    repaired = 0
    for at in range(0, len(missing), _BATCH):
        found = await _by_ids(clients, connection, missing[at : at + _BATCH])
        repaired += len(await save(connection, found, clients.keys))
    return repaired


async def _by_ids(clients: Clients, connection: Any, ids: list[str]) -> list[XeroInvoice]:
    async with access.tenant(clients, connection["id"], "sync") as tenant:
        return (await tenant.invoices(1, ids=ids)).invoices
