"""The console's Stripe pages: accounts, payments, payouts and events, with what may happen to each as buttons.

Every button shows the control call it makes (``/_stripe/…``) and makes just that one.
"""

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
SHOWN = 50


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
        button("Pay out, and the bank refuses", "payouts", account=account["id"], arrive="failed"),
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
    left = charge["amount"] - charge["amount_refunded"]
    if left and not charge["disputed"]:
        half = max(left // 2 // 100 * 100, 1)
        rows = [button("Refund", "refunds", charge=id), button("Refund half", "refunds", charge=id, amount=half)]
        rows += [button("Dispute", "disputes", charge=id), button("Inquiry", "disputes", charge=id, inquiry=True)]
    if charge["payment_method_details"]["type"] != "card" and not charge["amount_refunded"]:
        rows.append(button("Debit bounces late", "debits", charge=id, outcome="fail_late"))
    return rows


def ending_buttons(kind: str, row: Obj) -> list[Button]:
    """How a refund, dispute or payout may end."""
    path = f"{kind}/{row['id']}"
    ends: dict[str, tuple[str, ...]] = {
        "refunds": {"pending": ("succeeded", "failed"), "succeeded": ("failed",)}.get(row["status"], ()),
        "disputes": ("won", "lost") if row["status"] in stripe_disputes.OPEN else (),
        "payouts": {"in_transit": ("paid", "failed"), "paid": ("failed",)}.get(row["status"], ()),
    }
    return [button(end.capitalize(), path, outcome=end) for end in ends[kind]]


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


def _session_of(stripe: Stripe, charge: Obj) -> str | None:
    intent = stripe.find("payment_intent", charge["payment_intent"])
    return None if intent is None else intent["_session"]


def account_page(stripe: Stripe, account: Obj, problem: str = "") -> Response[str]:
    """Everything about one account."""
    id = account["id"]

    def newest(kind: str) -> list[Obj]:
        return stripe.rows(kind, id)[::-1][:SHOWN]

    tables = [
        ("Payments", [(row, charge_buttons(row), _session_of(stripe, row)) for row in newest("charge")]),
        ("Refunds", [(row, ending_buttons("refunds", row), row["charge"]) for row in newest("refund")]),
        ("Disputes", [(row, ending_buttons("disputes", row), row["charge"]) for row in newest("dispute")]),
        ("Payouts", [(row, ending_buttons("payouts", row), row["reconciliation_status"]) for row in newest("payout")]),
    ]
    return page(
        "stripe/account.html",
        account=account_line(stripe, account),
        entries=wants.entries(account),
        buttons=account_buttons(account),
        tables=tables,
        amount=amount,
        sessions=[row for row in newest("checkout.session") if row["status"] == "open"],
        session_amount=lambda row: stripe_money.display(row["amount_total"], row["currency"]),
        events=newest("event"),
        problem=problem,
    )


@get("/console/stripe")
async def overview(stripe: Stripe, problem: str = "") -> Response[str]:
    """Accounts, modes, endpoints and the last deliveries."""
    modes: dict[str, Any] = msgspec.to_builtins(stripe.modes)
    deliveries = stripe.world.webhooks.rows(stripe_events.CHANNEL)[::-1][:SHOWN]
    return page(
        "stripe/overview.html",
        accounts=[account_line(stripe, row) for row in stripe.world.store.all(f"stripe.{KIND}")],
        new=[
            button(f"New account in {name}", "accounts", country=code, display_name=f"{name} Test Shop")
            for code, name in (("NZ", "New Zealand"), ("GB", "United Kingdom"), ("AU", "Australia"))
        ],
        modes=modes.items(),
        slow=button("Bank debits take four days", "modes", bank_debit_seconds=345_600),
        quick=button("Bank debits take seconds", "modes", bank_debit_seconds=None),
        targets=list(stripe_events.targets(stripe)),
        deliveries=deliveries,
        problem=problem,
    )


@get("/console/stripe/{account_id:str}")
async def one_account(stripe: Stripe, account_id: str, problem: str = "") -> Response[str] | Redirect:
    """One account."""
    account = stripe.find(KIND, account_id)
    return see_other("/console/stripe") if account is None else account_page(stripe, account, problem)


@post("/console/stripe/do")
async def do(stripe: Stripe, data: Form) -> Redirect:
    """Make the call a button shows, and come back."""
    back = data.get("back", "")
    place = "/console/stripe" + (f"/{back}" if back and stripe.find(KIND, back) else "")
    try:
        stripe_actions.perform(stripe, data.get("path", ""), data.get("body", "{}").encode())
    except StripeError as refusal:
        return Redirect(place, status_code=303, query_params={"problem": refusal.message})
    return see_other(place)


@post("/console/stripe/redeliver")
async def redeliver(stripe: Stripe, data: Form) -> Redirect:
    """Deliver a stored webhook again."""
    stripe.world.webhooks.redeliver(data.get("id", ""))
    return see_other("/console/stripe")


# ``/console/stripe…``.
HANDLERS = [overview, one_account, do, redeliver]
