"""Columns only. Each table has one writer: the room named in its docstring; anyone may read.

Ids are UUIDs except where a row is work (see core.work). `*_minor` are integer minor units of the `currency` beside them,
`*_at` are facts or to-dos with their time, `*_on` calendar dates. Ids of other platforms name their origin first.
"""

from app.tables.books import (
    Attempt,
    Happening,
    Invoice,
    LedgerEntry,
    LedgerTransaction,
    Mail,
    PayLink,
    Payment,
    Payout,
    PayoutLine,
    Refund,
    StripeRefund,
    WriteBack,
)
from app.tables.people import Branding, Member, Merchant, SignInFlow, StripeAccount, User, WebSession
from app.tables.trail import Audit, AuditHead, Breach, Environment, ErasedContact, Repair, Touched
from app.tables.work import Allowance, Cursor, Inbox, Job
from app.tables.xero import AccountChoice, Connection, XeroBudget, XeroGrant, XeroPermit, XeroUsage

ALL = [
    User, Merchant, Member, WebSession, SignInFlow, XeroGrant, Connection, AccountChoice, XeroBudget, XeroPermit,
    StripeAccount, Branding, Invoice, PayLink, Attempt, Payment, Refund, StripeRefund, Payout, PayoutLine, WriteBack,
    LedgerTransaction, LedgerEntry, Happening, Mail, Inbox, Job, Cursor, Allowance, Audit, AuditHead, Breach, Repair,
    Touched, Environment, XeroUsage, ErasedContact,
]  # fmt: skip

__all__ = [
    "ALL",
    "AccountChoice",
    "Allowance",
    "Attempt",
    "Audit",
    "AuditHead",
    "Branding",
    "Breach",
    "Connection",
    "Cursor",
    "Environment",
    "ErasedContact",
    "Happening",
    "Inbox",
    "Invoice",
    "Job",
    "LedgerEntry",
    "LedgerTransaction",
    "Mail",
    "Member",
    "Merchant",
    "PayLink",
    "Payment",
    "Payout",
    "PayoutLine",
    "Refund",
    "Repair",
    "SignInFlow",
    "StripeAccount",
    "StripeRefund",
    "Touched",
    "User",
    "WebSession",
    "WriteBack",
    "XeroBudget",
    "XeroGrant",
    "XeroPermit",
    "XeroUsage",
]
