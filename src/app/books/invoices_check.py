"""Once a day every invoice that may be paid is compared with Xero, whatever webhooks and polls have told.

Not every change moves Xero's UpdatedDateUTC (facts §3.2). Pages are ordered by InvoiceID, which never changes, so turning
them skips nothing. What differs is repaired by reading it; what cannot be repaired although customers hold its link is a
breach (I7).
"""

from datetime import datetime, timedelta
from typing import Any

from app.books import access
from app.books.breaches import MIRROR
from app.books.invoices_save import asking, save
from app.books.ledger import Breach
from app.clients.bundle import Clients
from app.clients.xero_wire import XeroInvoice, money
from app.core import db
from app.core.clock import now

EVERY = timedelta(hours=24)
OPEN = 'Type=="ACCREC" AND Status=="AUTHORISED"'
_BATCH = 40

_DONE = """
INSERT INTO cursor (id, name, value) VALUES (gen_random_uuid(), $1, $2)
ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value
"""

_LINKED = """
SELECT i.id, i.xero_invoice_id, i.status, i.currency, i.total_minor, i.due_minor, i.seen_at
FROM invoice i JOIN pay_link l ON l.invoice = i.id AND l.active WHERE i.connection = $1 AND i.xero_invoice_id = ANY($2)
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
    repaired, _ = await mirror(clients, connection)
    return repaired


async def mirror(clients: Clients, connection: Any) -> tuple[int, list[Breach]]:
    """Compare now: how many were repaired, and what with an open link still differs. Raises as `check_open` does."""
    began = await db.fetch_value("SELECT now()")
    repaired, doubtful = await _read_open(clients, connection)
    missing = [row["xero_invoice_id"] for row in await db.fetch(_MISSING, connection["id"], began)]
    ids = list(dict.fromkeys([*doubtful, *missing]))
    differing: list[Any] = []
    for at in range(0, len(ids), _BATCH):
        asked = await asking()
        found = await _by_ids(clients, connection, batch := ids[at : at + _BATCH])
        repaired += len(await save(connection, found, clients.keys, asked=asked))
        # read by somebody else meanwhile: newer than what we were told
        differing += [row for row in await _differing(connection, batch, found) if row["seen_at"] <= asked]
    await db.fetch(_DONE, f"open:{connection['id']}", began.isoformat())
    return repaired, [Breach(MIRROR, connection["merchant"], f"invoice {row['id']}") for row in differing]


async def _read_open(clients: Clients, connection: Any) -> tuple[int, list[str]]:
    """Everything that Xero calls open: how many were repaired, and the ids of those whose copy differs all the same."""
    doubtful: list[str] = []
    repaired, number, pages = 0, 1, 1
    while number <= pages:
        async with access.tenant(clients, connection["id"], "sync") as tenant:
            asked = await asking()
            page = await tenant.invoices(number, where=OPEN, order="InvoiceID ASC")
        repaired += len(await save(connection, page.invoices, clients.keys, asked=asked))
        ids = [one.id for one in page.invoices]
        doubtful += [row["xero_invoice_id"] for row in await _differing(connection, ids, page.invoices)]
        number, pages = number + 1, page.page_count
    return repaired, doubtful


async def _differing(connection: Any, ids: list[str], said: list[XeroInvoice]) -> list[Any]:
    """Of these invoices, our rows with an open link that do not say what Xero said, or of which Xero said nothing."""
    there = {one.id: one for one in said}
    rows = await db.fetch(_LINKED, connection["id"], ids)
    return [row for row in rows if not _same(row, there.get(row["xero_invoice_id"]))]


def _same(row: Any, said: XeroInvoice | None) -> bool:
    if said is None:
        return False
    due, total = money(said.due, said.currency).minor, money(said.total, said.currency).minor
    ours = (row["status"], row["currency"], row["total_minor"], row["due_minor"])
    return ours == (said.status, said.currency, total, due)


async def _by_ids(clients: Clients, connection: Any, ids: list[str]) -> list[XeroInvoice]:
    async with access.tenant(clients, connection["id"], "sync") as tenant:
        return (await tenant.invoices(1, ids=ids)).invoices
