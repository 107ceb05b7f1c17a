"""Signing in with Xero: bound to a browser, once, in time; and nobody gets in with a foreign token."""

from collections.abc import AsyncIterator

import pytest

from app.core import db
from app.merchants import identity
from tests.rooms.xero_desk import Desk, open_desk


@pytest.fixture
async def desk(sandbox: str, database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(sandbox, database_url) as made:
        yield made


async def test_sign_in(desk: Desk) -> None:
    """Signing in makes a user and a merchant, and stores no grant."""
    signed = await desk.sign_in("sign_in")

    user = await db.fetch_row("SELECT * FROM app_user WHERE id = $1", signed.user_id)
    assert ("Hannah", "Finch") == (user["given_name"], user["family_name"])
    assert not signed.connected
    assert 0 == await db.fetch_value("SELECT count(*) FROM xero_grant")


async def test_connect(desk: Desk) -> None:
    """Consenting to the books stores one encrypted grant, for the same user and merchant as before."""
    before = await desk.sign_in("sign_in")
    signed = await desk.sign_in("connect")

    grant = await db.fetch_row("SELECT * FROM xero_grant WHERE app_user = $1", signed.user_id)
    assert (before.user_id, before.merchant_id) == (signed.user_id, signed.merchant_id)
    assert signed.connected
    assert grant["refresh_token"].startswith("gAAAA")
    assert "accounting.payments" in grant["scopes"]
