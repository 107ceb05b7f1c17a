"""The one truth about money in an organisation: balances are computed from postings, never set.

A document's paid and credited amounts are the sums of live payments and allocations; its status and AmountDue follow. The
same papers in double entry, balanced, are in ``xero_journal``.
Whatever changes one of these calls ``settle``, which also moves UpdatedDateUTC and tells the webhooks.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.store import Obj
from sandbox.world import World
from sandbox.xero_webhooks import XeroWebhooks

CREDITS = ("xero.creditnote", "xero.overpayment", "xero.prepayment")
_CATEGORY = {
    "xero.invoice": "INVOICE",
    "xero.contact": "CONTACT",
    "xero.creditnote": "CREDITNOTE",
    "xero.overpayment": "OVERPAYMENT",
    "xero.prepayment": "PREPAYMENT",
}


def declare_indexes(world: World) -> None:
    """The groupings the Xero side reads by; call once before anything is served."""
    for kind in (
        *("account", "theme", "taxrate", "contact", "invoice", "payment", "creditnote", "overpayment", "prepayment"),
        *("banktransaction", "banktransfer", "paymentservice", "currency", "allocation"),
        "batchpayment",
    ):
        world.store.index(f"xero.{kind}", "tenant", lambda row: row["tenant"])
    world.store.index("xero.invoice", "number", lambda row: (row["tenant"], row["type"], row["number"]))
    world.store.index("xero.invoice", "online", lambda row: row["online"])
    world.store.index("xero.connection", "tenant", lambda row: row["tenant"])
    world.store.index("xero.payment", "target", lambda row: row["target"])
    world.store.index("xero.allocation", "invoice", lambda row: row["invoice"])
    world.store.index("xero.allocation", "source", lambda row: row["source"])
    world.store.index("xero.attachment", "owner", lambda row: row["owner"])
    world.store.index("xero.history", "owner", lambda row: row["owner"])


class Ledger:
    """Postings and what follows from them."""

    def __init__(self, world: World, webhooks: XeroWebhooks) -> None:
        self._world, self._webhooks = world, webhooks

    def payments(self, id: str) -> list[Obj]:
        """The live payments on a document."""
        return [row for row in self._world.store.by("xero.payment", "target", id) if row["status"] == "AUTHORISED"]

    def allocations(self, invoice_id: str) -> list[Obj]:
        """Credits applied to an invoice."""
        return self._world.store.by("xero.allocation", "invoice", invoice_id)

    def paid(self, row: Obj) -> int:
        """Cents paid on a document."""
        return sum(int(payment["amount"]) for payment in self.payments(row["id"]))

    def credited(self, row: Obj) -> int:
        """Cents of credits applied to an invoice."""
        return sum(int(allocation["amount"]) for allocation in self.allocations(row["id"]))

    def due(self, row: Obj) -> int:
        """AmountDue of an invoice: nothing is due on a voided or deleted one."""
        if row["status"] in ("VOIDED", "DELETED"):
            return 0
        return int(row["total"]) - self.paid(row) - self.credited(row)

    def remaining(self, row: Obj) -> int:
        """RemainingCredit of a credit note, overpayment or prepayment: allocations and refunds lower it; none when void."""
        if row["status"] in ("VOIDED", "DELETED"):
            return 0
        used = sum(int(a["amount"]) for a in self._world.store.by("xero.allocation", "source", row["id"]))
        return int(row["total"]) - used - self.paid(row)

    def settle(self, kind: str, row: Obj, event: str = "UPDATE", *, silent: bool = False) -> Obj:
        """Recompute the status, move UpdatedDateUTC, store, and tell the webhooks."""
        if row["status"] in ("AUTHORISED", "PAID"):
            left = self.remaining(row) if kind in CREDITS else self.due(row)
            row["status"] = "PAID" if left <= 0 else "AUTHORISED"
            row["fully_paid_on"] = self._last_posting(row) if left <= 0 else None
        return self.touch(kind, row, event, silent=silent)

    def touch(self, kind: str, row: Obj, event: str = "UPDATE", *, silent: bool = False) -> Obj:
        """Move UpdatedDateUTC, store, and tell the webhooks."""
        row["updated"] = int(self._world.clock.timestamp() * 1000)
        self._world.store.put(kind, row["id"], row)
        category = _CATEGORY.get(kind)
        if category is not None and not silent:
            data = {"Type": row["type"], "Status": row["status"]} if category == "CREDITNOTE" else None
            self._webhooks.note(row["tenant"], category, row["id"], event, data)
        return row

    def post_payment(self, values: Obj, *, silent: bool = False) -> Obj:
        """Store a payment already found valid, and settle its document."""
        row = {"id": self._world.ids.uuid(), "status": "AUTHORISED", "reconciled": False, "batch": None, **values}
        row["updated"] = int(self._world.clock.timestamp() * 1000)
        self._world.store.put("xero.payment", row["id"], row)
        self._settle_target(row, silent=silent)
        return row

    def remove_payment(self, row: Obj) -> Obj:
        """Mark a payment deleted; its document opens again."""
        row["status"] = "DELETED"
        row["updated"] = int(self._world.clock.timestamp() * 1000)
        self._world.store.put("xero.payment", row["id"], row)
        self._settle_target(row)
        return row

    def allocate(self, kind: str, source: Obj, invoice: Obj, amount: int, date: str) -> Obj:
        """Apply a credit to an invoice; settles both."""
        row = {
            "id": self._world.ids.uuid(),
            "tenant": source["tenant"],
            "source_kind": kind,
            "source": source["id"],
            "invoice": invoice["id"],
            "amount": amount,
            "date": date,
        }
        self._world.store.put("xero.allocation", row["id"], row)
        self.settle(kind, source)
        self.settle("xero.invoice", invoice)
        return row

    def unallocate(self, row: Obj) -> None:
        """Take an applied credit back; both documents open again."""
        self._world.store.delete("xero.allocation", row["id"])
        for kind, id in ((row["source_kind"], row["source"]), ("xero.invoice", row["invoice"])):
            document = self._world.store.get(kind, id)
            if document is not None:
                self.settle(kind, document)

    def today(self, organisation: Obj) -> str:
        """The calendar day in the organisation's zone."""
        return local_day(self._world.clock.now(), organisation)

    def _settle_target(self, payment: Obj, *, silent: bool = False) -> None:
        target = self._world.store.get(payment["target_kind"], payment["target"])
        if target is not None:
            self.settle(payment["target_kind"], target, silent=silent)

    def _last_posting(self, row: Obj) -> str:
        dates = [p["date"] for p in self.payments(row["id"])] + [a["date"] for a in self.allocations(row["id"])]
        return str(max(dates, default=row["date"]))


