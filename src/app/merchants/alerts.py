"""Mails to the merchant's own people when something needs them: a write that Xero will not accept, a lost organisation, a
breach, a day whose calls to Xero are used up.

Asked for by the jobs `merchant.alert` and `breach.alert`; the same trouble is told once. Switched off under Settings, Accounts.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from jinja2 import Environment

from app.books import breaches, mails, writeback
from app.books.broken import WORDS
from app.books.writeback.words import Reason
from app.clients.bundle import Clients
from app.core import brand, db
from app.core.clock import now
from app.core.html import counted, environment
from app.core.money import Money
from app.merchants import business, organisations, pauses
from app.merchants.branding import DEFAULT_COLOUR

Row = Mapping[str, Any]
MOST = 10

_PEOPLE = """
SELECT u.id, u.email, u.given_name FROM app_user u JOIN member m ON m.app_user = u.id
WHERE m.merchant = $1 AND u.email <> '' ORDER BY m.created_at
"""
_BROKEN = """
SELECT c.id, c.name, c.state_reason, (SELECT count(*) FROM write_back w WHERE w.connection = c.id
  AND w.state IN ('intended', 'parked', 'unknown')) AS waiting
FROM connection c WHERE c.merchant = $1 AND c.state = 'broken' ORDER BY c.connected_at
"""


async def tell(clients: Clients, merchant_id: UUID) -> None:
    """Queue the mails that are due about what is wrong now; nothing when the merchant wants none."""
    merchant = await business.one(merchant_id)
    if not merchant["mail_on_trouble"]:
        return
    people: list[Row] = await db.fetch(_PEOPLE, merchant_id)
    for connection in await db.fetch(_BROKEN, merchant_id):
        await _tell_broken(clients, merchant_id, people, connection)
    for organisation, words in await organisations.day_limits(merchant_id):
        context = {
            "subject": f"Xero’s limit for today is reached: {organisation['name']}",
            "happened": words,
            "page_url": f"{clients.settings.base_url}/settings/xero",
        }
        await _queue(clients, "limit", f"{organisation['id']}:{now():%Y-%m-%d}", merchant_id, people, context)
    found = await writeback.attention(merchant_id)
    waiting = [_line(row, reason) for row, reason in found if row["reason"] not in {"disconnected", "scope"}]
    if waiting:
        await _tell_waiting(clients, merchant_id, people, waiting)


async def tell_breach(clients: Clients, breach_id: int) -> None:
    """Job breach.alert: one mail about a breach that still stands; nothing when the merchant wants none."""
    breach = await breaches.open_one(breach_id)
    if breach is None or not (await business.one(breach["merchant"]))["mail_on_trouble"]:
        return
    context = {
        "subject": "Recording in Xero is paused",
        "happened": pauses.words(breach["kind"]),
        "page_url": clients.settings.base_url + await pauses.page_of(breach),
    }
    people = await db.fetch(_PEOPLE, breach["merchant"])
    await _queue(clients, "paused", str(breach_id), breach["merchant"], people, context)


async def _tell_broken(clients: Clients, merchant_id: UUID, people: Sequence[Row], connection: Row) -> None:
    context = {
        "subject": f"Xero is disconnected: {connection['name']}",
        "organisation": connection["name"],
        "happened": WORDS.get(connection["state_reason"], WORDS["token"]).split(". ", maxsplit=1)[0] + ".",
        "waiting": connection["waiting"],
        "reconnect_url": f"{clients.settings.base_url}/settings/xero",
    }
    key = f"{connection['id']}:{now():%Y-%m-%d}"  # lost again on another day is told again
    await _queue(clients, "connection_broken", key, merchant_id, people, context)


async def _tell_waiting(
    clients: Clients, merchant_id: UUID, people: Sequence[Row], waiting: Sequence[SimpleNamespace]
) -> None:
    kinds = {line.what for line in waiting}
    what = counted(len(waiting), kinds.pop()) if len(kinds) == 1 else counted(len(waiting), "entry", "entries")
    context = {
        "subject": f"{what} could not be recorded in Xero",
        "what": what,
        "waiting": waiting[:MOST],
        "more": max(0, len(waiting) - MOST),
        "invoices_url": f"{clients.settings.base_url}/invoices",
    }
    newest = max(line.id for line in waiting)
    await _queue(clients, "attention", f"{merchant_id}:{newest}", merchant_id, people, context)


def _line(row: Row, reason: Reason) -> SimpleNamespace:
    """One write that waits, as the mail names it."""
    return SimpleNamespace(
        id=row["id"],
        what=writeback.NAMES[row["kind"]],
        invoice="" if row["payout"] else row["number"] or "No number",
        customer=row["contact_name"] or "",
        amount=Money(row["amount_minor"], row["currency"]),
        reason=reason.short,
        way_out=reason.way_out,
    )


async def _queue(
    clients: Clients, name: str, key: str, merchant_id: UUID, people: Sequence[Row], context: dict[str, Any]
) -> None:
    house = SimpleNamespace(
        name="Payportal",
        short_name="Payportal",
        legal_line="You get this mail because you manage payments with Payportal.",
        colour=DEFAULT_COLOUR,
        on_colour=brand.on_colour(DEFAULT_COLOUR),
    )
    for person in people:
        said = context | {"m": house, "first_name": person["given_name"] or "there"}
        text, html = (_jinja().get_template(f"emails/{name}.{kind}").render(said) for kind in ("txt", "html"))
        await mails.queue(
            name,
            f"{name}:{key}:{person['id']}",
            merchant_id,
            None,
            person["email"],
            context["subject"],
            text,
            html,
            "Payportal",
            clients.settings.support_email,
        )


@lru_cache(maxsize=1)
def _jinja() -> Environment:
    return environment()
