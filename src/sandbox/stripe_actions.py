"""What a merchant, a bank or a customer would do, as orders: their shapes and what carries them out.

Raised refusals are ``StripeError``; everything returned is the object that changed. ``stripe_control`` serves these over
HTTP, the console's buttons come through ``perform``.
"""

from collections.abc import Callable
from typing import Any, Literal, cast

import msgspec

from sandbox import (
    stripe_accounts,
    stripe_banks,
    stripe_cards,
    stripe_debits,
    stripe_disputes,
    stripe_errors,
    stripe_payments,
    stripe_payouts,
    stripe_refunds,
    stripe_sessions,
    stripe_setup,
)
from sandbox.store import Obj
from sandbox.stripe_accounts import KIND
from sandbox.stripe_world import Stripe


class Debit(msgspec.Struct, forbid_unknown_fields=True):
    """``outcome``: succeed, fail (with a failure ``code``), or fail_late (it comes back after it had succeeded)."""

    charge: str
    outcome: str = "succeed"
    code: str = "insufficient_funds"


class Refund(msgspec.Struct, forbid_unknown_fields=True):
    """What the merchant does in its Dashboard: the whole charge unless ``amount`` says less."""

    charge: str
    amount: int | None = None
    reason: str | None = None
    refund_application_fee: bool = False


class Dispute(msgspec.Struct, forbid_unknown_fields=True):
    """A customer disputes a charge with their bank; an ``inquiry`` moves no money, a ``prevented`` one is over at once."""

    charge: str
    reason: str = "fraudulent"
    inquiry: bool = False
    prevented: bool = False
    amount: int | None = None


class Payout(msgspec.Struct, forbid_unknown_fields=True):
    """An automatic payout of everything available, per currency; ``include_pending`` does not wait for the two days.

    ``arrive``: settle it at once, as "paid" or "failed" (by default it arrives at midnight UTC).
    """

    account: str
    include_pending: bool = True
    arrive: str | None = None


class Outcome(msgspec.Struct, forbid_unknown_fields=True):
    """How something goes on: ``paid``/``failed`` (payout), ``succeeded``/``failed``/``requires_action`` (refund),
    ``won``/``lost``/``escalated``/``appeal`` (dispute); ``code`` says why it failed.
    """

    outcome: str
    code: str | None = None


class AccountAction(msgspec.Struct, forbid_unknown_fields=True):
    """``action``: complete (fill in test values and check), require (ask for ``description``, due in ``days``), restrict
    (the same, past due now), clear, reject, deauthorise, reconnect, payouts (``on``), method (``name`` on or off).
    """

    action: str
    description: str = "identity.business_details.documents.proof_of_registration"
    days: float = 14
    name: str = ""
    on: bool = True


class NewAccount(msgspec.Struct, forbid_unknown_fields=True):
    """A connected account made without the onboarding page; ``ready`` fills it in and passes the check at once."""

    country: str = "NZ"
    display_name: str = "Test Business"
    contact_email: str = "merchant@example.com"
    currency: str | None = None
    ready: bool = True


class Payment(msgspec.Struct, forbid_unknown_fields=True):
    """Pay an open session without a browser: by ``card`` number (3-D Secure passes unless ``challenge`` is "fail" or
    "leave") or by ``bank`` (a test account number of the session's debit scheme; ``proof`` has an American one proved by
    micro-deposits first: two "amounts" or a "descriptor_code").
    """

    session: str
    card: str | None = "4242424242424242"
    bank: str | None = None
    challenge: Literal["pass", "fail", "leave"] = "pass"
    proof: Literal["", "amounts", "descriptor_code"] = ""
    email: str | None = "customer@example.com"
    name: str | None = "Test Customer"
    country: str | None = None


def pay(stripe: Stripe, order: Payment) -> Obj:
    """Attempt the payment; returns ``{"status", "message", "session", "payment_intent"}``."""
    session = stripe.find("checkout.session", order.session)
    if session is None:
        raise stripe_errors.no_such("checkout.session", order.session)
    if session["status"] != "open":
        raise stripe_errors.StripeError(400, f"This Checkout Session is {session['status']}.")
    result = _attempt(stripe, session, order)
    return {"status": result.status, "message": result.message, "session": session["id"]} | {
        "payment_intent": session["payment_intent"]
    }


