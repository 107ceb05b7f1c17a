"""Requesting payment: the link is made, the mail queued with its cause, ten seconds late so that it can be taken back."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID

from app.books import audit, invoices, links, mails, timeline
from app.clients.bundle import Clients
from app.core import db, limiter, live
from app.core.clock import from_now, now
from app.core.errors import NotFound, Refused
from app.core.money import Money
from app.merchants import invoice_page, letters, payments_setup
from app.merchants.letters import Letter

UNDO_SECONDS = 10
DAILY, DAILY_AT_FIRST = 1_000, 100  # addresses written to in a day; until the first payment has arrived
MOST_AT_ONCE = 50
_PATIENCE = 10.0  # seconds that a bulk request spends on asking Xero for addresses


@dataclass(frozen=True, slots=True)
class Requested:
    """What became of one request: the link always, the mail unless `problem` says why not."""

    invoice_id: str
    number: str
    customer: str
    amount: Money
    link_url: str
    to: str = ""
    problem: str = ""
    mail_id: str = ""


async def open_invoice(merchant_id: UUID, invoice_id: UUID) -> Any:
    """The invoice, if payment can be requested for it. Raises NotFound for a stranger, Refused when it cannot."""
    row = await invoice_page.read(merchant_id, invoice_id)
    if not invoices.payable(row):
        raise Refused(f"There is nothing to pay on {row['number'] or 'this invoice'} at the moment.")
    if payments_setup.standing(await payments_setup.of(merchant_id)) != "active":
        raise Refused("Customers cannot pay by card yet. Finish “Enable payments” in the setup first.")
    return row


async def suggest(clients: Clients, row: Any, by: str) -> tuple[Letter, bool]:
    """The letter to begin with, and whether payment was requested before."""
    link = await links.of_invoice(row["id"])
    again = bool(link and link["requested_at"])
    return await letters.suggest(row, await invoices.addressee(clients, row), by, again=again), again


async def request(
    clients: Clients, merchant_id: UUID, invoice_id: UUID, letter: Letter, reply_to: str = ""
) -> Requested:
    """Request payment by mail. `letter` must have passed letters.check.

    The same letter for the same invoice within a minute is one mail, however often it is posted. Raises NotFound,
    Refused.
    """
    row = await open_invoice(merchant_id, invoice_id)
    if why := await _too_many(merchant_id, letter):
        raise Refused(why)
    return await _send(clients, row, letter, reply_to)


async def _too_many(merchant_id: UUID, letter: Letter) -> str:
    """Counts the letter's addresses; why it is not sent today, or empty text."""
    sql = "SELECT EXISTS (SELECT 1 FROM payment WHERE merchant = $1 AND paid_at IS NOT NULL)"
    most = DAILY if await db.fetch_value(sql, merchant_id) else DAILY_AT_FIRST
    if await limiter.take(f"request:{merchant_id}", most, 86_400, len(letter.addresses)):
        return ""
    until = "" if most == DAILY else " until your first payment has arrived"
    return f"Requests go to {most:,} addresses a day at most{until}. Please go on tomorrow, or copy the link instead."


async def _send(clients: Clients, row: Any, letter: Letter, reply_to: str) -> Requested:
    to = ", ".join(letter.addresses)
    link = await links.ensure(clients.keys, row["id"])
    url = links.address(clients.settings, clients.keys, link)
    text, html, sender = await letters.render(row, letter, url)
    async with db.transaction():
        mail_id = await mails.queue(
            "payment_request",
            _key(row["id"], letter),
            row["merchant"],
            row["id"],
            letter.addresses,
            letter.subject,
            text,
            html,
            sender.name,
            sender.email or reply_to,
            attach_pdf=letter.attach,
            at=from_now(UNDO_SECONDS),
        )
        await links.mark_requested(link["id"], to)
        await live.announce(row["merchant"])
    return _requested(row, url, to=to, mail_id=str(mail_id or ""))


def _requested(row: Any, url: str, **more: str) -> Requested:
    amount = Money(row["due_minor"], row["currency"])
    return Requested(str(row["id"]), row["number"], row["contact_name"], amount, url, **more)


def _key(invoice_id: UUID, letter: Letter) -> str:
    minute = f"{now():%Y-%m-%dT%H:%M}"
    said = "\n".join([*letter.addresses, letter.subject, letter.message, str(letter.attach)])
    return f"request:{invoice_id}:{minute}:{hashlib.sha256(said.encode()).hexdigest()[:16]}"


async def request_all(
    clients: Clients, merchant_id: UUID, invoice_ids: Sequence[UUID], by: str, reply_to: str = ""
) -> list[Requested]:
    """Request payment for several invoices with the suggested letter each; one without an address gets its link only.

    What cannot be requested (paid meanwhile, a stranger's) is left out. Raises Refused when too many are asked for.
    """
    if len(invoice_ids) > MOST_AT_ONCE:
        raise Refused(f"Choose {MOST_AT_ONCE} invoices or fewer.")
    done, until = [], monotonic() + _PATIENCE
    for invoice_id in dict.fromkeys(invoice_ids):
        try:
            row = await open_invoice(merchant_id, invoice_id)
        except NotFound:
            continue
        except Refused:
            if not await _is_settled(merchant_id, invoice_id):
                raise
            continue
        done.append(await _one_of_many(clients, row, by, reply_to, may_ask=monotonic() < until))
    return done


async def _is_settled(merchant_id: UUID, invoice_id: UUID) -> bool:
    return not invoices.payable(await invoices.one(merchant_id, invoice_id))


async def _one_of_many(clients: Clients, row: Any, by: str, reply_to: str, *, may_ask: bool) -> Requested:
    link = await links.of_invoice(row["id"])
    email = await invoices.addressee(clients, row) if may_ask else row["contact_email"]
    letter = await letters.suggest(row, email, by, again=bool(link and link["requested_at"]))
    problem = letters.check(letter).get("to", "")
    problem = problem or await _too_many(row["merchant"], letter)
    if not problem:
        return await _send(clients, row, letter, reply_to)
    url = await hand_out(clients, row["merchant"], row["id"])
    return _requested(row, url, problem=problem)


async def hand_out(clients: Clients, merchant_id: UUID, invoice_id: UUID) -> str:
    """Make the link for the merchant to copy or print, which counts as requested; its address.

    Raises NotFound for a stranger, Refused when there is nothing to pay.
    """
    row = await open_invoice(merchant_id, invoice_id)
    link = await links.ensure(clients.keys, row["id"])
    async with db.transaction():
        await links.mark_requested(link["id"], "")
        await live.announce(merchant_id)
    return links.address(clients.settings, clients.keys, link)


async def undo(merchant_id: UUID, invoice_id: UUID, mail_id: UUID) -> bool:
    """Take a request back while its mail has not gone out; False when it is too late."""
    await invoices.one(merchant_id, invoice_id)
    async with db.transaction():
        if not await mails.cancel(merchant_id, invoice_id, mail_id):
            return False
        await links.take_back_request(invoice_id)
        await timeline.add(merchant_id, invoice_id, "requested", "Request taken back", "The mail was not sent.")
        await audit.note(merchant_id, audit.actor(), "request_taken_back", f"invoice:{invoice_id}")
        await live.announce(merchant_id)
    return True
