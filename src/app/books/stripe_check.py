"""I6: what we booked of Stripe's money is what Stripe's own balance transactions say, payment by payment.

Looked at in windows of at most a day (narrower where more happened than fits into 50 pages), from where the last whole look
ended. Whatever only lags is brought up to date first, by the same door as a webhook; what differs even then is a breach.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from app.books import payments, repairs
from app.books.breaches import TOTALS
from app.books.ledger import Breach
from app.clients.bundle import Clients
from app.clients.stripe_wire import LineView
from app.core import db
from app.core.clock import now
from app.core.errors import Upstream
from app.core.money import from_stripe

Row = Mapping[str, Any]
WINDOW = timedelta(days=1)
# What was booked just now may still be on its way to us.
SETTLED = timedelta(minutes=10)
FARTHEST = timedelta(days=7)
MOST = 5_000
NARROWEST = timedelta(minutes=1)
IN = frozenset({"charge", "payment"})
BACK = frozenset({"refund", "payment_refund"})

_OURS = "SELECT * FROM payment WHERE stripe_account_id = $1 AND stripe_payment_intent_id = ANY($2)"
# Said to be booked by Stripe in that time, though Stripe did not list it.
_UNLISTED = """
SELECT * FROM payment WHERE stripe_account_id = $1 AND paid_at >= $2 AND paid_at < $3 AND balance_transaction_id <> ''
  AND NOT balance_transaction_id = ANY($4) ORDER BY paid_at LIMIT 100
"""
_DONE = "INSERT INTO cursor (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value"
_AGAIN = """
SELECT p.* FROM breach b JOIN payment p ON b.subject = 'payment ' || p.id
WHERE b.kind = $1 AND b.merchant = $2 AND b.cleared_at IS NULL
"""


async def check(clients: Clients, account: Row) -> tuple[list[Breach], datetime]:
    """Compare everything since the last whole look (at most a week), and again what differed then; with the look's end.

    `account`: merchant, stripe_account_id and created_at. Call `done` when what was found is kept. Raises Upstream.
    """
    end = now() - SETTLED
    known = await db.fetch_value("SELECT value FROM cursor WHERE name = $1", _cursor(account))
    since = max(datetime.fromisoformat(known) if known else account["created_at"], end - FARTHEST)
    differing = {row["id"]: row for row in await _still(clients, account)}
    window = WINDOW
    while since < end:
        until = min(since + window, end)
        try:
            differing |= {row["id"]: row for row in await _window(clients, account, since, until)}
        except Upstream as error:
            if error.code != "too_many" or window < NARROWEST:
                raise
            window /= 2
            continue
        since = until
    return [Breach(TOTALS, account["merchant"], f"payment {payment_id}") for payment_id in differing], end


async def done(account: Row, end: datetime) -> None:
    """The next look begins where this one ended."""
    await db.fetch(_DONE, _cursor(account), end.isoformat())


def _cursor(account: Row) -> str:
    return f"stripe.totals:{account['stripe_account_id']}"


async def _window(clients: Clients, account: Row, since: datetime, until: datetime) -> list[Row]:
    """The payments of this time that differ even after they were read again."""
    stripe_account = account["stripe_account_id"]
    lines = await clients.stripe.balance_lines(stripe_account, since, until, MOST)
    by_intent: dict[str, list[LineView]] = defaultdict(list)
    for line in lines:
        if line.payment_intent and line.kind in IN | BACK:
            by_intent[line.payment_intent].append(line)
    rows = await db.fetch(_OURS, stripe_account, list(by_intent))
    ours = {row["stripe_payment_intent_id"]: row for row in rows}
    doubtful = [intent for intent, told in by_intent.items() if intent not in ours or not _fits(ours[intent], told)]
    lost = await _bring_in(clients, account, doubtful)
    await repairs.count(account["merchant"], "stripe", lost)
    unlisted = await db.fetch(_UNLISTED, stripe_account, since, until, [line.id for line in lines])
    again = {row["id"]: row for row in [*await db.fetch(_OURS, stripe_account, doubtful), *unlisted]}
    return [row for row in again.values() if not await _agrees(clients, row)]


async def _still(clients: Clients, account: Row) -> list[Row]:
    """Of what differed before, what still does."""
    found = await db.fetch(_AGAIN, TOTALS, account["merchant"])
    for row in found:
        await payments.settle(clients, row["stripe_account_id"], row["stripe_payment_intent_id"])
    return [row for row in await db.fetch(_AGAIN, TOTALS, account["merchant"]) if not await _agrees(clients, row)]


async def _bring_in(clients: Clients, account: Row, intents: Iterable[str]) -> int:
    """Converge to what Stripe says; how many payments of ours we had not known. What others took there is not ours."""
    lost = 0
    for intent in intents:
        known = await payments.by_intent(account["stripe_account_id"], intent)
        settled = await payments.settle(clients, account["stripe_account_id"], intent)
        lost += int(known is None and settled is not None)
    return lost


def _fits(payment: Row, lines: Iterable[LineView]) -> bool:
    """Whether our row says what these lines say; a line that is not among them says nothing."""
    for line in lines:
        if line.kind in IN and not _same(payment, line.id, line.amount, line.fee, line.currency):
            return False
        if line.kind in BACK and not payment["refunded_minor"]:
            return False
    return True


async def _agrees(clients: Clients, payment: Row) -> bool:
    """The last word: the payment against its own charge and balance transaction, as Stripe has them now."""
    try:
        intent = await clients.stripe.intent(payment["stripe_account_id"], payment["stripe_payment_intent_id"])
    except Upstream as error:
        if error.code == "resource_missing":
            return False
        raise
    charge = intent.charge
    if charge is None or charge.balance is None:
        return not payment["balance_transaction_id"]
    booked = charge.balance
    refunded = from_stripe(charge.amount_refunded, charge.currency).minor
    same = _same(payment, booked.id, booked.amount, booked.fee, booked.currency)
    return same and refunded == payment["refunded_minor"]


def _same(payment: Row, balance_id: str, amount: int, fee: int, currency: str) -> bool:
    gross, kept = from_stripe(amount, currency), from_stripe(fee, currency)
    ours = (payment["balance_transaction_id"], payment["settled_minor"], payment["fee_minor"])
    return ours == (balance_id, gross.minor, kept.minor) and payment["settlement_currency"] == gross.currency
