"""What no webhook told us: Stripe's events are listed every minute, and open attempts are looked at when they end.

Whatever is found enters by the same door as a webhook. Finding anything is itself an alarm: a webhook was lost.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import structlog

from app.books import attempts, payments, repairs
from app.books.stripe_events import HANDLED
from app.clients.bundle import Clients
from app.core import db, inbox, jobs
from app.core.clock import from_now, now
from app.core.errors import Upstream
from app.core.work import Postpone

Row = Mapping[str, Any]
log = structlog.get_logger()
EVERY = 60
# Stripe's clock, delayed events, and our own restarts: what is asked for again costs nothing, the inbox knows it.
OVERLAP = timedelta(minutes=10)
# Stripe keeps events for 30 days.
FARTHEST = timedelta(days=29)
PROCESSING_EVERY = 300
# An account that left may be connected again; until then nothing more can be heard of a slow payment on it.
SILENT_EVERY = 6 * 3600
_POLLED = (
    "SELECT merchant, stripe_account_id, created_at FROM stripe_account "
    "WHERE stripe_account_id IS NOT NULL AND disconnected_at IS NULL"
)


async def poll_stripe(clients: Clients, stripe_account_id: str) -> None:
    """Job stripe.poll, one for each connected account, so that none waits for another; ends with Postpone.

    Ends quietly for an account that is not connected (any more); the clock plans it again when it is.
    """
    row = await db.fetch_row(f"{_POLLED} AND stripe_account_id = $1", stripe_account_id)
    if row is None:
        return
    await _caught_up(clients, row)
    raise Postpone(from_now(EVERY), "Every minute.")


async def catch_up(clients: Clients) -> int:
    """Bring in what Stripe has and we have not, of every account; how many events had been lost on the way."""
    return sum([await _caught_up(clients, row) for row in await db.fetch(f"{_POLLED} ORDER BY id")])


async def polled() -> list[str]:
    """The accounts that are polled."""
    return [row["stripe_account_id"] for row in await db.fetch(f"{_POLLED} ORDER BY id")]


async def _caught_up(clients: Clients, row: Row) -> int:
    try:
        lost = await _one_account(clients, row)
    except Upstream as error:
        log.warning("stripe.poll.failed", code=error.code)
        if error.code == "disconnected":
            await jobs.ask("stripe.account", row["merchant"])
        return 0
    if lost:
        log.warning("stripe.poll.repaired", events=lost)
    return lost


async def _one_account(clients: Clients, row: Row) -> int:
    """The cursor moves only when everything of this account is stored."""
    account, began = row["stripe_account_id"], now()
    since = max(await _cursor(account, row["created_at"]) - OVERLAP, began - FARTHEST)
    events = await clients.stripe.events(account, since, HANDLED)
    lost = 0
    for event in reversed(events):
        lost += await _bring_in(account, event, began)
    await repairs.count(row["merchant"], "stripe", lost)
    await _advance(account, began)
    return lost


async def _bring_in(account: str, event: dict[str, Any], moment: datetime) -> int:
    """Store one event; 1 when no webhook had brought it although there was time."""
    made = datetime.fromtimestamp(event["created"], UTC)
    live = bool(event.get("livemode"))
    raw = msgspec.json.encode(event)
    new = await inbox.receive("stripe", account, event["id"], event["type"], raw, livemode=live, occurred_at=made)
    return int(new and moment - made > repairs.GRACE)


async def _cursor(account: str, otherwise: datetime) -> datetime:
    text = await db.fetch_value("SELECT value FROM cursor WHERE name = $1", f"stripe.events:{account}")
    return datetime.fromisoformat(text) if text else otherwise


async def _advance(account: str, moment: datetime) -> None:
    await db.fetch(
        "INSERT INTO cursor (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value",
        f"stripe.events:{account}",
        moment.isoformat(),
    )


async def check_attempt(clients: Clients, attempt_id: UUID) -> None:
    """Job attempt.check: what became of one attempt, whether or not anybody told us. Postpone while it is not over."""
    attempt = await attempts.one(attempt_id)
    if attempt is None or attempt["state"] not in {"created", "open", "processing"}:
        return
    if attempt["state"] == "created":
        attempt = await _lost_answer(clients, attempt)
        if attempt is None:
            return
    try:
        await payments.settle_session(clients, attempt["stripe_account_id"], attempt["stripe_session_id"])
    except Upstream as error:
        if error.permanent:
            await _never_told(attempt, error)
            return
        raise
    attempt = await attempts.one(attempt_id)
    if attempt and attempt["state"] == "processing":
        raise Postpone(from_now(PROCESSING_EVERY), "A slow payment is on its way.")
    if attempt and attempt["state"] == "open":
        raise Postpone(max(attempt["expires_at"] + timedelta(minutes=1), from_now(EVERY)), "The session is still open.")


async def _never_told(attempt: Row, error: Upstream) -> None:
    """Stripe does not let us read the session: its account left. Nobody can pay with it once its time has passed."""
    if attempt["state"] == "processing":
        raise Postpone(from_now(SILENT_EVERY), error.message) from error
    if not await attempts.ran_out(attempt, error):
        raise Postpone(attempt["expires_at"] + timedelta(minutes=1), error.message) from error


async def _lost_answer(clients: Clients, attempt: Row) -> Row | None:
    """We asked Stripe for a session and never heard: the frozen request tells, as often as it is asked."""
    try:
        return await attempts.submit(clients, attempt)
    except Upstream as error:
        if error.permanent:
            return None  # Stripe refused; the attempt says so
        raise
