"""Disputes: opened by test cards or from the console, answered with evidence, won or lost.

A chargeback takes the amount and a fee from the connected account at once and gives both back when it is won; an inquiry
(``warning_*``) moves no money, closes by itself after 120 days, or becomes a chargeback. Nobody answering in time loses. A
lost one may be appealed; one ``prevented`` was settled between Stripe and the bank before it began, and costs no fee.
Source: docs.stripe.com/disputes and docs.stripe.com/testing#disputes.
"""

from typing import Any

from sandbox import stripe_errors, stripe_fees, stripe_ledger, stripe_refunds
from sandbox.store import Obj
from sandbox.stripe_events import emit
from sandbox.stripe_sessions import merged
from sandbox.stripe_world import DAY, Stripe, render

REVIEW_SECONDS = 5.0
OPEN = tuple(f"{kind}{step}" for kind in ("", "warning_", "appeal_") for step in ("needs_response", "under_review"))
DAYS_TO_ANSWER, DAYS_OF_INQUIRY = 9, 120
_EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal "
    "customer_communication customer_email_address customer_name customer_purchase_ip customer_signature "
    "duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt "
    "refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation "
    "shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number "
    "uncategorized_file uncategorized_text"
).split()


def strike(stripe: Stripe, charge: Obj, kind: str) -> None:
    """What a troublesome test card brings: a dispute, two, an inquiry or an early fraud warning."""
    if kind == "warning":
        _fraud_warning(stripe, charge)
    elif kind == "multiple":
        half = charge["amount"] // 2
        create(stripe, charge, "fraudulent", amount=half)
        create(stripe, charge, "product_not_received", amount=charge["amount"] - half)
    else:
        create(stripe, charge, "general" if kind == "inquiry" else kind, inquiry=kind == "inquiry")


def create(
    stripe: Stripe,
    charge: Obj,
    reason: str = "fraudulent",
    *,
    inquiry: bool = False,
    prevented: bool = False,
    amount: int | None = None,
) -> Obj:
    """Open a dispute over a succeeded charge: what is left of it unless ``amount`` says otherwise, all when nothing is left.

    Raises 400 for an amount that the charge never had.
    """
    if amount is not None and not 0 < amount <= charge["amount"]:
        raise stripe_errors.invalid("amount", f"A dispute is about at most the charge's {charge['amount']}.")
    stripe_ledger.book_charge(stripe, charge)
    if not inquiry:
        stripe_refunds.stop_pending(stripe, charge)
    left = charge["amount"] - charge["amount_refunded"] or charge["amount"]
    dispute = _build(stripe, charge, reason, inquiry, amount or left)
    if prevented:
        dispute["status"] = "prevented"
    if not inquiry:
        _withdraw(stripe, dispute, fee=not prevented)
    stripe.put("dispute", dispute)
    charge["disputed"] = True
    stripe.put("charge", charge)
    emit(stripe, "charge.dispute.created", dispute)
    if not inquiry:
        emit(stripe, "charge.dispute.funds_withdrawn", dispute)
    if prevented:
        emit(stripe, "charge.dispute.closed", dispute)
    else:
        days = DAYS_OF_INQUIRY if inquiry else DAYS_TO_ANSWER
        stripe.later(days * DAY, "dispute_deadline", {"dispute": dispute["id"]})
    return dispute


def _build(stripe: Stripe, charge: Obj, reason: str, inquiry: bool, amount: int) -> Obj:
    card = charge["payment_method_details"].get("card")
    details: Obj | None = None
    if card is not None:
        case = "inquiry" if inquiry else "chargeback"
        details = {"brand": card["brand"], "case_type": case, "network": card["network"], "network_reason_code": "10.4"}
        details = {"card": details, "type": "card"}
    return {
        "id": stripe.id("du_1"),
        "object": "dispute",
        "_account": charge["_account"],
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": stripe.now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(_EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": stripe.now() + DAYS_TO_ANSWER * DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": None,
        "is_charge_refundable": inquiry,
        "livemode": stripe.livemode,
        "metadata": {},
        "network_reason_code": "10.4" if card is not None else None,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": details,
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }


def _withdraw(stripe: Stripe, dispute: Obj, *, fee: bool = True) -> None:
    gross, currency, rate = stripe_ledger.convert(stripe, dispute["_account"], dispute["amount"], dispute["currency"])
    costs = stripe_fees.dispute_fee(currency) if fee else 0
    _line(stripe, dispute, -gross, currency, costs, rate, "Chargeback withdrawal")


def _line(stripe: Stripe, dispute: Obj, amount: int, currency: str, fee: int, rate: float | None, words: str) -> None:
    part = {"application": None, "currency": currency, "description": "Dispute fee", "type": "stripe_fee"}
    fees: list[dict[str, Any]] = [{"amount": fee, **part}] if fee else []
    category = "dispute" if amount < 0 else "dispute_reversal"
    line = stripe_ledger.post(
        stripe,
        dispute["_account"],
        stripe_ledger.Line(
            amount,
            currency,
            "adjustment",
            dispute["id"],
            fees=fees,
            exchange_rate=rate,
            description=f"{words} for {dispute['charge']}",
            category=category,
        ),
    )
    dispute["balance_transactions"].append(render(line))


