"""Batch payments: one line on the bank statement for several invoices. Made and deleted as a whole, never in part.

Each payment in a batch obeys the rules of a payment alone; the account and the date are the batch's. Wordings marked * are ours.
"""

from __future__ import annotations

from typing import Any

from litestar import get, post, put
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.payments import FIELDS as PAYMENT_FIELDS
from sandbox.xero_accounting.payments import ORDER_FIELDS, SCOPE, Spent, check, echo
from sandbox.xero_accounting.queries import modified_since, page, searchable
from sandbox.xero_call import Call, elements_of
from sandbox.xero_refusals import Answer, Web, invalid, not_found, shown
from sandbox.xero_where import Field, order, where
from sandbox.xero_wire import ZERO_ID, day, day_string, instant, money

LONGEST_DETAILS = 18
NARRATIVE = ("Reference", "Particulars", "Code", "Details", "Narrative")
FIELDS: dict[str, Field] = {name: PAYMENT_FIELDS[name] for name in ("status", "date", "reference")}
FIELDS["batchpaymentid"] = lambda row: row["id"]
ORDERS: dict[str, Field] = {name: ORDER_FIELDS[name] for name in ("updateddateutc", "date")}


def _wire(kit: Kit, row: Obj) -> dict[str, Any]:
    account = kit.world.store.get("xero.account", row["account"]) or {}
    live = [p for p in map(kit.world.store.get, ["xero.payment"] * len(row["payments"]), row["payments"]) if p]
    wire: dict[str, Any] = {"Account": {"AccountID": row["account"], "CurrencyCode": account.get("currency")}}
    wire |= {name: row["words"][name] for name in NARRATIVE if row["words"].get(name)}
    wire |= {"BatchPaymentID": row["id"], "DateString": day_string(row["date"]), "Date": day(row["date"])}
    wire["Payments"] = [_inside(kit, payment) for payment in live if row["status"] == "AUTHORISED"]
    wire |= {"Type": row["type"], "Status": row["status"], "TotalAmount": money(row["total"])}
    return {**wire, "UpdatedDateUTC": instant(row["updated"]), "IsReconciled": any(p["reconciled"] for p in live)}


def _inside(kit: Kit, payment: Obj) -> dict[str, Any]:
    invoice = kit.world.store.get(payment["target_kind"], payment["target"]) or {}
    empty: dict[str, Any] = {
        name: [] for name in ("Payments", "CreditNotes", "Prepayments", "Overpayments", "LineItems")
    }
    shown = {"InvoiceID": invoice["id"], "CurrencyCode": invoice["currency"], **empty, "HasErrors": False}
    amounts = {"Amount": money(payment["amount"]), "BankAmount": money(payment["bank_amount"])}
    return {"Invoice": {**shown, "IsDiscounted": False}, "PaymentID": payment["id"], **amounts}


def _read(kit: Kit, call: Call, wire: dict[str, Any]) -> tuple[list[str], list[dict[str, Any]], list[Obj]]:
    """What is wrong with the batch, with its payments (echoed), and the payments it would be."""
    items = wire.get("Payments")
    if not isinstance(items, list) or not items:
        return ["A batch payment needs at least one payment"], [], []  # *
    common = {name: wire[name] for name in ("Account", "Date", "Reference") if wire.get(name)}
    echoed, planned, errors = [], [], []
    spent: Spent = {}
    for item in elements_of(items, "Payments"):
        problems, values = check(kit, call, {**item, **common}, spent)
        echoed.append(echo(item, problems) if problems else item)
        planned.append(values)
        errors += [text for text in problems if text not in errors]
    if not errors and {values["target_kind"] for values in planned} != {"xero.invoice"}:
        errors.append("A batch payment can only be made against invoices")  # *
    if not errors and len({values["type"] for values in planned}) > 1:
        errors.append("A batch payment cannot hold both sales invoices and bills")  # *
    if call.organisation["country"] != "NZ" and len(str(wire.get("Details") or "")) > LONGEST_DETAILS:
        errors.append(f"Details must not be longer than {LONGEST_DETAILS} characters")  # *
    return errors, echoed, planned


