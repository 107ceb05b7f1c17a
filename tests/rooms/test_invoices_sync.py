"""The first import: everything, in few calls, going on where it was; and seeking, which skips nothing."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.books import connections, invoices_sync
from app.clients.xero_wire import InvoicePage, XeroContact, XeroInvoice
from app.core import db
from app.core.work import Postpone
from tests.fixtures.sandbox import SandboxServer
from tests.rooms.bookkeeping import Books, open_books

CALLS = "/xero/api/api.xro/2.0/Invoices"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
async def books(sandbox_server: SandboxServer, new_database: Callable[[], str]) -> AsyncIterator[Books]:
    async with open_books(sandbox_server, new_database()) as made:
        yield made


async def _connect_again(books: Books) -> Books:
    """The world was sown anew: consent once more."""
    signed = await books.desk.sign_in("connect")
    found = await connections.choices(books.clients, signed.user_id)
    chosen = next(one for one in found if one.name.startswith("Harrow"))
    connection_id = await connections.connect(
        books.clients, signed.merchant_id, signed.user_id, chosen.xero_connection_id
    )
    return replace(books, merchant_id=signed.merchant_id, connection_id=connection_id)


async def test_import(books: Books) -> None:
    """The first import brings every sales invoice with Xero's own amounts, says so, and the poll has its turn."""
    await books.synced()

    there = {
        row["number"]: (row["total"], row["amount_due"]) for row in books.xero_invoices() if row["type"] == "ACCREC"
    }
    here = await db.fetch("SELECT * FROM invoice WHERE connection = $1", books.connection_id)
    assert there == {row["number"]: (row["total_minor"], row["due_minor"]) for row in here}
    row = await books.connection()
    assert len(there) == row["import_done"] == row["import_total"]
    assert row["imported_at"]
    assert [str(books.connection_id)] == await books.asked("connection.poll")


async def test_pages(books: Books) -> None:
    """2,300 invoices come in three calls, none is missing."""
    books.sow(2300)
    again = await _connect_again(books)
    before = len(books.desk.calls(CALLS))

    await again.synced()

    assert 3 >= len(books.desk.calls(CALLS)) - before
    there = {row["id"] for row in books.xero_invoices() if row["type"] == "ACCREC"}
    here = await db.fetch("SELECT xero_invoice_id FROM invoice WHERE connection = $1", again.connection_id)
    assert there == {row["xero_invoice_id"] for row in here}


async def test_goes_on(books: Books) -> None:
    """An import that Xero interrupts goes on where it was."""
    books.sow(2300)
    again = await _connect_again(books)
    books.desk.fault(CALLS, {"status": 503}, nth=2)
    with pytest.raises(Postpone):
        await again.synced()
    assert 1000 == (await again.connection())["import_done"]

    books.desk.heal()
    before = len(books.desk.calls(CALLS))
    await again.synced()
    assert 2 >= len(books.desk.calls(CALLS)) - before
    assert (await again.connection())["import_done"] >= 2300


class Shelf:
    """Invoices ordered by the time of their change, given out as Xero does; `moving`: one changes after each page."""

    def __init__(self, moments: list[datetime], *, moving: bool = True) -> None:
        self.moving = moving
        self.rows = [_invoice(str(at), moment) for at, moment in enumerate(moments)]
        self.last = max(moments)
        self.calls = 0
        self.seen: set[str] = set()

    async def read(self, page: int, since: datetime | None) -> InvoicePage:
        self.calls += 1
        found = [row for row in self.rows if since is None or (row.updated_at or NOON) >= since]
        found.sort(key=lambda row: (row.updated_at or NOON, row.id))
        size = invoices_sync.PAGE
        answer = InvoicePage(found[(page - 1) * size : page * size], -(-len(found) // size), len(found), NOON)
        if self.moving:
            self.last += timedelta(seconds=1)
            self.rows.append(replace(self.rows.pop(0), updated_at=self.last))
        return answer

    async def keep(self, page: InvoicePage, _position: datetime | None, _asked: datetime) -> None:
        self.seen |= {row.id for row in page.invoices}


def _invoice(id: str, moment: datetime) -> XeroInvoice:
    nothing = Decimal(0)
    return XeroInvoice(
        id=id, type="ACCREC", status="AUTHORISED", number=id, reference="", contact=XeroContact(*[""] * 7), currency="GBP",
        sub_total=nothing, total_tax=nothing, total=nothing, due=nothing, paid=nothing, credited=nothing, issued_on=None,
        due_on=None, paid_on=None, updated_at=moment, line_amounts="", lines=(), payments=(), theme_id="", url="",
        sent_to_contact=False, has_attachments=False, has_errors=False,
    )  # fmt: skip


@pytest.fixture
async def clock(database_url: str) -> AsyncIterator[None]:
    """The database, whose clock says when Xero was asked."""
    db.configure(database_url)
    await db.open_pool(1)
    yield
    await db.close_pool()


@pytest.mark.usefixtures("clock")
async def test_seek_skips_nothing() -> None:
    """Ten thousand invoices, one of which changes with every page, are all seen in eleven calls."""
    shelf = Shelf([NOON + timedelta(seconds=2 * n) for n in range(10_000)])

    await invoices_sync.seek(shelf.read, None, shelf.keep)

    assert {str(n) for n in range(10_000)} == shelf.seen
    assert 11 >= shelf.calls


@pytest.mark.usefixtures("clock")
async def test_seek_through_one_second() -> None:
    """Five thousand invoices of one and the same second, as an import into Xero leaves them, do not stop the reading."""
    shelf = Shelf([NOON] * 5_000 + [NOON + timedelta(seconds=n) for n in range(1_500)], moving=False)

    await invoices_sync.seek(shelf.read, None, shelf.keep)

    assert {str(n) for n in range(6_500)} == shelf.seen
    assert 9 >= shelf.calls
