"""Payouts: what Stripe sends to a merchant's bank, and every movement of the balance that is in it. Writer of `payout`.

A payout is read again whenever Stripe tells of it; its lines are read once, when Stripe says that they are complete. Where
the merchant chose a bank account for payouts, what arrived is meant to be moved there in Xero.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import structlog

from app.books import intents, ledger, payments
from app.books.machines import PAYOUT
from app.clients.bundle import Clients
from app.clients.stripe_wire import LineView, PayoutView
from app.core import db, live, states
from app.core.clock import now
from app.core.money import Money, from_stripe

Row = Mapping[str, Any]
log = structlog.get_logger()
GONE = frozenset({"failed", "canceled"})
_SETTLED = frozenset({"charge", "payment"})
_OWN = frozenset({"payout", "payout_failure", "payout_cancel"})
_BACK = frozenset({"refund", "payment_refund", "refund_failure", "payment_failure_refund"})

_INSERT = """
INSERT INTO payout (id, merchant, stripe_account_id, stripe_payout_id, amount_minor, currency, automatic, arrives_on, failure,
  created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, now()) ON CONFLICT (stripe_account_id, stripe_payout_id) DO NOTHING
"""
_READ = "SELECT * FROM payout WHERE stripe_account_id = $1 AND stripe_payout_id = $2"
_LINES = """
INSERT INTO payout_line (payout, payment, balance_transaction_id, kind, source_id, description, gross_minor, fee_minor,
  net_minor, currency, at, source_minor)
SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[],
  $10::text[], $11::timestamptz[], $12::bigint[])
ON CONFLICT (payout, balance_transaction_id) DO NOTHING
"""
_PAID_WITH = """
SELECT * FROM payment WHERE stripe_account_id = $1 AND stripe_payment_intent_id = ANY($2)
"""
# The organisations whose invoices the money paid; where it paid none, the only one that wants payouts recorded.
_WHERE_TO = """
SELECT DISTINCT p.connection FROM payout_line l JOIN payment p ON p.id = l.payment WHERE l.payout = $1
"""
_WANTED = """
SELECT c.id, bool_or(a.currency = $2) AS fits FROM connection c JOIN account_choice a ON a.connection = c.id AND a.kind = 'bank'
WHERE c.merchant = $1 AND c.state <> 'disconnected' GROUP BY c.id ORDER BY c.id
"""
# What customers of ours may have paid without our having heard of it.
_UNHEARD = """
SELECT DISTINCT a.amount_minor, a.currency FROM attempt a WHERE a.merchant = $1 AND a.stripe_account_id = $2
  AND a.changed_at > now() - interval '90 days'
  AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.invoice = a.invoice AND p.attempt = a.id)
"""


async def follow(clients: Clients, merchant_id: UUID, stripe_account_id: str, payout_id: str) -> None:
    """Bring a payout to what Stripe says now. Raises Upstream."""
    told = await clients.stripe.payout(stripe_account_id, payout_id)
    if told.livemode != clients.settings.live:
        return
    known = await db.fetch_row(_READ, stripe_account_id, payout_id)
    wanted = told.automatic and told.explained and not (known and known["explained_at"])
    lines = await clients.stripe.payout_lines(stripe_account_id, payout_id) if wanted else []
    await _bring_in(clients, merchant_id, stripe_account_id, lines)
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


async def _bring_in(clients: Clients, merchant_id: UUID, stripe_account_id: str, lines: Sequence[LineView]) -> None:
    """Payments of ours in a payout that no notification told of: they are heard of before the payout is booked."""
    charged = {line.payment_intent: line for line in lines if line.kind in _SETTLED and line.payment_intent}
    for row in await db.fetch(_PAID_WITH, stripe_account_id, list(charged)):
        charged.pop(row["stripe_payment_intent_id"])
    if not charged:
        return
    unheard = {
        (row["amount_minor"], row["currency"]) for row in await db.fetch(_UNHEARD, merchant_id, stripe_account_id)
    }
    for intent_id, line in charged.items():
        paid = from_stripe(line.source_amount, line.source_currency or line.currency)
        if (paid.minor, paid.currency) in unheard:
            await payments.settle(clients, stripe_account_id, intent_id)


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
    known = {row["stripe_payment_intent_id"]: row for row in found}
    rows = [_stored(line, known.get(line.payment_intent)) for line in lines]
    await db.fetch(_LINES, payout["id"], *map(list, zip(*rows, strict=True)))
    entries = [_entry(payout["merchant"], line, known.get(line.payment_intent)) for line in lines]
    await ledger.record_all([entry for entry in entries if entry])
    for intent_id in {line.payment_intent for line in lines if line.kind in _BACK}:
        if payment := known.get(intent_id):
            await _difference(payment)
    await db.fetch("UPDATE payout SET explained_at = now() WHERE id = $1", payout["id"])


async def _difference(payment: Row) -> None:
    """All of a payment went back, at another rate than it came: what that cost or brought."""
    settled_in = payment["settlement_currency"]
    if settled_in in {"", payment["currency"]}:
        return
    held = await ledger.balances(payment["id"])
    if held.get((ledger.CONVERSION, payment["currency"]), 0):
        return
    if more := held.get((ledger.CONVERSION, settled_in), 0):
        await intents.intend_difference(payment, Money(more, settled_in))


def _stored(line: LineView, payment: Row | None) -> tuple[Any, ...]:
    gross, fee, net = (from_stripe(one, line.currency) for one in (line.amount, line.fee, line.net))
    paid = from_stripe(line.source_amount, line.source_currency) if line.source_currency else None
    foreign = payment and paid and paid.currency == payment["currency"] != gross.currency
    source_minor = (paid.minor if gross.minor >= 0 else -paid.minor) if paid and foreign else None
    return (
        payment and payment["id"], line.id, line.kind, line.source, line.description, gross.minor, fee.minor, net.minor,
        net.currency, line.created, source_minor,
    )  # fmt: skip


def _entry(merchant_id: UUID, line: LineView, payment: Row | None) -> ledger.Entry | None:
    """What of a line our ledger has not heard of: a movement that is of no payment of ours; of one, the fee beside a refund
    or dispute, and what these moved in another currency than was paid in.
    """
    gross, fee, net = (from_stripe(one, line.currency) for one in (line.amount, line.fee, line.net))
    if line.kind in _OWN or (payment and line.kind in _SETTLED):
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
    of = [row["connection"] for row in await db.fetch(_WHERE_TO, payout_id)]
    for connection_id in of:
        row_id = await intents.intend_fees(payout, connection_id)
        if row_id is not None and len(of) > 1:
            await intents.put_aside(row_id, "payout_mixed", payout["merchant"])
    if not payout["amount_minor"]:
        return
    wanted = {row["id"]: row["fits"] for row in await db.fetch(_WANTED, payout["merchant"], payout["currency"])}
    asking = [one for one in of or wanted if one in wanted]
    if len(of) > 1 and asking:
        await intents.transfer_by_hand(payout, asking[0], "payout_mixed")
        return
    fitting = [one for one in asking if wanted[one]]
    if len(fitting) == 1:
        await intents.intend_transfer(payout, fitting[0])
    elif len(asking) == 1:
        await intents.transfer_by_hand(payout, asking[0], "payout_currency")
