"""The requests that are meant for Xero, as it will see them: which accounts, which day, which amounts; or why there is none yet.

Amounts are exact decimals, dates the organisation's own. Part of the room `intents`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.core import db
from app.core.clock import date_in, now
from app.core.money import Money

Row = Mapping[str, Any]
# What Stripe makes of another currency is known within seconds; after this long Xero's own rate counts.
WAITS, RATE_PATIENCE = "waits", timedelta(hours=1)
_CHOSEN = """
SELECT a.xero_account_id, a.code, a.name, a.tax_type, a.by_payout, COALESCE(NULLIF(a.account_currency, ''),
  CASE WHEN c.base_currency IN ('', a.currency) THEN a.currency ELSE '' END) AS kept_in
FROM account_choice a JOIN connection c ON c.id = a.connection
WHERE a.connection = $1 AND a.kind = $2 AND a.currency = $3
"""


class Cannot(Exception):
    """The request cannot be made as things are; `reason` as in `writeback.words`, or WAITS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def chosen(connection_id: UUID, kind: str, currency: str) -> Row | None:
    """The account chosen for payments in a currency, or (currency "") for fees or refunds, with the currency it is kept in.

    `kept_in` is "" where that is not known: chosen before we noted it, for another currency than the organisation's own.
    """
    row: Row | None = await db.fetch_row(_CHOSEN, connection_id, kind, currency)
    return row


async def element(row: Row) -> dict[str, Any]:
    """What is sent for a row of `write_back` with what is beside it (`intents`). Raises Cannot."""
    amount = Money(row["amount_minor"], row["currency"]).decimal
    if row["kind"] == "transfer":
        return await _transfer(row)
    if row["kind"] == "reversal":
        return {"Status": "DELETED"}
    on = _on(row)
    if row["kind"] == "fee":
        return await _fee(row, amount, on)
    if row["kind"] == "credit_note":
        return await _credit_note(row, amount, on)
    account = await chosen(row["connection"], "payments", row["currency"])
    if account is None:
        raise Cannot("account_missing")
    if row["kind"] == "overpayment":
        return _overpayment(row, amount, on, account)
    refund = row["kind"] == "credit_refund"
    of = {"CreditNote": {"CreditNoteID": row["credit_note_id"]}} if refund else _invoice(row)
    element = of | {
        "Account": {"AccountID": account["xero_account_id"]},
        "Date": on,
        "Amount": amount,
        "Reference": row["reference"],
    }
    return element | (_out_of_the_bank if refund else _in_the_bank)(row, account["kept_in"])


def _invoice(row: Row) -> dict[str, Any]:
    return {"Invoice": {"InvoiceID": row["xero_invoice_id"]}}


def _in_the_bank(row: Row, kept_in: str) -> dict[str, Any]:
    """What a payment in another currency brought to an account that is kept in Stripe's: Stripe's own figure, no rate of ours.

    Where Stripe settles in neither, Xero's own rate counts. Raises Cannot while Stripe has not said it.
    """
    if kept_in in {"", row["currency"]}:
        return {}
    if not row["settlement_currency"] and now() < row["paid_at"] + RATE_PATIENCE:
        raise Cannot(WAITS)
    if row["settlement_currency"] != kept_in:
        return {}
    brought = part_of(row["settled_minor"], row["amount_minor"], row["paid_minor"])
    return {"BankAmount": Money(brought, kept_in).decimal}


def _out_of_the_bank(row: Row, kept_in: str) -> dict[str, Any]:
    """What a refund in another currency took from an account that is kept in Stripe's: as above, its own figure."""
    if kept_in in {"", row["currency"]}:
        return {}
    if not row["moved_currency"] and now() < row["refunded_at"] + RATE_PATIENCE:
        raise Cannot(WAITS)
    if row["moved_currency"] != kept_in:
        return {}
    took = part_of(row["moved_minor"], row["amount_minor"], row["refund_minor"])
    return {"BankAmount": Money(took, kept_in).decimal}


