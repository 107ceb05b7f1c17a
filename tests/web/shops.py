"""A running product with a merchant who is all set up, shared by the tests of a module."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from tests.fixtures.database import Postgres
from tests.fixtures.process import free_port
from tests.fixtures.product import Product, environment, registration
from tests.fixtures.sandbox import SandboxServer


@contextmanager
def open_product(sandbox: SandboxServer, database_url: str, **more: str) -> Iterator[Product]:
    """A product in one process beside a freshly sown sandbox, stopped at the end."""
    sandbox.reset()
    product = Product(environment(sandbox, database_url, free_port(), **more))
    httpx.post(f"{sandbox.url}/_config", json=registration(product.url), timeout=20).raise_for_status()
    try:
        product.start()
        yield product
    finally:
        product.stop()


def database_of(url: str) -> str:
    """The name of the database at an address."""
    return urlsplit(url).path.lstrip("/")


def rows(postgres: Postgres, product: Product, sql: str) -> list[list[str]]:
    """What stands in the product's database."""
    database = database_of(product.env["DATABASE_URL"])
    return [line.split("|") for line in postgres.run(sql, database).splitlines() if line]
