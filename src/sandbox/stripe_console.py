"""The console's Stripe pages: accounts, payments, payouts and events, with what may happen to each as buttons.

Every button shows the control call it makes (``/_stripe/…``) and makes just that one.
"""

import re
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from sandbox import stripe_accounts, stripe_actions, stripe_disputes, stripe_events, stripe_ledger, stripe_money
from sandbox import stripe_requirements as wants
from sandbox.pages import page, see_other
from sandbox.store import Obj
from sandbox.stripe_accounts import KIND
from sandbox.stripe_errors import StripeError
from sandbox.stripe_world import Stripe

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
SHOWN, DELIVERIES_SHOWN = 50, 10
FOUR_DAYS = 345_600
# A mode and what its button says while it is off and while it is on.
_HABITS = {
    "automatic_payouts": ("Pay out by itself", "Stop paying out by itself"),
    "account_events": ("Send account.updated for v2 accounts too", "Send no account.updated for v2 accounts"),
    "test_events": ("Send live endpoints test events too", "Send live endpoints no test events"),
}


class Button(msgspec.Struct, frozen=True):
    """A control call with words on it."""

    label: str
    path: str
    body: str


def button(label: str, path: str, **body: Any) -> Button:
    """``button("Refund", "refunds", charge="ch_…")``."""
    return Button(label, f"/_stripe/{path}", msgspec.json.encode(body).decode())


def account_buttons(account: Obj) -> list[Button]:
    """What may happen to a connected account."""
    path = f"accounts/{account['id']}"
    if not account["_connected"]:
        return [button("Connect again", path, action="reconnect")]
    rows = [button("Complete onboarding", path, action="complete")] if wants.missing(account) else []
    rows += [
        button("Ask for a document in 14 days", path, action="require", days=14),
        button("Restrict now", path, action="restrict"),
        button("Clear requirements", path, action="clear"),
        button("Reject", path, action="reject"),
        button("Disconnect", path, action="deauthorise"),
        button("Pay out now", "payouts", account=account["id"]),
        button("Pay out, arrived", "payouts", account=account["id"], arrive="paid"),
        button("Pay out, refused by the bank", "payouts", account=account["id"], arrive="failed"),
    ]
    daily = account["_daily_payouts"]
    return [*rows, button(f"Daily payouts {'off' if daily else 'on'}", path, action="payouts", on=not daily)]


def charge_buttons(charge: Obj) -> list[Button]:
    """What may happen to a charge."""
    id = charge["id"]
    if charge["status"] == "pending":
        return [
            button("Debit arrives", "debits", charge=id, outcome="succeed"),
            button("Debit fails", "debits", charge=id, outcome="fail"),
        ]
    if charge["status"] != "succeeded":
        return []
    rows = []
    if charge["amount"] > charge["amount_refunded"] and not charge["disputed"]:
        rows = [
            button("Dispute", "disputes", charge=id),
            button("Dispute: not received", "disputes", charge=id, reason="product_not_received"),
            button("Inquiry", "disputes", charge=id, inquiry=True),
            button("Dispute, prevented", "disputes", charge=id, prevented=True),
        ]
    if charge["payment_method_details"]["type"] != "card" and not charge["amount_refunded"]:
        rows.append(button("Debit bounces late", "debits", charge=id, outcome="fail_late"))
    return rows


_ENDS = {
    "succeeded": "Succeeds",
    "failed": "Fails",
    "requires_action": "Ask the customer",
    "won": "Won",
    "lost": "Lost",
    "escalated": "Becomes a chargeback",
    "appeal": "Appeal",
    "paid": "Arrives",
}


