"""The ledger: append-only double entry, in integer minor units, for every fact that moved money.

A debit is positive, a credit negative; PostgreSQL refuses a transaction that does not sum to zero in each currency.
Accounts: `stripe_clearing` what the merchant's Stripe balance holds, `unapplied` received but not yet in Xero,
`applied_in_xero` received and in Xero, `refunds`, `fees`, `disputes`, `conversion` between two currencies, `bank` what was
paid out, and `other` what moved the balance without being ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.core import db
from app.core.clock import now
from app.core.money import Money

CLEARING = "stripe_clearing"
UNAPPLIED = "unapplied"
APPLIED = "applied_in_xero"
REFUNDS = "refunds"
FEES = "fees"
DISPUTES = "disputes"
CONVERSION = "conversion"
BANK = "bank"
OTHER = "other"

Side = tuple[str, Money]
Row = Mapping[str, Any]

_TRANSACTIONS = """
INSERT INTO ledger_transaction (merchant, source, external_id, kind, payment, occurred_at, recorded_at)
SELECT *, now() FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[])
ON CONFLICT (source, external_id, kind) DO NOTHING RETURNING id, source, external_id, kind
"""
_SIDES = """
INSERT INTO ledger_entry (ledger_transaction, account, amount_minor, currency)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[])
"""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened to money, of a payment or of none: who says so, under which id, and when."""

    merchant_id: UUID
    payment_id: UUID | None
    source: str
    external_id: str
    kind: str
    occurred_at: datetime


Entry = tuple[Fact, Sequence[Side]]


async def record(fact: Fact, sides: Sequence[Side]) -> bool:
    """Write one balanced transaction; False when this fact is in the ledger already. Sides of zero are left out."""
    return bool(await record_all([(fact, sides)]))


async def record_all(entries: Sequence[Entry]) -> int:
    """The same for many at once, in two statements; how many were new. A fact that is told twice counts the first time."""
    sides: dict[tuple[str, str, str], Sequence[Side]] = {}
    for fact, of_it in entries:
        sides.setdefault((fact.source, fact.external_id, fact.kind), of_it)
    told = [
        (fact.merchant_id, fact.source, fact.external_id, fact.kind, fact.payment_id, fact.occurred_at)
        for fact, _ in entries
    ]
    if not told:
        return 0
    async with db.transaction():
        new = await db.fetch(_TRANSACTIONS, *map(list, zip(*told, strict=True)))
        rows = [
            (row["id"], account, money.minor, money.currency)
            for row in new
            for account, money in sides[row["source"], row["external_id"], row["kind"]]
            if money.minor
        ]
        if rows:
            await db.fetch(_SIDES, *map(list, zip(*rows, strict=True)))
    return len(new)


def moved(amount: Money, *, debit: str, credit: str) -> list[Side]:
    """The two sides of a simple transaction."""
    return [(debit, amount), (credit, Money(-amount.minor, amount.currency))]


def _held_in(payment: Row) -> str:
    """Where a payment's own currency lies: in the balance at Stripe, or, once that was settled in another one, in between."""
    return CLEARING if payment["settlement_currency"] in {"", payment["currency"]} else CONVERSION


async def _next_id(payment_id: UUID, kind: str, origin: str) -> str:
    """An external id for the next fact of a kind that can repeat; the caller holds the payment's row."""
    done = await db.fetch_value(
        "SELECT count(*) FROM ledger_transaction WHERE payment = $1 AND kind = $2", payment_id, kind
    )
    return f"{origin}:{done + 1}"


def _fact(payment: Row, source: str, external_id: str, kind: str, at: datetime | None) -> Fact:
    return Fact(payment["merchant"], payment["id"], source, external_id, kind, at or now())


async def received(payment: Row) -> None:
    """Stripe confirmed the money of `payment` (a row)."""
    amount = Money(payment["amount_minor"], payment["currency"])
    fact = _fact(payment, "stripe", payment["stripe_payment_intent_id"], "payment", payment["paid_at"])
    await record(fact, moved(amount, debit=CLEARING, credit=UNAPPLIED))


async def bounced(payment: Row) -> None:
    """The customer's bank took the money back after Stripe had confirmed it."""
    amount = Money(payment["amount_minor"], payment["currency"])
    external_id = await _next_id(payment["id"], "bounced", payment["stripe_payment_intent_id"])
    sides = moved(amount, debit=REFUNDS, credit=_held_in(payment))
    await record(_fact(payment, "stripe", external_id, "bounced", None), sides)


