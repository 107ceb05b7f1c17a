"""Payouts: automatic ones bundle every available line of a currency, manual ones just an amount.

A payout is pending until it goes to the bank, a minute later; until then a manual one may be cancelled.
Automatic payouts can be itemised (``balance_transactions?payout=``) once reconciliation completed; manual ones never.
``paid`` may still become ``failed``. Source: docs.stripe.com/payouts and docs.stripe.com/payouts/reconciliation.
"""

from sandbox import stripe_accounts, stripe_errors, stripe_ledger, stripe_money, stripe_refunds
from sandbox.store import Obj
from sandbox.stripe_events import emit
from sandbox.stripe_world import Stripe

RECONCILE_SECONDS, SENT_SECONDS = 2.0, 60.0
# What whoever asks for a manual payout may say of it.
SAID = ("description", "metadata", "method", "source_type", "statement_descriptor")
FAILURES = {
    "no_account": "The bank account could not be located.",
    "account_closed": "The bank account has been closed.",
    "could_not_process": "The bank could not process this payout.",
}


def automatic(stripe: Stripe, account: str, *, include_pending: bool = False) -> list[Obj]:
    """One payout per currency with something to pay; ``include_pending`` makes everything available first."""
    if include_pending:
        stripe_ledger.release(stripe, account, 2**62)
    open_lines: dict[str, list[Obj]] = {}
    for line in stripe.by("balance_transaction", "payout", None):
        if line["_account"] == account and line["status"] == "available":
            open_lines.setdefault(line["currency"], []).append(line)
    return [
        _pay_out(stripe, account, currency, lines, sum(line["net"] for line in lines))
        for currency, lines in open_lines.items()
        if sum(line["net"] for line in lines) > 0
    ]


def manual(stripe: Stripe, account: str, params: Obj) -> Obj:
    """Pay out a given amount; raises 400 when more is asked than is available."""
    currency = stripe_money.check_currency(params["currency"], "currency")
    amount = int(params["amount"])
    if amount <= 0:
        raise stripe_errors.invalid("amount", "Invalid positive integer", "parameter_invalid_integer")
    if currency.upper() in stripe_money.PAYOUT_WHOLE_ONLY and amount % 100:
        raise stripe_errors.invalid("amount", f"Payouts in {currency.upper()} must be evenly divisible by 100.")
    if stripe_ledger.balances(stripe, account)["available"].get(currency, 0) < amount:
        raise stripe_errors.StripeError(
            400,
            "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low.",
            code="balance_insufficient",
        )
    bank = stripe_accounts.bank_id(stripe, account)
    if params.get("destination", bank) != bank:
        raise stripe_errors.no_such("external account", params["destination"], "destination", 400)
    said = {name: params[name] for name in SAID if params.get(name)}
    return _pay_out(stripe, account, currency, [], amount, said)


def _pay_out(
    stripe: Stripe, account: str, currency: str, lines: list[Obj], amount: int, said: Obj | None = None
) -> Obj:
    payout = _build(stripe, account, currency, amount, automatic=bool(lines)) | (said or {})
    booked = stripe_ledger.Line(-amount, currency, "payout", payout["id"], "STRIPE PAYOUT")
    line = stripe_ledger.post(stripe, account, booked)
    payout["balance_transaction"] = line["id"]
    # A manual payout's line stays open, so that the next automatic payout nets it out.
    for own in [*lines, line] if lines else []:
        own["_payout"] = payout["id"]
        stripe.put("balance_transaction", own)
    stripe.put("payout", payout)
    emit(stripe, "payout.created", payout)
    stripe.later(SENT_SECONDS, "payout_sent", {"payout": payout["id"]})
    stripe.world.clock.schedule(payout["arrival_date"], "stripe.payout_arrival", {"payout": payout["id"]})
    if lines:
        stripe.later(RECONCILE_SECONDS, "payout_reconciled", {"payout": payout["id"]})
    return payout


def _build(stripe: Stripe, account: str, currency: str, amount: int, *, automatic: bool) -> Obj:
    return {
        "id": stripe.id("po_1"),
        "object": "payout",
        "_account": account,
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": stripe_ledger.midnight_in(stripe, 1),
        "automatic": automatic,
        "balance_transaction": None,
        "created": stripe.now(),
        "currency": currency,
        "description": "STRIPE PAYOUT",
        "destination": stripe_accounts.bank_id(stripe, account),
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": stripe.livemode,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "in_progress" if automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": "pending",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
    }


