"""Size: what a merchant or a customer does costs the same, however many payments others have."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.core import db, work
from app.merchants import customer_list, payment_list, payout_list, refunding
from app.merchants.dashboard import dashboard
from app.merchants.invoice_list import Asked
from app.settings import Settings
from tests.fixtures.crowd import gather
from tests.fixtures.process import wait_until
from tests.fixtures.product import Product
from tests.world import Customer, Merchant, truth, until

CROWD = 12_000
SOME = 4_000  # payments of four merchants
TRIED = 5  # how often PostgreSQL plans a statement for its values before it may settle for one plan
BIG = 5_000  # rows from which on a table is never to be read as a whole
_WHOLE = """
SELECT s.relname, s.seq_scan, s.seq_tup_read FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
WHERE s.seq_scan > 0 AND c.reltuples > $1 ORDER BY s.relname
"""
_USERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
PAGES = (
    *("/invoices", "/invoices?page=2", "/invoices?q=cabinet", "/invoices?status=overdue", "/invoices?status=viewed"),
    *(f"/invoices?sort={sort}" for sort in ("-due", "amount", "-amount", "number", "-number", "customer", "-customer")),
    *("/payments", "/payouts", "/customers", "/customers?q=finch", "/settings/xero", "/settings/accounts", "/setup"),
)


def ask(url: str, sql: str, *args: Any) -> list[Any]:
    """One statement on a connection of its own."""

    async def run() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(sql, *args))
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.mark.timeout(300)
def test_no_hot_path_reads_a_whole_table(make_product: Callable[..., Product]) -> None:
    """From signing in to a payment recorded in Xero, every look into a big table goes through an index."""
    product = make_product()
    url = product.env["DATABASE_URL"]
    asyncio.run(gather(url, CROWD))
    wait_until(lambda: ask(url, _USERS)[0][0] == 0, what="the crowd to be counted")
    ask(url, "SELECT pg_stat_reset()")
    product.start()
    live(product)
    product.stop()
    wait_until(lambda: ask(url, _USERS)[0][0] == 0, what="what the product did to be counted")
    assert [] == [tuple(row) for row in ask(url, _WHOLE, BIG)]


def live(product: Product) -> None:
    """A merchant's and a customer's ordinary day."""
    hannah = Merchant(product.url).set_up()
    link = hannah.pay_link("INV-2041")
    customer = Customer()
    customer.pay(link, amount="10.00")
    sandbox = product.env["XERO_LOGIN_URL"]
    until(lambda: any(one["app"] for one in truth(sandbox)["xero"]["payments"]), "the payment in Xero")
    hannah.open(hannah.invoice_path("INV-2041"))
    for path in PAGES:
        assert hannah.open(product.url + path).status_code == 200, path
    for page in ("", "/status", "/receipt", "/invoice.pdf"):
        assert httpx.get(link + page, timeout=20).status_code == 200, page


async def test_what_is_asked_often_is_planned_once(new_database: Callable[[], str]) -> None:
    """PostgreSQL keeps its plans of a merchant's lists and of the sweep; to plan them anew takes longer than to read."""
    url = new_database()
    await gather(url, SOME)
    db.configure(url)
    await db.open_pool(1)
    try:
        for _ in range(TRIED + 2):
            await look(await db.fetch_value("SELECT id FROM merchant ORDER BY legal_name LIMIT 1"))
        anew = await db.fetch("SELECT statement FROM pg_prepared_statements WHERE custom_plans > $1", TRIED)
    finally:
        await db.close_pool()
    assert [] == [row["statement"] for row in anew]


async def look(merchant: UUID) -> None:
    """At everything a merchant has as lists, at what was paid for one invoice, and for work that is due."""
    for ask in (Asked(), Asked(q="customer 1"), Asked(status="overdue"), Asked(status="paid", page=2)):
        found = await dashboard(Settings(), merchant, ask)
        assert found["rows"] or ask.status == "overdue"
    await customer_list.customers(merchant, "", 1)
    await customer_list.customers(merchant, "customer 1", 1)
    paid = (await payment_list.payments(merchant, 1))["rows"]
    assert (await payout_list.listed(merchant, 1))["rows"]
    assert await refunding.received(merchant, UUID(paid[0].invoice_id))
    for table in ("inbox", "write_back", "job"):
        await work.due(table)
