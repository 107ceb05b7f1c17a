"""One running product for each module of web tests, beside a freshly sown sandbox, and a merchant signed in to it."""

from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from tests.fixtures.process import free_port
from tests.fixtures.product import Product, environment, registration
from tests.fixtures.sandbox import SandboxServer
from tests.world import Merchant


@pytest.fixture(scope="module")
def site(_sandbox: SandboxServer, database_url: str) -> Iterator[Product]:
    """A running product with a database of its own, shared by the tests of one module."""
    _sandbox.reset()
    product = Product(environment(_sandbox, database_url, free_port()))
    httpx.post(f"{_sandbox.url}/_config", json=registration(product.url), timeout=20).raise_for_status()
    product.start()
    yield product
    product.stop()


@pytest.fixture
def hannah(site: Product) -> Iterator[Merchant]:
    """Hannah, signed in."""
    made = Merchant(site.url)
    with closing(made.http):
        made.sign_in()
        yield made


@pytest.fixture
def tom(site: Product) -> Iterator[Merchant]:
    """Tom, a stranger to Hannah's business, signed in."""
    made = Merchant(site.url, "Tom Harrow")
    with closing(made.http):
        made.sign_in()
        yield made
