"""The bookkeeper's desk: what people do inside Xero itself, as control routes under ``/_xero``.

Each takes a form or JSON. A form is answered with a redirect back to the page it stood on, JSON with the object. Xero's own
rules hold here too: a bookkeeper cannot void a paid invoice either (409 with the reason).
"""

from __future__ import annotations

import re
from decimal import Decimal

from litestar.exceptions import HTTPException

from sandbox.store import Obj
from sandbox.xero_accounting import Kit
from sandbox.xero_accounting.credit_notes import save_note
from sandbox.xero_accounting.history import note_history
from sandbox.xero_accounting.payments import account_errors, currency_errors
from sandbox.xero_ledger import lock_problem
from sandbox.xero_lines import totals
from sandbox.xero_seed import blank_invoice
from sandbox.xero_wire import cents, read_day

# Xero adds classes every year, which its typed SDKs do not know: any word may be played.
_PAPERS = (
    "invoice creditnote overpayment prepayment payment batchpayment allocation banktransaction banktransfer".split()
)
_PAPERS += ["paymentservice", "connection"]
_SETTINGS = "currency taxrate account theme contact".split()
_CLASS = re.compile(r"[A-Z][A-Z0-9_]{0,39}")


def refused(reason: str) -> HTTPException:
    """409: Xero would not let a person do this either."""
    return HTTPException(status_code=409, detail=reason)


