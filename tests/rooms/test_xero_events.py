"""Xero's events: each is a bell for one invoice, however often and in whatever shape it rings."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from app.books import xero_events
from app.core import db, inbox
from app.core.errors import Upstream
from tests.fixtures.sandbox import SandboxServer
from tests.rooms.bookkeeping import Books, open_books


@pytest.fixture(scope="module")
async def shared(_sandbox: SandboxServer, database_url: str) -> AsyncIterator[Books]:
    async with open_books(_sandbox, database_url) as made:
        yield made


@pytest.fixture
async def books(shared: Books) -> Books:
    await shared.tidy()
    return shared


def event(tenant: str, resource: str, **more: Any) -> dict[str, Any]:
    """One event, as Xero writes it."""
    return {
        "resourceUrl": f"https://evil.example/{resource}", "resourceId": resource, "tenantId": tenant,
        "tenantType": "ORGANISATION", "eventCategory": "INVOICE", "eventType": "UPDATE",
        "eventDateUtc": "2026-11-22T14:32:04.198",
    } | more  # fmt: skip


async def receive(*events: dict[str, Any]) -> list[Any]:
    """Take a body apart and store it, as the route does; the rows."""
    keys = []
    for account, key, kind, raw, at in xero_events.take_apart(msgspec.json.encode({"events": list(events)})):
        keys.append(key)
        await inbox.receive("xero", account, key, kind, raw, occurred_at=at)
    return await db.fetch("SELECT * FROM inbox WHERE event_id = ANY($1) ORDER BY id", keys)


async def test_bell(books: Books) -> None:
    """Three events of one invoice ask for it once."""
    tenant, resource = (await books.connection())["xero_tenant_id"], str(uuid4())
    times = ["2026-11-22T14:32:04.198", "2026-11-22T14:32:05", "2026-11-22T14:32:05.1"]
    for row in await receive(*(event(tenant, resource, eventDateUtc=at) for at in times)):
        await xero_events.handle(books.clients, row)

    assert [f"{books.connection_id}:{resource}"] == await books.asked("invoice.pull")


async def test_replay(books: Books) -> None:
    """The same event a hundred times is one row."""
    one = event("t", str(uuid4()))
    for _ in range(100):
        rows = await receive(one)

    assert 1 == len(rows)


async def test_strangers(books: Books) -> None:
    """Tenants that are not ours, and other categories, ask for nothing."""
    tenant = (await books.connection())["xero_tenant_id"]
    others = [event(str(uuid4()), str(uuid4())), event(tenant, str(uuid4()), eventCategory="CONTACT")]
    for row in await receive(*others):
        await xero_events.handle(books.clients, row)

    assert [] == await books.asked("invoice.pull")


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}x", b'{"events": 3}', b'{"events": [3]}', b'{"events":[{"tenantId":"x"}]}', b"\xff"]
)
async def test_unreadable(books: Books, raw: bytes) -> None:
    """What Xero signed but cannot be read is kept and put aside, and harms nobody."""
    ((account, key, kind, body, at),) = xero_events.take_apart(raw)
    assert "unreadable" == kind
    await inbox.receive("xero", account, key, kind, body, occurred_at=at)

    with pytest.raises(Upstream) as error:
        await xero_events.handle(books.clients, await db.fetch_row("SELECT * FROM inbox WHERE event_id = $1", key))
    assert error.value.permanent


async def test_intent(books: Books) -> None:
    """An intent to receive holds no event."""
    assert [] == xero_events.take_apart(
        b'{"events":[],"firstEventSequence": 0,"lastEventSequence": 0, "entropy": "LUW"}'
    )
