"""The one HTTP client: bounded, honest about what may have happened, and silent while a transaction is open."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage

import httpx
import pytest

from app.clients.http import call, open_http
from app.clients.mail import Mailer
from app.core import db
from app.core.errors import InTransaction, Upstream
from tests.fixtures.process import free_port
from tests.fixtures.sandbox import SandboxServer

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[str]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


def saying(raw: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()

    return answer


async def ask(url: str, method: str = "GET") -> int:
    http = open_http()
    try:
        return (await call(http, "Xero", http.build_request(method, url))).status
    finally:
        await http.aclose()


async def test_redirects_are_not_followed() -> None:
    """A redirect is an answer like any other: our token goes nowhere else."""
    raw = b"HTTP/1.1 302 Found\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\n\r\n"
    async with listening(saying(raw)) as url:
        assert 302 == await ask(url)


@pytest.mark.parametrize("raw", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort"])
async def test_no_proper_answer(raw: bytes) -> None:
    """A connection that breaks leaves a write in doubt, and a read to be tried again."""
    async with listening(saying(raw)) as url:
        for method, unknown in {"PUT": True, "GET": False}.items():
            with pytest.raises(Upstream) as error:
                await ask(url, method)
            assert (unknown, False) == (error.value.unknown, error.value.permanent)


async def test_nobody_there() -> None:
    """A connection that was never made leaves no doubt, not even for a write."""
    with pytest.raises(Upstream) as error:
        await ask(f"http://localhost:{free_port()}/", "PUT")
    assert ("unreachable", False) == (error.value.code, error.value.unknown)


async def test_too_much() -> None:
    """A small answer that unpacks to very much is given up early."""
    packed = gzip.compress(b"0" * (40 * 1024 * 1024))
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n".encode()
    async with listening(saying(head + packed)) as url:
        with pytest.raises(Upstream, match="too much"):
            await ask(url)


async def test_never_in_a_transaction(database_url: str) -> None:
    """No call leaves while a transaction is open."""
    db.configure(database_url)
    await db.open_pool(2)
    try:
        async with db.transaction():
            with pytest.raises(InTransaction):
                await ask("http://localhost:1/")
            with pytest.raises(InTransaction):
                await Mailer("smtp://localhost:1").send(EmailMessage())
    finally:
        await db.close_pool()


def mail(to: str = "aroha@example.com") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Payportal <pay@example.com>", to, "Kia ora"
    message["Message-ID"] = "<one@example.com>"
    message.set_content("Your invoice, Kōwhai.")
    return message


async def test_mail(sandbox_server: SandboxServer) -> None:
    """A mail arrives as it was written."""
    await Mailer(sandbox_server.smtp_url).send(mail())
    async with httpx.AsyncClient() as http:
        [found] = (await http.get(f"{sandbox_server.url}/_mail")).json()
    assert ("Kia ora", ["aroha@example.com"]) == (found["subject"], found["to"])


@pytest.mark.parametrize(("said", "permanent"), [(b"554 5.7.1 No", True), (b"421 4.3.2 Busy", False)])
async def test_mail_refused(said: bytes, permanent: bool) -> None:
    """A mail server's lasting no is final, a passing one is tried again."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said + b"\r\n")
        await writer.drain()
        writer.close()

    async with listening(answer) as url:
        with pytest.raises(Upstream) as error:
            await Mailer(url.replace("http", "smtp")).send(mail())
    assert permanent == error.value.permanent


async def test_no_mail_server() -> None:
    """Without a mail server mails are put aside with the reason; one that is away is tried again."""
    with pytest.raises(Upstream, match="SMTP_URL") as error:
        await Mailer("").send(mail())
    assert error.value.permanent
    with pytest.raises(Upstream) as away:
        await Mailer(f"smtp://localhost:{free_port()}").send(mail())
    assert not away.value.permanent
