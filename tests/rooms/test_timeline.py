"""The timeline: newest first, ending where the invoice came from, and the merchant's own."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from app.books import timeline
from app.core import db


@pytest.fixture(scope="module")
async def pool(database_url: str) -> AsyncIterator[None]:
    db.configure(database_url)
    await db.open_pool(2)
    yield
    await db.close_pool()


@pytest.fixture
async def ids(pool: None) -> tuple[UUID, UUID]:
    """A merchant and an invoice."""
    merchant_id, connection_id, invoice_id = uuid4(), uuid4(), uuid4()
    await db.fetch("INSERT INTO merchant (id) VALUES ($1)", merchant_id)
    sql = "INSERT INTO connection (id, merchant, xero_tenant_id) VALUES ($1, $2, $3)"
    await db.fetch(sql, connection_id, merchant_id, str(uuid4()))
    await db.fetch(
        "INSERT INTO invoice (id, merchant, connection, xero_invoice_id, created_at) VALUES ($1, $2, $3, $4, $5)",
        invoice_id, merchant_id, connection_id, str(invoice_id), datetime(2026, 11, 13, 11, tzinfo=UTC),
    )  # fmt: skip
    return merchant_id, invoice_id


async def test_newest_first(ids: tuple[UUID, UUID]) -> None:
    """Lines come newest first; the last says when the invoice came from Xero."""
    await timeline.add(*ids, "viewed", "Viewed by the customer", at=datetime(2026, 11, 14, 9, tzinfo=UTC))
    await timeline.add(*ids, "paid", "Paid in full", "£1,284.00")

    assert ["Paid in full", "Viewed by the customer", "Synced from Xero"] == [
        row["title"] for row in await timeline.of_invoice(*ids)
    ]


async def test_same_second(ids: tuple[UUID, UUID]) -> None:
    """What Stripe dates to the whole second stands above what went before it in that second."""
    began = datetime(2026, 11, 14, 9, 0, 5, 700_000, tzinfo=UTC)
    await timeline.add(*ids, "started", "Payment started", at=began)
    await timeline.add(*ids, "paid", "Paid in full", at=began.replace(microsecond=0))

    assert ["Paid in full", "Payment started"] == [row["title"] for row in await timeline.of_invoice(*ids)][:2]


async def _fail_after_line(ids: tuple[UUID, UUID]) -> None:
    async with db.transaction():
        await timeline.add(*ids, "paid", "Paid in full")
        raise ZeroDivisionError


async def test_undone(ids: tuple[UUID, UUID]) -> None:
    """A line belongs to its cause: rolled back together."""
    with pytest.raises(ZeroDivisionError):
        await _fail_after_line(ids)
    assert ["Synced from Xero"] == [row["title"] for row in await timeline.of_invoice(*ids)]


async def test_stranger(ids: tuple[UUID, UUID]) -> None:
    """A stranger sees no line."""
    await timeline.add(*ids, "paid", "Paid in full")

    assert [] == await timeline.of_invoice(uuid4(), ids[1])
