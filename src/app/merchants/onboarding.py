"""The four steps of setup and where each stands, worked out from what the other rooms know; nothing is stored here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.books.connections import Choice
from app.core import db
from app.merchants import payments_setup, requirements

Row = Mapping[str, Any]
MINUTES = {"signin": 1, "verification": 2, "payments": 3, "organisation": 1}

_CONNECTIONS = """
SELECT c.id, c.name, c.state, c.base_currency, c.imported_at, c.import_done, c.import_total,
  EXISTS (SELECT 1 FROM account_choice a WHERE a.connection = c.id AND a.kind = 'payments') AS mapped
FROM connection c WHERE c.merchant = $1 AND c.state <> 'disconnected' ORDER BY c.connected_at
"""
_GRANTED = "SELECT 1 FROM xero_grant WHERE app_user = $1 AND state = 'active'"


@dataclass(frozen=True, slots=True)
class Step:
    """One card of the checklist. `state` is todo, open, checking, needs or done; `items` are what is missing."""

    key: str
    state: str
    detail: str = ""
    items: list[str] = field(default_factory=list)
    due: date | None = None
    action: str = ""
    href: str = ""

    @property
    def minutes(self) -> int:
        """About how long the step takes."""
        return MINUTES[self.key]


@dataclass(frozen=True, slots=True)
class Checklist:
    """The steps, in order; whether Xero must be asked before an organisation can be chosen."""

    steps: list[Step]
    needs_consent: bool

    @property
    def minutes_left(self) -> int:
        """How long the steps take in which it is the merchant's turn."""
        return sum(step.minutes for step in self.steps if step.state not in {"done", "checking"})

    @property
    def complete(self) -> bool:
        """Whether every step is done."""
        return all(step.state == "done" for step in self.steps)


async def checklist(merchant: Row, user_id: UUID, email: str, account: Row | None) -> Checklist:
    """Where `merchant` stands; `account` is its stripe_account row as just read."""
    connections: list[Row] = await db.fetch(_CONNECTIONS, merchant["id"])
    steps = [
        Step("signin", "done", detail=f"Signed in as {email}"),
        _verification(merchant),
        _payments(account),
        _organisation(connections),
    ]
    return Checklist(_open_first(steps), needs_consent=not await granted(user_id))


async def granted(user_id: UUID) -> bool:
    """Whether Xero has shared organisations with this user, and still does."""
    return await db.fetch_value(_GRANTED, user_id) is not None


def suggested(choices: Sequence[Choice], legal_name: str) -> str:
    """The connection id of the organisation that is most likely meant, or empty text: suggested, never chosen for anybody.

    The free one with the confirmed legal name; else the only free one that is no demo.
    """
    free = [choice for choice in choices if choice.state == "free" and not choice.is_demo]
    named = [choice for choice in free if legal_name and choice.name.casefold() == legal_name.casefold()]
    likely = named or free
    return likely[0].xero_connection_id if len(likely) == 1 else ""


async def finished(merchant_id: UUID) -> bool:
    """Whether a merchant can take payments: account active, an organisation connected and mapped."""
    sql = (
        "SELECT EXISTS (SELECT 1 FROM stripe_account WHERE merchant = $1 AND card_payments = 'active') AND EXISTS ("
        "SELECT 1 FROM connection c JOIN account_choice a ON a.connection = c.id AND a.kind = 'payments' "
        "WHERE c.merchant = $1 AND c.state <> 'disconnected')"
    )
    return bool(await db.fetch_value(sql, merchant_id))


@dataclass(frozen=True, slots=True)
class AccountView:
    """The Stripe account as the settings show it. `state` is none, needs, checking, active or restricted."""

    state: str
    id: str
    items: list[str]
    due: date | None
    who: str
    checked_at: datetime | None
    dashboard_href: str


_SHOWN = {"none": "none", "open": "none", "disconnected": "restricted", "rejected": "restricted"}


def account_view(account: Row | None, dashboard: str) -> AccountView:
    """How the Stripe account stands; `dashboard` is the address of Stripe's dashboard."""
    standing = payments_setup.standing(account)
    if account is None or not account["stripe_account_id"]:
        return AccountView("none", "", [], None, "", None, "")
    asked = payments_setup.asked(account)
    mine = requirements.of_merchant(asked)
    items = mine or [item.words for item in asked]
    if standing == "disconnected":
        items = ["Connect your Stripe account to Payportal again."]
    state = "needs" if standing == "active" and mine else _SHOWN.get(standing, standing)
    who = "" if not items else "you" if mine or standing == "disconnected" else "Stripe"
    return AccountView(state, account["stripe_account_id"], items, _due(account), who, account["checked_at"], dashboard)


def _open_first(steps: list[Step]) -> list[Step]:
    """The first step that waits for the merchant is the open one."""
    first = next((step for step in steps if step.state == "todo"), None)
    return [replace(step, state="open") if step is first else step for step in steps]


def _verification(merchant: Row) -> Step:
    if not merchant["details_confirmed_at"]:
        return Step("verification", "todo")
    return Step("verification", "done", detail=merchant["legal_name"], action="Change details", href="/setup/business")


def _payments(account: Row | None) -> Step:
    standing = payments_setup.standing(account)
    if account is None or standing in {"none", "open"}:
        return Step("payments", "todo")
    if standing == "active":
        return _active(account)
    if standing == "disconnected":
        return Step(
            "payments", "needs", items=["Your Stripe account is disconnected from Payportal. Connect it again."]
        )
    if standing == "rejected":
        item = "Stripe does not let this business take card payments. Stripe can say why."
        return Step("payments", "needs", items=[item], action="Contact Stripe", href="https://support.stripe.com")
    if standing == "checking":
        return Step("payments", "checking")
    items = requirements.of_merchant(payments_setup.asked(account))
    return Step("payments", "needs", items=items, due=_due(account))


def _active(account: Row) -> Step:
    items = requirements.of_merchant(payments_setup.asked(account))
    if not items:
        return Step(
            "payments",
            "done",
            "Your customers can pay by card",
            action="Change options",
            href="/setup/payments/options",
        )
    by = f" by {account['deadline_at']:%-d %B %Y}" if account["deadline_at"] else ""
    detail = f"Your customers can pay by card. Stripe also needs{by}: {', '.join(item.lower() for item in items)}."
    return Step("payments", "done", detail, action="Give Stripe the details", href="/setup/payments/refresh")


def _due(account: Row) -> date | None:
    return account["deadline_at"].date() if account["deadline_at"] else None


def _organisation(connections: Sequence[Row]) -> Step:
    if not connections:
        return Step("organisation", "todo")
    broken = [row for row in connections if row["state"] == "broken"]
    if broken:
        item = f"{broken[0]['name']} is disconnected, so its invoices are not updating."
        return Step("organisation", "needs", items=[item], action="Reconnect to Xero", href="/settings/xero")
    unmapped = [row for row in connections if not row["mapped"]]
    if unmapped:
        item = f"The account in {unmapped[0]['name']} that payments are recorded in"
        href = f"/settings/accounts?connection={unmapped[0]['id']}"
        return Step("organisation", "needs", items=[item], action="Choose accounts", href=href)
    return Step("organisation", "done", _connected(connections), action="Connect another", href="/setup/organisation")


def _connected(connections: Sequence[Row]) -> str:
    names = ", ".join(row["name"] for row in connections)
    importing = next((row for row in connections if not row["imported_at"]), None)
    if importing is None or not importing["import_total"]:
        return names
    return f"{names}. Fetching invoices, {importing['import_done']:,} of {importing['import_total']:,}"
