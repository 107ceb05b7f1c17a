"""Publishing a pay link in Xero: its address on the invoice (the "Go to" button) and its QR code as an online attachment.

Xero refuses both in a locked period, for ever; the link then works all the same, and the row says why it is not in Xero.
"""

import re
from typing import Any
from uuid import UUID

from app.books import access, timeline
from app.books.links_tokens import address, qr_text
from app.clients.bundle import Clients
from app.core import db, live, qr
from app.core.errors import Refused, Upstream

_READ = """
SELECT l.*, i.xero_invoice_id, i.connection, i.number, i.status FROM pay_link l JOIN invoice i ON i.id = l.invoice WHERE l.id = $1
"""
_DONE = {"VOIDED", "DELETED", "DRAFT", "SUBMITTED"}


async def publish(clients: Clients, link_id: UUID) -> None:
    """Write what is not in Xero yet. Raises Upstream or Postpone for what may work later; keeps Xero's reason otherwise."""
    link = await db.fetch_row(_READ, link_id)
    if link is None or link["status"] in _DONE or (link["in_xero_at"] and link["qr_in_xero_at"]):
        return
    try:
        await _write(clients, link)
    except Upstream as error:
        if not error.permanent:
            raise
        await _note_error(link, error.message)
    except Refused as error:
        await _note_error(link, error.message)


async def _write(clients: Clients, link: Any) -> None:
    async with access.tenant(clients, link["connection"], "publish") as tenant:
        if not link["in_xero_at"]:
            await tenant.set_invoice_url(link["xero_invoice_id"], address(clients.settings, clients.keys, link))
            await _note(link, "in_xero_at", "Link added to the invoice in Xero", "")
        if not link["qr_in_xero_at"]:
            picture = qr.png(qr_text(clients.settings, clients.keys, link))
            await tenant.attach(
                link["xero_invoice_id"], file_name(link["number"]), "image/png", picture, include_online=True
            )
            await _note(
                link, "qr_in_xero_at", "QR code added to the invoice in Xero", "Customers see it on the online invoice."
            )


async def _note(link: Any, column: str, title: str, detail: str) -> None:
    async with db.transaction():
        # A link that was replaced meanwhile has another version: what we wrote is not its address.
        sql = f"UPDATE pay_link SET {column} = now(), publish_error = '' WHERE id = $1 AND version = $2 RETURNING id"
        if await db.fetch_value(sql, link["id"], link["version"]):
            await timeline.add(link["merchant"], link["invoice"], "linked", title, detail)
            await live.announce(link["merchant"])


async def _note_error(link: Any, message: str) -> None:
    async with db.transaction():
        await db.fetch("UPDATE pay_link SET publish_error = $2 WHERE id = $1", link["id"], message[:500])
        await timeline.add(
            link["merchant"],
            link["invoice"],
            "attention",
            "The link could not be added to the invoice in Xero",
            message[:300],
        )
        await live.announce(link["merchant"])


def file_name(number: str) -> str:
    """A name Xero takes: letters, digits, dot, dash and underscore only; the same name replaces the file before."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", number).strip("-.") or "invoice"
    return f"pay-{safe[:80]}.png"
