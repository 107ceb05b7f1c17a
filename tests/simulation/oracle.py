"""After a life has come to rest: what our books say against what really happened at Stripe and in Xero."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.books import audit, breaches, ledger
from app.books.writeback.words import REASONS
from app.core import db
from app.core.money import Money, from_stripe
from app.core.work import Postpone
from app.merchants import payout_list
from app.runtime.dispatch import JOBS
from tests.simulation import elsewhere
from tests.simulation.house import WORKERS
from tests.simulation.story import Story

# What may stand in Xero under a write's reference, by the write's state: at least and at most.
_THERE = {"confirmed": (1, 1), "reversed": (0, 0), "intended": (0, 0), "parked": (0, 1), "abandoned": (0, 1)}
_WRITES = """
SELECT * FROM write_back WHERE kind IN ('payment', 'fee', 'transfer', 'overpayment', 'credit_note', 'credit_refund') ORDER BY id
"""
_ASIDE = """
SELECT 'inbox ' || type AS what, last_error FROM inbox WHERE dead_at IS NOT NULL
UNION ALL SELECT 'job ' || kind, last_error FROM job WHERE dead_at IS NOT NULL AND kind <> 'mail.send'
UNION ALL SELECT 'write_back ' || kind, last_error FROM write_back WHERE dead_at IS NOT NULL
"""
_MOVING = """
SELECT 'write_back ' || kind || ' ' || state AS what, last_error, merchant FROM write_back
WHERE state IN ('intended', 'sending', 'unknown')
UNION ALL SELECT 'inbox ' || type, last_error, NULL FROM inbox WHERE next_at IS NOT NULL
UNION ALL SELECT 'refund ' || state, '', merchant FROM refund WHERE state = 'asked'
"""
# While the organisation is lost, what differed stays unjudged and paused: connecting it again settles both.
_CONNECTED = "SELECT merchant FROM connection WHERE state = 'connected'"
_EXCHANGED = """
SELECT w.reference, p.settled_minor, p.settlement_currency FROM write_back w JOIN payment p ON p.id = w.payment
WHERE w.kind = 'payment' AND w.state = 'confirmed' AND w.amount_minor = p.amount_minor AND w.request LIKE '%BankAmount%'
"""
_EXPLAINED = (
    "SELECT id, merchant, stripe_payout_id FROM payout WHERE explained_at IS NOT NULL ORDER BY stripe_payout_id"
)
_HELD = """
SELECT e.currency, sum(e.amount_minor)::bigint AS minor FROM ledger_entry e
JOIN ledger_transaction t ON t.id = e.ledger_transaction WHERE t.merchant = $1 AND e.account = $2 GROUP BY 1
"""
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
    of_each = [("house.reconcile", str(shop.merchant_id)) for shop in story.shops]
    for kind, subject in (("house.check", "all"), *of_each):
        with suppress(Postpone):
            await JOBS[kind](clients, subject, {})
    connected = {row["merchant"] for row in await db.fetch(_CONNECTED)}
    lost = {shop.merchant_id for shop in story.shops} - connected
    open_ones = [
        row for row in await breaches.open_ones() if not (row["merchant"] in lost and row["kind"] == breaches.MIRROR)
    ]
    found += [f"breach {row['kind']}: {row['subject']}" for row in open_ones]
    found += [f"put aside: {row['what']} ({row['last_error']})" for row in await db.fetch(_ASIDE)]
    moving = [
        row for row in await db.fetch(_MOVING) if not (row["merchant"] in lost and row["last_error"] == breaches.PAUSED)
    ]
    found += [f"never ends: {row['what']} ({row['last_error']})" for row in moving]
    found += [f"audit: {flaw}" for flaw in (await audit.verify())[1]]
    found += [*await _charges(story), *await _writes(story), *await _attempts(story), *_refunds(story)]
    return [*found, *await _exchanged(story), *await _payouts(), *await _balances(story)]


async def ends(story: Story) -> list[str]:
    """Where everything ended, for comparing two lives of one seed."""
    return [f"{name}: {tuple(row)}" for name, sql in _TABLES.items() for row in await db.fetch(sql)]


async def _charges(story: Story) -> list[str]:
    """Each charge that was paid is one payment of ours: its amount, what was refunded of it, Stripe's fee.

    Of an account that was not ours to read for a while, only what we know must be true.
    """
    lines = {row["id"]: row for row in story.house.rows("stripe.balance_transaction")}
    rows = {row["stripe_charge_id"]: row for row in await db.fetch("SELECT * FROM payment")}
    found = []
    for charge in story.house.rows("stripe.charge"):
        if not charge["paid"] or charge["status"] == "pending":
            continue
        row, line = rows.get(charge["id"]), lines.get(charge["balance_transaction"])
        if charge["status"] == "failed" or (charge["_account"] in story.left and not _known(row)):
            continue
        currency = charge["currency"]
        fee = from_stripe(line["fee"], line["currency"]).minor if line else 0
        told = (_minor(charge["amount"], currency), _minor(charge["amount_refunded"], currency), fee)
        ours = (row["amount_minor"], row["refunded_minor"], row["fee_minor"]) if row else None
        if charge["_account"] in story.left and ours:
            told = (told[0], ours[1], told[2])  # what went back, or came back after all, was perhaps not for us to hear
        if ours != told:
            found.append(f"charge {told}: our payment is {ours}")
    return found


def _known(row: Any) -> bool:
    return row is not None and row["fee_minor"] is not None


def _minor(amount: int, currency: str) -> int:
    return from_stripe(amount, currency).minor


async def _exchanged(story: Story) -> list[str]:
    """Where Stripe changed the money, Xero has Stripe's own figure for what came to the account."""
    told = {
        row["reference"]: Money(row["settled_minor"], row["settlement_currency"]) for row in await db.fetch(_EXCHANGED)
    }
    return [
        f"{row['bank_amount']} came to the account, Stripe says {told[row['reference']]}"
        for row in story.house.rows("xero.payment")
        if row["reference"] in told and Decimal(row["bank_amount"]) / 100 != told[row["reference"]].decimal
    ]


