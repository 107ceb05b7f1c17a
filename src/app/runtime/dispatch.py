"""Which rows are worked on, and by whom: the lanes, and the table of jobs."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from app.books import (
    checks,
    connections,
    invoices,
    links,
    mails,
    payments,
    reconciliation,
    refunds,
    stripe_events,
    usage,
    xero_events,
)
from app.books.writeback import send as send_write_back
from app.clients.bundle import Clients, open_clients
from app.core import broker as brokers
from app.core import db, inbox, jobs, limiter
from app.core.work import Claim, Lane
from app.merchants import alerts, identity, payments_setup, sessions
from app.runtime.ticks import Clock
from app.settings import Settings
from payportal import checkout, receipts

Job = Callable[[Clients, str, dict[str, Any]], Awaitable[Any]]


async def _pull(clients: Clients, subject: str, _: dict[str, Any]) -> None:
    connection_id, xero_invoice_id = subject.split(":")
    await invoices.pull(clients, UUID(connection_id), xero_invoice_id)


async def _prune(_clients: Clients, _subject: str, _: dict[str, Any]) -> None:
    await jobs.prune()
    await inbox.prune()
    await mails.prune()
    await limiter.prune()
    await usage.prune()
    await sessions.prune()
    await identity.prune()


JOBS: dict[str, Job] = {
    "connection.import": lambda c, s, _: invoices.import_all(c, UUID(s)),
    "connection.poll": lambda c, s, _: invoices.poll(c, UUID(s)),
    "connection.check": lambda c, s, _: connections.check(c, UUID(s)),
    "invoice.pull": _pull,
    "invoice.changed": lambda c, s, _: checkout.expire_stale(c, UUID(s)),
    "link.publish": lambda c, s, _: links.publish(c, UUID(s)),
    "merchant.alert": lambda c, s, _: alerts.tell(c, UUID(s)),
    "breach.alert": lambda c, s, _: alerts.tell_breach(c, int(s)),
    "mail.send": lambda c, s, _: mails.send(c, UUID(s)),
    "stripe.account": lambda c, s, _: payments_setup.keep_checking(c, UUID(s)),
    "stripe.poll": lambda c, s, _: reconciliation.poll_stripe(c, s),
    "payment.fee": lambda c, s, _: payments.book_fee(c, UUID(s)),
    "payment.recorded": lambda c, s, _: receipts.issue(c, UUID(s)),
    "refund.send": lambda c, s, _: refunds.send(c, UUID(s)),
    "attempt.check": lambda c, s, _: reconciliation.check_attempt(c, UUID(s)),
    "house.check": lambda _c, _s, _p: checks.check_books(),
    "house.reconcile": lambda c, s, _: checks.reconcile(c, UUID(s)),
    "house.prune": _prune,
}


class Runtime:
    """What a worker holds while it runs: clients of its own loop, the sweep, and (alone) the clock."""

    def __init__(self, settings: Settings, *, with_clock: bool, pool: int = 10) -> None:
        self.settings = settings
        self.clients: Clients | None = None
        self._pool = pool
        self._clock = Clock() if with_clock else None
        self.lanes = [
            Lane("inbox", self._inbox, "inbox"),
            Lane("write_back", self._write_back, "writeback", max_faults=50),
            Lane("job", self._job, "jobs"),
        ]
        self.sweep = brokers.Sweep(self.lanes)

    async def start(self) -> None:
        """Open the loop's pool and clients; begin to sweep."""
        await db.open_pool(self._pool, statement_timeout_ms=60_000)
        self.clients = await open_clients(self.settings)
        await self.sweep.start()
        if self._clock:
            await self._clock.start()

    async def stop(self) -> None:
        """Finish what is under way, then let go."""
        if self._clock:
            await self._clock.stop()
        await self.sweep.stop()
        if self.clients:
            await self.clients.close()
        await db.close_pool()

    def _ready(self) -> Clients:
        if self.clients is None:
            raise RuntimeError("The worker has not started.")
        return self.clients

    async def _inbox(self, held: Claim) -> None:
        event = await inbox.read(held.id)
        handle = xero_events.handle if event["source"] == "xero" else stripe_events.handle
        await handle(self._ready(), event)

    async def _write_back(self, held: Claim) -> None:
        await send_write_back(self._ready(), held)

    async def _job(self, held: Claim) -> None:
        kind, subject, payload = await jobs.read(held.id)
        await JOBS[kind](self._ready(), subject, payload)
