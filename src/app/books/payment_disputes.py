"""Disputes of a payment: they move the state and the ledger; what is in Xero already is for the merchant to decide.

Every function runs inside the transaction that holds the payment's invoice, attempt and row. Part of the room `payments`.
"""

from collections.abc import Sequence

from app.books import ledger
from app.books.machines import PAYMENT
from app.books.payment_telling import Row, reread, tell
from app.books.payment_xero import follow
from app.clients.stripe_wire import DisputeView
from app.core import states
from app.core.clock import now
from app.core.money import Money, from_stripe

_HELD = frozenset({"needs_response", "under_review", "appeal_needs_response", "appeal_under_review"})
# The money is gone: a bank decided so, or Stripe and the bank settled it before it became a dispute.
_GONE = frozenset({"lost", "prevented"})
_DISPUTED = frozenset({"disputed", "dispute_lost"})


async def follow_disputes(payment: Row, disputes: Sequence[DisputeView]) -> Row:
    """Bring the payment to what its disputes say now, in whatever order that was heard; the row as it is afterwards."""
    held = [one for one in disputes if one.status in _HELD]
    lost = [one for one in disputes if one.status in _GONE]
    if held or (lost and payment["state"] != "dispute_lost"):
        payment = await _held(payment, _sum(payment, held + lost))
    if held or payment["state"] not in _DISPUTED:
        return payment
    if lost:
        return await _lost(payment, prevented=all(one.status == "prevented" for one in lost))
    return await _won(payment) if disputes or payment["state"] == "disputed" else payment


def _sum(payment: Row, disputes: Sequence[DisputeView]) -> Money:
    """What the bank holds, in the payment's currency; all that is left where a dispute is in another one."""
    left = payment["amount_minor"] - payment["refunded_minor"]
    amounts = [from_stripe(one.amount, one.currency) for one in disputes]
    foreign = any(amount.currency != payment["currency"] for amount in amounts)
    whole = left if foreign else min(sum(amount.minor for amount in amounts), payment["amount_minor"])
    return Money(whole, payment["currency"])


async def _held(payment: Row, amount: Money) -> Row:
    """The bank holds the money, for the first time or (an appeal) again; the ledger notes what it did not hold before."""
    moved = await states.move(PAYMENT, payment["id"], "disputed", changed_at=now())
    payment = await reread(payment)
    if payment["state"] != "disputed":
        return payment
    more = Money(amount.minor - (await _booked(payment)).minor, amount.currency)
    if more.minor > 0:
        await ledger.disputed(payment, more, returned=False)
    if moved:
        detail = f"The customer’s bank holds {amount}; answer in Stripe"
        await tell(payment, "attention", "Payment disputed", detail)
    return payment


async def _lost(payment: Row, *, prevented: bool) -> Row:
    if await states.move(PAYMENT, payment["id"], "dispute_lost", changed_at=now()):
        who = (
            "Stripe settled it with the customer’s bank at once" if prevented else "The customer’s bank kept the money"
        )
        detail = f"{who}; book it in Xero as you see fit"
        await tell(payment, "attention", "Dispute lost", detail)
        payment = await reread(payment)
        await follow(payment)
    return payment


async def _won(payment: Row) -> Row:
    """The money is the merchant's again, also when an appeal won what had been lost, less what was refunded meanwhile."""
    refunded = payment["refunded_minor"]
    back = "succeeded" if not refunded else "refunded" if refunded >= payment["amount_minor"] else "refunded_part"
    if not await states.move(PAYMENT, payment["id"], back, _DISPUTED, changed_at=now()):
        return payment
    held = await _booked(payment)
    if held.minor:
        await ledger.disputed(payment, held, returned=True)
    await tell(payment, "paid", "Dispute won", "The money is yours again")
    payment = await reread(payment)
    await follow(payment)
    return payment


async def _booked(payment: Row) -> Money:
    """What the ledger says that the bank holds."""
    held = (await ledger.balances(payment["id"])).get((ledger.DISPUTES, payment["currency"]), 0)
    return Money(held, payment["currency"])
