"""The ticking clock: makes sure that everything that repeats has its row. The rows plan their own next turn.

Any number of clocks may run; asking for a row that exists changes nothing.
"""

import asyncio
import contextlib

import structlog

from app.books import intents, reconciliation, refunds
from app.core import db, jobs

log = structlog.get_logger()
_EVERY = 15.0
_CONNECTED = "SELECT id FROM connection WHERE state = 'connected' AND imported_at IS NOT NULL ORDER BY id"
# Merchants with something to compare whose nightly turn is not planned yet.
_RECONCILED = """
SELECT m.id FROM merchant m
WHERE (EXISTS (SELECT 1 FROM stripe_account s WHERE s.merchant = m.id AND s.stripe_account_id IS NOT NULL
    AND s.disconnected_at IS NULL)
  OR EXISTS (SELECT 1 FROM connection c WHERE c.merchant = m.id AND c.state = 'connected'))
AND NOT EXISTS (SELECT 1 FROM job j WHERE j.kind = 'house.reconcile' AND j.subject = m.id::text AND j.next_at IS NOT NULL)
ORDER BY m.id
"""


async def tick() -> None:
    """Plan the polls of every connected organisation and Stripe account, and the house-keeping, where they are not planned."""
    for row in await db.fetch(_CONNECTED):
        await jobs.ask_each_at_least("connection.poll", row["id"], 60)
        await jobs.ask_each_at_least("connection.check", row["id"], 3600)
    for account in await reconciliation.polled():
        await jobs.ask_each_at_least("stripe.poll", account, 30)
    await jobs.ask_each_at_least("house.prune", "all", 3600)
    await jobs.ask_each_at_least("house.check", "all", 60)
    for row in await db.fetch(_RECONCILED):
        await jobs.ask_each_at_least("house.reconcile", row["id"], 3600)
    await intents.unwedge()
    await refunds.unwedge()


class Clock:
    """Ticks on the running loop until it is stopped."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to tick."""
        self._task = asyncio.create_task(self._for_ever())

    async def stop(self) -> None:
        """Stop ticking."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _for_ever(self) -> None:
        while True:
            try:
                await tick()
            except Exception as error:  # the database may be away; the next tick finds it again
                log.warning("clock.failed", error=type(error).__name__)
            await asyncio.sleep(_EVERY)