class Desk:
    """Operations of a person working in Xero; every one settles the ledger and so tells the webhooks."""

    def __init__(self, kit: Kit) -> None:
        self._kit, self._world = kit, kit.world

    def organisation(self, key: str) -> Obj:
        """By tenant id or short name (harrow, kowhai, wren, demo); raises a 404."""
        for row in self._world.store.all("xero.organisation"):
            if key in (row["id"], row["key"]):
                return row
        raise HTTPException(status_code=404, detail="No such organisation.")

    def row(self, kind: str, id: str) -> Obj:
        """Any object by id; raises a 404."""
        row = self._world.store.get(kind, id)
        if row is None:
            raise HTTPException(status_code=404, detail="No such object.")
        return row

    def create_invoice(self, organisation: Obj, given: Obj) -> Obj:
        """A sales invoice of one line without tax: contact (id), amount, due, reference, status."""
        self._check_fields(organisation, given)
        contacts = self._world.store.by("xero.contact", "tenant", organisation["id"])
        contact = given.get("contact") or contacts[0]["id"]
        number = given.get("number") or f"{organisation['prefix']}{organisation['next_number']}"
        organisation["next_number"] += 1
        self._world.store.put("xero.organisation", organisation["id"], organisation)
        row = blank_invoice("ACCREC", number, contact, given.get("currency") or organisation["currency"])
        themes = self._world.store.by("xero.theme", "tenant", organisation["id"])
        row |= {"id": self._world.ids.uuid(), "tenant": organisation["id"], "theme": themes[0]["id"]}
        today = self._kit.ledger.today(organisation)
        row |= {"date": today, "due": _day(given.get("due") or today), "reference": given.get("reference") or ""}
        row |= {"status": given.get("status") or "AUTHORISED", **self._one_line(given.get("amount") or "100.00")}
        return self._kit.ledger.settle("xero.invoice", row, "CREATE")

    def change_invoice(self, row: Obj, given: Obj) -> Obj:
        """Change amount, contact, due, reference or the contact's e-mail, as far as Xero lets a person."""
        self._check_open(row)
        self._check_fields(self.row("xero.organisation", row["tenant"]), given)
        applied = self._kit.ledger.paid(row) + self._kit.ledger.credited(row)
        if given.get("amount"):
            line = self._one_line(given["amount"], row["lines"][0]["description"] if row["lines"] else "Work")
            if line["total"] != row["total"] and applied:
                raise refused("This document cannot be edited as it has a payment or credit note allocated to it.")
            if line["total"] != row["total"]:
                row |= line
        if given.get("due"):
            row["due"] = _day(given["due"])
        for name in ("contact", "reference", "currency", "theme"):
            if given.get(name):
                row[name] = given[name]
        return self._kit.ledger.settle("xero.invoice", row)

    def set_status(self, row: Obj, status: str) -> Obj:
        """Approve, void or delete."""
        self._check_open(row)
        allowed = {"DRAFT": {"AUTHORISED", "DELETED"}, "SUBMITTED": {"AUTHORISED", "DELETED"}, "AUTHORISED": {"VOIDED"}}
        if status not in allowed.get(row["status"], set()):
            raise refused(f"An invoice that is {row['status']} cannot become {status}.")
        if status == "VOIDED" and (self._kit.ledger.paid(row) or self._kit.ledger.credited(row)):
            raise refused("Remove the payments and credits first.")
        row["status"] = status
        return self._kit.ledger.settle("xero.invoice", row)

    def pay(self, row: Obj, given: Obj) -> Obj:
        """Record a payment made elsewhere, into the business bank account unless told otherwise."""
        due = self._kit.ledger.due(row)
        amount = _cents(given["amount"]) if given.get("amount") else due
        if row["status"] != "AUTHORISED" or not 0 < amount <= due:
            raise refused("The amount must be between 0.01 and the amount due of an approved invoice.")
        code = given.get("account") or "090"
        accounts = self._world.store.by("xero.account", "tenant", row["tenant"])
        account = next((a for a in accounts if a["code"] == code), None)
        if account is None:
            raise refused(f"There is no account {code}.")
        organisation = self.row("xero.organisation", row["tenant"])
        for problem in account_errors(account) + currency_errors(account, row, organisation):
            raise refused(problem)
        date = _day(given["date"]) if given.get("date") else self._kit.ledger.today(organisation)
        values = {"tenant": row["tenant"], "target_kind": "xero.invoice", "target": row["id"], "account": account["id"]}
        values |= {"date": date, "amount": amount, "bank_amount": amount, "rate": row["rate"], "app": False}
        if row["currency"] != (account["currency"] or organisation["currency"]):
            values["bank_amount"] = cents(Decimal(amount) / 100 / Decimal(row["rate"]))
        values |= {"reference": given.get("reference") or "Paid elsewhere"}
        kind = "ACCRECPAYMENT" if row["type"] == "ACCREC" else "ACCPAYPAYMENT"
        note_history(self._kit, row, "Paid", f"Payment of {amount / 100:.2f}", "Bookkeeper")
        return self._kit.ledger.post_payment({**values, "type": kind})

    def credit(self, row: Obj, given: Obj) -> Obj:
        """Raise a credit note for the invoice's contact and apply it."""
        amount = _cents(given["amount"]) if given.get("amount") else self._kit.ledger.due(row)
        if row["status"] != "AUTHORISED" or not 0 < amount <= self._kit.ledger.due(row):
            raise refused("The amount must be between 0.01 and the amount due of an approved invoice.")
        organisation = self.row("xero.organisation", row["tenant"])
        today = self._kit.ledger.today(organisation)
        values = {"contact": row["contact"], "date": today, "status": "AUTHORISED", "line_amount_types": "NoTax"}
        lines = self._one_line(f"{amount / 100:.2f}", f"Credit for {row['number']}")
        note = save_note(self._kit, organisation, {**values, **lines, "reference": "", "currency": row["currency"]})
        return self._kit.ledger.allocate("xero.creditnote", note, row, amount, today)

    def remove_payment(self, payment: Obj) -> Obj:
        """Remove a payment, reconciled or not: a person may."""
        if payment["status"] == "DELETED":
            raise refused("Already removed.")
        return self._kit.ledger.remove_payment(payment)

    def reconcile(self, payment: Obj) -> Obj:
        """Mark a payment as matched with the bank statement."""
        payment["reconciled"] = True
        payment["updated"] = int(self._world.clock.timestamp() * 1000)
        return self._world.store.put("xero.payment", payment["id"], payment)

    def lock(self, organisation: Obj, given: Obj) -> Obj:
        """Lock everything up to a day (period_lock, year_lock); an empty value unlocks."""
        for name in ("period_lock", "year_lock"):
            if name in given:
                organisation[name] = _day(given[name]) if given[name] else None
        return self._world.store.put("xero.organisation", organisation["id"], organisation)

    def paste_payment_url(self, organisation: Obj, given: Obj) -> Obj:
        """Settings, Online payments, Custom Payment URL: paste it and use it for a branding theme (all when none named)."""
        if not given.get("url"):
            raise refused("A payment URL is needed.")
        id = self._world.ids.uuid()
        service = {"id": id, "tenant": organisation["id"], "name": given.get("name") or "Pay online"}
        service |= {"url": given["url"], "text": given.get("text") or "Pay now"}
        service["updated"] = int(self._world.clock.timestamp() * 1000)
        self._world.store.put("xero.paymentservice", id, service)
        for theme in self._world.store.by("xero.theme", "tenant", organisation["id"]):
            if given.get("theme") in (None, "", theme["id"]):
                theme["services"] = [id]
                self._world.store.put("xero.theme", theme["id"], theme)
        return service

    def set_other_apps(self, organisation: Obj, given: Obj) -> Obj:
        """How many uncertified apps of others the organisation has connected; Xero lets it have two in all."""
        count = str(given.get("count") or 0)
        if not count.isascii() or not count.isdigit() or len(count) > 3:
            raise refused("count is a whole number.")
        organisation["other_apps"] = int(count)
        return self._world.store.put("xero.organisation", organisation["id"], organisation)

    def disconnect(self, organisation: Obj) -> Obj:
        """Disconnect the app from Xero's side, for everyone: nobody is told."""
        rows = list(self._world.store.find("xero.connection", tenant=organisation["id"]))
        for row in rows:
            self._world.store.delete("xero.connection", row["id"])
        return {"disconnected": len(rows)}

    def set_plan(self, organisation: Obj, given: Obj) -> Obj:
        """Change what the organisation pays for: its class, its edition, how many invoices it may still approve."""
        approvals = given.get("approvals")
        if approvals and not (approvals.isascii() and approvals.isdigit() and len(approvals) < 7):
            raise refused("approvals is a whole number.")
        if given.get("edition", "BUSINESS") not in ("BUSINESS", "PARTNER"):
            raise refused("An edition is BUSINESS or PARTNER.")
        if not _CLASS.fullmatch(given.get("class") or "STANDARD"):
            raise refused("A class is a word in capitals.")
        for name in ("class", "edition"):
            if given.get(name):
                organisation[name] = given[name]
        if approvals is not None:
            organisation["approvals"] = int(approvals) if approvals else None
        return self._world.store.put("xero.organisation", organisation["id"], organisation)

    def reset_demo(self, organisation: Obj) -> Obj:
        """What befalls a demo company every 28 days: another tenant, the same chart, no papers, no connection."""
        if not organisation["demo"]:
            raise refused("Only a demo company is reset.")
        old, new = organisation["id"], self._world.ids.uuid()
        for kind in _PAPERS:
            for row in self._world.store.by(f"xero.{kind}", "tenant", old):
                self._world.store.delete(f"xero.{kind}", row["id"])
        for kind in _SETTINGS:
            for row in self._world.store.by(f"xero.{kind}", "tenant", old):
                self._world.store.put(f"xero.{kind}", row["id"], {**row, "tenant": new})
        for user in self._world.store.all("xero.user"):
            user["tenants"] = [new if tenant == old else tenant for tenant in user["tenants"]]
            self._world.store.put("xero.user", user["id"], user)
        self._world.store.delete("xero.organisation", old)
        return self._world.store.put("xero.organisation", new, {**organisation, "id": new})

    def remove_user(self, organisation: Obj, given: Obj) -> Obj:
        """Take a user's access away: their connection ends with it, and nobody is told."""
        user = self._user(given)
        user["tenants"] = [tenant for tenant in user["tenants"] if tenant != organisation["id"]]
        for row in list(self._world.store.find("xero.connection", user=user["id"], tenant=organisation["id"])):
            self._world.store.delete("xero.connection", row["id"])
        return self._world.store.put("xero.user", user["id"], user)

    def add_user(self, organisation: Obj, given: Obj) -> Obj:
        """Give a user access to the organisation."""
        user = self._user(given)
        if organisation["id"] not in user["tenants"]:
            user["tenants"].append(organisation["id"])
        return self._world.store.put("xero.user", user["id"], user)

    def _user(self, given: Obj) -> Obj:
        for row in self._world.store.all("xero.user"):
            if given.get("user") in (row["id"], row["email"]):
                return row
        raise HTTPException(status_code=404, detail="No such user.")

    def set_account(self, account: Obj, status: str) -> Obj:
        """Archive or restore an account."""
        account |= {"status": status, "updated": int(self._world.clock.timestamp() * 1000)}
        return self._world.store.put("xero.account", account["id"], account)

    def set_contact(self, contact: Obj, given: Obj) -> Obj:
        """Change a contact's name or e-mail, or archive it."""
        if given.get("status", "ACTIVE") not in ("ACTIVE", "ARCHIVED", "GDPRREQUEST"):
            raise refused("A contact is ACTIVE, ARCHIVED or GDPRREQUEST.")
        for name in ("name", "email", "status"):
            if name in given:
                contact[name] = given[name]
        return self._kit.ledger.touch("xero.contact", contact)

    def _check_open(self, row: Obj) -> None:
        if row["status"] in ("VOIDED", "DELETED"):
            raise refused(f"This invoice is {row['status']}.")
        locked = lock_problem(self.row("xero.organisation", row["tenant"]), row["date"])
        if locked is not None:
            raise refused(locked)

    def _check_fields(self, organisation: Obj, given: Obj) -> None:
        """Only what Xero's own form offers: this organisation's contacts, themes and currencies, three statuses."""
        store, tenant = self._world.store, organisation["id"]
        currencies = {row["code"] for row in store.by("xero.currency", "tenant", tenant)} | {organisation["currency"]}
        choices = {
            "contact": {row["id"] for row in store.by("xero.contact", "tenant", tenant)},
            "theme": {row["id"] for row in store.by("xero.theme", "tenant", tenant)},
            "currency": currencies,
            "status": {"DRAFT", "SUBMITTED", "AUTHORISED"},
        }
        for name, allowed in choices.items():
            if given.get(name) and given[name] not in allowed:
                raise refused(f"There is no such {name} here.")

    def _one_line(self, amount: str, description: str = "Work") -> Obj:
        price = _cents(amount)
        line = {"id": self._world.ids.uuid(), "description": description, "quantity": "1", "unit": f"{price / 100:.2f}"}
        line |= {"account": "200", "tax_type": "NONE"}
        row = {**line, "tax": 0, "amount": price, "discount": None}
        return {"lines": [row], "line_amount_types": "NoTax", **totals([row], "NoTax")}


def _day(text: str) -> str:
    try:
        return read_day(text)
    except ValueError as problem:
        raise refused(str(problem)) from problem


def _cents(text: str) -> int:
    try:
        return cents(text)
    except ValueError as problem:
        raise refused(str(problem)) from problem
