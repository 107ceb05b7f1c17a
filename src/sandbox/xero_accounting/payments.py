"""Payments: created and deleted, never edited. The rules and texts of facts §5.

A payment needs exactly one target, an ACTIVE account of type BANK or with payments enabled, at most the amount due, an
authorised document and an open period. Wordings marked * are unverified at the real Xero.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from litestar import get, post, put
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.queries import modified_since, page, searchable
from sandbox.xero_call import Call, elements_of
from sandbox.xero_refusals import Answer, Web, invalid, not_found, shown
from sandbox.xero_where import Field, order, where
from sandbox.xero_wire import ZERO_ID, cents, read_day, read_rate

SCOPE = "accounting.payments"
EXCEEDS = "Payment amount exceeds the amount outstanding on this document"
NOT_AUTHORISED = "Payments can only be made against Authorised documents"
NO_ACCOUNT = "Account could not be found"
WRONG_ACCOUNT = "Account type is invalid for making a payment to/from"
TARGETS = {
    "Invoice": ("xero.invoice", "InvoiceID", "InvoiceNumber"),
    "CreditNote": ("xero.creditnote", "CreditNoteID", "CreditNoteNumber"),
    "Prepayment": ("xero.prepayment", "PrepaymentID", ""),
    "Overpayment": ("xero.overpayment", "OverpaymentID", ""),
}
REFUND_TYPES = {
    "xero.creditnote": "ARCREDITPAYMENT",
    "xero.prepayment": "ARPREPAYMENTPAYMENT",
    "xero.overpayment": "AROVERPAYMENTPAYMENT",
}
FIELDS: dict[str, Field] = {
    "paymentid": lambda row: row["id"],
    "paymenttype": lambda row: row["type"],
    "status": lambda row: row["status"],
    "date": lambda row: row["date"],
    "reference": lambda row: row["reference"],
    "invoice.invoiceid": lambda row: row["target"] if row["target_kind"] == "xero.invoice" else None,
}
ORDER_FIELDS: dict[str, Field] = {
    "paymentid": lambda row: row["id"],
    "updateddateutc": lambda row: row["updated"],
    "date": lambda row: row["date"],
}
Spent = dict[str, int]


def check(kit: Kit, call: Call, wire: dict[str, Any], spent: Spent) -> tuple[list[str], Obj]:
    """All that is wrong with one element, and the payment it would be. ``spent`` is what its batch already takes."""
    kind, target, errors = _target(call, wire)
    account = _account(call, wire.get("Account"))
    errors += account_errors(account)
    amount = _amount(wire.get("Amount"), "Amount", errors)
    date = _date(kit, call, wire, errors)
    if target is not None:
        errors += _target_errors(kit, kind, target, amount, spent)
        spent[target["id"]] = spent.get(target["id"], 0) + amount
    if target is None or account is None or errors:
        return errors, {}
    rate, bank_amount = _conversion(call, wire, account, target, amount, errors)
    values: Obj = {
        "tenant": call.tenant,
        "target_kind": kind,
        "target": target["id"],
        "account": account["id"],
        "date": date,
        "amount": amount,
        "bank_amount": bank_amount,
        "rate": rate,
        "reference": str(wire.get("Reference") or ""),
        "type": _type(kind, target),
        "reconciled": bool(wire.get("IsReconciled", False)),
        "app": True,
    }
    return errors, values


def _target(call: Call, wire: dict[str, Any]) -> tuple[str, Obj | None, list[str]]:
    given = [name for name in TARGETS if wire.get(name)]
    if len(given) != 1:
        return "", None, ["A payment must be for exactly one of Invoice, CreditNote, Prepayment or Overpayment"]
    kind, id_name, number_name = TARGETS[given[0]]
    reference = wire[given[0]] if isinstance(wire[given[0]], dict) else {}
    row = call.mine(kind, str(reference[id_name])) if reference.get(id_name) else None
    number = reference.get(number_name) if number_name else None
    if row is None and number and not reference.get(id_name):
        row = next((r for r in call.rows(kind) if r["number"] == number and r["type"].startswith("ACCREC")), None)
    return kind, row, [] if row is not None else [f"{given[0]} could not be found"]


def _account(call: Call, given: Any) -> Obj | None:
    if not isinstance(given, dict):
        return None
    if given.get("AccountID"):
        return call.mine("xero.account", str(given["AccountID"]))
    code = given.get("Code")
    return next((row for row in call.rows("xero.account") if code and row["code"] == code), None)


def account_errors(account: Obj | None) -> list[str]:
    """What keeps an account from taking payments of any document."""
    if account is None or account["status"] == "DELETED":
        return [NO_ACCOUNT]
    if account["status"] == "ARCHIVED":
        return [f"Account '{account['name']}' is archived and cannot be used"]  # *
    if account["type"] != "BANK" and not account["payments"]:
        return [WRONG_ACCOUNT]
    return []


def _amount(given: Any, name: str, errors: list[str]) -> int:
    try:
        amount = cents(given)
        exact = Decimal(str(given)) * 100 == amount
    except ValueError:
        amount, exact = 0, False
    if amount <= 0 or not exact:
        errors.append(f"{name} must be greater than zero, with at most two decimal places")  # *
    return amount


def _date(kit: Kit, call: Call, wire: dict[str, Any], errors: list[str]) -> str:
    try:
        date = read_day(wire["Date"]) if wire.get("Date") else kit.ledger.today(call.organisation)
    except ValueError:
        errors.append("Date is not a valid date")
        return ""
    locked = call.locked(date)
    if locked is not None:
        errors.append(locked)
    return date


def _target_errors(kit: Kit, kind: str, target: Obj, amount: int, spent: Spent) -> list[str]:
    left = kit.ledger.due(target) if kind == "xero.invoice" else kit.ledger.remaining(target)
    errors = []
    if target["status"] != "AUTHORISED":
        errors.append(NOT_AUTHORISED)
    if amount > left - spent.get(target["id"], 0):
        errors.append(EXCEEDS)
    return errors


def currency_errors(account: Obj, target: Obj, organisation: Obj) -> list[str]:
    """What keeps an account from taking payments of this document."""
    base = organisation["currency"]
    if (account["currency"] or base) in (base, target["currency"]):
        return []
    return ["The bank account's currency must be that of the document or the base currency"]  # *


def _conversion(
    call: Call, wire: dict[str, Any], account: Obj, target: Obj, amount: int, errors: list[str]
) -> tuple[str, int]:
    """The rate and the amount in the bank account's currency; BankAmount wins over CurrencyRate."""
    base, currency = call.organisation["currency"], target["currency"]
    bank_currency = account["currency"] or base
    if wrong := currency_errors(account, target, call.organisation):
        errors += wrong
        return "1", amount
    if currency == base:
        return "1", amount
    if currency != bank_currency and wire.get("BankAmount") is not None:
        bank_amount = _amount(wire["BankAmount"], "BankAmount", errors)
        return (str(Decimal(amount) / bank_amount) if bank_amount else "1"), bank_amount
    try:
        rate = read_rate(wire["CurrencyRate"] if wire.get("CurrencyRate") is not None else target["rate"])
    except ValueError:
        errors.append("CurrencyRate must be greater than zero")  # *
        return "1", amount
    if currency == bank_currency:
        return str(rate), amount
    return str(rate), int((amount / rate).quantize(Decimal(1), ROUND_HALF_UP))


