"""Copies of Xero's invoices: complete, never older than what we had, and fresh when it matters."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import httpx
import msgspec
import pytest

from app.books import access, connections, invoices
from app.core import db
from app.core.errors import NotFound, Upstream
from tests.fixtures.sandbox import SandboxServer
from tests.rooms.bookkeeping import Books, open_books


@pytest.fixture
async def books(sandbox_server: SandboxServer, new_database: Callable[[], str]) -> AsyncIterator[Books]:
    async with open_books(sandbox_server, new_database()) as made:
        yield made


async def test_import(books: Books) -> None:
    """The first import brings every sales invoice and no bill, with Xero's own amounts."""
    await books.synced()

    there = {row["number"]: row for row in books.xero_invoices() if row["type"] == "ACCREC"}
    here = await db.fetch("SELECT * FROM invoice WHERE connection = $1", books.connection_id)
    assert sorted(there) == sorted(row["number"] for row in here)
    for row in here:
        assert (there[row["number"]]["total"], there[row["number"]]["amount_due"]) == (
            row["total_minor"],
            row["due_minor"],
        )


async def test_import_is_noted(books: Books) -> None:
    """After the import the connection says how many came, and the poll has its turn."""
    await books.synced()

    row = await books.connection()
    assert row["import_done"] == row["import_total"] > 0
    assert row["imported_at"]
    assert [str(books.connection_id)] == await books.asked("connection.poll")


async def test_import_pages(books: Books) -> None:
    """2,300 invoices come in three calls, none is missing."""
    httpx.post(f"{books.desk.url}/_seed", json={"size": 2300}, timeout=60).raise_for_status()
    again = await _connect_again(books)
    before = len(books.desk.calls("/xero/api/api.xro/2.0/Invoices"))

    await again.synced()

    assert 3 >= len(books.desk.calls("/xero/api/api.xro/2.0/Invoices")) - before
    there = {row["id"] for row in books.xero_invoices() if row["type"] == "ACCREC"}
    here = await db.fetch("SELECT xero_invoice_id FROM invoice WHERE connection = $1", again.connection_id)
    assert there == {row["xero_invoice_id"] for row in here}


async def _connect_again(books: Books) -> Books:
    """The world was sown anew: consent once more."""
    signed = await books.desk.sign_in("connect")
    found = await connections.choices(books.clients, signed.user_id)
    chosen = next(one for one in found if one.name.startswith("Harrow"))
    connection_id = await connections.connect(
        books.clients, signed.merchant_id, signed.user_id, chosen.xero_connection_id
    )
    return replace(books, merchant_id=signed.merchant_id, connection_id=connection_id)


async def test_poll_finds_changes(books: Books) -> None:
    """The poll brings what is new or changed, with one call."""
    await books.synced()
    made = books.new_invoice(amount="321.00", reference="Gate")
    before = len(books.desk.calls("/xero/api/api.xro/2.0/Invoices"))

    await books.poll()

    row = await books.invoice(made["number"])
    assert (32100, "Gate", "AUTHORISED") == (row["due_minor"], row["reference"], row["status"])
    assert 1 == len(books.desk.calls("/xero/api/api.xro/2.0/Invoices")) - before


async def test_poll_survives_xero(books: Books) -> None:
    """When Xero fails the poll plans its next turn, and the connection says what happened."""
    await books.synced()
    books.desk.fault("/xero/api/api.xro/2.0/Invoices", {"status": 503}, times=1)

    await books.poll()
    assert (await books.connection())["sync_error"]

    await books.poll()
    assert not (await books.connection())["sync_error"]


async def test_pull_tells(books: Books) -> None:
    """A changed amount tells the checkout and the timeline; the same again tells nobody."""
    await books.synced()
    made = books.new_invoice(amount="100.00")
    await books.poll()
    await books.do("invoice.changed")

    books.xero(f"invoices/{made['id']}/change", amount="150.00")
    invoice_id = await invoices.pull(books.clients, books.connection_id, made["id"])
    assert [str(invoice_id)] == await books.asked("invoice.changed")
    assert ["Changed in Xero"] == await books.lines(made["number"])

    await books.do("invoice.changed")
    await invoices.pull(books.clients, books.connection_id, made["id"])
    assert [] == await books.asked("invoice.changed")


@pytest.mark.parametrize(
    ("deed", "fields", "title", "status"),
    [
        ("void", {}, "Voided in Xero", "VOIDED"),
        ("pay", {"amount": "100.00"}, "Paid in Xero", "PAID"),
        ("pay", {"amount": "40.00"}, "Paid in Xero", "AUTHORISED"),
        ("credit", {"amount": "30.00"}, "Credit applied in Xero", "AUTHORISED"),
    ],
)
async def test_deeds_in_xero(books: Books, deed: str, fields: dict[str, str], title: str, status: str) -> None:
    """Voids, payments and credits made in Xero show here, in words."""
    await books.synced()
    made = books.new_invoice(amount="100.00")
    await books.poll()

    books.xero(f"invoices/{made['id']}/{deed}", **fields)
    await invoices.pull(books.clients, books.connection_id, made["id"])

    row = await books.invoice(made["number"])
    assert status == row["status"]
    assert [title] == await books.lines(made["number"])
    assert row["total_minor"] == row["due_minor"] + row["paid_minor"] + row["credited_minor"] or status == "VOIDED"


