"""Payouts: what Stripe sends to a merchant's bank, and every movement of the balance that is in it. Writer of `payout`.

A payout is read again whenever Stripe tells of it; its lines are read once, when Stripe says that they are complete. Where
the merchant chose a bank account for payouts, what arrived is meant to be moved there in Xero.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import structlog

from app.books import intents, ledger
from app.books.machines import PAYOUT
from app.clients.bundle import Clients
from app.clients.stripe_wire import LineView, PayoutView
from app.core import db, live, states
from app.core.clock import now
from app.core.money import from_stripe

Row = Mapping[str, Any]
log = structlog.get_logger()
GONE = frozenset({"failed", "canceled"})
_SETTLED = frozenset({"charge", "payment"})

_INSERT = """
INSERT INTO payout (id, merchant, stripe_account_id, stripe_payout_id, amount_minor, currency, automatic, arrives_on, failure,
  created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, now()) ON CONFLICT (stripe_account_id, stripe_payout_id) DO NOTHING
"""
_READ = "SELECT * FROM payout WHERE stripe_account_id = $1 AND stripe_payout_id = $2"
_LINES = """
INSERT INTO payout_line (payout, payment, balance_transaction_id, kind, source_id, description, gross_minor, fee_minor,
  net_minor, currency, at)
SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[],
  $10::text[], $11::timestamptz[])
ON CONFLICT (payout, balance_transaction_id) DO NOTHING
"""
_PAID_WITH = """
SELECT id, currency, stripe_payment_intent_id FROM payment WHERE stripe_account_id = $1 AND stripe_payment_intent_id = ANY($2)
"""
# The organisation whose invoices the money paid; else the only one that wants payouts recorded.
_WHERE_TO = """
SELECT DISTINCT p.connection FROM payout_line l JOIN payment p ON p.id = l.payment WHERE l.payout = $1
"""
_ONLY = """
SELECT c.id FROM connection c JOIN account_choice a ON a.connection = c.id AND a.kind = 'bank' AND a.currency = $2
WHERE c.merchant = $1 AND c.state <> 'disconnected'
"""


async def follow(clients: Clients, merchant_id: UUID, stripe_account_id: str, payout_id: str) -> None:
    """Bring a payout to what Stripe says now. Raises Upstream."""
    told = await clients.stripe.payout(stripe_account_id, payout_id)
    if told.livemode != clients.settings.live:
        return
    known = await db.fetch_row(_READ, stripe_account_id, payout_id)
    wanted = told.automatic and told.explained and not (known and known["explained_at"])
    lines = await clients.stripe.payout_lines(stripe_account_id, payout_id) if wanted else []
    async with db.transaction():
        payout = await _held(merchant_id, stripe_account_id, told)
        if lines and not payout["explained_at"]:
            await _explain(payout, lines)
        await _move(payout, told)
        await _record(payout["id"])
        await live.announce(merchant_id)


async def one(merchant_id: UUID, payout_id: UUID) -> Row | None:
    """The merchant's payout, or None."""
    row: Row | None = await db.fetch_row("SELECT * FROM payout WHERE id = $1 AND merchant = $2", payout_id, merchant_id)
    return row


async def _held(merchant_id: UUID, stripe_account_id: str, told: PayoutView) -> Row:
    amount = from_stripe(told.amount, told.currency)
    await db.fetch(
        _INSERT, uuid4(), merchant_id, stripe_account_id, told.id, amount.minor, amount.currency, told.automatic,
        told.arrives.date(), told.created,
    )  # fmt: skip
    row: Row | None = await db.fetch_row(f"{_READ} FOR NO KEY UPDATE", stripe_account_id, told.id)
    assert row is not None
    await ledger.paid_out(row)
    return row


async def _move(payout: Row, told: PayoutView) -> None:
    moved = (
        await states.move(PAYOUT, payout["id"], told.status, changed_at=now(), failure=told.failure[:500])
        if (told.status in PAYOUT.states)
        else False
    )
    await db.fetch(
        "UPDATE payout SET arrives_on = $2 WHERE id = $1 AND arrives_on <> $2", payout["id"], told.arrives.date()
    )
    if moved and told.status in GONE:
        await ledger.paid_out(payout, returned=True)
        await intents.untransfer(payout)
        log.warning("payout.returned", payout=str(payout["id"]), state=told.status)


async def _explain(payout: Row, lines: Sequence[LineView]) -> None:
    """Store every line, each with the payment it belongs to; what our ledger has not heard of yet is booked."""
    intents_told = list({line.payment_intent for line in lines if line.payment_intent})
    found = await db.fetch(_PAID_WITH, payout["stripe_account_id"], intents_told)
    payments = {row["stripe_payment_intent_id"]: row for row in found}
    rows = [_stored(line, payments.get(line.payment_intent)) for line in lines]
    await db.fetch(_LINES, payout["id"], *map(list, zip(*rows, strict=True)))
    entries = [_entry(payout["merchant"], line, payments.get(line.payment_intent)) for line in lines]
    await ledger.record_all([entry for entry in entries if entry])
    await db.fetch("UPDATE payout SET explained_at = now() WHERE id = $1", payout["id"])


def _stored(line: LineView, payment: Row | None) -> tuple[Any, ...]:
    gross, fee, net = (from_stripe(one, line.currency) for one in (line.amount, line.fee, line.net))
    return (
        payment and payment["id"], line.id, line.kind, line.source, line.description, gross.minor, fee.minor, net.minor,
        net.currency, line.created,
    )  # fmt: skip


def _entry(merchant_id: UUID, line: LineView, payment: Row | None) -> ledger.Entry | None:
    """What of a line our ledger has not heard of: a movement that is of no payment of ours; of one, the fee beside a refund
    or dispute, and what these moved in another currency than was paid in.
    """
    gross, fee, net = (from_stripe(one, line.currency) for one in (line.amount, line.fee, line.net))
    if line.kind.startswith("payout") or (payment and line.kind in _SETTLED):
        return None  # booked with the payout, or with the payment itself
    if payment is None:
        sides = ledger.moved(net, debit=ledger.CLEARING, credit=ledger.OTHER)
    else:
        sides = ledger.moved(fee, debit=ledger.FEES, credit=ledger.CLEARING)
        if gross.currency != payment["currency"]:
            sides += ledger.moved(gross, debit=ledger.CLEARING, credit=ledger.CONVERSION)
    if not any(money.minor for _, money in sides):
        return None
    payment_id = payment["id"] if payment else None
    return ledger.Fact(merchant_id, payment_id, "stripe", line.id, "line", line.created), sides


async def _record(payout_id: UUID) -> None:
    """Mean the transfer in Xero once the bank has the money and it is known whose it is."""
    payout = await db.fetch_row("SELECT * FROM payout WHERE id = $1", payout_id)
    if payout is None or payout["state"] != "paid" or (payout["automatic"] and not payout["explained_at"]):
        return
    found = [row["connection"] for row in await db.fetch(_WHERE_TO, payout_id)]
    found = found or [row["id"] for row in await db.fetch(_ONLY, payout["merchant"], payout["currency"])]
    if len(found) == 1:
        await intents.intend_transfer(payout, found[0])
