"""Accounts for payments and fees come from Xero's list, and only those that Xero will take."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from app.books import accounts, connections
from app.core import db
from app.core.errors import NotFound, Refused
from app.merchants import identity
from tests.rooms.xero_desk import Desk, open_desk


@pytest.fixture
async def desk(sandbox: str, database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(sandbox, database_url) as made:
        await db.fetch("TRUNCATE app_user, merchant, xero_budget, xero_permit, job CASCADE")
        yield made


@pytest.fixture
async def signed(desk: Desk) -> identity.SignedIn:
    return await desk.sign_in()


@pytest.fixture
async def connection(desk: Desk, signed: identity.SignedIn) -> UUID:
    listed = await connections.choices(desk.clients, signed.user_id)
    return await connections.connect(desk.clients, signed.merchant_id, signed.user_id, listed[0].xero_connection_id)


async def test_lists(desk: Desk, connection: UUID) -> None:
    """Payments go to active bank accounts or accounts with payments on; fees to active expense accounts."""
    known = await accounts.chart(desk.clients, connection)
    payments, fees = ({account.name for account in found} for found in (known.payments, known.fees))

    assert {"Stripe clearing", "Owner funds introduced"} <= payments
    assert "Old till" not in payments
    assert "Merchant fees" in fees
    assert "Sales" not in fees
    assert {"INPUT2", "NONE"} <= {rate.tax_type for rate in known.fee_rates}


async def test_choose(desk: Desk, signed: identity.SignedIn, connection: UUID) -> None:
    """A choice is kept with its code and name, and a later one replaces it."""
    known = await accounts.chart(desk.clients, connection)
    for option in known.payments[:2]:
        await accounts.choose(signed.merchant_id, connection, known, "payments", "GBP", option.id)
    chosen = await accounts.chosen(connection)

    assert [("payments", "GBP")] == list(chosen)
    assert known.payments[1].code == chosen["payments", "GBP"]["code"]


async def test_choose_fees(desk: Desk, signed: identity.SignedIn, connection: UUID) -> None:
    """Fees have one account, with a tax rate of the organisation's."""
    known = await accounts.chart(desk.clients, connection)
    fee = known.fees[0].id
    await accounts.choose(signed.merchant_id, connection, known, "fees", "", fee, "INPUT2")
    assert "INPUT2" == (await accounts.chosen(connection))["fees", ""]["tax_type"]
    with pytest.raises(Refused, match="tax rate"):
        await accounts.choose(signed.merchant_id, connection, known, "fees", "", fee, "MADEUP")


async def test_account_in_another_currency(desk: Desk, signed: identity.SignedIn, connection: UUID) -> None:
    """Payments in euros may go to an account of the base currency, but pounds not to one kept in euros."""
    known = await accounts.chart(desk.clients, connection)
    pounds = next(account.id for account in known.payments if account.currency == "GBP")
    await accounts.choose(signed.merchant_id, connection, known, "payments", "EUR", pounds)
    await db.fetch("UPDATE connection SET base_currency = 'USD'")
    with pytest.raises(Refused, match="is kept in GBP"):
        await accounts.choose(signed.merchant_id, connection, known, "payments", "EUR", pounds)


@pytest.mark.parametrize("name", ["Old till", "Sales", "Accounts Receivable", ""])
async def test_unfit(desk: Desk, signed: identity.SignedIn, connection: UUID, name: str) -> None:
    """Archived, system and income accounts, and made-up ids, are refused."""
    known = await accounts.chart(desk.clients, connection)
    wrong = next((one.id for one in known.accounts if one.name == name), str(uuid4()))
    with pytest.raises(Refused, match="Choose an account from the list"):
        await accounts.choose(signed.merchant_id, connection, known, "payments", "GBP", wrong)


async def test_stranger(desk: Desk, connection: UUID) -> None:
    """A stranger cannot choose for somebody else's organisation."""
    known = await accounts.chart(desk.clients, connection)
    with pytest.raises(NotFound):
        await accounts.choose(uuid4(), connection, known, "payments", "GBP", known.payments[0].id)
