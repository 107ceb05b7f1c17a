"""Pay links: one permanent link for each invoice, whose token is derived; the database keeps only a keyed hash of it.

A wrong token dies at its checksum before any query. A link that was switched off stays findable, so that its page can say so.
"""

from typing import Any
from uuid import UUID, uuid4

from app.books import audit, timeline
from app.books.links_tokens import address, qr_text, token_of
from app.books.publishing import publish
from app.clients.bundle import Keys
from app.core import db, jobs, live
from app.core.errors import NotFound
from app.core.tokens import derive_token, read_token, token_hash

__all__ = [
    "address", "ensure", "find", "find_expired", "mark_requested", "of_invoice", "publish", "qr_text", "revoke", "seen",
    "set_active", "set_allow_part", "take_back_request", "token_of",
]  # fmt: skip

_INSERT = """
INSERT INTO pay_link (id, merchant, invoice, version, token_hash, created_at)
SELECT $1, merchant, id, 1, $2, now() FROM invoice WHERE id = $3 ON CONFLICT (invoice) DO NOTHING RETURNING *
"""

# One visit is counted once: views a minute apart are the same person looking, and half an hour makes a new line.
_SEEN = """
WITH before AS (SELECT id, last_viewed_at FROM pay_link WHERE id = $1)
UPDATE pay_link l SET last_viewed_at = now(), viewed_at = COALESCE(l.viewed_at, now()),
  views = l.views + CASE WHEN before.last_viewed_at > now() - interval '30 minutes' THEN 0 ELSE 1 END
FROM before WHERE l.id = before.id AND (l.last_viewed_at IS NULL OR l.last_viewed_at < now() - interval '1 minute')
RETURNING l.merchant, l.invoice, l.views,
  before.last_viewed_at IS NULL OR before.last_viewed_at < now() - interval '30 minutes' AS is_new
"""


async def ensure(keys: Keys, invoice_id: UUID) -> Any:
    """The invoice's link, made now if it has none; a new one is also written into Xero, by a job."""
    row = await of_invoice(invoice_id)
    if row is None:
        async with db.transaction():
            row = await _make(keys, invoice_id)
    return row or await of_invoice(invoice_id)


async def _make(keys: Keys, invoice_id: UUID) -> Any | None:
    link_id = uuid4()
    hashed = token_hash(keys.find, derive_token(keys.link, str(link_id), 1))
    row = await db.fetch_row(_INSERT, link_id, hashed, invoice_id)
    if row:
        await timeline.add(row["merchant"], invoice_id, "linked", "Payment link made")
        await jobs.ask("link.publish", link_id)
        await live.announce(row["merchant"])
    return row


async def of_invoice(invoice_id: UUID) -> Any | None:
    """The invoice's link, or None."""
    return await db.fetch_row("SELECT * FROM pay_link WHERE invoice = $1", invoice_id)


async def find(keys: Keys, token_text: str) -> Any | None:
    """The link a person typed or scanned; None when its checksum is wrong (without a query), or it was revoked."""
    token = read_token(keys.link, token_text)
    if token is None:
        return None
    return await db.fetch_row("SELECT * FROM pay_link WHERE token_hash = $1", token_hash(keys.find, token))


async def find_expired(keys: Keys, token_text: str) -> Any | None:
    """The link whose address this was before it was replaced, or None."""
    token = read_token(keys.link, token_text)
    if token is None:
        return None
    return await db.fetch_row("SELECT * FROM pay_link WHERE previous_hash = $1", token_hash(keys.find, token))


