"""Mails: once for each cause, never after they were taken back, and the same mail when they go again."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import Context
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.books import mails
from app.clients.bundle import Clients
from app.clients.mail import Mailer
from app.core import db, work
from app.core.clock import from_now
from app.core.errors import Upstream
from tests.fixtures.sandbox import SandboxServer
from tests.rooms.xero_desk import Desk, open_desk


@pytest.fixture(scope="module")
async def shared(_sandbox: SandboxServer, database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(_sandbox.url, database_url, smtp_url=_sandbox.smtp_url) as made:
        yield made


@pytest.fixture
async def desk(shared: Desk) -> Desk:
    httpx.delete(f"{shared.url}/_mail", timeout=20).raise_for_status()  # noqa: ASYNC210 - the sandbox is another process
    await db.fetch("DELETE FROM mail")
    return shared


def letters(desk: Desk) -> list[dict[str, Any]]:
    """What arrived in the sandbox's mailbox."""
    found: list[dict[str, Any]] = httpx.get(f"{desk.url}/_mail", timeout=20).json()
    return found


async def queue(key: str = "one", **more: Any) -> Any:
    given = {"to": "ann@example.com", "subject": "Invoice INV-1", "text": "Hello", "html": "<p>Hello</p>",
             "from_name": "Harrow & Finch", "reply_to": "accounts@harrow.example"} | more  # fmt: skip
    return await mails.queue("payment_request", key, None, None, **given)


async def test_sent(desk: Desk) -> None:
    """A queued mail arrives with text and HTML, in the merchant's name, answers going to the merchant."""
    mail_id = await queue()
    await mails.send(desk.clients, mail_id)

    (letter,) = letters(desk)
    assert "Invoice INV-1" == letter["subject"]
    assert ["ann@example.com"] == letter["to"]
    assert "Hello" in letter["text"]
    assert "<p>Hello</p>" in letter["html"]
    assert await db.fetch_value("SELECT sent_at FROM mail WHERE id = $1", mail_id)


async def test_once_for_each_cause(desk: Desk) -> None:
    """A second mail for the same cause is not made; sending twice sends once."""
    mail_id = await queue()
    assert await queue() is None

    await mails.send(desk.clients, mail_id)
    await mails.send(desk.clients, mail_id)
    assert 1 == len(letters(desk))


async def test_taken_back(desk: Desk) -> None:
    """A mail taken back is not sent, and may be written anew."""
    merchant_id = await db.fetch_value("INSERT INTO merchant (id) VALUES (gen_random_uuid()) RETURNING id")
    mail_id = await mails.queue("payment_request", "two", merchant_id, None, "a@example.com", "S", "T", "H", "", "")
    assert mail_id

    assert not await mails.cancel(mail_id, None, mail_id)
    assert await mails.cancel(merchant_id, None, mail_id)
    await mails.send(desk.clients, mail_id)
    assert [] == letters(desk)
    assert await mails.queue("payment_request", "two", merchant_id, None, "a@example.com", "S", "T", "H", "", "")


async def test_too_late(desk: Desk) -> None:
    """What has gone out cannot be taken back."""
    merchant_id = await db.fetch_value("INSERT INTO merchant (id) VALUES (gen_random_uuid()) RETURNING id")
    mail_id = await mails.queue("payment_request", "two", merchant_id, None, "a@example.com", "S", "T", "H", "", "")
    assert mail_id
    await mails.send(desk.clients, mail_id)

    assert not await mails.cancel(merchant_id, None, mail_id)


async def test_not_while_it_may_have_gone(desk: Desk) -> None:
    """A mail that was tried is not called unsent, even when the mail server's answer got lost."""
    merchant_id = await db.fetch_value("INSERT INTO merchant (id) VALUES (gen_random_uuid()) RETURNING id")
    mail_id = await mails.queue("payment_request", "tried", merchant_id, None, "a@example.com", "S", "T", "H", "", "")
    assert mail_id
    job_id = await db.fetch_value("SELECT id FROM job WHERE subject = $1", str(mail_id))
    held = await work.claim("job", job_id, 20)
    assert held
    await work.come_back(held, from_now(60), "no answer")

    assert not await mails.cancel(merchant_id, None, mail_id)


async def test_undo_and_worker_at_once(desk: Desk) -> None:
    """While somebody takes a mail back, no worker begins to send it."""
    merchant_id = await db.fetch_value("INSERT INTO merchant (id) VALUES (gen_random_uuid()) RETURNING id")
    mail_id = await mails.queue("payment_request", "race", merchant_id, None, "a@example.com", "S", "T", "H", "", "")
    assert mail_id
    job_id = await db.fetch_value("SELECT id FROM job WHERE subject = $1", str(mail_id))

    async with db.transaction():
        assert await mails.cancel(merchant_id, None, mail_id)
        beside = asyncio.create_task(work.claim("job", job_id, 20), context=Context())  # a connection of its own
        await asyncio.sleep(0.3)
        assert not beside.done()
    await beside
    await mails.send(desk.clients, mail_id)
    assert [] == letters(desk)


async def test_only_requests(desk: Desk) -> None:
    """A receipt is nobody's to take back, nor is a request by way of another invoice."""
    merchant_id = await db.fetch_value("INSERT INTO merchant (id) VALUES (gen_random_uuid()) RETURNING id")
    receipt = await mails.queue("receipt", "r", merchant_id, None, "a@example.com", "S", "T", "H", "", "")
    asked = await mails.queue("payment_request", "q", merchant_id, None, "a@example.com", "S", "T", "H", "", "")
    assert receipt
    assert asked

    assert not await mails.cancel(merchant_id, None, receipt)
    assert not await mails.cancel(merchant_id, uuid4(), asked)


async def test_same_mail_again(desk: Desk) -> None:
    """Killed between the server's yes and our note, the mail goes again under the same Message-ID."""
    mail_id = await queue()
    await mails.send(desk.clients, mail_id)
    await db.fetch("UPDATE mail SET sent_at = NULL")
    await mails.send(desk.clients, mail_id)

    assert 1 == len({dict(letter["headers"])["Message-ID"] for letter in letters(desk)})


async def test_one_header(desk: Desk) -> None:
    """Line breaks in names and subjects make no further header."""
    mail_id = await queue(subject="Hi\r\nBcc: eve@example.com", from_name="A\nB <x@y.z>", to="ann@example.com\n")
    await mails.send(desk.clients, mail_id)

    (letter,) = letters(desk)
    assert ["ann@example.com"] == letter["to"]
    assert "Hi Bcc: eve@example.com" == letter["subject"]


async def test_no_server(desk: Desk) -> None:
    """Without a mail server the mail stays, with a reason to come back."""
    mail_id = await queue()
    away: Clients = replace(desk.clients, mail=Mailer("smtp://localhost:1"))
    with pytest.raises(Upstream) as error:
        await mails.send(away, mail_id)
    assert not error.value.permanent


@pytest.mark.parametrize(
    ("typed", "is_bad"),
    [
        ("ann@example.com", False),
        ("a.b+c@sub.example.co.uk", False),
        ("", True),
        ("ann", True),
        ("ann@", True),
        ("@example.com", True),
        ("ann@example", True),
        ("ann smith@example.com", True),
        ("ann@example.com>", True),
        ("ann@example.com\nBcc: x@example.com", True),
        ('"a"b@example.com', True),
    ],
)
def test_address(typed: str, is_bad: bool) -> None:
    """What cannot be an address is told from what can."""
    assert is_bad is mails.bad_address(typed)
