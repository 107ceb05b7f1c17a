"""A customer named inside of something larger: in events of Stripe's as they came, in mails to the merchant's own people.

Both are read and compared piece by piece: an address that contains the one that was asked for is somebody else's.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec

from app.core import db, jobs
from app.core.errors import Refused

ERASED = "Erased contact"
_CHUNK = 1000
_PIECES = re.compile(r"[\s,;:<>\"'()]+")
# What Stripe calls the money and the tries of these invoices.
_IDS = """
SELECT unnest(ARRAY[stripe_payment_intent_id, stripe_charge_id]) AS id FROM payment WHERE merchant = $1 AND invoice = ANY($2)
UNION SELECT unnest(ARRAY[stripe_session_id, stripe_payment_intent_id]) FROM attempt WHERE merchant = $1 AND invoice = ANY($2)
"""
# Also of accounts that the merchant left.
_EVENTS = f"""
SELECT id, body, next_at FROM inbox WHERE source = 'stripe' AND id > $2 AND substring(body FROM 1 FOR 7) <> 'sha256:'
AND account IN (SELECT stripe_account_id FROM stripe_account WHERE merchant = $1 AND stripe_account_id <> ''
  UNION SELECT stripe_account_id FROM payment WHERE merchant = $1
  UNION SELECT stripe_account_id FROM attempt WHERE merchant = $1) ORDER BY id LIMIT {_CHUNK}
"""
_HASHED = "UPDATE inbox SET body = convert_to('sha256:' || encode(sha256(body), 'hex'), 'UTF8') WHERE id = ANY($1)"
_ALERTS = "SELECT id, text FROM mail WHERE merchant = $1 AND kind = 'attention' AND text <> '' ORDER BY id"
_EMPTIED = """
UPDATE mail SET text = '', html = '', cancelled_at = CASE WHEN sent_at IS NULL THEN now() ELSE cancelled_at END,
  unique_key = CASE WHEN sent_at IS NULL THEN unique_key || ':erased:' || id ELSE unique_key END
WHERE id = ANY($1) RETURNING sent_at
"""


async def forget_events(merchant_id: UUID, invoice_ids: Sequence[UUID], address: str) -> int:
    """Keep of each stored event that names `address` (lower case, or "") or money of these invoices that it came, and its
    hash; how many. Raises Refused while one of them is still to be worked on.
    """
    wanted = {row["id"].lower() for row in await db.fetch(_IDS, merchant_id, invoice_ids) if row["id"]} | {address} - {
        ""
    }
    found: list[Any] = []
    last = 0
    while wanted and (rows := await db.fetch(_EVENTS, merchant_id, last)):
        found += [(row["id"], row["next_at"]) for row in rows if not wanted.isdisjoint(_pieces(_read(row["body"])))]
        last = rows[-1]["id"]
    if any(next_at for _, next_at in found):
        raise Refused("Stripe has just told us something of this customer. Try again in a minute.")
    await db.fetch(_HASHED, [event_id for event_id, _ in found])
    return len(found)


async def forget_alerts(merchant_id: UUID, invoices: Sequence[Any]) -> int:
    """Empty the mails to the merchant's people that name these invoices (rows: number, contact_name); how many.

    What was not sent yet is taken back, and what still waits is told anew.
    """
    heads = tuple(f"- {row['number']}, " for row in invoices if row["number"])
    ends = tuple(f" from {row['contact_name']}" for row in invoices if row["contact_name"] not in {"", ERASED})
    found = [
        row["id"]
        for row in await db.fetch(_ALERTS, merchant_id)
        if any(
            line.startswith(heads) or (line.startswith("- ") and line.endswith(ends)) for line in _lines(row["text"])
        )
    ]
    emptied = await db.fetch(_EMPTIED, found)
    if any(row["sent_at"] is None for row in emptied):
        await jobs.ask("merchant.alert", merchant_id)
    return len(emptied)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


def _read(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body.decode(errors="replace")


def _pieces(value: Any) -> Iterator[str]:
    """Every word of every text in a JSON value, in lower case."""
    if isinstance(value, str):
        yield from _PIECES.split(value.lower())
    elif isinstance(value, dict):
        for one in value.values():
            yield from _pieces(one)
    elif isinstance(value, list):
        for one in value:
            yield from _pieces(one)
