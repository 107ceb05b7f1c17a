"""A small worker as a process of its own, made to be killed: inbox, write-back and jobs, with short leases and waits."""

import asyncio
import os
import sys
from uuid import UUID

from app.books import invoices, payments, reconciliation, stripe_events
from app.books.writeback import send
from app.books.writeback.timing import TIMING
from app.clients.bundle import Clients, open_clients
from app.core import db, faultpoint, inbox, jobs
from app.core.broker import Sweep
from app.core.work import Claim, Lane
from tests.rooms.till import settings_beside


def lanes(clients: Clients) -> list[Lane]:
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
        elif kind == "invoice.pull":
            connection, xero_id = subject.split(":")
            await invoices.pull(clients, UUID(connection), xero_id)

    return [
        Lane("inbox", on_inbox, "inbox", lease=1),
        Lane("write_back", on_write_back, "writeback", lease=1, max_faults=50),
        Lane("job", on_job, "jobs", lease=1),
    ]


async def main() -> None:
    """Work until killed."""
    env = os.environ
    settings = settings_beside(env["SANDBOX"], env["DATABASE_URL"])
    faultpoint.configure(settings.app_env, env.get("FAULTPOINT", ""))
    TIMING.quiet, TIMING.apart, TIMING.waiting = float(env.get("QUIET", "0.5")), 0.3, 0.3
    TIMING.lease, TIMING.renew = 1.0, 0.3
    db.configure(settings.database_url)
    await db.open_pool(6)
    sweep = Sweep(lanes(await open_clients(settings)))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        await sweep.once()
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(main())