def ending_buttons(kind: str, row: Obj) -> list[Button]:
    """How a refund, dispute or payout may go on."""
    path, status = f"{kind}/{row['id']}", row["status"]
    disputed: dict[str, tuple[str, ...]] = {"lost": ("appeal",)} | dict.fromkeys(stripe_disputes.OPEN, ("won", "lost"))
    if status.startswith("warning") and status in stripe_disputes.OPEN:
        disputed[status] = ("won", "escalated")
    ends: dict[str, tuple[str, ...]] = {
        "refunds": {
            "pending": ("succeeded", "failed", "requires_action"),
            "requires_action": ("succeeded", "failed"),
            "succeeded": ("failed",),
        }.get(status, ()),
        "disputes": disputed.get(status, ()),
        "payouts": {"pending": ("paid", "failed"), "in_transit": ("paid", "failed"), "paid": ("failed",)}.get(
            status, ()
        ),
    }
    words = _ENDS | ({"won": "Close it"} if status.startswith("warning") else {})
    return [button(words[end], path, outcome=end) for end in ends[kind]]


def amount(row: Obj) -> str:
    """Its amount in words."""
    return stripe_money.display(row["amount"], row["currency"])


def account_line(stripe: Stripe, account: Obj) -> Obj:
    """An account for the overview."""
    sums = stripe_ledger.balances(stripe, account["id"])
    parts = [
        f"{stripe_money.display(value, code)} {name}"
        for name, part in sums.items()
        for code, value in part.items()
        if value
    ]
    return {
        "id": account["id"],
        "name": stripe_accounts.display_name(stripe, account["id"]),
        "country": account["identity"]["country"],
        "status": wants.capability(account, "card_payments")["status"] if account["_connected"] else "disconnected",
        "balance": ", ".join(parts) or "nothing",
    }


def account_page(stripe: Stripe, account: Obj, problem: str = "") -> Response[str]:
    """Everything about one account."""
    id = account["id"]

    def newest(kind: str) -> list[Obj]:
        return stripe.rows(kind, id)[::-1][:SHOWN]

    def fates(title: str, kind: str) -> tuple[str, list[tuple[Obj, list[Button], str]]]:
        about = "reconciliation_status" if kind == "payout" else "charge"
        return title, [(row, ending_buttons(f"{kind}s", row), str(row[about])) for row in newest(kind)]

    return page(
        "stripe/account.html",
        account=account_line(stripe, account),
        entries=wants.entries(account),
        buttons=account_buttons(account),
        charges=newest("charge"),
        tables=[fates("Refunds", "refund"), fates("Disputes", "dispute"), fates("Payouts", "payout")],
        amount=amount,
        sessions=[row for row in newest("checkout.session") if row["status"] == "open"],
        pays=lambda row: button("Pay with a good card", "pay", session=row["id"]),
        session_amount=lambda row: stripe_money.display(row["amount_total"], row["currency"]),
        events=newest("event"),
        problem=problem,
    )


def payment_page(stripe: Stripe, charge: Obj, problem: str = "") -> Response[str]:
    """One payment: what it was, what it cost, what became of it and what may happen next."""
    line = stripe.find("balance_transaction", charge["balance_transaction"])
    intent = stripe.find("payment_intent", charge["payment_intent"])
    refunds = [row for row in stripe.rows("refund", charge["_account"]) if row["charge"] == charge["id"]]
    disputes = [row for row in stripe.rows("dispute", charge["_account"]) if row["charge"] == charge["id"]]
    return page(
        "stripe/payment.html",
        account={"id": charge["_account"], "name": stripe_accounts.display_name(stripe, charge["_account"])},
        charge=charge,
        amount=amount,
        left=charge["amount"] - charge["amount_refunded"] if charge["status"] == "succeeded" else 0,
        refund=button("Refund", "refunds", charge=charge["id"]),
        buttons=charge_buttons(charge),
        money=None if line is None else {name: _display(line, name) for name in ("amount", "fee", "net")},
        line=line,
        session=stripe.find("checkout.session", None if intent is None else intent["_session"]),
        proof=_proof_of(intent),
        tables=[
            ("Refunds", [(row, ending_buttons("refunds", row), _why(row)) for row in refunds]),
            ("Disputes", [(row, ending_buttons("disputes", row), row["reason"]) for row in disputes]),
        ],
        problem=problem,
    )


