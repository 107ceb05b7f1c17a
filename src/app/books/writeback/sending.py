"""One turn of the write-back: hold the row (and its neighbours), look in Xero, send, and say what became of each.

Exactly one effect, whatever breaks: the row was frozen before; `sending` is committed before the first byte leaves; a lost
answer means search, never send; and whoever lost the lease is stopped by the fencing number.
"""

import structlog

from app.books import access, breaches, credit_notes, intents
from app.books.writeback import outcome
from app.books.writeback.beside import write_beside
from app.books.writeback.classify import parked_by
from app.books.writeback.crediting import write_credit
from app.books.writeback.paying import write_payments
from app.books.writeback.reversals import write_reversal
from app.books.writeback.rows import Item, claim_followers, kept, load
from app.books.writeback.timing import PATIENCE, TIMING
from app.books.writeback.twins import look_for_twins
from app.books.writeback.verdict import Verdicts, quiet_until
from app.clients.bundle import Clients
from app.clients.xero import Tenant
from app.core import work
from app.core.clock import from_now, now
from app.core.errors import Upstream
from app.core.work import Claim, Postpone

log = structlog.get_logger()
_OPEN = frozenset({"intended", "sending", "unknown"})
_CHECK = "confirmed"  # what was sent twice comes back once
_TOGETHER = frozenset({"payment", "fee"})


async def send(clients: Clients, held: Claim) -> None:
    """Work on a claimed write-back; with it, up to 39 other due ones of its kind and organisation.

    Raises Postpone or Upstream for the row that was claimed; the others are given back here.
    """
    (leader,) = await load([held])
    if leader.row["state"] not in {*_OPEN, _CHECK}:
        return
    fresh = leader.row["state"] == "intended" and not leader.unclear
    reached = leader.row["connection_state"] == "connected"  # else it is put before the merchant with its way out
    if fresh and reached and await breaches.stopped(leader.row["merchant"]):
        raise Postpone(from_now(breaches.PAUSE), breaches.PAUSED)
    kind = leader.row["kind"]
    followers = await claim_followers(leader.row["connection"], kind) if fresh and kind in _TOGETHER else []
    verdicts = Verdicts()
    items = [leader, *followers]
    try:
        async with kept(items):
            await _turn(clients, items, verdicts)
    except Upstream as error:
        await _give_back(followers, verdicts, error.retry_after or 5, error.message)
        raise
    except Postpone as pause:
        await _give_back(followers, verdicts, max((pause.at - now()).total_seconds(), 0), pause.why)
        raise
    await _give_back(followers, verdicts, 5, "Not come to.")
    later = verdicts.said.get(held.id)
    if later:
        raise Postpone(later.at, later.why)


async def _turn(clients: Clients, items: list[Item], verdicts: Verdicts) -> None:
    """Everything but the giving back. What Xero refuses for good, or for too long, is put before the merchant here."""
    ready = [item for item in items if await _ready(item, verdicts)]
    ready = await load([item.claim for item in ready])
    if not ready:
        return
    try:
        async with access.tenant(clients, ready[0].row["connection"], lane="writeback") as tenant:
            await _write(tenant, ready, verdicts)
    except access.Broken as broken:
        reason = "scope" if broken.reason == "scope" else "disconnected"
        await _park_all(verdicts.open(ready), reason, broken.message, verdicts)
    except Upstream as error:
        tired = error.retry_after is None and ready[0].claim.attempts >= PATIENCE
        if error.permanent:
            await _park_all(verdicts.open(ready), parked_by(error), error.message, verdicts)
        elif tired:
            await _park_all(verdicts.open(ready[:1]), "unavailable", error.message, verdicts)
        else:
            raise


async def _write(tenant: Tenant, ready: list[Item], verdicts: Verdicts) -> None:
    kind = ready[0].row["kind"]
    if ready[0].row["state"] == _CHECK:
        await look_for_twins(tenant, ready[0], verdicts)
    elif kind == "payment":
        await write_payments(tenant, ready, verdicts)
    elif kind == "reversal":
        await write_reversal(tenant, ready[0], verdicts)
    elif kind in credit_notes.KINDS:
        await write_credit(tenant, ready[0], verdicts)
    else:
        await write_beside(tenant, ready, verdicts)


async def _ready(item: Item, verdicts: Verdicts) -> bool:
    """Whether the row can be written now: not while an answer may still come, not without an account or a connection."""
    if item.row["state"] == _CHECK:
        return bool(item.row["connection_state"] == "connected")
    if item.row["state"] == "sending":  # whoever sent it did not live to hear the answer
        await outcome.unclear(item)
    if item.unclear and now() < quiet_until(item):
        verdicts.later(item, quiet_until(item), "An answer may still come.")
        return False
    if item.row["connection_state"] != "connected":
        await outcome.park(item, "disconnected", keep_trace=item.unclear)
    elif why := "" if item.row["request"] else await intents.obstacle(item.claim.id):
        if why == intents.WAITS:
            verdicts.later(item, from_now(TIMING.waiting), "Stripe has not said yet what it made of the currency.")
            return False
        await outcome.park(item, why)
    else:
        return True
    verdicts.done(item)
    return False


async def _park_all(items: list[Item], reason: str, message: str, verdicts: Verdicts) -> None:
    """`unavailable` for one that may be in Xero is told as `unclear`; its trace is kept either way."""
    for item in items:
        if item.row["state"] == _CHECK:  # recorded, only the look for a twin was refused: nothing to put aside
            log.warning("write_back.not_looked_at", id=item.claim.id, reason=reason, message=message)
            verdicts.done(item)
            continue
        code = "unclear" if item.unclear and reason == "unavailable" else reason
        await outcome.park(item, code, message, keep_trace=item.unclear)
        verdicts.done(item)


async def _give_back(followers: list[Item], verdicts: Verdicts, seconds: float, why: str) -> None:
    for item in followers:
        if item.claim.id not in verdicts.said:
            await work.come_back(item.claim, from_now(seconds), why, counts=False)
            continue
        later = verdicts.said[item.claim.id]
        if later is None:
            await work.finish(item.claim)
        else:
            await work.come_back(item.claim, later.at, later.why, counts=False)
