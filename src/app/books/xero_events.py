"""Xero's webhook events: each says only that something changed; the invoice is then read from Xero.

An event carries neither type nor status and may repeat, so events of one invoice make one job. Xero's order and the
payload's address mean nothing to us (facts §6).
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.clients.bundle import Clients
from app.clients.xero_dates import instant
from app.core import db, inbox, jobs
from app.core.errors import Upstream


class XeroEvent(msgspec.Struct, rename="camel"):
    """One event as Xero sends it; `event_date_utc` has no zone and is UTC."""

    tenant_id: str
    resource_id: str
    event_category: str
    event_type: str = ""
    event_date_utc: str = ""
    tenant_type: str = ""

    @property
    def key(self) -> str:
        """What identifies it, since Xero gives it no id."""
        return inbox.event_key(
            self.tenant_id, self.resource_id, self.event_category, self.event_type, self.event_date_utc
        )

    @property
    def kind(self) -> str:
        """Such as invoice.update."""
        return f"{self.event_category}.{self.event_type}".lower()[:100]

    @property
    def at(self) -> datetime | None:
        """When it happened, if Xero said so readably."""
        return instant(self.event_date_utc)


class _Body(msgspec.Struct):
    events: list[msgspec.Raw] = []


_body = msgspec.json.Decoder(_Body)
_event = msgspec.json.Decoder(XeroEvent)
Stored = tuple[str, str, str, bytes, datetime | None]


def take_apart(raw: bytes) -> list[Stored]:
    """One (account, event id, kind, bytes, time) for each event of a signed body; nothing for an intent to receive.

    What cannot be read is kept whole, once, to be looked at: it was signed by Xero.
    """
    try:
        return [_stored(bytes(event)) for event in _body.decode(raw).events]
    except (msgspec.DecodeError, RecursionError):
        return [("", inbox.event_key("unreadable", raw.hex()), "unreadable", raw, None)]


def _stored(raw: bytes) -> Stored:
    try:
        event = _event.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return ("", inbox.event_key("unreadable", raw.hex()), "unreadable", raw, None)
    return (event.tenant_id[:100], event.key, event.kind, raw, event.at)


async def handle(_clients: Clients, inbox_row: Any) -> None:
    """Ask for the invoice to be read again. Raises Upstream (permanent) for an event that cannot be read."""
    try:
        event = _event.decode(inbox_row["body"])
        resource = str(UUID(event.resource_id))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Upstream("Xero's event could not be read.", permanent=True, code="unreadable") from error
    if event.event_category.upper() != "INVOICE":
        return
    connection_id = await db.fetch_value(
        "SELECT id FROM connection WHERE xero_tenant_id = $1 AND state = 'connected'", event.tenant_id
    )
    if connection_id is not None:
        await jobs.ask("invoice.pull", f"{connection_id}:{resource}")