async def _payouts() -> list[str]:
    """What a payout's page says of it comes to what the bank has, to the last unit."""
    found = []
    for row in await db.fetch(_EXPLAINED):
        residue = (await payout_list.explained(row["merchant"], row["id"]))["residue"]
        if residue.minor:
            found.append(f"{residue} of payout {row['stripe_payout_id']} is not explained")
    return found


async def _balances(story: Story) -> list[str]:
    """Where Stripe paid out all there was, our ledger says to the unit what Stripe holds, and nothing is between currencies."""
    found = []
    for shop in story.shops:
        mine = [one for one in elsewhere.accounts(story) if one == shop.account]
        if not mine or mine[0] in story.left or len(await _accounts_of(shop.merchant_id)) > 1:
            continue
        lines = [row for row in story.house.rows("stripe.balance_transaction") if row["_account"] == shop.account]
        explained = {row["stripe_payout_id"] for row in await db.fetch(_EXPLAINED)}
        waiting = [row for row in story.house.rows("stripe.refund") if row["balance_transaction"] is None]
        if any(row["_account"] == shop.account for row in waiting) or any(
            row["_payout"] not in explained for row in lines
        ):
            continue  # what is not in a payout yet, or waits for the balance to hold enough, is not in both
        held: Counter[str] = Counter()
        for row in lines:
            net = from_stripe(row["net"], row["currency"])
            held[net.currency] += net.minor
        ours = await db.fetch(_HELD, shop.merchant_id, ledger.CLEARING)
        found += [
            f"{Money(row['minor'], row['currency'])} at Stripe, which holds {held[row['currency']]}"
            for row in ours
            if row["minor"] != held[row["currency"]]
        ]
    return found


async def _accounts_of(merchant_id: UUID) -> list[Any]:
    return await db.fetch("SELECT DISTINCT stripe_account_id FROM payment WHERE merchant = $1", merchant_id)


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
        meant = Money(row["amount_minor"], row["currency"])
        if row["state"] == "confirmed" and any(amount != meant.decimal for amount in there):
            found.append(f"{there} in Xero for a {row['kind']} of {meant}")
        if row["state"] == "parked" and row["reason"] not in REASONS:
            found.append(f"a {row['kind']} waits without a reason: {row['reason']!r}")
    return [
        *found,
        *(f"in Xero {amounts} under {reference}, which is no write of ours" for reference, amounts in live.items()),
    ]


def _live(story: Story) -> dict[str, list[Decimal]]:
    """By reference: the amounts of what we made in Xero and what still stands there; the sandbox counts in hundredths."""
    found: defaultdict[str, list[Decimal]] = defaultdict(list)
    for row in story.house.rows("xero.payment"):
        if row["app"] and row["status"] == "AUTHORISED":
            found[row["reference"]].append(Decimal(row["amount"]) / 100)
    for row in story.house.rows("xero.creditnote"):
        if row["status"] in {"AUTHORISED", "PAID"} and str(row["reference"]).startswith("Payportal"):
            found[row["reference"]].append(Decimal(row["total"]) / 100)
    for row in story.house.rows("xero.banktransaction"):
        if row["status"] == "AUTHORISED" and str(row["reference"]).startswith("Payportal"):
            found[row["reference"]].append(Decimal(row["total"]) / 100)
    for row in story.house.rows("xero.banktransfer"):
        if row["status"] == "AUTHORISED":
            found[row["reference"]].append(Decimal(row["amount"]) / 100)
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