def _attempt(stripe: Stripe, session: Obj, order: Payment) -> stripe_payments.Result:
    payer = stripe_payments.Payer(order.email, order.name, order.country)
    if order.bank is not None:
        scheme = stripe_sessions.bank_scheme(session)
        known = {} if scheme is None else {account.number: account for account in scheme.accounts}
        if scheme is None or order.bank not in known or (order.proof and scheme is not stripe_banks.ACH):
            raise stripe_errors.StripeError(400, "This session takes no such bank account.")
        if known[order.bank].failure == "account_number_invalid":
            words = stripe_banks.MESSAGES["account_number_invalid"]
            raise stripe_errors.invalid("bank", words, "account_number_invalid")
        return stripe_debits.pay(stripe, session, scheme, order.bank, payer, order.proof)
    number = order.card or ""
    if not stripe_cards.luhn(number):
        words = stripe_cards.message(("incorrect_number", None))
        raise stripe_errors.StripeError(402, words, type="card_error", code="incorrect_number", param="number")
    year = stripe.world.clock.now().year + 2
    result = stripe_payments.pay_by_card(stripe, session, stripe_cards.card(number), (12, year), payer)
    intent = stripe.find("payment_intent", session["payment_intent"])
    if result.status == "requires_action" and intent is not None and order.challenge != "leave":
        return stripe_payments.finish_challenge(stripe, intent, passed=order.challenge == "pass")
    return result


def debit(stripe: Stripe, order: Debit) -> Obj:
    """End a bank debit."""
    charge = _need(stripe, "charge", order.charge)
    done = {
        "succeed": lambda: stripe_debits.settle(stripe, charge),
        "fail": lambda: stripe_debits.settle(stripe, charge, order.code),
        "fail_late": lambda: stripe_debits.fail_late(stripe, charge, order.code),
    }
    return _done(_choice(done, order.outcome), charge)


def refund(stripe: Stripe, order: Refund) -> Obj:
    """Refund as the merchant's Dashboard does."""
    charge = _need(stripe, "charge", order.charge)
    wanted = {
        name: value for name, value in msgspec.to_builtins(order).items() if value is not None and value is not False
    }
    return stripe_refunds.create(stripe, charge["_account"], wanted)


def end_refund(stripe: Stripe, id: str, order: Outcome) -> Obj:
    """A pending refund succeeds, or any refund fails."""
    row, reason = _need(stripe, "refund", id), order.code or "unknown"
    if reason not in stripe_refunds.FAILURES:
        raise stripe_errors.StripeError(400, f"A refund fails for one of: {', '.join(stripe_refunds.FAILURES)}.")
    ways = {
        "succeeded": lambda: stripe_refunds.succeed(stripe, row),
        "failed": lambda: stripe_refunds.fail(stripe, row, reason),
        "requires_action": lambda: stripe_refunds.require_action(stripe, row),
    }
    return _done(_choice(ways, order.outcome), row)


def dispute(stripe: Stripe, order: Dispute) -> Obj:
    """Open a dispute."""
    charge = _need(stripe, "charge", order.charge)
    if charge["status"] != "succeeded":
        raise stripe_errors.StripeError(400, "Only a succeeded charge can be disputed.")
    if order.inquiry and order.prevented:
        raise stripe_errors.StripeError(400, "A dispute is an inquiry or prevented, not both.")
    return stripe_disputes.create(
        stripe, charge, order.reason, inquiry=order.inquiry, prevented=order.prevented, amount=order.amount
    )


def end_dispute(stripe: Stripe, id: str, order: Outcome) -> Obj:
    """The bank decides."""
    row = _need(stripe, "dispute", id)
    ways = {
        "won": lambda: bool(stripe_disputes.close(stripe, row, won=True)),
        "lost": lambda: bool(stripe_disputes.close(stripe, row, won=False)),
        "escalated": lambda: stripe_disputes.escalate(stripe, row),
        "appeal": lambda: stripe_disputes.appeal(stripe, row),
    }
    return _done(_choice(ways, order.outcome), row)


def payout(stripe: Stripe, order: Payout) -> list[Obj]:
    """Pay out now."""
    _need(stripe, KIND, order.account)
    made = stripe_payouts.automatic(stripe, order.account, include_pending=order.include_pending)
    for row in made if order.arrive else []:
        end_payout(stripe, row["id"], Outcome(order.arrive or ""))
    return made


def end_payout(stripe: Stripe, id: str, order: Outcome) -> Obj:
    """The bank has the payout, or sends it back."""
    row = _need(stripe, "payout", id)
    ways = {
        "paid": lambda: stripe_payouts.arrive(stripe, row),
        "failed": lambda: stripe_payouts.fail(stripe, row, order.code or "no_account"),
    }
    return _done(_choice(ways, order.outcome), row)


