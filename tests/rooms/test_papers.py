"""An invoice's PDF: fetched once while the invoice stays the same, and never with the calls that payments need."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.books import papers
from app.books.budget import TenantGate
from app.core import db
from app.core.errors import Upstream
from tests.fixtures.sandbox import SandboxServer
from tests.rooms.bookkeeping import Books, open_books

PDF = "/xero/api/api.xro/2.0/Invoices/*/pdf"


@pytest.fixture(scope="module")
async def shared(_sandbox: SandboxServer, database_url: str) -> AsyncIterator[Books]:
    async with open_books(_sandbox, database_url) as made:
        yield await made.synced()


@pytest.fixture
async def books(shared: Books) -> Books:
    await shared.tidy()
    await db.fetch("DELETE FROM allowance")
    return shared


async def an_invoice(books: Books) -> Any:
    made = books.new_invoice(amount="100.00")
    await books.poll()
    await books.tidy()
    return await books.invoice(made["number"])


def fetched(books: Books) -> int:
    """How many PDFs Xero was asked for."""
    return len([call for call in books.desk.calls("/xero/api/api.xro") if call["path"].endswith("/pdf")])


async def test_kept(books: Books) -> None:
    """Opened ten times, an invoice's PDF costs one call; changed in Xero, it is fetched anew."""
    row = await an_invoice(books)
    before = fetched(books)
    for _ in range(10):
        assert (await papers.pdf(books.clients, row)).startswith(b"%PDF")
    assert 1 == fetched(books) - before

    there = next(one for one in books.xero_invoices() if one["number"] == row["number"])
    books.desk.advance(5)
    books.xero(f"invoices/{there['id']}/change", amount="150.00")
    await books.poll()
    await papers.pdf(books.clients, await books.invoice(row["number"]))
    assert 2 == fetched(books) - before


async def test_own_share(books: Books) -> None:
    """Papers may use ten calls of a minute, whoever asks for them; a page still gets through, and so does the sync."""
    for _ in range(10):
        gate = TenantGate("papers", "paper")
        await gate.before()
        await gate.after(200, {}, 10)
    with pytest.raises(Upstream) as later:
        await TenantGate("papers", "paper").before()

    assert later.value.retry_after is not None
    for lane in ("page", "sync"):
        gate = TenantGate("papers", lane)
        await gate.before()
        await gate.after(200, {}, 10)


async def test_share_of_the_day(books: Books) -> None:
    """Papers may use three tenths of the day's calls."""
    gate = TenantGate("days", "paper")
    await gate.before()
    await gate.after(200, {}, 10)
    await db.fetch("UPDATE allowance SET used = 1500 WHERE key = 'paper-day:days'")

    with pytest.raises(Upstream):
        await TenantGate("days", "paper").before()


def test_shelf() -> None:
    """The shelf holds what fits, the newest papers, and nothing that is too old."""
    shelf = papers.Shelf(most=10)
    for number in range(4):
        shelf.put((number, 0), b"%PDF")
    assert [None, None, b"%PDF", b"%PDF"] == [shelf.get((number, 0)) for number in range(4)]
    shelf.put((5, 0), b"x" * 11)
    assert shelf.get((5, 0)) is None

    past = papers.Shelf(seconds=-1)
    past.put((1, 0), b"%PDF")
    assert past.get((1, 0)) is None