def update(stripe: Stripe, dispute: Obj, params: Obj) -> Obj:
    """Add evidence; ``submit`` (the default) sends it to the bank, which answers after a moment."""
    if dispute["status"] not in OPEN:
        raise stripe_errors.StripeError(400, "This dispute is already closed.")
    dispute["metadata"] = merged(dispute["metadata"], params.get("metadata"))
    evidence = params.get("evidence")
    if evidence:
        dispute["evidence"] |= evidence
        dispute["evidence_details"]["has_evidence"] = True
    if evidence and params.get("submit", True):
        dispute["evidence_details"]["submission_count"] += 1
        dispute["evidence_details"]["submission_method"] = "manual"
        dispute["status"] = dispute["status"].replace("needs_response", "under_review")
        stripe.later(REVIEW_SECONDS, "dispute_review", {"dispute": dispute["id"]})
    stripe.put("dispute", dispute)
    emit(stripe, "charge.dispute.updated", dispute, {})
    return dispute


def close(stripe: Stripe, dispute: Obj, *, won: bool) -> Obj:
    """The bank decides; raises 400 when it had. An inquiry closes without a winner."""
    if dispute["status"] not in OPEN:
        raise stripe_errors.StripeError(400, "This dispute is already closed.")
    inquiry = dispute["status"].startswith("warning")
    dispute["status"] = "warning_closed" if inquiry else "won" if won else "lost"
    if won and not inquiry:
        taken = dispute["balance_transactions"][0]
        _line(
            stripe,
            dispute,
            -taken["amount"],
            taken["currency"],
            -taken["fee"],
            taken["exchange_rate"],
            "Chargeback reversal",
        )
    stripe.put("dispute", dispute)
    if won and not inquiry:
        emit(stripe, "charge.dispute.funds_reinstated", dispute)
    emit(stripe, "charge.dispute.closed", dispute)
    return dispute


def escalate(stripe: Stripe, dispute: Obj) -> bool:
    """An inquiry becomes a chargeback: now the money goes. False for anything else."""
    if dispute["status"] not in ("warning_needs_response", "warning_under_review"):
        return False
    charge, before = stripe.find("charge", dispute["charge"]), dispute["status"]
    if charge is not None:
        stripe_refunds.stop_pending(stripe, charge)
    _withdraw(stripe, dispute)
    dispute |= {"status": "needs_response", "is_charge_refundable": False}
    dispute["evidence_details"] |= {"due_by": stripe.now() + DAYS_TO_ANSWER * DAY, "past_due": False}
    if dispute["payment_method_details"] is not None:
        dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
    stripe.put("dispute", dispute)
    stripe.later(DAYS_TO_ANSWER * DAY, "dispute_deadline", {"dispute": dispute["id"]})
    emit(stripe, "charge.dispute.updated", dispute, {"status": before})
    emit(stripe, "charge.dispute.funds_withdrawn", dispute)
    return True


def appeal(stripe: Stripe, dispute: Obj) -> bool:
    """A lost dispute goes to a second round. False for anything else."""
    if dispute["status"] != "lost":
        return False
    dispute["status"] = "appeal_needs_response"
    dispute["evidence_details"] |= {"due_by": stripe.now() + DAYS_TO_ANSWER * DAY, "past_due": False}
    stripe.put("dispute", dispute)
    stripe.later(DAYS_TO_ANSWER * DAY, "dispute_deadline", {"dispute": dispute["id"]})
    emit(stripe, "charge.dispute.updated", dispute, {"status": "lost"})
    return True


def _fraud_warning(stripe: Stripe, charge: Obj) -> None:
    warning: Obj = {
        "id": stripe.id("issfr_1"),
        "object": "radar.early_fraud_warning",
        "_account": charge["_account"],
        "actionable": True,
        "charge": charge["id"],
        "created": stripe.now(),
        "fraud_type": "misc",
        "livemode": stripe.livemode,
        "payment_intent": charge["payment_intent"],
    }
    stripe.put("radar.early_fraud_warning", warning)
    emit(stripe, "radar.early_fraud_warning.created", warning)


def register(stripe: Stripe) -> None:
    """Teach the clock how a submitted dispute ends: ``winning_evidence`` wins, anything else loses."""

    async def review(payload: Obj) -> None:
        dispute = stripe.find("dispute", payload["dispute"])
        if dispute is not None and dispute["status"].endswith("under_review"):
            close(stripe, dispute, won=dispute["evidence"].get("uncategorized_text") == "winning_evidence")

    async def deadline(payload: Obj) -> None:
        dispute = stripe.find("dispute", payload["dispute"])
        if dispute is None or not dispute["status"].endswith("needs_response"):
            return
        if dispute["status"].startswith("warning") or stripe.now() >= dispute["evidence_details"]["due_by"]:
            dispute["evidence_details"]["past_due"] = True
            close(stripe, dispute, won=False)

    stripe.world.clock.on("stripe.dispute_review", review)
    stripe.world.clock.on("stripe.dispute_deadline", deadline)