def new_account(stripe: Stripe, order: NewAccount) -> Obj:
    """A connected account of the platform's usual shape."""
    params: Obj = {
        "dashboard": "full",
        "contact_email": order.contact_email,
        "display_name": order.display_name,
        "identity": {"country": order.country, "entity_type": "company"},
        "defaults": {"responsibilities": {"fees_collector": "stripe", "losses_collector": "stripe"}},
        "configuration": {"merchant": {"capabilities": {"card_payments": {"requested": True}}}},
    }
    if order.currency:
        params["defaults"]["currency"] = order.currency
    account = stripe_accounts.create(stripe, params)
    if order.ready:
        complete(stripe, account)
    return account


def complete(stripe: Stripe, account: Obj) -> None:
    """Test values everywhere and the check passed, at once."""
    stripe_setup.fill_in(stripe, account)
    stripe_setup.verify(stripe, account)


def act(stripe: Stripe, id: str, order: AccountAction) -> Obj:
    """Do something to a connected account."""
    account = _need(stripe, KIND, id)

    def reject() -> None:
        with stripe_accounts.changing(stripe, account):
            account["_rejected"] = "rejected_fraud"

    def payouts() -> None:
        account["_daily_payouts"] = order.on
        stripe.put(KIND, account)

    def method() -> None:
        off = set(account["_methods_off"]) - {order.name} if order.on else {*account["_methods_off"], order.name}
        account["_methods_off"] = sorted(off)
        stripe.put(KIND, account)

    ways: dict[str, Callable[[], object]] = {
        "complete": lambda: complete(stripe, account),
        "require": lambda: stripe_setup.require(stripe, account, order.description, days=order.days),
        "restrict": lambda: stripe_setup.require(stripe, account, order.description, days=None),
        "clear": lambda: stripe_setup.clear(stripe, account),
        "reject": reject,
        "deauthorise": lambda: stripe_accounts.deauthorise(stripe, account),
        "reconnect": lambda: stripe_accounts.reconnect(stripe, account),
        "payouts": payouts,
        "method": method,
    }
    _choice(ways, order.action)
    return account


def _need(stripe: Stripe, kind: str, id: str) -> Obj:
    row = stripe.find(kind, id)
    if row is None:
        raise stripe_errors.no_such(kind, id)
    return row


def _choice(ways: dict[str, Any], name: str) -> Any:
    if name not in ways:
        raise stripe_errors.StripeError(400, f"Choose one of: {', '.join(ways)}.")
    return ways[name]()


def _done(happened: bool, row: Obj) -> Obj:
    if not happened:
        raise stripe_errors.StripeError(400, f"{row['id']} is {row['status']}: this cannot happen to it now.")
    return row


def set_modes(stripe: Stripe, changes: Obj) -> Obj:
    """Merge into the modes and return them all."""
    try:
        return cast("Obj", msgspec.to_builtins(stripe.set_modes(changes)))
    except msgspec.ValidationError as problem:
        raise stripe_errors.StripeError(400, str(problem)) from problem


def perform(stripe: Stripe, path: str, body: bytes) -> None:
    """Do what ``POST <path>`` with that JSON does; the console's buttons come here. Raises ``StripeError``."""
    name, _, id = path.removeprefix("/_stripe/").partition("/")
    plain: dict[str, tuple[type, Callable[[Stripe, Any], Any]]] = {
        "pay": (Payment, pay),
        "debits": (Debit, debit),
        "refunds": (Refund, refund),
        "disputes": (Dispute, dispute),
        "payouts": (Payout, payout),
        "accounts": (NewAccount, new_account),
    }
    named: dict[str, tuple[type, Callable[[Stripe, str, Any], Any]]] = {
        "refunds": (Outcome, end_refund),
        "disputes": (Outcome, end_dispute),
        "payouts": (Outcome, end_payout),
        "accounts": (AccountAction, act),
    }
    try:
        if name == "modes":
            set_modes(stripe, msgspec.json.decode(body))
        elif id and name in named:
            shape, action = named[name]
            action(stripe, id, msgspec.json.decode(body, type=shape))
        else:
            kind, deed = plain[name]
            deed(stripe, msgspec.json.decode(body, type=kind))
    except (KeyError, msgspec.MsgspecError) as problem:
        raise stripe_errors.StripeError(400, f"No such action: {problem}") from problem
