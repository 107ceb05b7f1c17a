"""How Xero writes its objects: the sandbox's rows become wire dictionaries here, and only here."""

from __future__ import annotations

from typing import Any

from sandbox.store import Obj
from sandbox.world import World
from sandbox.xero_ledger import Ledger
from sandbox.xero_wire import day, day_string, fixed, instant, instant_string, money

Wire = dict[str, Any]


def stamped(row: Obj) -> Wire:
    """UpdatedDateUTC and, since July 2026, UpdatedDateUTCString."""
    return {"UpdatedDateUTC": instant(row["updated"]), "UpdatedDateUTCString": instant_string(row["updated"])}


def dated(row: Obj) -> Wire:
    """Date and DateString, DueDate and DueDateString."""
    wire: Wire = {"Date": day(row["date"]), "DateString": day_string(row["date"])}
    if row.get("due") is not None:
        wire |= {"DueDate": day(row["due"]), "DueDateString": day_string(row["due"])}
    return wire


class Documents:
    """Writers of each noun, given the world they look things up in."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world, self._ledger = world, ledger

    def invoice(
        self, row: Obj, *, lines: bool = True, single: bool = True, summary: bool = False, places: int = 4
    ) -> Wire:
        """An invoice: with its ``lines`` when paged, the whole contact and attachments when ``single``.

        ``summary`` leaves payments, lines and attachments out.
        """
        paid, credited, due = self._ledger.paid(row), self._ledger.credited(row), self._ledger.due(row)
        wire: Wire = {"Type": row["type"], "InvoiceID": row["id"], "InvoiceNumber": row["number"]}
        wire["Reference"] = row["reference"]
        if not summary:
            wire |= self._applied(row)
        wire |= {"AmountDue": money(due), "AmountPaid": money(paid), "AmountCredited": money(credited)}
        if row["type"] == "ACCREC":
            wire["SentToContact"] = row["sent"]
        wire |= {
            "CurrencyRate": fixed(row["rate"], 10),
            "IsDiscounted": any(line.get("discount") for line in row["lines"]),
        }
        if not summary:
            wire["HasAttachments"] = self.has_files(row)
        wire |= {"HasErrors": False, "Contact": self.contact_summary(row["contact"], full=single)}
        wire |= self._optional(row)
        wire |= {**dated(row), "Status": row["status"], "LineAmountTypes": row["line_amount_types"]}
        if not summary:
            wire["LineItems"] = [self.line(line, places) for line in row["lines"]] if lines else []
        wire |= {"SubTotal": money(row["subtotal"]), "TotalTax": money(row["tax"]), "Total": money(row["total"])}
        wire |= {**stamped(row), "CurrencyCode": row["currency"]}
        if row.get("fully_paid_on"):
            wire["FullyPaidOnDate"] = day(row["fully_paid_on"])
        if not summary:
            wire["InvoicePaymentServices"] = []
        if single:
            found = self._world.store.by("xero.attachment", "owner", row["id"])
            wire["Attachments"] = [self.attachment(item) for item in found]
        return wire

    def _optional(self, row: Obj) -> Wire:
        wire = {name: row[field] for name, field in (("BrandingThemeID", "theme"), ("Url", "url")) if row.get(field)}
        if row.get("expected"):
            wire["ExpectedPaymentDate" if row["type"] == "ACCREC" else "PlannedPaymentDate"] = day(row["expected"])
        return wire

    def _applied(self, row: Obj) -> Wire:
        lists: Wire = {"Payments": [self.embedded_payment(p) for p in self._ledger.payments(row["id"])]}
        lists |= {"CreditNotes": [], "Prepayments": [], "Overpayments": []}
        nouns = {
            "xero.creditnote": ("CreditNotes", "CreditNoteID"),
            "xero.prepayment": ("Prepayments", "PrepaymentID"),
            "xero.overpayment": ("Overpayments", "OverpaymentID"),
        }
        for allocation in self._ledger.allocations(row["id"]):
            noun, id_name = nouns[allocation["source_kind"]]
            source = self._world.store.get(allocation["source_kind"], allocation["source"]) or {}
            lists[noun].append(self._applied_credit(allocation, source, id_name))
        return lists

    def _applied_credit(self, allocation: Obj, source: Obj, id_name: str) -> Wire:
        wire: Wire = {id_name: source["id"]}
        if id_name == "CreditNoteID":
            wire["CreditNoteNumber"] = source["number"]
        return {
            **wire,
            "ID": source["id"],
            "HasErrors": False,
            "AppliedAmount": money(allocation["amount"]),
            "Date": day(allocation["date"]),
            "DateString": day_string(allocation["date"]),
            "Total": money(source["total"]),
        }

    def embedded_payment(self, row: Obj) -> Wire:
        """A payment inside its invoice: no status, no account."""
        wire: Wire = {"PaymentID": row["id"]}
        if row["batch"]:
            wire["BatchPaymentID"] = row["batch"]
        return {
            **wire,
            "Date": day(row["date"]),
            "Amount": money(row["amount"]),
            "Reference": row["reference"],
            "CurrencyRate": fixed(row["rate"], 10),
            "HasAccount": False,
            "HasValidationErrors": False,
        }

    def line(self, line: Obj, places: int = 4) -> Wire:
        """A line item."""
        wire: Wire = {"Description": line["description"], "UnitAmount": fixed(line["unit"], places)}
        wire |= {"TaxType": line["tax_type"], "TaxAmount": money(line["tax"]), "LineAmount": money(line["amount"])}
        if line["account"]:
            wire["AccountCode"] = line["account"]
        if line.get("discount"):
            wire["DiscountRate"] = fixed(line["discount"], 4)
        return {**wire, "Tracking": [], "Quantity": fixed(line["quantity"], 4), "LineItemID": line["id"]}

    def contact_summary(self, id: str, *, full: bool) -> Wire:
        """The contact inside a document: a name in lists, the whole person in a single one."""
        row = self._world.store.get("xero.contact", id)
        if row is None:
            return {"ContactID": id}
        return self.contact(row) if full else {"ContactID": row["id"], "Name": row["name"]}

    def contact(self, row: Obj) -> Wire:
        """A contact."""
        wire: Wire = {"ContactID": row["id"], "ContactStatus": row["status"], "Name": row["name"]}
        wire |= {"FirstName": row["first"], "LastName": row["last"], "EmailAddress": row["email"]}
        wire |= {"ContactPersons": row["persons"], "BankAccountDetails": ""}
        wire["Addresses"] = [{"AddressType": "STREET", **row["address"]}, {"AddressType": "POBOX", **row["address"]}]
        wire["Phones"] = [
            {"PhoneType": kind, "PhoneNumber": "", "PhoneAreaCode": "", "PhoneCountryCode": ""}
            for kind in ("DDI", "DEFAULT", "FAX", "MOBILE")
        ]
        wire |= {
            "UpdatedDateUTC": instant(row["updated"]),
            "ContactGroups": [],
            "IsSupplier": False,
            "IsCustomer": True,
        }
        if row["currency"]:
            wire["DefaultCurrency"] = row["currency"]
        return {**wire, "HasAttachments": self.has_files(row), "HasValidationErrors": False}

    def account(self, row: Obj) -> Wire:
        """An account; bank accounts carry their currency, system accounts their role."""
        wire: Wire = {"AccountID": row["id"], "Code": row["code"], "Name": row["name"], "Status": row["status"]}
        wire |= {"Type": row["type"], "TaxType": row["tax_type"], "Class": row["class"]}
        wire["EnablePaymentsToAccount"] = row["payments"]
        wire["ShowInExpenseClaims"] = False
        if row["type"] == "BANK":
            wire |= {"BankAccountNumber": row["number"], "BankAccountType": "BANK", "CurrencyCode": row["currency"]}
        else:
            wire["BankAccountType"] = ""
        if row["system"]:
            wire["SystemAccount"] = row["system"]
        wire |= {"ReportingCode": "", "HasAttachments": self.has_files(row), "UpdatedDateUTC": instant(row["updated"])}
        return {**wire, "AddToWatchlist": False}

    def payment(self, row: Obj) -> Wire:
        """A payment on its own, with its account and its document as they stand now."""
        account = self._world.store.get("xero.account", row["account"]) or {}
        target = self._world.store.get(row["target_kind"], row["target"])
        wire: Wire = {"PaymentID": row["id"], "Date": day(row["date"]), "BankAmount": money(row["bank_amount"])}
        wire |= {"Amount": money(row["amount"]), "Reference": row["reference"], "CurrencyRate": fixed(row["rate"], 10)}
        wire |= {"PaymentType": row["type"], "Status": row["status"], **stamped(row), "HasAccount": True}
        if row["batch"]:
            wire["BatchPaymentID"] = row["batch"]
        wire |= {
            "IsReconciled": row["reconciled"],
            "Account": {"AccountID": row["account"], "Code": account.get("code")},
        }
        if target is not None and row["target_kind"] == "xero.invoice":
            wire["Invoice"] = self._paid_invoice(target)
        elif target is not None:
            wire |= self._paid_credit(row["target_kind"], target)
        return {**wire, "HasValidationErrors": False}

    def _paid_invoice(self, row: Obj) -> Wire:
        return {
            "Type": row["type"],
            "InvoiceID": row["id"],
            "InvoiceNumber": row["number"],
            "Reference": row["reference"],
            "Payments": [],
            "CreditNotes": [],
            "Prepayments": [],
            "Overpayments": [],
            "AmountDue": money(self._ledger.due(row)),
            "AmountPaid": money(self._ledger.paid(row)),
            "AmountCredited": money(self._ledger.credited(row)),
            "CurrencyRate": fixed(row["rate"], 10),
            "HasErrors": False,
            "IsDiscounted": False,
            "Contact": self.contact_summary(row["contact"], full=False),
            **dated(row),
            "Status": row["status"],
            "LineItems": [],
            "SubTotal": money(row["subtotal"]),
            "TotalTax": money(row["tax"]),
            "Total": money(row["total"]),
            "CurrencyCode": row["currency"],
        }

    def _paid_credit(self, kind: str, row: Obj) -> Wire:
        if kind == "xero.creditnote":
            return {"CreditNote": {"CreditNoteID": row["id"], "CreditNoteNumber": row["number"]}}
        if kind == "xero.overpayment":
            return {"Overpayment": {"OverpaymentID": row["id"]}}
        return {"Prepayment": {"PrepaymentID": row["id"]}}

    def credit(self, kind: str, row: Obj, *, full: bool = True) -> Wire:
        """A credit note, overpayment or prepayment."""
        ids: dict[str, Wire] = {
            "xero.creditnote": {"CreditNoteID": row["id"], "CreditNoteNumber": row.get("number")},
            "xero.overpayment": {"OverpaymentID": row["id"]},
            "xero.prepayment": {"PrepaymentID": row["id"]},
        }
        allocations = self._world.store.by("xero.allocation", "source", row["id"])
        paid_on = {"FullyPaidOnDate": day(row["fully_paid_on"])} if row.get("fully_paid_on") else {}
        return {
            **ids[kind],
            "ID": row["id"],
            "Type": row["type"],
            "Status": row["status"],
            "Reference": row["reference"],
            "Contact": self.contact_summary(row["contact"], full=False),
            **dated(row),
            "LineAmountTypes": row["line_amount_types"],
            "LineItems": [self.line(line) for line in row["lines"]] if full else [],
            "SubTotal": money(row["subtotal"]),
            "TotalTax": money(row["tax"]),
            "Total": money(row["total"]),
            **stamped(row),
            "CurrencyCode": row["currency"],
            "CurrencyRate": fixed(row["rate"], 10),
            "RemainingCredit": money(self._ledger.remaining(row)),
            "Allocations": [self.allocation(item) for item in allocations],
            "Payments": [self.embedded_payment(p) for p in self._ledger.payments(row["id"])],
            "HasAttachments": self.has_files(row),
            **(paid_on if kind == "xero.creditnote" else {}),
        }

    def allocation(self, row: Obj) -> Wire:
        """A credit's allocation to an invoice."""
        invoice = self._world.store.get("xero.invoice", row["invoice"]) or {}
        named = {"InvoiceID": row["invoice"], "InvoiceNumber": invoice.get("number")}
        return {
            "AllocationID": row["id"],
            "Amount": money(row["amount"]),
            "Date": day(row["date"]),
            "Invoice": named,
            "IsDeleted": False,
        }

    def has_files(self, row: Obj) -> bool:
        """Whether anything is attached to a document."""
        return bool(self._world.store.by("xero.attachment", "owner", row["id"]))

    def attachment(self, row: Obj) -> Wire:
        """An attachment's description."""
        path = f"/xero/api/api.xro/2.0/{row.get('noun', 'Invoices')}/{row['owner']}/Attachments/{row['file_name']}"
        return {
            "AttachmentID": row["id"],
            "FileName": row["file_name"],
            "Url": self._world.url(path),
            "MimeType": row["mime"],
            "ContentLength": row["size"],
            "IncludeOnline": row["online"],
        }
