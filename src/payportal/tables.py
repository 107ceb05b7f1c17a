"""Columns of the customer's side."""

from piccolo.columns import UUID, ForeignKey, Text, Timestamptz
from piccolo.table import Table

from app.core.db import ENGINE
from app.tables import Merchant, Payment


class Receipt(Table, db=ENGINE):
    """A customer's receipt for one payment. Writer: payportal.receipts."""

    id = UUID(primary_key=True)
    merchant = ForeignKey(Merchant, null=False, index=True)
    payment = ForeignKey(Payment, null=False, unique=True)
    number = Text()
    issued_at = Timestamptz()