def local_day(moment: datetime, organisation: Obj) -> str:
    """The calendar day of a moment where the organisation is."""
    return moment.astimezone(ZoneInfo(organisation["zone"])).date().isoformat()


def lock_problem(organisation: Obj, date: str) -> str | None:
    """The message for a date in a locked period, or None (the lock dates themselves are locked)."""
    for field, words in (("period_lock", "period lock date"), ("year_lock", "end of year lock date")):
        lock = organisation[field]
        if lock is not None and date <= lock:
            shown = f"{int(lock[8:])} {datetime.fromisoformat(lock):%B %Y}"
            return f"The document date cannot be before the {words}, currently set at {shown}"
    return None


def truth(world: World) -> dict[str, Any]:
    """Every payment, bank transaction, transfer and credit note there is, deleted ones too: the oracle."""
    return {
        "payments": [_told(world, row) for row in world.store.all("xero.payment")],
        "bank_transactions": world.store.all("xero.banktransaction"),
        "batch_payments": world.store.all("xero.batchpayment"),
        "bank_transfers": world.store.all("xero.banktransfer"),
        "credit_notes": world.store.all("xero.creditnote"),
        "allocations": world.store.all("xero.allocation"),
    }


def _told(world: World, payment: Obj) -> Obj:
    target = world.store.get(payment["target_kind"], payment["target"]) or {}
    account = world.store.get("xero.account", payment["account"]) or {}
    extra = {
        "invoice_number": target.get("number"),
        "currency": target.get("currency"),
        "account_code": account.get("code"),
    }
    return {**payment, **extra}
