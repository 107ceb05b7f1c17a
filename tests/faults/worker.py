"""A small worker as a process of its own, made to be killed: what concerns money, with short leases and waits."""

import asyncio
import random
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx

from app.books import invoices, mails, payments, reconciliation, stripe_events
from app.books.writeback import send
from app.books.writeback.timing import TIMING
from app.clients import http
from app.clients.bundle import Clients, open_clients
from app.core import clock, db, faultpoint, inbox, jobs
from app.core.broker import Sweep
from app.core.work import Claim, Lane
from tests.rooms.till import settings_beside


@dataclass(frozen=True)
class Order:
    """Where it works, at which point it dies, how long a lost answer is left alone and an answer is waited for (seconds).

    `jumps`: every look at its clock shows a time up to ten minutes off, one way or the other.
    """

    sandbox: str
    database_url: str
    smtp_url: str = ""
    faultpoint: str = ""
    quiet: float = 0.5
    patience: float = 30
    jumps: bool = False


def live(order: Order) -> None:
    """Work until killed."""
    if order.jumps:
        clock.install(clock.Source(_jumping, time.monotonic))
    asyncio.run(_work(order))


def _jumping() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=random.choice((-600, -60, -1, 0, 1, 60, 600)))


async def _work(order: Order) -> None:
    settings = replace(settings_beside(order.sandbox, order.database_url), smtp_url=order.smtp_url)
    faultpoint.configure(settings.app_env, order.faultpoint)
    http.TIMEOUT = httpx.Timeout(order.patience)
    TIMING.quiet, TIMING.apart, TIMING.waiting = order.quiet, 0.3, 0.3
    TIMING.lease, TIMING.renew = 1.0, 0.3
    db.configure(settings.database_url)
    await db.open_pool(6)
    sweep = Sweep(_lanes(await open_clients(settings)))
    while True:
        await sweep.once()
        await asyncio.sleep(0.1)


def _lanes(clients: Clients) -> list[Lane]:
    """What the product's worker does, as far as money goes."""

    async def on_inbox(held: Claim) -> None:
        await stripe_events.handle(clients, await inbox.read(held.id))

    async def on_write_back(held: Claim) -> None:
        await send(clients, held)

    async def on_job(held: Claim) -> None:
        kind, subject, _ = await jobs.read(held.id)
        if kind == "payment.fee":
            await payments.book_fee(clients, UUID(subject))
        elif kind == "attempt.check":
            await reconciliation.check_attempt(clients, UUID(subject))
        elif kind == "mail.send":
            await mails.send(clients, UUID(subject))
        elif kind == "invoice.pull":
            connection, xero_id = subject.split(":")
            await invoices.pull(clients, UUID(connection), xero_id)

    return [
        Lane("inbox", on_inbox, "inbox", lease=1, max_faults=50),
        Lane("write_back", on_write_back, "writeback", lease=1, max_faults=50),
        Lane("job", on_job, "jobs", lease=1, max_faults=50),
    ]
