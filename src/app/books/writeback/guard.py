"""The last look before a write's first byte leaves: are the rows still ours?

A worker may sleep at any line (a stopped process, a frozen machine) until its rows are somebody else's and were written by
them. Between the budget's gate, the connection and the first byte it asks once more, and what took too long is not sent.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from app.books.writeback.rows import Fenced, Item
from app.books.writeback.timing import TIMING
from app.clients.xero import Tenant
from app.core import db
from app.core.clock import monotonic

_HELD = """
SELECT count(*) FROM write_back w JOIN unnest($1::bigint[], $2::int[]) AS held (id, fence) ON w.id = held.id
WHERE w.fence = held.fence AND w.state = 'sending' AND w.lease_until > now()
"""


@contextmanager
def guarded(tenant: Tenant, items: Sequence[Item]) -> Iterator[None]:
    """Whatever is written to Xero in here raises Fenced instead, unless all rows are held, in time, as it leaves."""
    began = monotonic()

    async def look() -> None:
        asked = monotonic()
        held = await db.fetch_value(_HELD, [item.claim.id for item in items], [item.claim.fence for item in items])
        # after the last await: a sleep between the database's answer and this line must count as well
        late = monotonic() - asked > TIMING.answer or monotonic() - began > TIMING.leave
        if held != len(items) or late:
            raise Fenced

    tenant.last_look = look
    try:
        yield
    finally:
        tenant.last_look = None
