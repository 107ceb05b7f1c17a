"""Mails: queued as rows with their cause, sent by a job. The same mail keeps its Message-ID when it is sent again.

A mail that was queued but not sent can be taken back; one that the mail server took is a fact.
"""

from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from app.books import papers, timeline
from app.clients.bundle import Clients
from app.core import db, jobs, live
from app.core.clock import now
from app.core.errors import Refused, Upstream
from app.core.faultpoint import faultpoint
from app.settings import Settings

_QUEUE = """
INSERT INTO mail (id, merchant, invoice, kind, unique_key, to_addresses, from_name, reply_to, subject, text, html, attach_pdf,
  created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, now()) ON CONFLICT (unique_key) DO NOTHING RETURNING id
"""
# A mail that was tried once may have arrived, whatever the mail server said afterwards.
_UNTOUCHED = """
SELECT attempts = 0 AND last_error = '' AND lease_until IS NULL AND next_at IS NOT NULL
FROM job WHERE kind = 'mail.send' AND subject = $1 FOR NO KEY UPDATE
"""
_CANCEL = """
UPDATE mail SET cancelled_at = now(), unique_key = unique_key || ':cancelled:' || id
WHERE id = $1 AND merchant = $2 AND invoice IS NOT DISTINCT FROM $3 AND kind = 'payment_request'
  AND sent_at IS NULL AND cancelled_at IS NULL RETURNING id
"""
_SENT = {"payment_request": "Payment requested", "receipt": "Receipt sent"}


async def queue(  # noqa: PLR0913 - a mail has that many parts, all named
    kind: str,
    unique_key: str,
    merchant_id: UUID | None,
    invoice_id: UUID | None,
    to: str | Sequence[str],
    subject: str,
    text: str,
    html: str,
    from_name: str,
    reply_to: str,
    attach_pdf: bool = False,
    at: datetime | None = None,
) -> UUID | None:
    """Queue one mail, to be sent now or `at`; its id, or None when a mail with this `unique_key` exists already.

    `to` is one address, several with commas, or a list. Goes out only if the caller's transaction commits.
    """
    addresses = ", ".join(split_addresses(to) if isinstance(to, str) else to)
    async with db.transaction():
        mail_id: UUID | None = await db.fetch_value(
            _QUEUE, uuid4(), merchant_id, invoice_id, kind, unique_key, addresses, one_line(from_name), one_line(reply_to),
            one_line(subject), text, html, attach_pdf,
        )  # fmt: skip
        if mail_id is not None:
            await jobs.ask("mail.send", mail_id, at=at)
    return mail_id


async def cancel(merchant_id: UUID, invoice_id: UUID | None, mail_id: UUID) -> bool:
    """Take back a payment request that nobody has begun to send; False when it has gone out, may have, or is another's.

    Its key is free again, so that the same mail may be written once more.
    """
    async with db.transaction():
        # With the job's row locked no worker begins to send between our look and our word.
        if not await db.fetch_value(_UNTOUCHED, str(mail_id)):
            return False
        return await db.fetch_value(_CANCEL, mail_id, merchant_id, invoice_id) is not None


async def prune(days: int = 90) -> None:
    """Keep of old mails that they went out, when and to whom; not what they said."""
    await db.fetch(
        "UPDATE mail SET text = '', html = '' WHERE (text <> '' OR html <> '') "
        "AND (sent_at < now() - make_interval(days => $1) OR cancelled_at < now() - make_interval(days => $1))",
        days,
    )


async def send(clients: Clients, mail_id: UUID) -> None:
    """Hand one mail to the mail server (job mail.send). Raises Upstream for what may work later."""
    row = await db.fetch_row("SELECT * FROM mail WHERE id = $1 AND sent_at IS NULL AND cancelled_at IS NULL", mail_id)
    if row is None or await _settled_meanwhile(row):
        return
    message = compose(clients.settings, row)
    pdf = await _pdf(clients, row) if row["attach_pdf"] else None
    if pdf:
        message.add_attachment(pdf[1], maintype="application", subtype="pdf", filename=pdf[0])
    try:
        await clients.mail.send(message)
    except Upstream as error:
        if error.permanent:
            await _failed(row, error.message)
        raise
    faultpoint("K19")
    await _sent(row)


