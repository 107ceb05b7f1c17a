"""Refunds in all their fates: at once, after a while, failing after success, waiting for money.

Stripe keeps its processing fee; the platform's application fee comes back only when asked. Source:
docs.stripe.com/refunds and docs.stripe.com/connect/direct-charges.
"""

from sandbox import stripe_errors, stripe_fees, stripe_ledger, stripe_money, stripe_objects
from sandbox.store import Obj
from sandbox.stripe_cards import card
from sandbox.stripe_events import emit
from sandbox.stripe_world import DAY, Stripe

PENDING_SECONDS, FAILING_SECONDS, REFERENCE_SECONDS = 5.0, 5.0, 8.0
FAILURES = (
    "lost_or_stolen_card expired_or_canceled_card charge_for_pending_refund_disputed insufficient_funds declined "
    "merchant_request unknown"
).split()


def create(stripe: Stripe, account: str, params: Obj) -> Obj:
    """Refund a charge or payment intent, whole or in part. Raises 400 or 404 for what cannot be refunded."""
    charge = _charge(stripe, account, params)
    left = charge["amount"] - charge["amount_refunded"]
    amount = int(params.get("amount", left))
    _check(stripe, charge, amount, left)
    if params.get("refund_application_fee") and not charge["application_fee_amount"]:
        raise stripe_errors.invalid(
            "refund_application_fee", f"Charge {charge['id']} has no application fee to refund."
        )
    waits = charge["status"] == "pending"
    if not waits:
        stripe_ledger.book_charge(stripe, charge)
    refund = stripe_objects.refund(stripe, charge, amount, params)
    stripe.put("refund", refund)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    stripe.put("charge", charge)
    slow = charge["payment_method_details"]["type"] != "card" or card(charge["_number"]).refund == "pending"
    if waits:
        refund["pending_reason"] = "charge_pending"
    elif not _affordable(stripe, charge, amount):
        refund["pending_reason"] = "insufficient_funds"
    elif not slow:
        _pay(stripe, refund, charge)
    emit(stripe, "refund.created", refund)
    emit(stripe, "charge.refunded", charge)
    if slow and refund["pending_reason"] == "processing":
        stripe.later(PENDING_SECONDS, "refund", {"refund": refund["id"]})
    return refund


def _charge(stripe: Stripe, account: str, params: Obj) -> Obj:
    if ("charge" in params) == ("payment_intent" in params):
        raise stripe_errors.invalid(
            "charge", "One of the following params should be provided: payment_intent or charge."
        )
    if "charge" in params:
        return stripe.need("charge", params["charge"], account, "charge")
    intent = stripe.need("payment_intent", params["payment_intent"], account, "payment_intent")
    charge = stripe.find("charge", intent["latest_charge"])
    if charge is None or charge["status"] == "failed":
        raise stripe_errors.invalid(
            "payment_intent",
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            "payment_intent_unexpected_state",
        )
    return charge


