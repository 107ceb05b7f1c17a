"""Pay links: one for each invoice, derived, findable only by whoever holds the token, published in Xero once."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any, NamedTuple

import pytest

from app.books import links
from app.core import db
from app.core.errors import NotFound, Upstream
from tests.fixtures.sandbox import SandboxServer
from tests.rooms.bookkeeping import Books, open_books

NUMBERS = count(9001)
API = "/xero/api/api.xro/2.0/Invoices"


@pytest.fixture(scope="module")
async def shared(_sandbox: SandboxServer, database_url: str) -> AsyncIterator[Books]:
    async with open_books(_sandbox, database_url) as made:
        yield await made.synced()


@pytest.fixture
async def books(shared: Books) -> Books:
    await shared.tidy()
    return shared


class Made(NamedTuple):
    """An invoice's number, and the link that was made for it just now."""

    number: str
    link: Any


@pytest.fixture
async def made(books: Books) -> Made:
    number = f"INV-{next(NUMBERS)}"
    books.new_invoice(amount="100.00", number=number)
    await books.poll()
    await books.tidy()
    row = await books.invoice(number)
    return Made(number, await links.ensure(books.clients.keys, row["id"]))


async def test_one_link(books: Books, made: Made) -> None:
    """Asking twenty times at once makes one link."""
    again = await asyncio.gather(*(links.ensure(books.clients.keys, made.link["invoice"]) for _ in range(20)))

    assert {made.link["id"]} == {row["id"] for row in again}
    assert 1 == await db.fetch_value("SELECT count(*) FROM pay_link WHERE invoice = $1", made.link["invoice"])


async def test_found_as_typed(books: Books, made: Made) -> None:
    """The link is found in small letters, without dashes, and with O for 0."""
    token = links.token_of(books.clients.keys, made.link)

    for typed in (token, token.lower(), token.replace("-", ""), token.replace("0", "O"), f" {token} "):
        found = await links.find(books.clients.keys, typed)
        assert found
        assert made.link["id"] == found["id"]


async def test_wrong_token_asks_nobody(books: Books, made: Made) -> None:
    """A mistyped token dies at its checksum: no query is made."""
    token = links.token_of(books.clients.keys, made.link)
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    pool = db.ENGINE.pool
    db.ENGINE.pool = None  # a query would raise now
    try:
        assert await links.find(books.clients.keys, wrong) is None
    finally:
        db.ENGINE.pool = pool


async def test_database_opens_no_page(books: Books, made: Made) -> None:
    """The token stands nowhere in the database."""
    token = links.token_of(books.clients.keys, made.link).replace("-", "")
    row = await db.fetch_row("SELECT * FROM pay_link WHERE id = $1", made.link["id"])
    assert row

    assert not any(token.lower() in str(value).lower().replace("-", "") for value in row.values())


async def test_qr_is_small(books: Books, made: Made) -> None:
    """The QR code says the address in capitals, so that it stays alphanumeric."""
    settings, keys = books.clients.settings, books.clients.keys

    assert links.address(settings, keys, made.link).upper() == links.qr_text(settings, keys, made.link)


async def test_revoked(books: Books, made: Made) -> None:
    """A replaced link has another address; the old one is not found any more."""
    keys = books.clients.keys
    old = links.token_of(keys, made.link)

    new = await links.revoke(keys, books.merchant_id, made.link["id"])

    assert await links.find(keys, old) is None
    assert await links.find(keys, links.token_of(keys, new))


async def test_switches(books: Books, made: Made) -> None:
    """A link that was switched off is still found, and open checkouts hear of it."""
    await links.set_active(books.merchant_id, made.link["id"], active=False)
    await links.set_allow_part(books.merchant_id, made.link["id"], allow=False)

    row = await links.find(books.clients.keys, links.token_of(books.clients.keys, made.link))
    assert row
    assert (False, False) == (row["active"], row["allow_part"])
    assert [str(made.link["invoice"])] == await books.asked("invoice.changed")


async def test_stranger(books: Books, made: Made) -> None:
    """A stranger can neither switch nor replace the link."""
    with pytest.raises(NotFound):
        await links.set_active(books.user_id, made.link["id"], active=False)
    with pytest.raises(NotFound):
        await links.revoke(books.clients.keys, books.user_id, made.link["id"])


async def test_views(books: Books, made: Made) -> None:
    """Ten looks within a minute are one visit and one line; another visit is another line."""
    for _ in range(10):
        await links.seen(made.link["id"])
    await db.fetch("UPDATE pay_link SET last_viewed_at = now() - interval '2 hours' WHERE id = $1", made.link["id"])
    await links.seen(made.link["id"])

    row = await links.of_invoice(made.link["invoice"])
    assert row
    assert 2 == row["views"]
    assert ["Viewed again by the customer", "Viewed by the customer"] == (await books.lines(made.number))[:2]


async def test_published(books: Books, made: Made) -> None:
    """The invoice in Xero has the address and the picture, each written once."""
    await books.do("link.publish")
    await links.publish(books.clients, made.link["id"])

    there = next(row for row in books.xero_invoices() if row["number"] == made.number)
    assert links.address(books.clients.settings, books.clients.keys, made.link) == there["url"]
    assert 1 == len(books.desk.calls(f"{API}/{there['id']}/Attachments/pay-{made.number}.png"))
    row = await links.of_invoice(made.link["invoice"])
    assert row
    assert row["in_xero_at"]
    assert row["qr_in_xero_at"]


async def test_locked_period(books: Books, made: Made) -> None:
    """In a locked period Xero's reason is kept, and it is not tried for ever."""
    books.xero("organisations/harrow/lock", period_lock="2099-01-01")
    try:
        await books.do("link.publish")
    finally:
        books.xero("organisations/harrow/lock", period_lock="")

    row = await links.of_invoice(made.link["invoice"])
    assert row
    assert "lock date" in row["publish_error"]
    assert [] == await books.asked("link.publish")


async def test_tried_once_more(books: Books, made: Made) -> None:
    """What a locked period kept out of Xero is tried again when payment is requested."""
    books.xero("organisations/harrow/lock", period_lock="2099-01-01")
    try:
        await books.do("link.publish")
    finally:
        books.xero("organisations/harrow/lock", period_lock="")

    await links.mark_requested(made.link["id"], "ann@example.com")
    await books.do("link.publish")

    row = await links.of_invoice(made.link["invoice"])
    assert row
    assert row["in_xero_at"]
    assert "" == row["publish_error"]


async def test_published_later(books: Books, made: Made) -> None:
    """When Xero fails once, the second try writes what is missing."""
    books.desk.fault(f"{API}/*/Attachments/*", {"status": 503}, times=1)

    with pytest.raises(Upstream):
        await books.do("link.publish")
    await links.publish(books.clients, made.link["id"])

    row = await links.of_invoice(made.link["invoice"])
    assert row
    assert row["qr_in_xero_at"]
