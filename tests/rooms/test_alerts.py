"""Mails about trouble: told once, to the merchant's own people, unless they want none."""

from collections.abc import AsyncIterator, Callable

import pytest

from app.books import connections
from app.books.broken import mark_broken
from app.core import db
from app.merchants import alerts, business
from tests.rooms.xero_desk import Desk, open_desk
from tests.world import HARROW


@pytest.fixture
async def desk(sandbox: str, new_database: Callable[[], str]) -> AsyncIterator[Desk]:
    async with open_desk(sandbox, new_database()) as made:
        yield made


async def subjects() -> list[str]:
    return [row["subject"] for row in await db.fetch("SELECT subject FROM mail ORDER BY created_at, subject")]


async def park(merchant_id: object, connection_id: object, number: str, kind: str = "payment") -> None:
    """A payment (or its fee) that Xero refused because its period is locked."""
    invoice = await db.fetch_value(
        "INSERT INTO invoice (merchant, connection, xero_invoice_id, number, contact_name, currency) "
        "VALUES ($1, $2, $3, $3, 'Pemberley', 'GBP') RETURNING id",
        merchant_id,
        connection_id,
        number,
    )
    payment = await db.fetch_value(
        "INSERT INTO payment (merchant, connection, invoice, stripe_account_id, stripe_payment_intent_id, amount_minor, "
        "currency) VALUES ($1, $2, $3, 'acct', $4, 128400, 'GBP') RETURNING id",
        merchant_id,
        connection_id,
        invoice,
        number,
    )
    await db.fetch(
        "INSERT INTO write_back (merchant, connection, invoice, payment, kind, reference, amount_minor, currency, state, "
        "reason) VALUES ($1, $2, $3, $4, $6, $5, 128400, 'GBP', 'parked', 'period_locked')",
        merchant_id,
        connection_id,
        invoice,
        payment,
        number,
        kind,
    )


async def test_alerts(desk: Desk) -> None:
    """A payment that waits is told once; another one is told again; nothing is told when mails are off."""
    signed = await desk.sign_in()
    choice = next(one for one in await connections.choices(desk.clients, signed.user_id) if one.name == HARROW)
    connection = await connections.connect(desk.clients, signed.merchant_id, signed.user_id, choice.xero_connection_id)
    await alerts.tell(desk.clients, signed.merchant_id)
    assert [] == await subjects()

    await park(signed.merchant_id, connection, "INV-1")
    await alerts.tell(desk.clients, signed.merchant_id)
    await alerts.tell(desk.clients, signed.merchant_id)
    assert ["1 payment could not be recorded in Xero"] == await subjects()
    text = await db.fetch_value("SELECT text FROM mail")
    assert "INV-1, payment of £1,284.00 GBP from Pemberley" in text
    assert "Because the period is locked in Xero." in text

    await park(signed.merchant_id, connection, "INV-2")
    await alerts.tell(desk.clients, signed.merchant_id)
    assert "2 payments could not be recorded in Xero" in await subjects()

    await business.set_habits(signed.merchant_id, link_every_invoice=False, mail_on_trouble=False)
    await park(signed.merchant_id, connection, "INV-3")
    await alerts.tell(desk.clients, signed.merchant_id)
    assert 2 == len(await subjects())


async def test_alerts_name_what_waits(desk: Desk) -> None:
    """A fee is called a fee, and what is of several kinds is called entries."""
    signed = await desk.sign_in()
    choice = next(one for one in await connections.choices(desk.clients, signed.user_id) if one.name == HARROW)
    connection = await connections.connect(desk.clients, signed.merchant_id, signed.user_id, choice.xero_connection_id)
    await park(signed.merchant_id, connection, "INV-1", "fee")
    await alerts.tell(desk.clients, signed.merchant_id)
    assert ["1 fee could not be recorded in Xero"] == await subjects()
    assert "INV-1, fee of £1,284.00 GBP\n" in await db.fetch_value("SELECT text FROM mail")

    await park(signed.merchant_id, connection, "INV-2")
    await alerts.tell(desk.clients, signed.merchant_id)
    assert "2 entries could not be recorded in Xero" in await subjects()


async def test_lost_organisation(desk: Desk) -> None:
    """A lost organisation is told with what happened and the way back, and asks for the mail by itself."""
    signed = await desk.sign_in()
    choice = next(one for one in await connections.choices(desk.clients, signed.user_id) if one.name == HARROW)
    connection = await connections.connect(desk.clients, signed.merchant_id, signed.user_id, choice.xero_connection_id)

    await mark_broken(connection, "removed")
    asked = await db.fetch_value("SELECT subject FROM job WHERE kind = 'merchant.alert'")
    await alerts.tell(desk.clients, signed.merchant_id)
    await alerts.tell(desk.clients, signed.merchant_id)

    mail = (await db.fetch("SELECT * FROM mail"))[0]
    assert str(signed.merchant_id) == asked
    assert [f"Xero is disconnected: {HARROW}"] == await subjects()
    assert ("hannah@harrowfinch.example", "Payportal") == (mail["to_addresses"], mail["from_name"])
    assert "The connection was removed in Xero." in mail["text"]
    assert "/settings/xero" in mail["text"]