def _type(kind: str, target: Obj) -> str:
    if kind == "xero.invoice":
        return "ACCRECPAYMENT" if target["type"] == "ACCREC" else "ACCPAYPAYMENT"
    return "APCREDITPAYMENT" if target["type"] == "ACCPAYCREDIT" else REFUND_TYPES[kind]


def echo(wire: dict[str, Any], errors: list[str]) -> dict[str, Any]:
    """A refused element as it comes back: zeroed ids, the messages, never a usable PaymentID."""
    account = wire.get("Account") if isinstance(wire.get("Account"), dict) else {}
    told = {**shown(wire), "PaymentID": ZERO_ID, "HasValidationErrors": True, "StatusAttributeString": "ERROR"}
    if NO_ACCOUNT in errors:
        told["Account"] = {**(account or {}), "AccountID": ZERO_ID}
    return {**told, "ValidationErrors": [{"Message": text} for text in errors]}


def _create(kit: Kit, call: Call, body: Any) -> Answer:
    each = (call.param("summarizeErrors") or "").lower() == "false"
    results: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    planned: list[Obj] = []
    spent: Spent = {}
    for wire in elements_of(body, "Payments"):
        errors, values = check(kit, call, wire, {} if each else spent)
        if errors:
            (results if each else refused).append(echo(wire, errors))
        elif each:
            done = kit.documents.payment(kit.ledger.post_payment(values))
            results.append({**done, "StatusAttributeString": "OK"})
        else:
            planned.append(values)
    if refused:
        raise invalid(refused)
    results += [kit.documents.payment(kit.ledger.post_payment(values)) for values in planned]
    return call.answer("Payments", results)


