"""Copies of Xero's invoices: complete, never older than what we had, and fresh when it matters."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from app.books import access, invoices
from app.books.invoices_check import check_open
from app.core import db
from app.core.clock import now
from app.core.errors import NotFound, Upstream
from tests.fixtures.sandbox import SandboxServer
from tests.rooms.bookkeeping import Books, open_books


@pytest.fixture(scope="module")
async def shared(_sandbox: SandboxServer, database_url: str) -> AsyncIterator[Books]:
    async with open_books(_sandbox, database_url) as made:
        yield await made.synced()


@pytest.fixture
async def books(shared: Books) -> Books:
    await shared.tidy()
    return shared


async def test_poll_finds_changes(books: Books) -> None:
    """The poll brings what is new or changed, with one call."""
    made = books.new_invoice(amount="321.00", reference="Gate")
    before = len(books.desk.calls("/xero/api/api.xro/2.0/Invoices"))

    await books.poll()

    row = await books.invoice(made["number"])
    assert (32100, "Gate", "AUTHORISED") == (row["due_minor"], row["reference"], row["status"])
    assert 1 == len(books.desk.calls("/xero/api/api.xro/2.0/Invoices")) - before


async def test_poll_survives_xero(books: Books) -> None:
    """When Xero fails the poll plans its next turn, and the connection says what happened."""
    books.desk.fault("/xero/api/api.xro/2.0/Invoices", {"status": 503}, times=1)

    await books.poll()
    assert (await books.connection())["sync_error"]

    await books.poll()
    assert not (await books.connection())["sync_error"]


async def test_pull_tells(books: Books) -> None:
    """A changed amount tells the checkout and the timeline; the same again tells nobody."""
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
    made = books.new_invoice(amount="100.00")
    connection = await books.connection()
    asked = await invoices.asking()
    async with _tenant(books) as tenant:
        old = await tenant.invoice(made["id"])
    assert old
    new = replace(old, due=old.due * 2, updated_at=old.updated_at + timedelta(seconds=5))
    await invoices.save(connection, [old], asked=asked)
    await invoices.save(connection, [new], asked=await invoices.asking())
    await invoices.save(connection, [old], asked=asked)

    assert 20000 == (await books.invoice(made["number"]))["due_minor"]


def _tenant(books: Books):
    return access.tenant(books.clients, books.connection_id, "page")


async def test_stranger(books: Books) -> None:
    """An invoice is nobody else's."""
    invoice_id = await db.fetch_value("SELECT id FROM invoice LIMIT 1")
    await invoices.one(books.merchant_id, invoice_id)

    with pytest.raises(NotFound):
        await invoices.one(books.user_id, invoice_id)


async def test_fresh_is_shared(books: Books) -> None:
    """Fifty people who open one invoice cause one request to Xero."""
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
    await db.fetch("UPDATE merchant SET link_every_invoice = TRUE WHERE id = $1", books.merchant_id)
    made = books.new_invoice(amount="100.00")
    await books.poll()

    row = await books.invoice(made["number"])
    linked = await db.fetch("SELECT invoice FROM pay_link WHERE merchant = $1", books.merchant_id)
    assert [row["id"]] == [one["invoice"] for one in linked]


async def test_daily_check(books: Books) -> None:
    """What no poll told, such as a void that did not move Xero's own time, the daily check finds."""
    wrong, gone = books.new_invoice(amount="100.00"), books.new_invoice(amount="50.00")
    books.xero(f"invoices/{gone['id']}/void")
    await books.poll()
    await db.fetch("UPDATE invoice SET due_minor = 1, xero_updated_at = NULL WHERE xero_invoice_id = $1", wrong["id"])
    await db.fetch(
        "UPDATE invoice SET status = 'AUTHORISED', due_minor = 5000, xero_updated_at = NULL, "
        "seen_at = now() - interval '1 day' WHERE xero_invoice_id = $1",
        gone["id"],
    )

    assert 0 == await check_open(books.clients, await books.connection(), now())
    assert 2 == await check_open(books.clients, await books.connection(), now() - timedelta(hours=25))
    assert 10000 == (await books.invoice(wrong["number"]))["due_minor"]
    assert "VOIDED" == (await books.invoice(gone["number"]))["status"]
    assert 0 == await check_open(books.clients, await books.connection(), now() - timedelta(hours=25))