async def test_bill_is_left_out(books: Books) -> None:
    """A webhook about a bill leads to no row."""
    await books.synced()
    contact = books.xero_invoices()[0]["contact"]
    line = {"Description": "Oak", "Quantity": 1, "UnitAmount": 50, "AccountCode": "404"}
    bill = {"Type": "ACCPAY", "InvoiceNumber": "BILL-1", "Contact": {"ContactID": contact}, "LineItems": [line]}
    async with _tenant(books) as tenant:
        made = await tenant._write("PUT", "/Invoices", msgspec.json.encode(bill))

    assert await invoices.pull(books.clients, books.connection_id, made.invoices[0].invoice_id) is None
    await books.poll()
    assert await books.invoice("BILL-1") is None


async def test_overtaken(books: Books) -> None:
    """An answer older than our copy changes nothing."""
    await books.synced()
    made = books.new_invoice(amount="100.00")
    connection = await books.connection()
    async with _tenant(books) as tenant:
        old = await tenant.invoice(made["id"])
    assert old
    await invoices.save(connection, [old])
    await invoices.save(connection, [replace(old, due=old.due * 2, updated_at=old.updated_at + timedelta(seconds=5))])
    await invoices.save(connection, [old])

    assert 20000 == (await books.invoice(made["number"]))["due_minor"]


def _tenant(books: Books):
    return access.tenant(books.clients, books.connection_id, "page")


async def test_stranger(books: Books) -> None:
    """An invoice is nobody else's."""
    await books.synced()
    row = await db.fetch_row("SELECT id FROM invoice LIMIT 1")
    await invoices.one(books.merchant_id, row["id"])

    with pytest.raises(NotFound):
        await invoices.one(books.user_id, row["id"])


async def test_fresh_is_shared(books: Books) -> None:
    """Fifty people who open one invoice cause one request to Xero."""
    await books.synced()
    made = books.new_invoice(amount="100.00")
    await books.poll()
    row = await books.invoice(made["number"])
    await db.fetch("UPDATE invoice SET seen_at = now() - interval '5 minutes' WHERE id = $1", row["id"])
    books.xero(f"invoices/{made['id']}/change", amount="120.00")
    before = len(books.desk.calls(f"/xero/api/api.xro/2.0/Invoices/{made['id']}"))

    seen = await asyncio.gather(*(invoices.fresh(books.clients, row["id"], wait=10) for _ in range(50)))

    assert {12000} == {one["due_minor"] for one in seen}
    assert 1 == len(books.desk.calls(f"/xero/api/api.xro/2.0/Invoices/{made['id']}")) - before


async def test_fresh_waits_a_moment(books: Books) -> None:
    """When Xero is slow the copy is shown after the wait, with its age."""
    await books.synced()
    made = books.new_invoice(amount="100.00")
    await books.poll()
    row = await books.invoice(made["number"])
    await db.fetch("UPDATE invoice SET seen_at = now() - interval '5 minutes' WHERE id = $1", row["id"])
    books.desk.fault(f"/xero/api/api.xro/2.0/Invoices/{made['id']}", {"delay": 3}, times=1)

    began = asyncio.get_running_loop().time()
    seen = await invoices.fresh(books.clients, row["id"], wait=0.3)

    assert asyncio.get_running_loop().time() - began < 1.5
    assert seen["seen_at"] == (await books.invoice(made["number"]))["seen_at"]
    await asyncio.sleep(3.2)


async def test_now_due_is_sure(books: Books) -> None:
    """The amount to be charged is Xero's at that moment, or there is none."""
    await books.synced()
    made = books.new_invoice(amount="100.00")
    await books.poll()
    row = await books.invoice(made["number"])

    books.xero(f"invoices/{made['id']}/pay", amount="60.00")
    assert 4000 == (await invoices.now_due(books.clients, row["id"]))["due_minor"]

    books.desk.fault(f"/xero/api/api.xro/2.0/Invoices/{made['id']}", {"status": 503})
    with pytest.raises(Upstream):
        await invoices.now_due(books.clients, row["id"])


async def test_link_for_every_invoice(books: Books) -> None:
    """Where the merchant wants it, an invoice approved in Xero gets its link by itself; older ones do not."""
    await books.synced()
    await db.fetch("UPDATE merchant SET link_every_invoice = TRUE WHERE id = $1", books.merchant_id)
    made = books.new_invoice(amount="100.00")
    await books.poll()

    row = await books.invoice(made["number"])
    linked = await db.fetch("SELECT invoice FROM pay_link WHERE merchant = $1", books.merchant_id)
    assert [row["id"]] == [one["invoice"] for one in linked]
