"""An organisation's books in double entry, derived from its papers: every entry balances in every currency it touches.

Documents, payments, allocations, bank transactions and transfers are the only things kept; what Xero would recompute
(AmountDue, RemainingCredit, bank balances) is a balance of these entries, so nothing can contradict anything else. A payment
in another currency than its document's goes through a ``trading`` account, so that no rate and no rounding is lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from sandbox.store import Obj, Store

RECEIVABLE, PAYABLE, TAX, TRADING = "receivable", "payable", "tax", "trading"
_POSTED = ("AUTHORISED", "PAID")
_PURCHASES = ("ACCPAY", "ACCPAYCREDIT")
_IN = ("ACCRECPAYMENT", "APCREDITPAYMENT")
_CREDITS = {"RECEIVE-OVERPAYMENT": "overpayment", "RECEIVE-PREPAYMENT": "prepayment"}
_BANK = "bank "


class Line(msgspec.Struct, frozen=True):
    """One side: ``amount`` in cents, debit positive; ``account`` a code, ``bank <id>`` or a role, ``about`` a document."""

    account: str
    currency: str
    amount: int
    about: str = ""


class Entry(msgspec.Struct, frozen=True):
    """What one paper posted; the lines of each currency sum to nothing."""

    source: str
    date: str
    lines: list[Line]


def entries(store: Store, tenant: str) -> Iterator[Entry]:
    """Every entry of an organisation, noun by noun."""
    for kind in ("invoice", "creditnote"):
        for row in store.by(f"xero.{kind}", "tenant", tenant):
            if row["status"] in _POSTED:
                yield Entry(row["id"], row["date"], _document(row))
    for row in store.by("xero.allocation", "tenant", tenant):
        source = store.get(row["source_kind"], row["source"]) or {}
        yield Entry(row["id"], row["date"], _allocation(row, source))
    yield from bank_entries(store, tenant)


def bank_entries(store: Store, tenant: str) -> Iterator[Entry]:
    """Those that move money: payments, bank transactions, transfers."""
    base = (store.get("xero.organisation", tenant) or {})["currency"]
    banks = {row["id"]: row["currency"] or base for row in store.by("xero.account", "tenant", tenant)}
    for row in store.by("xero.payment", "tenant", tenant):
        if row["status"] == "AUTHORISED":
            target = store.get(row["target_kind"], row["target"]) or {}
            yield Entry(row["id"], row["date"], _payment(row, target, banks[row["account"]]))
    for row in store.by("xero.banktransaction", "tenant", tenant):
        if row["status"] == "AUTHORISED":
            yield Entry(row["id"], row["date"], _transaction(row))
    for row in store.by("xero.banktransfer", "tenant", tenant):
        if row["status"] == "AUTHORISED":
            yield Entry(row["id"], row["date"], _transfer(row, banks))


def bank_balances(store: Store, tenant: str) -> dict[str, int]:
    """Cents at each account that money was paid into or out of, by its id."""
    found: dict[str, int] = defaultdict(int)
    for entry in bank_entries(store, tenant):
        for line in entry.lines:
            if line.account.startswith(_BANK):
                found[line.account.removeprefix(_BANK)] += line.amount
    return found


def told(store: Store, tenant: str) -> dict[str, Any]:
    """The trial balance, what is open on each document, what stands at each bank account, and what does not balance."""
    trial: dict[tuple[str, str], int] = defaultdict(int)
    documents: dict[str, int] = defaultdict(int)
    off: list[str] = []
    for entry in entries(store, tenant):
        off += [entry.source] if _off(entry) else []
        for line in entry.lines:
            trial[line.account, line.currency] += line.amount
            if line.about:
                documents[line.about] += line.amount
    return {
        "trial_balance": [{"account": a, "currency": c, "amount": amount} for (a, c), amount in sorted(trial.items())],
        "documents": documents,
        "banks": bank_balances(store, tenant),
        "unbalanced": off,
    }


def _off(entry: Entry) -> bool:
    sums: dict[str, int] = defaultdict(int)
    for line in entry.lines:
        sums[line.currency] += line.amount
    return any(sums.values())


def _control(type_: str) -> tuple[str, int]:
    return (PAYABLE, -1) if type_ in _PURCHASES else (RECEIVABLE, 1)


def _coded(row: Obj, sign: int) -> Iterator[Line]:
    """The lines of a paper by account, and their tax."""
    for line in row["lines"]:
        net = line["amount"] - line["tax"] if row["line_amount_types"] == "Inclusive" else line["amount"]
        yield Line(line["account"] or "uncoded", row["currency"], sign * net)
        if line["tax"]:
            yield Line(TAX, row["currency"], sign * line["tax"])


def _document(row: Obj) -> list[Line]:
    account, sign = _control(row["type"])
    sign = -sign if row["type"].endswith("CREDIT") else sign
    return [Line(account, row["currency"], sign * row["total"], row["id"]), *_coded(row, -sign)]


def _payment(row: Obj, target: Obj, bank_currency: str) -> list[Line]:
    sign = 1 if row["type"] in _IN else -1
    currency = target["currency"]
    lines = [Line(f"{_BANK}{row['account']}", bank_currency, sign * row["bank_amount"])]
    lines.append(Line(_control(target["type"])[0], currency, -sign * row["amount"], target["id"]))
    if currency != bank_currency:
        lines += [
            Line(TRADING, bank_currency, -sign * row["bank_amount"]),
            Line(TRADING, currency, sign * row["amount"]),
        ]
    return lines


def _allocation(row: Obj, source: Obj) -> list[Line]:
    account, sign = _control(source["type"])
    amount, currency = sign * row["amount"], source["currency"]
    return [Line(account, currency, amount, source["id"]), Line(account, currency, -amount, row["invoice"])]


def _transaction(row: Obj) -> list[Line]:
    sign = 1 if row["type"].startswith("RECEIVE") else -1
    bank = Line(f"{_BANK}{row['account']}", row["currency"], sign * row["total"])
    if row["type"] in _CREDITS:
        return [bank, Line(RECEIVABLE, row["currency"], -row["total"], row[_CREDITS[row["type"]]])]
    return [bank, *_coded(row, -sign)]


def _transfer(row: Obj, banks: dict[str, str]) -> list[Line]:
    currencies = [banks[row[side]] for side in ("from", "to")]
    lines = [
        Line(f"{_BANK}{row['from']}", currencies[0], -row["amount"]),
        Line(f"{_BANK}{row['to']}", currencies[1], row["amount"]),
    ]
    if currencies[0] != currencies[1]:
        lines += [Line(TRADING, currencies[0], row["amount"]), Line(TRADING, currencies[1], -row["amount"])]
    return lines