async def revoke(keys: Keys, merchant_id: UUID, link_id: UUID) -> Any:
    """Give the link a new address; the old one is gone for ever. Raises NotFound for a stranger."""
    async with db.transaction():
        row = await db.fetch_row(
            "SELECT * FROM pay_link WHERE id = $1 AND merchant = $2 FOR NO KEY UPDATE", link_id, merchant_id
        )
        if row is None:
            raise NotFound
        version = row["version"] + 1
        row = await db.fetch_row(
            "UPDATE pay_link SET version = $2, previous_hash = token_hash, token_hash = $3, in_xero_at = NULL, "
            "qr_in_xero_at = NULL "
            "WHERE id = $1 RETURNING *",
            link_id, version, token_hash(keys.find, derive_token(keys.link, str(link_id), version)),
        )  # fmt: skip
        assert row is not None
        await timeline.add(
            merchant_id, row["invoice"], "linked", "Payment link replaced", "The old link no longer works."
        )
        await audit.note(merchant_id, audit.actor(), "link_replaced", f"pay_link:{link_id}", {"version": version})
        await jobs.ask("link.publish", link_id)
        await live.announce(merchant_id)
    return row


async def seen(link_id: UUID) -> None:
    """Note that the customer opened the pay page."""
    async with db.transaction():
        row = await db.fetch_row(_SEEN, link_id)
        if row and row["is_new"]:
            title = "Viewed by the customer" if row["views"] == 1 else "Viewed again by the customer"
            await timeline.add(row["merchant"], row["invoice"], "viewed", title)
            await live.announce(row["merchant"])


async def set_active(merchant_id: UUID, link_id: UUID, active: bool) -> None:
    """Switch the link on or off. Raises NotFound for a stranger."""
    title = "Payment link switched on" if active else "Payment link switched off"
    async with db.transaction():
        changed = await _set(merchant_id, link_id, "active", active)
        if changed is not None:
            await timeline.add(merchant_id, changed, "linked", title)
            # Switched off is as good as another amount: open checkout sessions must end.
            await jobs.ask("invoice.changed", changed)
            await live.announce(changed)


async def set_allow_part(merchant_id: UUID, link_id: UUID, allow: bool) -> None:
    """Say for this invoice whether a part may be paid. Raises NotFound for a stranger."""
    async with db.transaction():
        await _set(merchant_id, link_id, "allow_part", allow)


async def _set(merchant_id: UUID, link_id: UUID, column: str, value: bool) -> UUID | None:
    """The invoice's id when the switch moved, None when it stood so already; the column's name comes from code."""
    row = await db.fetch_row(
        "SELECT * FROM pay_link WHERE id = $1 AND merchant = $2 FOR NO KEY UPDATE", link_id, merchant_id
    )
    if row is None:
        raise NotFound
    if row[column] is value:
        return None
    await db.fetch(f"UPDATE pay_link SET {column} = $2 WHERE id = $1", link_id, value)
    await audit.note(merchant_id, audit.actor(), "link_switched", f"pay_link:{link_id}", {column: value})
    await live.announce(merchant_id)
    invoice_id: UUID = row["invoice"]
    return invoice_id


async def mark_requested(link_id: UUID, to: str) -> None:
    """The link was sent or handed out; `to` is empty when it was copied. What is not in Xero yet is tried once more."""
    async with db.transaction():
        row = await db.fetch_row(
            "UPDATE pay_link SET requested_at = now(), requested_to = CASE WHEN $2 = '' THEN requested_to ELSE $2 END "
            "WHERE id = $1 RETURNING merchant, invoice, in_xero_at, qr_in_xero_at",
            link_id,
            to,
        )
        if row is None:
            return
        way = {"way": "mail" if to else "link"}
        await audit.note(row["merchant"], audit.actor(), "payment_requested", f"invoice:{row['invoice']}", way)
        if not (row["in_xero_at"] and row["qr_in_xero_at"]):
            await jobs.ask("link.publish", link_id)


async def take_back_request(invoice_id: UUID) -> None:
    """A request was undone: the link is as requested as the mails that did go out say."""
    await db.fetch(
        "UPDATE pay_link l SET requested_at = (SELECT max(sent_at) FROM mail WHERE invoice = l.invoice "
        "AND kind = 'payment_request' AND cancelled_at IS NULL) WHERE invoice = $1",
        invoice_id,
    )