def _make(kit: Kit, call: Call, wire: dict[str, Any], planned: list[Obj]) -> dict[str, Any]:
    id = call.world.ids.uuid()
    payments = [kit.ledger.post_payment({**values, "batch": id}) for values in planned]
    first = planned[0]
    row = {
        "id": id,
        "tenant": call.tenant,
        "type": "RECBATCH" if first["type"] == "ACCRECPAYMENT" else "PAYBATCH",
        "status": "AUTHORISED",
        "account": first["account"],
        "date": first["date"],
        "reference": str(wire.get("Reference") or ""),
        "words": {name: str(wire[name]) for name in NARRATIVE if wire.get(name)},
        "payments": [payment["id"] for payment in payments],
        "total": sum(payment["amount"] for payment in payments),
    }
    return _wire(kit, kit.ledger.touch("xero.batchpayment", row))


def _create(kit: Kit, call: Call, body: Any) -> Answer:
    each = (call.param("summarizeErrors") or "").lower() == "false"
    results: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    plans: list[tuple[dict[str, Any], list[Obj]]] = []
    for wire in elements_of(body, "BatchPayments"):
        errors, echoed, planned = _read(kit, call, wire)
        if errors:
            told = {**shown(wire), "BatchPaymentID": ZERO_ID, "Payments": echoed}
            told["ValidationErrors"] = [{"Message": text} for text in errors]
            (results if each else refused).append(told)
        elif each:
            results.append(_make(kit, call, wire, planned))
        else:
            plans.append((wire, planned))
    if refused:
        raise invalid(refused)
    return call.answer("BatchPayments", results + [_make(kit, call, wire, planned) for wire, planned in plans])


def _delete(kit: Kit, call: Call, id: str, wire: dict[str, Any]) -> Answer:
    row = call.mine("xero.batchpayment", id)
    if row is None:
        raise not_found("no such batch payment")
    payments = [kit.world.store.get("xero.payment", one) or {} for one in row["payments"]]
    errors = []
    if wire.get("Status") != "DELETED":
        errors.append("A batch payment can only be deleted: Status must be DELETED")  # *
    elif row["status"] == "DELETED":
        errors.append("Batch payment has already been deleted")  # *
    elif any(payment["reconciled"] for payment in payments):
        errors.append("This batch payment cannot be deleted because it is reconciled")  # *
    elif (locked := call.locked(row["date"])) is not None:
        errors.append(locked)
    if errors:
        raise invalid([{**wire, "BatchPaymentID": row["id"], "ValidationErrors": [{"Message": e} for e in errors]}])
    row["status"] = "DELETED"
    for payment in payments:
        if payment["status"] != "DELETED":
            kit.ledger.remove_payment(payment)
    return call.answer("BatchPayments", [_wire(kit, kit.ledger.touch("xero.batchpayment", row))])


def _delete_named(kit: Kit, call: Call, body: Any) -> Answer:
    wire = elements_of(body, "BatchPayments")[0]
    return _delete(kit, call, str(wire.get("BatchPaymentID")), wire)


def _list(kit: Kit, call: Call) -> Answer:
    test = where(call.param("where"), FIELDS)
    rows = [row for row in searchable(call, modified_since(call, call.rows("xero.batchpayment"))) if test(row)]
    rows = order(rows, call.param("order"), ORDERS, lambda row: (row["updated"], row["id"]))
    rows, pagination = page(call, rows)
    return call.answer("BatchPayments", [_wire(kit, row) for row in rows], pagination)


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/BatchPayments``."""

    @get(f"{API}/BatchPayments")
    async def batches(request: Web) -> Answer:
        return kit.door.read(request, SCOPE, lambda call: _list(kit, call))

    @get(f"{API}/BatchPayments/{{batch_id:str}}")
    async def batch(request: Web, batch_id: str) -> Answer:
        def act(call: Call) -> Answer:
            row = call.mine("xero.batchpayment", batch_id)
            if row is None:
                raise not_found("no such batch payment")
            return call.answer("BatchPayments", [_wire(kit, row)])

        return kit.door.read(request, SCOPE, act)

    @put(f"{API}/BatchPayments")
    async def create(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _create(kit, call, body))

    @post(f"{API}/BatchPayments", status_code=200)
    async def delete_named(request: Web) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _delete_named(kit, call, body))

    @post(f"{API}/BatchPayments/{{batch_id:str}}", status_code=200)
    async def delete(request: Web, batch_id: str) -> Answer:
        def act(call: Call, body: Any) -> Answer:
            return _delete(kit, call, batch_id, elements_of(body, "BatchPayments")[0])

        return await kit.door.write(request, SCOPE, act)

    return [batches, batch, create, delete_named, delete]
