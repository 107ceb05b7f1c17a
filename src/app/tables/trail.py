"""What was done, what is wrong, what was repaired. Columns only; each table names its one writer."""

from piccolo.columns import UUID, BigInt, BigSerial, Date, ForeignKey, Integer, Text, Timestamptz
from piccolo.table import Table

from app.core.db import ENGINE
from app.tables.people import Merchant
from app.tables.xero import Connection


class Audit(Table, db=ENGINE):
    """One deed in a merchant's chain, append-only: each row's hash covers the one before it. Writer: books.audit."""

    id = BigSerial(primary_key=True)
    merchant = ForeignKey(Merchant, null=False)
    number = BigInt(help_text="place in the merchant's chain, from 1, without gaps")
    at = Timestamptz()
    actor = Text(help_text="user:<id>, payportal, xero or stripe")
    action = Text()
    subject = Text(help_text="what it was done to, as kind:id")
    details = Text(help_text="JSON with sorted keys; ids, amounts and codes, never a name or an address")
    hash = Text()


class AuditHead(Table, db=ENGINE):
    """The end of each merchant's chain; held by whoever adds to it. Writer: books.audit."""

    id = UUID(primary_key=True)
    merchant = ForeignKey(Merchant, null=False, unique=True)
    number = BigInt(default=0)
    hash = Text()


class Breach(Table, db=ENGINE):
    """An invariant that did not hold; until it is cleared, nothing new is written for its merchant. Writer: books.breaches."""

    id = BigSerial(primary_key=True)
    merchant = ForeignKey(Merchant, null=True, default=None, index=True, help_text="null: nobody's in particular")
    kind = Text(help_text="I1 to I7")
    subject = Text(help_text="the row that shows it")
    found_at = Timestamptz()
    cleared_at = Timestamptz(null=True, default=None)


class Repair(Table, db=ENGINE):
    """How many changes had to be fetched in a day (UTC) because a notification did not arrive. Writer: books.repairs."""

    id = UUID(primary_key=True)
    merchant = ForeignKey(Merchant, null=False)
    source = Text(help_text="xero or stripe")
    day_on = Date()
    found = Integer(default=0)


class Touched(Table, db=ENGINE):
    """What the next check of the books looks at, noted by triggers at every change. Writers: PostgreSQL; books.ledger_check."""

    id = BigSerial(primary_key=True)
    payment = UUID(null=True, default=None, help_text="a payment whose row, ledger or write to Xero changed")
    entry = BigInt(null=True, default=None, help_text="a ledger transaction that was added")


class Environment(Table, db=ENGINE):
    """Whose books these are: one row, made at the first start. Writer: books.environment."""

    id = Integer(primary_key=True, default=1, help_text="1, the only one")
    stamp = Text(help_text="JSON: what tells this environment from another")
    made_at = Timestamptz()


class ErasedContact(Table, db=ENGINE):
    """A customer who asked to be forgotten: copies of invoices issued until then stay without a name. Writer: books.erasing."""

    id = UUID(primary_key=True)
    merchant = ForeignKey(Merchant, null=False)
    connection = ForeignKey(Connection, null=False)
    contact_id = Text(help_text="Xero's, which names nobody by itself")
    erased_at = Timestamptz()
