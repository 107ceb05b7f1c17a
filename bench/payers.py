"""Customers in numbers: checkout sessions of known invoices, paid at Stripe, without a browser between them."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from app.books import attempts
from app.clients.bundle import Clients
from app.core.money import Money, to_stripe

AT_ONCE = 8
Row = Mapping[str, Any]


async def sessions(clients: Clients, invoices: Sequence[Row], account_of: Mapping[UUID, str], minor: int) -> list[Row]:
    """An attempt with an open session for a part (`minor`) of each invoice (rows of the table), as the pay button makes it."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(invoice: Row) -> Row:
        money = Money(minor, invoice["currency"])

        def build(attempt_id: UUID, expires_at: datetime) -> dict[str, Any]:
            item = {
                "currency": money.currency.lower(),
                "unit_amount": to_stripe(money),
                "product_data": {"name": "Invoice"},
            }
            return {
                "mode": "payment",
                "line_items": [{"price_data": item, "quantity": 1}],
                "client_reference_id": str(attempt_id),
                "metadata": {"payportal_attempt": str(attempt_id)},
                "success_url": "http://localhost:9/return?cs={CHECKOUT_SESSION_ID}",
                "expires_at": int(expires_at.timestamp()),
            }

        async with places:
            return await attempts.open_attempt(
                clients,
                merchant_id=invoice["merchant"],
                invoice_id=invoice["id"],
                pay_link_id=None,
                stripe_account_id=account_of[invoice["merchant"]],
                amount=money,
                build=build,
            )

    return list(await asyncio.gather(*(one(invoice) for invoice in invoices)))


async def pay(sandbox: str, attempts_: Sequence[Row]) -> dict[str, float]:
    """All of them pay by card, as fast as Stripe takes it; when each had paid (epoch seconds), by session."""
    paid: dict[str, float] = {}
    places = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(base_url=sandbox, timeout=60) as http:

        async def one(session: str) -> None:
            async with places:
                (await http.post("/_stripe/pay", json={"session": session})).raise_for_status()
                paid[session] = time.time()

        await asyncio.gather(*(one(row["stripe_session_id"]) for row in attempts_))
    return paid
