"""What outside said, and what we wrote to people, is not kept for ever."""

import hashlib
from collections.abc import AsyncIterator, Callable

import pytest

from app.books import mails
from app.core import db, inbox


@pytest.fixture
async def database(new_database: Callable[[], str]) -> AsyncIterator[str]:
    """An empty database with the running loop's pool open."""
    url = new_database()
    db.configure(url)
    await db.open_pool(5)
    yield url
    await db.close_pool()


async def test_old_events_are_forgotten_but_for_their_hash(database: str):
    """After 90 days an event's body is its hash, and it is still known; what waits for somebody keeps its words."""
    for name in ("old", "aside", "new"):
        await inbox.receive("stripe", "acct_1", name, "x", name.encode())
    await db.fetch("UPDATE inbox SET received_at = now() - interval '91 days', next_at = NULL WHERE event_id <> 'new'")
    await db.fetch("UPDATE inbox SET dead_at = now() WHERE event_id = 'aside'")
    for _ in range(2):
        await inbox.prune()
    kept = {row["event_id"]: bytes(row["body"]) for row in await db.fetch("SELECT event_id, body FROM inbox")}
    digest = hashlib.sha256(b"old").hexdigest()
    assert {"old": f"sha256:{digest}".encode(), "aside": b"aside", "new": b"new"} == kept
    assert not await inbox.receive("stripe", "acct_1", "old", "x", b"old")


async def test_old_mails_are_forgotten_but_for_their_fact(database: str):
    """After 90 days of a mail that went out, only its words are gone."""
    for key in ("old", "new"):
        await mails.queue(
            "receipt", key, None, None, to="ann@example.com", subject="Invoice", text="Hello", html="<p>Hello</p>",
            from_name="H", reply_to="",
        )  # fmt: skip
    await db.fetch("UPDATE mail SET sent_at = now() - interval '91 days' WHERE unique_key = 'old'")
    await mails.prune()
    rows = await db.fetch("SELECT to_addresses, text, html FROM mail ORDER BY unique_key = 'old'")
    assert [("ann@example.com", "Hello", "<p>Hello</p>"), ("ann@example.com", "", "")] == [tuple(row) for row in rows]