def _check(stripe: Stripe, charge: Obj, amount: int, left: int) -> None:
    if charge["status"] == "failed":
        raise stripe_errors.invalid("charge", f"Charge {charge['id']} has not succeeded.", "charge_not_refundable")
    if charge["disputed"] and _charged_back(stripe, charge):
        raise stripe_errors.StripeError(
            400, f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
        )
    if left <= 0:
        raise stripe_errors.StripeError(
            400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if amount <= 0:
        raise stripe_errors.invalid("amount", "Invalid positive integer", "parameter_invalid_integer")
    if amount > left:
        code = charge["currency"]
        raise stripe_errors.invalid(
            "amount",
            f"Refund amount ({stripe_money.display(amount, code)}) is greater than unrefunded amount on charge "
            f"({stripe_money.display(left, code)})",
        )


def _charged_back(stripe: Stripe, charge: Obj) -> bool:
    """Whether the bank holds (or kept) money of it: an inquiry holds none, and what was won came back."""
    disputes = [row for row in stripe.rows("dispute", charge["_account"]) if row["charge"] == charge["id"]]
    return any(row["status"] != "won" and not row["status"].startswith("warning") for row in disputes)


def _affordable(stripe: Stripe, charge: Obj, amount: int) -> bool:
    """Whether the balance covers it; what is short by no more than the charge's own fee is debited from the bank."""
    needed, currency, _ = stripe_ledger.convert(stripe, charge["_account"], amount, charge["currency"])
    sums = stripe_ledger.balances(stripe, charge["_account"])
    booked = stripe.find("balance_transaction", charge["balance_transaction"])
    fee = booked["fee"] if booked is not None else 0
    return sums["available"].get(currency, 0) + sums["pending"].get(currency, 0) + fee >= needed


def _pay(stripe: Stripe, refund: Obj, charge: Obj) -> None:
    """Take the money off the balance and call the refund succeeded."""
    gross, currency, rate = stripe_ledger.convert(stripe, refund["_account"], refund["amount"], refund["currency"])
    fees = []
    if refund["_refund_application_fee"]:
        back = stripe_ledger.refund_application_fee(stripe, charge, refund["amount"])
        if back is not None:
            ours, _, _ = stripe_ledger.convert(stripe, refund["_account"], back["amount"], back["currency"])
            fees = [stripe_fees.application_line(-ours, currency, stripe.application())]
    type = "refund" if charge["payment_method_details"]["type"] == "card" else "payment_refund"
    description = f"REFUND FOR CHARGE ({charge['description'] or charge['id']})"
    line = stripe_ledger.post(
        stripe,
        refund["_account"],
        stripe_ledger.Line(
            -gross,
            currency,
            type,
            refund["id"],
            fees=fees,
            exchange_rate=rate,
            description=description,
        ),
    )
    refund |= {"status": "succeeded", "pending_reason": None, "next_action": None, "balance_transaction": line["id"]}
    stripe.put("refund", refund)
    if card(charge["_number"]).refund == "fails":
        stripe.later(FAILING_SECONDS, "refund_failure", {"refund": refund["id"]})
    elif type == "refund":
        stripe.later(REFERENCE_SECONDS, "refund_reference", {"refund": refund["id"]})


def succeed(stripe: Stripe, refund: Obj) -> bool:
    """A pending refund goes through; False when it is not pending."""
    charge = stripe.find("charge", refund["charge"])
    if refund["status"] not in ("pending", "requires_action") or charge is None or charge["status"] != "succeeded":
        return False
    previous = {"status": refund["status"], "pending_reason": refund["pending_reason"], "balance_transaction": None}
    _pay(stripe, refund, charge)
    _updated(stripe, refund, previous)
    return True


def fail(stripe: Stripe, refund: Obj, reason: str = "unknown") -> bool:
    """A pending or succeeded refund fails: the money returns to the balance. False when it had failed or was cancelled."""
    charge = stripe.find("charge", refund["charge"])
    if refund["status"] not in ("pending", "succeeded", "requires_action") or charge is None:
        return False
    previous = {"status": refund["status"], "failure_reason": None}
    if refund["balance_transaction"] is not None:
        _return_money(stripe, refund)
    refund |= {"status": "failed", "failure_reason": reason, "pending_reason": None, "next_action": None}
    stripe.put("refund", refund)
    _give_back(stripe, charge, refund["amount"])
    _updated(stripe, refund, previous)
    emit(stripe, "refund.failed", refund)
    return True


def _return_money(stripe: Stripe, refund: Obj) -> None:
    taken = stripe.find("balance_transaction", refund["balance_transaction"])
    if taken is not None:
        line = stripe_ledger.post(
            stripe,
            refund["_account"],
            stripe_ledger.Line(
                -taken["amount"],
                taken["currency"],
                "refund_failure",
                refund["id"],
                exchange_rate=taken["exchange_rate"],
                description="REFUND FAILURE",
            ),
        )
        refund["failure_balance_transaction"] = line["id"]


def _give_back(stripe: Stripe, charge: Obj, amount: int) -> None:
    charge["amount_refunded"] -= amount
    charge["refunded"] = False
    stripe.put("charge", charge)


def cancel(stripe: Stripe, refund: Obj) -> Obj:
    """Cancel one that waits for action or money; raises 400 otherwise."""
    waits = refund["status"] == "pending" and refund["pending_reason"] in ("insufficient_funds", "charge_pending")
    if not waits and refund["status"] != "requires_action":
        raise stripe_errors.StripeError(400, f"Refund {refund['id']} cannot be canceled in its current state.")
    charge = stripe.find("charge", refund["charge"])
    previous = {"status": refund["status"]}
    refund |= {"status": "canceled", "pending_reason": None, "next_action": None}
    stripe.put("refund", refund)
    if charge is not None:
        _give_back(stripe, charge, refund["amount"])
    _updated(stripe, refund, previous)
    return refund


def _updated(stripe: Stripe, refund: Obj, previous: Obj) -> None:
    emit(stripe, "refund.updated", refund, previous)
    # The deprecated twin is still sent.
    emit(stripe, "charge.refund.updated", refund, previous)


def require_action(stripe: Stripe, refund: Obj) -> bool:
    """A pending refund needs the customer to say where it goes; they are asked by e-mail. False when it is not pending."""
    if refund["status"] != "pending":
        return False
    email = refund["instructions_email"] or "customer@example.com"
    sent = {"email_sent_at": stripe.now(), "email_sent_to": email}
    previous = {"status": "pending", "pending_reason": refund["pending_reason"], "next_action": None}
    next_action = {
        "type": "display_details",
        "display_details": {"email_sent": sent, "expires_at": stripe.now() + 45 * DAY},
    }
    refund |= {"status": "requires_action", "pending_reason": None, "next_action": next_action}
    stripe.put("refund", refund)
    _updated(stripe, refund, previous)
    return True


def stop_pending(stripe: Stripe, charge: Obj) -> None:
    """What was still pending when the charge was disputed fails: the bank takes the money another way."""
    for refund in stripe.by("refund", "charge", charge["id"]):
        if refund["status"] == "pending":
            fail(stripe, refund, "charge_for_pending_refund_disputed")


def charge_settled(stripe: Stripe, charge: Obj) -> None:
    """Refunds of a bank debit that was still on its way go on once it arrived, and fail with it."""
    for refund in stripe.by("refund", "charge", charge["id"]):
        if refund["status"] == "pending" and refund["pending_reason"] == "charge_pending":
            if charge["status"] == "failed":
                fail(stripe, refund, "merchant_request")
            else:
                stripe_ledger.book_charge(stripe, charge)
                succeed(stripe, refund)


def retry_waiting(stripe: Stripe, account: str) -> None:
    """Pay refunds that waited for money, oldest first, as far as it now reaches."""
    for refund in stripe.rows("refund", account):
        charge = stripe.find("charge", refund["charge"])
        waiting = refund["status"] == "pending" and refund["pending_reason"] == "insufficient_funds"
        if waiting and charge is not None and _affordable(stripe, charge, refund["amount"]):
            succeed(stripe, refund)


def register(stripe: Stripe) -> None:
    """Teach the clock the slow fates."""

    async def settle(payload: Obj) -> None:
        refund = stripe.find("refund", payload["refund"])
        if refund is not None:
            succeed(stripe, refund)

    async def failure(payload: Obj) -> None:
        refund = stripe.find("refund", payload["refund"])
        if refund is not None:
            fail(stripe, refund, "expired_or_canceled_card")

    async def reference(payload: Obj) -> None:
        refund = stripe.find("refund", payload["refund"])
        if refund is not None and refund["status"] == "succeeded":
            details = refund["destination_details"]["card"]
            previous = {
                "destination_details": {"card": {name: details[name] for name in ("reference", "reference_status")}}
            }
            details |= {"reference": str(stripe.world.ids.number(10**15)).zfill(15), "reference_status": "available"}
            stripe.put("refund", refund)
            _updated(stripe, refund, previous)

    stripe.world.clock.on("stripe.refund", settle)
    stripe.world.clock.on("stripe.refund_reference", reference)
    stripe.world.clock.on("stripe.refund_failure", failure)