async def _credit_note(row: Row, amount: Decimal, on: str) -> dict[str, Any]:
    """What the merchant owes the customer back, by one line on the account and tax rate chosen for that (facts §5.5)."""
    account = await chosen(row["connection"], "refunds", "")
    if account is None:
        raise Cannot("refunds_account")
    line = _line(f"Refund of invoice {row['number']}", amount, account)
    return {
        "Type": "ACCRECCREDIT",
        "Status": "AUTHORISED",
        "Contact": {"ContactID": row["contact_id"]},
        "Date": on,
        "LineAmountTypes": "Inclusive",
        "LineItems": [line],
        "CurrencyCode": row["currency"],
        "Reference": row["reference"],
    }


def _line(description: str, amount: Decimal, account: Row) -> dict[str, Any]:
    line: dict[str, Any] = {"Description": description, "Quantity": 1, "UnitAmount": amount}
    line |= {"AccountCode": account["code"]} if account["code"] else {"AccountID": account["xero_account_id"]}
    return line | ({"TaxType": account["tax_type"]} if account["tax_type"] else {})


def part_of(whole: int, part: int, of: int) -> int:
    """`whole` in the proportion of `part` to `of`, to the nearest unit, halves away from zero."""
    share = (2 * abs(whole * part) + of) // (2 * of)
    return share if whole * part >= 0 else -share


async def _transfer(row: Row) -> dict[str, Any]:
    """From the account that takes payments to the bank account chosen for payouts, on the day the bank had it.

    A negative payout is what Stripe collected from the bank. Xero moves one amount between accounts of one currency.
    """
    clearing = await chosen(row["connection"], "payments", row["currency"])
    bank = await chosen(row["connection"], "bank", row["currency"])
    if clearing is None:
        raise Cannot("account_missing")
    if bank is None or not clearing["kept_in"] == bank["kept_in"] == row["currency"]:
        raise Cannot("payout_currency")
    source, target = (clearing, bank) if row["amount_minor"] >= 0 else (bank, clearing)
    return {
        "FromBankAccount": {"AccountID": source["xero_account_id"]},
        "ToBankAccount": {"AccountID": target["xero_account_id"]},
        "Amount": Money(abs(row["amount_minor"]), row["currency"]).decimal,
        "Date": _on(row),
        "Reference": row["reference"],
    }


async def _spent_from(row: Row) -> Row:
    """The account a fee is spent from: the payment's own if it is kept in the fee's currency, else the one chosen for that."""
    wanted = dict.fromkeys((row["paid_currency"] or row["currency"], row["currency"]))
    found = [one for one in [await chosen(row["connection"], "payments", code) for code in wanted] if one]
    if not found:
        raise Cannot("account_missing")
    fitting = next((one for one in found if one["kept_in"] == row["currency"]), None)
    if fitting is None:
        raise Cannot("fee_currency")
    return fitting


def _overpayment(row: Row, amount: Decimal, on: str, bank: Row) -> dict[str, Any]:
    """Exactly one line, which Xero codes to what customers owe by itself (facts §5.5)."""
    return {
        "Type": "RECEIVE-OVERPAYMENT",
        "Contact": {"ContactID": row["contact_id"]},
        "LineAmountTypes": "NoTax",
        "LineItems": [{"Description": f"Overpayment of invoice {row['number']}", "LineAmount": amount}],
        "BankAccount": {"AccountID": bank["xero_account_id"]},
        "CurrencyCode": row["currency"],
        "Date": on,
        "Reference": row["reference"],
    }


async def _fee(row: Row, amount: Decimal, on: str) -> dict[str, Any]:
    bank, fees = await _spent_from(row), await chosen(row["connection"], "fees", "")
    if fees is None:
        raise Cannot("account_missing")
    of = (
        f"Stripe fees of payout {row['stripe_payout_id']}"
        if row["payout"]
        else f"Stripe fee for invoice {row['number']}"
    )
    return {
        "Type": "SPEND",
        "Contact": {"Name": "Stripe"},
        "LineAmountTypes": "Inclusive",
        "LineItems": [_line(of, amount, fees)],
        "BankAccount": {"AccountID": bank["xero_account_id"]},
        "Date": on,
        "Reference": row["reference"],
    }


def _on(row: Row) -> str:
    """The day it counts for: the one that a person chose, else that of the payout, the refund or the payment."""
    known = row["dated_on"] or row["arrives_on"]
    return known.isoformat() if known else _day(row["timezone"], row["refunded_at"] or row["paid_at"])


def _day(zone: str, paid_at: datetime | None) -> str:
    return date_in(zone or "UTC", paid_at).isoformat()