def _delete(kit: Kit, call: Call, payment_id: str, body: Any) -> Answer:
    row = call.mine("xero.payment", payment_id)
    if row is None:
        raise not_found("no such payment")
    wire = elements_of(body, "Payments")[0]
    errors = _delete_errors(call, row, wire)
    if errors:
        raise invalid([{**wire, "PaymentID": row["id"], "ValidationErrors": [{"Message": text} for text in errors]}])
    return call.answer("Payments", [kit.documents.payment(kit.ledger.remove_payment(row))])


def _delete_errors(call: Call, row: Obj, wire: dict[str, Any]) -> list[str]:
    if wire.get("Status") != "DELETED":
        return ["A payment can only be deleted: Status must be DELETED"]  # *
    if row["status"] == "DELETED":
        return ["Payment has already been deleted"]  # *
    if row["batch"]:
        return ["Payments within a batch cannot be deleted"]
    if row["reconciled"]:
        return ["This payment cannot be deleted because it is reconciled"]  # *
    locked = call.locked(row["date"])
    return [locked] if locked is not None else []


def _list(kit: Kit, call: Call) -> Answer:
    test = where(call.param("where"), FIELDS)
    rows = searchable(call, modified_since(call, call.rows("xero.payment")))
    rows = [row for row in rows if test(row)]
    rows = order(rows, call.param("order"), ORDER_FIELDS, lambda row: (row["updated"], row["id"]))
    rows, pagination = page(call, rows)
    return call.answer("Payments", [kit.documents.payment(row) for row in rows], pagination)


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/Payments``."""

    @get(f"{API}/Payments")
    async def payments(request: Web) -> Answer:
        return kit.door.read(request, SCOPE, lambda call: _list(kit, call))

    @get(f"{API}/Payments/{{payment_id:str}}")
    async def payment(request: Web, payment_id: str) -> Answer:
        def act(call: Call) -> Answer:
            row = call.mine("xero.payment", payment_id)
            if row is None:
                raise not_found("no such payment")
            return call.answer("Payments", [kit.documents.payment(row)])

        return kit.door.read(request, SCOPE, act)

    @put(f"{API}/Payments")
    async def create(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _create(kit, call, body))

    @post(f"{API}/Payments", status_code=200)
    async def create_too(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _create(kit, call, body))

    @post(f"{API}/Payments/{{payment_id:str}}", status_code=200)
    async def delete(request: Web, payment_id: str) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _delete(kit, call, payment_id, body))

    return [payments, payment, create, create_too, delete]