def arrive(stripe: Stripe, payout: Obj) -> bool:
    """The bank has the money, or refuses it where the account's bank details say so; False when it was settled."""
    if payout["status"] not in ("pending", "in_transit"):
        return False
    refusal = stripe_accounts.payout_failure(stripe, payout["_account"])
    if refusal:
        return fail(stripe, payout, refusal)
    payout |= {"status": "paid", "trace_id": {"status": "supported", "value": stripe.id("", 12).upper()}}
    stripe.put("payout", payout)
    emit(stripe, "payout.paid", payout)
    return True


def fail(stripe: Stripe, payout: Obj, code: str = "no_account") -> bool:
    """The payout comes back, even one that was paid; False when it had failed or was cancelled."""
    if payout["status"] not in ("pending", "in_transit", "paid"):
        return False
    back = stripe_ledger.Line(
        payout["amount"], payout["currency"], "payout_failure", payout["id"], "STRIPE PAYOUT FAILURE"
    )
    line = stripe_ledger.post(stripe, payout["_account"], back)
    payout |= {"status": "failed", "failure_code": code, "failure_balance_transaction": line["id"]}
    payout["failure_message"] = FAILURES.get(code, FAILURES["could_not_process"])
    stripe.put("payout", payout)
    emit(stripe, "payout.failed", payout)
    return True


def cancel(stripe: Stripe, payout: Obj) -> Obj:
    """Take a manual payout back before it goes to the bank; raises 400 afterwards, and for an automatic one."""
    if payout["automatic"] or payout["status"] != "pending":
        why = "it was created automatically" if payout["automatic"] else f"it is {payout['status']}"
        raise stripe_errors.StripeError(
            400, f"Payout {payout['id']} cannot be canceled because {why}.", code="payout_not_cancelable"
        )
    back = stripe_ledger.Line(
        payout["amount"], payout["currency"], "payout_cancel", payout["id"], "STRIPE PAYOUT CANCEL"
    )
    stripe_ledger.post(stripe, payout["_account"], back)
    payout["status"] = "canceled"
    stripe.put("payout", payout)
    emit(stripe, "payout.canceled", payout)
    return payout


def lines_of(stripe: Stripe, account: str, id: str) -> list[Obj]:
    """The balance transactions an automatic payout settles, its own negative line included. Raises 400 for a manual one."""
    payout = stripe.need("payout", id, account, "payout")
    if not payout["automatic"]:
        raise stripe_errors.invalid(
            "payout", "Balance transaction history can only be filtered on automatic transfers, not manual."
        )
    if payout["reconciliation_status"] != "completed":
        raise stripe_errors.invalid(
            "payout",
            "The balance transactions of this payout are not ready yet. Wait for payout.reconciliation_completed.",
            "payout_reconciliation_not_ready",
        )
    return stripe.by("balance_transaction", "payout", id)


def register(stripe: Stripe) -> None:
    """Teach the clock when money becomes available, is paid out and arrives."""

    async def available(payload: Obj) -> None:
        account = payload["account"]
        stripe.world.store.delete("stripe._available", f"{account}:{payload['at']}")
        stripe_ledger.release(stripe, account, payload["at"])
        stripe_refunds.retry_waiting(stripe, account)
        if stripe.modes.automatic_payouts and stripe_accounts.pays_out_daily(stripe, account):
            automatic(stripe, account)

    async def sent(payload: Obj) -> None:
        payout = stripe.find("payout", payload["payout"])
        if payout is not None and payout["status"] == "pending":
            payout["status"] = "in_transit"
            stripe.put("payout", payout)
            emit(stripe, "payout.updated", payout, {"status": "pending"})

    async def arrival(payload: Obj) -> None:
        payout = stripe.find("payout", payload["payout"])
        if payout is not None:
            arrive(stripe, payout)

    async def reconciled(payload: Obj) -> None:
        payout = stripe.find("payout", payload["payout"])
        if payout is not None and payout["reconciliation_status"] == "in_progress":
            payout["reconciliation_status"] = "completed"
            stripe.put("payout", payout)
            emit(stripe, "payout.reconciliation_completed", payout)

    stripe.world.clock.on("stripe.available", available)
    stripe.world.clock.on("stripe.payout_sent", sent)
    stripe.world.clock.on("stripe.payout_arrival", arrival)
    stripe.world.clock.on("stripe.payout_reconciled", reconciled)
