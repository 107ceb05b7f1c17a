"""A connected organisation beside the rooms of the books: what people do inside Xero, and what is due here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx

from app.books import connections, invoices
from app.core import db
from app.core.work import Postpone
from app.runtime.dispatch import JOBS
from tests.fixtures.sandbox import SandboxServer
from tests.rooms.xero_desk import HANNAH, Desk, open_desk
from tests.world import HARROW


@dataclass
class Books:
    """Hannah's merchant with Harrow & Finch connected; `xero_*` is what people do inside Xero."""

    desk: Desk
    merchant_id: UUID
    user_id: UUID
    connection_id: UUID

    @property
    def clients(self) -> Any:
        return self.desk.clients

    async def connection(self) -> Any:
        """The connection's row."""
        return await db.fetch_row("SELECT * FROM connection WHERE id = $1", self.connection_id)

    async def synced(self) -> "Books":
        """The same, with everything imported."""
        await invoices.import_all(self.clients, self.connection_id)
        return self

    async def tidy(self) -> None:
        """Nothing waits or goes wrong, no mail lies about, Xero's minute is new: before each test that shares its books."""
        self.desk.heal()
        self.empty_mailbox()
        await db.fetch("DELETE FROM job")
        await db.fetch("UPDATE xero_budget SET minute_used = 0")

    async def poll(self) -> None:
        """One turn of the poll."""
        try:
            await invoices.poll(self.clients, self.connection_id)
        except Postpone:
            return
        raise AssertionError("The poll planned no next turn.")

    async def invoice(self, number: str) -> Any:
        """Our copy."""
        return await db.fetch_row(
            "SELECT * FROM invoice WHERE connection = $1 AND number = $2", self.connection_id, number
        )

    async def do(self, kind: str) -> int:
        """Do every job of a kind that is asked for, due or not; how many."""
        rows = await db.fetch(
            "UPDATE job SET next_at = NULL WHERE kind = $1 AND next_at IS NOT NULL RETURNING subject", kind
        )
        for row in rows:
            await JOBS[kind](self.clients, row["subject"], {})
        return len(rows)

    async def asked(self, kind: str) -> list[str]:
        """The subjects of the jobs of a kind that wait."""
        rows = await db.fetch("SELECT subject FROM job WHERE kind = $1 AND next_at IS NOT NULL ORDER BY id", kind)
        return [row["subject"] for row in rows]

    async def lines(self, number: str) -> list[str]:
        """The titles of the invoice's timeline, newest first."""
        row = await self.invoice(number)
        rows = await db.fetch("SELECT title FROM happening WHERE invoice = $1 ORDER BY id DESC", row["id"])
        return [one["title"] for one in rows]

    def empty_mailbox(self) -> None:
        """No mail lies about in the sandbox."""
        httpx.delete(f"{self.desk.url}/_mail", timeout=20).raise_for_status()

    def letters(self) -> list[dict[str, Any]]:
        """What arrived in the sandbox's mailbox, oldest first."""
        found: list[dict[str, Any]] = httpx.get(f"{self.desk.url}/_mail", timeout=20).json()
        return found

    def xero(self, path: str, **fields: Any) -> Any:
        """A deed of somebody working in Xero."""
        reply = httpx.post(f"{self.desk.url}/_xero/{path}", json=fields, timeout=20)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def xero_invoices(self) -> list[dict[str, Any]]:
        """Everything in the organisation, as Xero has it."""
        found: list[dict[str, Any]] = httpx.get(
            f"{self.desk.url}/_xero/organisations/harrow/invoices", timeout=20
        ).json()
        return found

    def sow(self, size: int) -> None:
        """Another world, in which the organisation has so many invoices; everybody must consent anew."""
        httpx.post(f"{self.desk.url}/_seed", json={"size": size}, timeout=60).raise_for_status()

    def new_invoice(self, **fields: Any) -> dict[str, Any]:
        """An invoice made in Xero just now."""
        made: dict[str, Any] = self.xero("organisations/harrow/invoices", **fields)
        return made


@asynccontextmanager
async def open_books(sandbox: SandboxServer, database_url: str) -> AsyncIterator[Books]:
    """Books on the running loop, in an empty database, beside a freshly sown sandbox."""
    sandbox.reset()
    async with open_desk(sandbox.url, database_url, smtp_url=sandbox.smtp_url) as desk:
        yield await connected(desk)


async def connected(desk: Desk, person: str = HANNAH, organisation: str = HARROW) -> Books:
    """Somebody signs in, consents and connects."""
    signed = await desk.sign_in("connect", person, organisation)
    found = await connections.choices(desk.clients, signed.user_id)
    chosen = next(one for one in found if one.name == organisation)
    connection_id = await connections.connect(
        desk.clients, signed.merchant_id, signed.user_id, chosen.xero_connection_id
    )
    return Books(desk, signed.merchant_id, signed.user_id, connection_id)


async def stripe_is_ready(merchant_id: UUID) -> None:
    """The merchant's connected account may take cards."""
    await db.fetch(
        "INSERT INTO stripe_account (id, merchant, stripe_account_id, card_payments, payouts, checked_at, onboarding_started_at) "
        "VALUES ($1, $2, $3, 'active', 'active', now(), now())",
        uuid4(), merchant_id, f"acct_{uuid4().hex[:16]}",
    )  # fmt: skip
