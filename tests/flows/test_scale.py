"""Size: what a merchant or a customer does never reads a whole table, however many payments others have."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx
import pytest

from tests.fixtures.crowd import gather
from tests.fixtures.process import wait_until
from tests.fixtures.product import Product
from tests.world import Customer, Merchant, truth, until

CROWD = 12_000
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
