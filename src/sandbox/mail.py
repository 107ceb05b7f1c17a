"""The SMTP sink: takes every mail, stores it before saying 250, delivers nothing."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from email.message import MIMEPart
from email.policy import default as policy
from email.utils import parseaddr

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.clock import Clock
from sandbox.ids import Ids
from sandbox.store import Obj, Store


class Mail:
    """``rows`` lists the stored mails, oldest first; ``take`` stores what arrived, ``write`` one of the sandbox's own."""

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store, self._clock, self._ids = store, clock, ids

    def rows(self) -> list[Obj]:
        """Every mail: id, at, from, to[], subject, text, html, headers, attachments[]."""
        return self._store.all("_mail")

    def get(self, id: str) -> Obj | None:
        """One mail."""
        return self._store.get("_mail", id)

    def take(self, sender: str, recipients: list[str], raw: bytes) -> Obj:
        """Store a mail as received."""
        message = message_from_bytes(raw, policy=policy)
        row = {
            "subject": str(message["subject"] or ""),
            "headers": [[name, str(value)] for name, value in message.items()],
            "text": _words(message.get_body(("plain",))),
            "html": _words(message.get_body(("html",))),
            "attachments": [part.get_filename() or "" for part in message.iter_attachments()],
        }
        return self._keep(sender, recipients, row)

    def write(self, sender: str, recipients: list[str], subject: str, text: str) -> Obj:
        """A platform's own mail. It takes no way through MIME, which refuses some of what people type as their address."""
        headers = [["From", sender], ["To", ", ".join(recipients)], ["Subject", subject]]
        row = {"subject": subject, "headers": headers, "text": text, "html": "", "attachments": []}
        return self._keep(parseaddr(sender)[1], recipients, row)

    def _keep(self, sender: str, recipients: list[str], row: Obj) -> Obj:
        id = self._ids.uuid()
        row = {"id": id, "at": self._clock.timestamp(), "from": sender, "to": recipients, **row}
        return self._store.put("_mail", id, row)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """The hook of aiosmtpd: a whole mail has arrived."""
        content = envelope.content or b""
        raw = content.encode() if isinstance(content, str) else content
        self.take(envelope.mail_from or "", [str(to) for to in envelope.rcpt_tos], raw)
        self._store.commit()
        return "250 OK"

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Open the SMTP port (0 picks a free one) on the running loop."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: SMTP(self, hostname="sandbox.localhost", enable_SMTPUTF8=True, loop=loop), host, port
        )


def _words(part: MIMEPart | None) -> str:
    """A part's text; one in a charset nobody knows is read as far as it goes, for a mail sink refuses nothing."""
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
