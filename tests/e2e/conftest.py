"""What only the browser tests share."""

from collections.abc import Iterator

import pytest

from tests.e2e.shop import Shop, open_shop
from tests.fixtures.sandbox import SandboxServer


@pytest.fixture(scope="module")
def shop(_sandbox: SandboxServer, database_url: str) -> Iterator[Shop]:
    """This module's business: set up, connected and open. Tests of such a module must not ask for `sandbox`, which resets it."""
    with open_shop(_sandbox, database_url) as made:
        yield made


@pytest.fixture
async def rested(shop: Shop) -> Shop:
    """The same, with Xero's minute begun anew."""
    await shop.a_minute_later()
    return shop
