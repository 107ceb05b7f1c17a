"""Mail servers: a password, or a mail that leaves this machine, never goes over a line that is not encrypted."""

import asyncio
import socket
from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest

from app.clients.mail import Mailer
from app.core.errors import Upstream


class Wire:
    """A mail server whose offer of TLS was struck out by somebody on the way; it notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        while line := (await reader.readline()).decode().strip():
            self.heard.append(line)
            verb = line.split()[0].upper()
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                while (await reader.readline()) not in {b".\r\n", b""}:
                    pass
            answer = b"250-mail.example\r\n250 AUTH PLAIN LOGIN\r\n" if verb == "EHLO" else b"235 ok\r\n"
            writer.write({"AUTH": b"235 ok\r\n", "EHLO": answer, "STARTTLS": b"454 no\r\n"}.get(verb, b"250 ok\r\n"))
        writer.close()


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    made = Wire()
    server = await asyncio.start_server(made.talk, "0.0.0.0", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


def mail() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "Invoice"
    message.set_content("Hello")
    return message


async def test_no_password_in_clear(wire: Wire) -> None:
    """A mail server that does not encrypt hears no password and no mail."""
    with pytest.raises(Upstream):
        await Mailer(f"smtp://harrow:secret@127.0.0.1:{wire.port}").send(mail())

    assert not [line for line in wire.heard if line.startswith(("AUTH", "MAIL", "DATA"))]


async def test_no_mail_in_clear_elsewhere(wire: Wire) -> None:
    """A mail to another machine's server is encrypted or not sent."""
    host = socket.gethostbyname(socket.gethostname())
    if host.startswith("127."):
        host = "127.0.0.2"  # this machine has no other address; to the product it is another machine
    with pytest.raises(Upstream):
        await Mailer(f"smtp://{host}:{wire.port}").send(mail())

    assert not [line for line in wire.heard if line.startswith("MAIL")]


async def test_on_this_machine(wire: Wire) -> None:
    """The sandbox's mailbox, on this machine and without a password, takes mail as it is."""
    await Mailer(f"smtp://127.0.0.1:{wire.port}").send(mail())

    assert "DATA" in wire.heard
