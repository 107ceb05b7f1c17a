"""Invoices as Xero prints them. Each one costs a call, so what was fetched is kept until the invoice changes.

The kept papers are this process's own: a few megabytes, for minutes, and never the only copy.
"""

from collections import OrderedDict
from time import monotonic
from typing import Any

from app.books import access
from app.books.budget import LaneName
from app.clients.bundle import Clients

KEEP_SECONDS = 600.0
KEEP_BYTES = 16_000_000
Key = tuple[object, object]


class Shelf:
    """The papers fetched last: at most `most` bytes of them, each for at most `seconds`."""

    def __init__(self, most: int = KEEP_BYTES, seconds: float = KEEP_SECONDS) -> None:
        self._most, self._seconds = most, seconds
        self._kept: OrderedDict[Key, tuple[bytes, float]] = OrderedDict()

    def get(self, key: Key) -> bytes | None:
        """The paper kept under `key`, if it still may be used."""
        content, until = self._kept.get(key, (b"", 0.0))
        return content if until > monotonic() else None

    def put(self, key: Key, content: bytes) -> None:
        """Keep a paper; the oldest ones make room."""
        self._kept.pop(key, None)
        self._kept[key] = (content, monotonic() + self._seconds)
        while self._kept and (self._size() > self._most or next(iter(self._kept.values()))[1] < monotonic()):
            self._kept.popitem(last=False)

    def _size(self) -> int:
        return sum(len(content) for content, _ in self._kept.values())


_SHELF = Shelf()


async def pdf(clients: Clients, invoice: Any, lane: LaneName = "paper") -> bytes:
    """The PDF of an invoice's row (id, connection, xero_invoice_id, xero_updated_at) as it stands there.

    Raises Upstream when Xero does not give it or its calls for papers are used up (other lanes: Postpone), and Refused
    when the connection is lost.
    """
    key = (invoice["id"], invoice["xero_updated_at"])
    if (kept := _SHELF.get(key)) is not None:
        return kept
    async with access.tenant(clients, invoice["connection"], lane) as tenant:
        content = await tenant.invoice_pdf(invoice["xero_invoice_id"])
    _SHELF.put(key, content)
    return content
