"""After a life has come to rest: what our books say against what really happened at Stripe and in Xero."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress

from app.books import audit, breaches, ledger
from app.books.writeback.words import REASONS
from app.core import db
from app.core.work import Postpone
from app.runtime.dispatch import JOBS
from tests.simulation.house import WORKERS
from tests.simulation.story import Story

# What may stand in Xero under a write's reference, by the write's state: at least and at most.
_THERE = {"confirmed": (1, 1), "reversed": (0, 0), "intended": (0, 0), "parked": (0, 1), "abandoned": (0, 1)}
_WRITES = "SELECT * FROM write_back WHERE kind IN ('payment', 'fee', 'transfer') ORDER BY id"
_ASIDE = """
SELECT 'inbox ' || type AS what, last_error FROM inbox WHERE dead_at IS NOT NULL
UNION ALL SELECT 'job ' || kind, last_error FROM job WHERE dead_at IS NOT NULL AND kind <> 'mail.send'
UNION ALL SELECT 'write_back ' || kind, last_error FROM write_back WHERE dead_at IS NOT NULL
"""
_MOVING = """
SELECT 'write_back ' || kind || ' ' || state AS what, last_error FROM write_back WHERE state IN ('intended', 'sending', 'unknown')
UNION ALL SELECT 'inbox ' || type, last_error FROM inbox WHERE next_at IS NOT NULL
UNION ALL SELECT 'refund ' || state, '' FROM refund WHERE state = 'asked'
"""
# While the organisation is lost, what differed stays unjudged and paused: connecting it again settles both.
_CONNECTED = "SELECT 1 FROM connection WHERE state = 'connected'"
_TABLES = {
    "payment": "SELECT state, amount_minor, refunded_minor, fee_minor, exception FROM payment ORDER BY stripe_payment_intent_id",
    "write_back": "SELECT kind, state, reason, amount_minor, reference FROM write_back ORDER BY id",
    "attempt": "SELECT state, amount_minor FROM attempt ORDER BY created_at, id",
    "refund": "SELECT state, amount_minor FROM refund ORDER BY created_at, id",
    "ledger": "SELECT account, currency, sum(amount_minor) FROM ledger_entry GROUP BY 1, 2 ORDER BY 1, 2",
}


async def wrong(story: Story) -> list[str]:
    """Everything that is not as it must be; empty when all is well."""
    clients = story.house.runtimes[WORKERS[0]].clients
    assert clients is not None
    found = [f"{one.invariant}: {one.what}" for one in await ledger.invariants()]
    for kind, subject in (("house.check", "all"), ("house.reconcile", str(story.house.till.merchant_id))):
        with suppress(Postpone):
            await JOBS[kind](clients, subject, {})
    lost = not await db.fetch_value(_CONNECTED)
    open_ones = [row for row in await breaches.open_ones() if not (lost and row["kind"] == breaches.MIRROR)]
    found += [f"breach {row['kind']}: {row['subject']}" for row in open_ones]
    found += [f"put aside: {row['what']} ({row['last_error']})" for row in await db.fetch(_ASIDE)]
    moving = [row for row in await db.fetch(_MOVING) if not (lost and row["last_error"] == breaches.PAUSED)]
    found += [f"never ends: {row['what']} ({row['last_error']})" for row in moving]
    found += [f"audit: {flaw}" for flaw in (await audit.verify())[1]]
    return [*found, *await _charges(story), *await _writes(story), *await _attempts(story), *_refunds(story)]


async def ends(story: Story) -> list[str]:
    """Where everything ended, for comparing two lives of one seed."""
    return [f"{name}: {tuple(row)}" for name, sql in _TABLES.items() for row in await db.fetch(sql)]


async def _charges(story: Story) -> list[str]:
    """Each charge that was paid is one payment of ours: its amount, what was refunded of it, Stripe's fee."""
    lines = {row["id"]: row for row in story.house.rows("stripe.balance_transaction")}
    rows = {row["stripe_charge_id"]: row for row in await db.fetch("SELECT * FROM payment")}
    found = []
    for charge in story.house.rows("stripe.charge"):
        if not charge["paid"] or charge["status"] == "pending":
            continue
        row, line = rows.get(charge["id"]), lines.get(charge["balance_transaction"])
        if charge["status"] == "failed":
            continue
        told = (charge["amount"], charge["amount_refunded"], line["fee"] if line else 0)
        ours = (row["amount_minor"], row["refunded_minor"], row["fee_minor"]) if row else None
        if ours != told:
            found.append(f"charge {told}: our payment is {ours}")
    return found


async def _writes(story: Story) -> list[str]:
    """No reference stands in Xero twice, none that is not ours, and each write's state is the truth."""
    live = _live(story)
    found = []
    for row in await db.fetch(_WRITES):
        there = live.pop(row["reference"], [])
        least, most = _THERE.get(row["state"], (0, 1))
        if row["state"] == "parked" and row["sent_at"] is None:
            most = 0
        if row["reference"] in story.removed:
            least = 0
        if not least <= len(there) <= most:
            found.append(f"{len(there)} in Xero, but the {row['kind']} is {row['state']} ({row['reason']})")
        if row["state"] == "confirmed" and any(amount != row["amount_minor"] for amount in there):
            found.append(f"{there} in Xero for a {row['kind']} of {row['amount_minor']}")
        if row["state"] == "parked" and row["reason"] not in REASONS:
            found.append(f"a {row['kind']} waits without a reason: {row['reason']!r}")
    return [
        *found,
        *(f"in Xero {amounts} under {reference}, which is no write of ours" for reference, amounts in live.items()),
    ]


def _live(story: Story) -> dict[str, list[int]]:
    """By reference: the amounts of what we made in Xero and what still stands there."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for row in story.house.rows("xero.payment"):
        if row["app"] and row["status"] == "AUTHORISED":
            found[row["reference"]].append(row["amount"])
    for row in story.house.rows("xero.banktransaction"):
        if row["status"] == "AUTHORISED" and str(row["reference"]).startswith("Payportal"):
            found[row["reference"]].append(row["total"])
    for row in story.house.rows("xero.banktransfer"):
        if row["status"] == "AUTHORISED":
            found[row["reference"]].append(row["amount"])
    return found


async def _attempts(story: Story) -> list[str]:
    """Nobody's attempt is open when its session at Stripe is not."""
    sessions = {row["id"]: row for row in story.house.rows("stripe.checkout.session")}
    found = []
    for row in await db.fetch("SELECT state, stripe_session_id FROM attempt"):
        session = sessions.get(row["stripe_session_id"])
        at_stripe = (session["status"], session["payment_status"]) if session else None
        if row["state"] == "created" or (row["state"] == "open" and (at_stripe is None or at_stripe[0] != "open")):
            found.append(f"an attempt is {row['state']}, its session {at_stripe}")
    return found


def _refunds(story: Story) -> Iterator[str]:
    """Our button never sent a refund twice."""
    asked = Counter(row["metadata"].get("payportal_refund", "") for row in story.house.rows("stripe.refund"))
    return (f"refund {one} was made {count} times" for one, count in asked.items() if one and count > 1)
