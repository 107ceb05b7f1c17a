"""Which accounts in Xero take payments (one for each currency), fees, payouts and credit notes. Writer of `account_choice`.

Chosen by the merchant from Xero's own list: never free text, never made silently (Xero's certification, facts §8.1).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from app.books import audit, intents
from app.books.access import tenant
from app.books.connections import one
from app.clients.bundle import Clients
from app.clients.xero_wire import XeroAccount, XeroTaxRate
from app.core import db, live
from app.core.errors import Refused

Kind = Literal["payments", "fees", "bank", "refunds"]
SPENDING = frozenset({"EXPENSE", "OVERHEADS", "DIRECTCOSTS"})
EARNING = frozenset({"REVENUE", "SALES", "OTHERINCOME"})
# Chosen once for all currencies, with a tax rate.
_TAXED = frozenset({"fees", "refunds"})

_CHOOSE = """
INSERT INTO account_choice (connection, kind, currency, xero_account_id, code, name, tax_type, account_currency, by_payout)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (connection, kind, currency) DO UPDATE SET xero_account_id = EXCLUDED.xero_account_id, code = EXCLUDED.code,
  name = EXCLUDED.name, tax_type = EXCLUDED.tax_type, account_currency = EXCLUDED.account_currency,
  by_payout = EXCLUDED.by_payout,
  chosen_at = CASE WHEN account_choice.by_payout = EXCLUDED.by_payout THEN account_choice.chosen_at ELSE now() END
"""


def takes_payments(account: XeroAccount) -> bool:
    """Active, and a bank account or one with payments switched on (bank accounts often have that off)."""
    usable = account.status == "ACTIVE" and not account.system_account
    return usable and (account.type == "BANK" or account.takes_payments)


def takes_fees(account: XeroAccount) -> bool:
    """Active, and an account for money spent."""
    spending = account.kind == "EXPENSE" or account.type in SPENDING
    return account.status == "ACTIVE" and not account.system_account and spending


def takes_refunds(account: XeroAccount) -> bool:
    """Active, and an account for money earned: a credit note takes back what an invoice put there."""
    earning = account.kind == "REVENUE" or account.type in EARNING
    return account.status == "ACTIVE" and not account.system_account and earning


@dataclass(frozen=True, slots=True)
class Chart:
    """An organisation's accounts and tax rates as they were when they were read."""

    accounts: Sequence[XeroAccount]
    rates: Sequence[XeroTaxRate]

    @property
    def payments(self) -> list[XeroAccount]:
        """The accounts payments may go to, bank accounts first."""
        found = [account for account in self.accounts if takes_payments(account)]
        return sorted(found, key=lambda account: (account.type != "BANK", account.name.lower()))

    @property
    def fees(self) -> list[XeroAccount]:
        """The accounts fees may go to, by code."""
        found = [account for account in self.accounts if takes_fees(account)]
        return sorted(found, key=lambda account: (account.code, account.name.lower()))

    @property
    def refunds(self) -> list[XeroAccount]:
        """The accounts a credit note may be on, by code."""
        found = [account for account in self.accounts if takes_refunds(account)]
        return sorted(found, key=lambda account: (account.code, account.name.lower()))

    @property
    def banks(self) -> list[XeroAccount]:
        """The bank accounts payouts may arrive on."""
        return [account for account in self.payments if account.type == "BANK"]

    @property
    def fee_rates(self) -> list[XeroTaxRate]:
        """The tax rates a fee may carry."""
        return [rate for rate in self.rates if rate.status == "ACTIVE" and rate.for_expenses]

    @property
    def refund_rates(self) -> list[XeroTaxRate]:
        """The tax rates a credit note may carry."""
        return [rate for rate in self.rates if rate.status == "ACTIVE" and rate.for_revenue]

    def account(self, kind: Kind, xero_account_id: str) -> XeroAccount:
        """The account of that id. Raises Refused when there is none that can take this kind."""
        fitting = {"payments": self.payments, "fees": self.fees, "bank": self.banks, "refunds": self.refunds}[kind]
        found = next((one for one in fitting if one.id == xero_account_id), None)
        if found is None:
            raise Refused("Choose an account from the list: it must be active and able to take this.")
        return found


async def chart(clients: Clients, connection_id: UUID) -> Chart:
    """Both lists as Xero has them now, by one call each: read once for a page or a form, then handed on."""
    return Chart(*await asyncio.gather(_accounts(clients, connection_id), _rates(clients, connection_id)))


async def choose(
    merchant_id: UUID, connection_id: UUID, known: Chart, kind: Kind, currency: str, account_id: str, tax_type: str = "",
    *, by_payout: bool = False,
) -> None:  # fmt: skip
    """Use this account of Xero's from now on; `currency` is "" for credit notes and fees, those by payment or by payout.

    Raises Refused (with words for the form) and NotFound.
    """
    connection = await one(merchant_id, connection_id)
    account = known.account(kind, account_id)
    others = set() if kind == "bank" else {connection["base_currency"]}
    if kind not in _TAXED and account.currency not in {"", currency} | others:
        raise Refused(f"{account.name} is kept in {account.currency}. Choose an account for {currency}.")
    rates = known.refund_rates if kind == "refunds" else known.fee_rates
    if kind in _TAXED and tax_type and all(rate.tax_type != tax_type for rate in rates):
        raise Refused("Choose a tax rate from the list.")
    of, tax = ("", tax_type or account.tax_type) if kind in _TAXED else (currency, "")
    before = (await chosen(connection_id)).get((kind, of))
    kept_in = account.currency or connection["base_currency"]
    async with db.transaction():
        await db.fetch(
            _CHOOSE, connection_id, kind, of, account.id, account.code, account.name, tax, kept_in, by_payout
        )
        if before and before["by_payout"] and kind == "fees" and not by_payout:
            await intents.intend_fees_left(connection_id, before["chosen_at"])
        chose = (account.id, tax, by_payout)
        if before is None or (before["xero_account_id"], before["tax_type"], before["by_payout"]) != chose:
            what = {"kind": kind, "currency": of, "xero_account_id": account.id, "tax_type": tax}
            what |= {"by": "payout"} if by_payout else {}
            await audit.note(merchant_id, audit.actor(), "account_chosen", f"connection:{connection_id}", what)
        await live.announce(merchant_id)


async def chosen(connection_id: UUID) -> dict[tuple[str, str], Any]:
    """The choices so far, by (kind, currency); the currency of fees is ""."""
    rows = await db.fetch("SELECT * FROM account_choice WHERE connection = $1", connection_id)
    return {(row["kind"], row["currency"]): row for row in rows}


async def forget(merchant_id: UUID, connection_id: UUID, kind: Kind, currency: str = "") -> None:
    """Choose nothing for this kind (in one currency, if named) any more: without an account for fees, none are recorded."""
    await one(merchant_id, connection_id)
    async with db.transaction():
        sql = "DELETE FROM account_choice WHERE connection = $1 AND kind = $2 AND $3 IN ('', currency) RETURNING id"
        if await db.fetch(sql, connection_id, kind, currency):
            what = {"kind": kind} | ({"currency": currency} if currency else {})
            await audit.note(merchant_id, audit.actor(), "account_forgotten", f"connection:{connection_id}", what)


async def _accounts(clients: Clients, connection_id: UUID) -> list[XeroAccount]:
    async with tenant(clients, connection_id, "page") as reached:
        return await reached.accounts()


async def _rates(clients: Clients, connection_id: UUID) -> list[XeroTaxRate]:
    async with tenant(clients, connection_id, "page") as reached:
        return await reached.tax_rates()