def _why(refund: Obj) -> str:
    """The reason that says most about a refund."""
    return str(refund["failure_reason"] or refund["pending_reason"] or refund["reason"] or "")


def _display(line: Obj, name: str) -> str:
    return stripe_money.display(line[name], line["currency"])


def _proof_of(intent: Obj | None) -> str | None:
    action = (intent or {}).get("next_action") or {}
    return (action.get("verify_with_microdeposits") or {}).get("hosted_verification_url")


def mode_buttons(modes: dict[str, Any]) -> list[Button]:
    """How Stripe may behave otherwise."""
    days = modes["bank_debit_seconds"] == FOUR_DAYS
    rows = [
        button("Bank debits take seconds", "modes", bank_debit_seconds=None)
        if days
        else button("Bank debits take four days", "modes", bank_debit_seconds=FOUR_DAYS)
    ]
    for name, words in _HABITS.items():
        rows.append(button(words[modes[name]], "modes", **{name: not modes[name]}))
    return rows


@get("/console/stripe")
async def overview(stripe: Stripe, problem: str = "") -> Response[str]:
    """Accounts, modes, endpoints and the last deliveries."""
    modes: dict[str, Any] = msgspec.to_builtins(stripe.modes)
    deliveries = stripe.world.webhooks.rows(stripe_events.CHANNEL)[::-1][:DELIVERIES_SHOWN]
    return page(
        "stripe/overview.html",
        accounts=[account_line(stripe, row) for row in stripe.world.store.all(f"stripe.{KIND}")],
        new=[
            button(f"New account in {name}", "accounts", country=code, display_name=f"{name} Test Shop")
            for code, name in (("NZ", "New Zealand"), ("GB", "United Kingdom"), ("AU", "Australia"))
        ],
        modes=modes.items(),
        habits=mode_buttons(modes),
        targets=list(stripe_events.targets(stripe)),
        deliveries=deliveries,
        problem=problem,
    )


@get("/console/stripe/{account_id:str}")
async def one_account(stripe: Stripe, account_id: str, problem: str = "") -> Response[str] | Redirect:
    """One account."""
    account = stripe.find(KIND, account_id)
    return see_other("/console/stripe") if account is None else account_page(stripe, account, problem)


@get("/console/stripe/{account_id:str}/{charge_id:str}")
async def one_payment(stripe: Stripe, account_id: str, charge_id: str, problem: str = "") -> Response[str] | Redirect:
    """One payment of it."""
    charge = stripe.get("charge", charge_id, account_id)
    return see_other(f"/console/stripe/{account_id}") if charge is None else payment_page(stripe, charge, problem)


@post("/console/stripe/do")
async def do(stripe: Stripe, data: Form) -> Redirect:
    """Make the call a button shows (with the amount typed beside it, where there is one), and come back."""
    place = data.get("back", "")
    place = place if re.fullmatch(r"/console/stripe(/\w+){0,2}", place) else "/console/stripe"
    body = data.get("body", "{}")
    try:
        if data.get("amount"):
            body = msgspec.json.encode(
                msgspec.json.decode(body, type=dict) | {"amount": _typed(data["amount"].strip())}
            ).decode()
        stripe_actions.perform(stripe, data.get("path", ""), body.encode())
    except StripeError as refusal:
        return Redirect(place, status_code=303, query_params={"problem": refusal.message})
    except (ValueError, msgspec.MsgspecError):
        words = "The amount is a whole number of the smallest unit, 1250 for 12.50."
        return Redirect(place, status_code=303, query_params={"problem": words})
    return see_other(place)


def _typed(text: str) -> int:
    """An amount as a person types it; raises ValueError for anything but digits."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValueError(text)
    return int(text)


# ``/console/stripe…``.
HANDLERS = [overview, one_account, one_payment, do]