async def came_after_all(payment: Row) -> None:
    """What the bank was said to have taken back is there after all; nothing is booked when it had never been there."""
    away = (await balances(payment["id"])).get((REFUNDS, payment["currency"]), 0)
    if away:
        external_id = await _next_id(payment["id"], "bounce_returned", payment["stripe_payment_intent_id"])
        fact = _fact(payment, "stripe", external_id, "bounce_returned", None)
        await record(fact, moved(Money(-away, payment["currency"]), debit=REFUNDS, credit=_held_in(payment)))


async def refunded(payment: Row, change: int) -> None:
    """`change` more minor units were refunded; negative when a refund failed and the money came back."""
    kind = "refund" if change > 0 else "refund_returned"
    external_id = await _next_id(payment["id"], kind, payment["stripe_payment_intent_id"])
    amount = Money(change, payment["currency"])
    sides = moved(amount, debit=REFUNDS, credit=_held_in(payment))
    await record(_fact(payment, "stripe", external_id, kind, None), sides)


async def disputed(payment: Row, amount: Money, *, returned: bool) -> None:
    """The bank holds (or gives back) the disputed amount."""
    kind = "dispute_won" if returned else "dispute"
    external_id = await _next_id(payment["id"], kind, payment["stripe_payment_intent_id"])
    held = _held_in(payment)
    debit, credit = (held, DISPUTES) if returned else (DISPUTES, held)
    await record(_fact(payment, "stripe", external_id, kind, None), moved(amount, debit=debit, credit=credit))


async def settled(payment: Row, balance_id: str, gross: Money, fee: Money) -> None:
    """Stripe told what it kept, in the settlement currency; a conversion from another one is booked beside it.

    What had gone back in the payment's own currency before that was known is in between by then, too.
    """
    sides = moved(fee, debit=FEES, credit=CLEARING)
    if gross.currency != payment["currency"]:
        here = (await balances(payment["id"])).get((CLEARING, payment["currency"]), 0)
        sides = [
            *moved(Money(here, payment["currency"]), debit=CONVERSION, credit=CLEARING),
            *moved(gross, debit=CLEARING, credit=CONVERSION),
            *sides,
        ]
    await record(_fact(payment, "stripe", balance_id, "settlement", None), sides)


async def applied(payment: Row, xero_payment_id: str, amount: Money) -> None:
    """Xero shows this much of the payment: all of it, unless a part was refunded before."""
    fact = _fact(payment, "xero", xero_payment_id, "applied", None)
    await record(fact, moved(amount, debit=UNAPPLIED, credit=APPLIED))


async def unapplied(payment: Row, xero_payment_id: str, amount: Money) -> None:
    """Xero no longer shows it."""
    fact = _fact(payment, "xero", xero_payment_id, "unapplied", None)
    await record(fact, moved(amount, debit=APPLIED, credit=UNAPPLIED))


async def paid_out(payout: Row, *, returned: bool = False) -> None:
    """Stripe sent a payout (a row) to the bank, or has it back."""
    amount = Money(payout["amount_minor"], payout["currency"])
    kind = "payout_returned" if returned else "payout"
    debit, credit = (CLEARING, BANK) if returned else (BANK, CLEARING)
    fact = Fact(payout["merchant"], None, "stripe", payout["stripe_payout_id"], kind, payout["created_at"])
    await record(fact, moved(amount, debit=debit, credit=credit))


async def balances(payment_id: UUID) -> dict[tuple[str, str], int]:
    """What each (account, currency) holds for one payment, in minor units."""
    rows = await db.fetch(
        "SELECT e.account, e.currency, sum(e.amount_minor)::bigint AS minor FROM ledger_entry e "
        "JOIN ledger_transaction t ON t.id = e.ledger_transaction WHERE t.payment = $1 GROUP BY 1, 2",
        payment_id,
    )
    return {(row["account"], row["currency"]): row["minor"] for row in rows}


@dataclass(frozen=True, slots=True)
class Breach:
    """An invariant that does not hold, the merchant it concerns (None: nobody) and the row that shows it."""

    invariant: str
    merchant_id: UUID | None
    what: str


