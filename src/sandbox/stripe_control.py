"""What a merchant, a bank or a customer would do, on demand: ``/_stripe/…`` and Stripe's part of ``/_truth``.

Every action answers with the object it changed, in JSON, and refuses with 400 or 404 and Stripe's error object. The
console pages post to the same functions.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Response, get, post

from sandbox import stripe_actions, stripe_errors, stripe_ledger
from sandbox.store import Obj
from sandbox.stripe_accounts import KIND
from sandbox.stripe_world import PLATFORM, Stripe, render

Answer = Response[bytes]


def truth(stripe: Stripe) -> Obj:
    """Every account, session, payment, refund, dispute, payout and balance line, each with its owner."""
    store = stripe.world.store

    def all_of(kind: str) -> list[Obj]:
        return [render(obj) | {"account": obj["_account"] or None} for obj in store.all(f"stripe.{kind}")]

    accounts = store.all(f"stripe.{KIND}")
    return {
        "accounts": [
            {"id": row["id"], "connected": row["_connected"], "currency": row["defaults"]["currency"]}
            | {"balance": stripe_ledger.balances(stripe, row["id"])}
            for row in accounts
        ],
        "sessions": all_of("checkout.session"),
        "payment_intents": all_of("payment_intent"),
        "charges": all_of("charge"),
        "refunds": all_of("refund"),
        "disputes": all_of("dispute"),
        "payouts": all_of("payout"),
        "balance_transactions": [
            row | {"payout": store.get("stripe.balance_transaction", row["id"])["_payout"]}  # type: ignore[index]
            for row in all_of("balance_transaction")
        ],
        "application_fees": all_of("application_fee"),
        "platform": {"id": stripe.platform_id(), "balance": stripe_ledger.balances(stripe, PLATFORM)},
    }


def _answer(action: Callable[[], Any]) -> Answer:
    try:
        value = action()
        shown = [render(row) for row in value] if isinstance(value, list) else render(value)
        return Response(msgspec.json.encode(shown), media_type="application/json")
    except stripe_errors.StripeError as refusal:
        return Response(msgspec.json.encode(refusal.body()), status_code=refusal.status, media_type="application/json")


@get("/_stripe/modes")
async def read_modes(stripe: Stripe) -> Answer:
    """The modes in force."""
    return _answer(lambda: msgspec.to_builtins(stripe.modes))


@post("/_stripe/modes", status_code=200)
async def change_modes(stripe: Stripe, data: dict[str, Any]) -> Answer:
    """Merge into the modes."""
    return _answer(lambda: stripe_actions.set_modes(stripe, data))


@post("/_stripe/pay", status_code=200)
async def pay_session(stripe: Stripe, data: stripe_actions.Payment) -> Answer:
    """Pay a session without a browser."""
    return _answer(lambda: stripe_actions.pay(stripe, data))


@post("/_stripe/debits", status_code=200)
async def end_debit(stripe: Stripe, data: stripe_actions.Debit) -> Answer:
    """End a bank debit."""
    return _answer(lambda: stripe_actions.debit(stripe, data))


@post("/_stripe/refunds", status_code=200)
async def make_refund(stripe: Stripe, data: stripe_actions.Refund) -> Answer:
    """Refund as the Dashboard does."""
    return _answer(lambda: stripe_actions.refund(stripe, data))


@post("/_stripe/refunds/{refund_id:str}", status_code=200)
async def settle_refund(stripe: Stripe, refund_id: str, data: stripe_actions.Outcome) -> Answer:
    """End a refund."""
    return _answer(lambda: stripe_actions.end_refund(stripe, refund_id, data))


@post("/_stripe/disputes", status_code=200)
async def open_dispute(stripe: Stripe, data: stripe_actions.Dispute) -> Answer:
    """Open a dispute."""
    return _answer(lambda: stripe_actions.dispute(stripe, data))


@post("/_stripe/disputes/{dispute_id:str}", status_code=200)
async def settle_dispute(stripe: Stripe, dispute_id: str, data: stripe_actions.Outcome) -> Answer:
    """End a dispute."""
    return _answer(lambda: stripe_actions.end_dispute(stripe, dispute_id, data))


@post("/_stripe/payouts", status_code=200)
async def make_payout(stripe: Stripe, data: stripe_actions.Payout) -> Answer:
    """Pay out now."""
    return _answer(lambda: stripe_actions.payout(stripe, data))


@post("/_stripe/payouts/{payout_id:str}", status_code=200)
async def settle_payout(stripe: Stripe, payout_id: str, data: stripe_actions.Outcome) -> Answer:
    """End a payout."""
    return _answer(lambda: stripe_actions.end_payout(stripe, payout_id, data))


@post("/_stripe/accounts", status_code=200)
async def make_account(stripe: Stripe, data: stripe_actions.NewAccount) -> Answer:
    """A connected account without the onboarding page."""
    return _answer(lambda: stripe_actions.new_account(stripe, data))


@post("/_stripe/accounts/{account_id:str}", status_code=200)
async def act_on_account(stripe: Stripe, account_id: str, data: stripe_actions.AccountAction) -> Answer:
    """Do something to a connected account."""
    return _answer(lambda: stripe_actions.act(stripe, account_id, data))


# ``/_stripe/…``.
HANDLERS = [
    read_modes,
    change_modes,
    pay_session,
    end_debit,
    make_refund,
    settle_refund,
    open_dispute,
    settle_dispute,
    make_payout,
    settle_payout,
    make_account,
    act_on_account,
]