async def _settled_meanwhile(row: Any) -> bool:
    """Nobody is asked for money that is not due any more: such a request is taken back, and the timeline says so."""
    if row["kind"] != "payment_request" or not row["invoice"]:
        return False
    sql = "SELECT status = 'AUTHORISED' AND due_minor > 0 FROM invoice WHERE id = $1"
    if await db.fetch_value(sql, row["invoice"]):
        return False
    async with db.transaction():
        await db.fetch("UPDATE mail SET cancelled_at = now() WHERE id = $1", row["id"])
        words = "Nothing is due any more, so the mail was not sent."
        await timeline.add(row["merchant"], row["invoice"], "requested", "Payment request taken back", words)
        await _announce(row)
    return True


async def _sent(row: Any) -> None:
    title = _SENT.get(row["kind"])
    sql = "UPDATE mail SET sent_at = now() WHERE id = $1 AND sent_at IS NULL RETURNING id"
    async with db.transaction():
        if await db.fetch_value(sql, row["id"]):
            if row["invoice"] and title:
                await timeline.add(
                    row["merchant"], row["invoice"], "requested", title, f"Sent to {row['to_addresses']}"
                )
            await _announce(row)


async def _failed(row: Any, why: str) -> None:
    async with db.transaction():
        if row["invoice"]:
            title = "The mail could not be sent"
            await timeline.add(row["merchant"], row["invoice"], "attention", title, f"To {row['to_addresses']}: {why}")
        await _announce(row)


async def _announce(row: Any) -> None:
    if row["merchant"]:
        await live.announce(row["merchant"])


def compose(settings: Settings, row: Any) -> EmailMessage:
    """The mail as it goes out: text and HTML, from the product's own address in the merchant's name."""
    name, sender = parseaddr(settings.mail_from)
    host = urlsplit(settings.base_url).hostname or "localhost"
    message = EmailMessage()
    message["Message-ID"] = f"<{row['id']}@{host}>"
    message["Date"] = format_datetime(now())
    message["From"] = _mailbox(row["from_name"] or name, sender)
    message["To"] = row["to_addresses"]
    if row["reply_to"]:
        message["Reply-To"] = row["reply_to"]
    message["Subject"] = row["subject"]
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(row["text"])
    message.add_alternative(row["html"], subtype="html")
    return message


def _mailbox(name: str, address: str) -> Address:
    return Address(display_name=one_line(name), addr_spec=address)


async def _pdf(clients: Clients, row: Any) -> tuple[str, bytes] | None:
    """Xero's PDF of the invoice; without it the mail goes all the same when Xero will never give it."""
    invoice = await db.fetch_row(
        "SELECT id, connection, xero_invoice_id, xero_updated_at, number FROM invoice WHERE id = $1", row["invoice"]
    )
    if invoice is None:
        return None
    try:
        return f"{_file_name(invoice['number'])}.pdf", await papers.pdf(clients, invoice, "sync")
    except Refused:
        return None
    except Upstream as error:
        if error.permanent:
            return None
        raise


def _file_name(number: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in number).strip("-.") or "invoice"


def one_line(text: str) -> str:
    """Text fit for a header: line breaks and other control characters become spaces."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def split_addresses(text: str) -> list[str]:
    """The addresses a person typed with commas, semicolons or line breaks between them, each once."""
    parts = text.replace(";", ",").replace("\n", ",").split(",")
    return list(dict.fromkeys(one_line(part) for part in parts if part.strip()))


def bad_address(text: str) -> bool:
    """Whether the text cannot be a mail address."""
    name, at, host = text.rpartition("@")
    if not at or not name or "." not in host or len(text) > 254 or not text.isascii() or " " in text:
        return True
    try:
        return Address(addr_spec=text).addr_spec != text
    except (ValueError, IndexError):  # the standard library's parser stumbles over some texts
        return True