_PAYMENTS = """
WITH each AS (
  SELECT p.id, p.merchant, p.amount_minor, p.refunded_minor, p.state, held.owed, held.refunds, held.applied,
    (SELECT COALESCE(sum(w.amount_minor), 0) FROM write_back w
     WHERE w.payment = p.id AND w.kind IN ('payment', 'overpayment') AND w.state = 'confirmed') AS in_xero
  FROM payment p CROSS JOIN LATERAL (
    SELECT COALESCE(sum(e.amount_minor) FILTER (WHERE e.account IN ('unapplied', 'applied_in_xero')), 0) AS owed,
      COALESCE(sum(e.amount_minor) FILTER (WHERE e.account = 'refunds'), 0) AS refunds,
      COALESCE(sum(e.amount_minor) FILTER (WHERE e.account = 'applied_in_xero'), 0) AS applied
    FROM ledger_transaction t JOIN ledger_entry e ON e.ledger_transaction = t.id
    WHERE t.payment = p.id AND e.currency = p.currency) held
  WHERE p.id = ANY($1)),
judged AS (
  SELECT id, merchant,
    -owed = CASE WHEN state = 'processing' OR (state = 'failed' AND refunds = 0) THEN 0 ELSE amount_minor END
      AND (state = 'failed' OR refunds = refunded_minor) AS kept,
    -applied = in_xero AS once
  FROM each)
SELECT merchant, CASE WHEN kept THEN 'I3 in Xero exactly once' ELSE 'I2 each cent is somewhere' END AS invariant,
  'payment ' || id AS what FROM judged WHERE NOT (kept AND once)
"""
_ENTRIES = """
SELECT t.merchant, 'I1 entries balance' AS invariant, 'ledger transaction ' || t.id AS what
FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.ledger_transaction
WHERE t.id = ANY($1) GROUP BY t.id, e.currency HAVING sum(e.amount_minor) <> 0
"""
_UNCLEAR = """
SELECT merchant, 'I4 no write stays unclear' AS invariant, 'write-back ' || id AS what FROM write_back
WHERE state IN ('sending', 'unknown') AND sent_at < now() - interval '15 minutes'
"""
_WAITING = """
SELECT NULL::uuid AS merchant, 'I5 events are worked on' AS invariant, 'event ' || id AS what FROM inbox
WHERE next_at IS NOT NULL AND attempts = 0 AND received_at < now() - interval '5 minutes'
"""
_WEDGED = """
SELECT merchant, 'I8 no write is forgotten' AS invariant, 'write-back ' || id AS what FROM write_back
WHERE state IN ('intended', 'sending', 'unknown') AND next_at IS NULL AND dead_at IS NULL
"""
_CHUNK = 10_000
_NEXT = {
    _PAYMENTS: (f"SELECT id FROM payment WHERE id > $1 ORDER BY id LIMIT {_CHUNK}", UUID(int=0)),
    _ENTRIES: (f"SELECT id FROM ledger_transaction WHERE id > $1 ORDER BY id LIMIT {_CHUNK}", 0),
}
_TOUCHED = f"""
DELETE FROM touched WHERE id IN (SELECT id FROM touched ORDER BY id LIMIT {_CHUNK}) RETURNING payment, entry
"""
_ABOUT = {_PAYMENTS: "payment ", _ENTRIES: "ledger transaction "}


async def invariants() -> list[Breach]:
    """Every breach of I1 to I5 and I8; empty when the books are right. Reads all of them, a part at a time.

    I6, I7 and I9 are compared with Stripe and Xero (checks).
    """
    found = await _standing()
    for judge, (following, first) in _NEXT.items():
        last: Any = first
        while ids := [row["id"] for row in await db.fetch(following, last)]:
            found += await _breaches(judge, ids)
            last = ids[-1]
    return found


async def forget_changes() -> None:
    """All is about to be looked at: what changed until now needs no look of its own."""
    await db.fetch("DELETE FROM touched")


async def changed(doubtful: Sequence[str]) -> tuple[list[Breach], set[str], bool]:
    """The same of what changed since the last call, and of `doubtful` (what showed a breach before).

    Answers the breaches, which of such subjects were looked at, and whether that was all of them. In the caller's
    transaction, in which what was looked at is forgotten: it is looked at once, or again.
    """
    rows = await db.fetch(_TOUCHED)
    wanted: dict[str, set[Any]] = {
        _PAYMENTS: {row["payment"] for row in rows if row["payment"]},
        _ENTRIES: {row["entry"] for row in rows if row["entry"]},
    }
    for judge, kind in ((_PAYMENTS, UUID), (_ENTRIES, int)):
        about = _ABOUT[judge]
        wanted[judge] |= {kind(one.removeprefix(about)) for one in doubtful if one.startswith(about)}
    found, looked = await _standing(), set()
    for judge, ids in wanted.items():
        if ids:
            found += await _breaches(judge, list(ids))
        looked |= {f"{_ABOUT[judge]}{one}" for one in ids}
    return found, looked, len(rows) < _CHUNK


async def _standing() -> list[Breach]:
    """What does not move: found by small indexes, however much there is."""
    return [breach for sql in (_UNCLEAR, _WAITING, _WEDGED) for breach in await _breaches(sql)]


async def _breaches(sql: str, *args: Any) -> list[Breach]:
    return [Breach(row["invariant"], row["merchant"], row["what"]) for row in await db.fetch(sql, *args)]
