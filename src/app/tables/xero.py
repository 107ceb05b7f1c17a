"""What we hold of Xero: grants, connections, chosen accounts, budgets. Columns only; each table names its one writer."""

from piccolo.columns import UUID, BigInt, Boolean, Date, ForeignKey, Integer, Text, Timestamptz
from piccolo.table import Table

from app.core.db import ENGINE
from app.tables.people import Merchant, User


class XeroGrant(Table, db=ENGINE):
    """A Xero user's one token set, for all tenants of that user. Writer: books.access."""

    id = UUID(primary_key=True)
    app_user = ForeignKey(User, null=False, unique=True)
    xero_userid = Text(unique=True)
    access_token = Text(secret=True)
    refresh_token = Text(secret=True)
    previous_refresh_token = Text(secret=True, help_text="still honoured by Xero for 30 minutes after a refresh")
    rotated_at = Timestamptz()
    expires_at = Timestamptz(help_text="of the access token")
    version = Integer(default=1)
    scopes = Text()
    state = Text(default="active", help_text="active or needs_reconnect")
    lease_until = Timestamptz(null=True, default=None)
    fence = Integer(default=0)
    last_error = Text()


class Connection(Table, db=ENGINE):
    """A Xero organisation connected to a merchant. Writer: books.connections."""

    id = UUID(primary_key=True)
    merchant = ForeignKey(Merchant, null=False, index=True)
    xero_grant = ForeignKey(XeroGrant, null=True)
    xero_tenant_id = Text(index=True)
    xero_connection_id = Text()
    name = Text()
    legal_name = Text()
    short_code = Text(index=True)
    base_currency = Text()
    country = Text()
    timezone = Text(default="UTC", help_text="IANA name")
    is_demo = Boolean(default=False)
    address = Text()
    tax_number = Text()
    period_lock_on = Date(null=True, default=None)
    year_lock_on = Date(null=True, default=None)
    state = Text(default="connected", help_text="connected, broken or disconnected")
    state_reason = Text()
    connected_at = Timestamptz()
    disconnected_at = Timestamptz(null=True, default=None)
    import_total = Integer(default=0)
    import_done = Integer(default=0)
    import_started_at = Timestamptz(null=True, default=None)
    imported_at = Timestamptz(null=True, default=None)
    changed_cursor = Timestamptz(null=True, default=None, help_text="If-Modified-Since of the next delta poll")
    synced_at = Timestamptz(null=True, default=None)
    sync_error = Text()


class AccountChoice(Table, db=ENGINE):
    """Which Xero account takes payments (per currency), fees, payouts, or the credit notes of refunds. Writer: books.accounts."""

    id = UUID(primary_key=True)
    connection = ForeignKey(Connection, null=False, index=True)
    kind = Text(help_text="payments, fees, bank or refunds")
    currency = Text(help_text="empty for fees and refunds")
    xero_account_id = Text()
    code = Text()
    name = Text()
    tax_type = Text()
    by_payout = Boolean(default=False, help_text="fees: one for each payout, not one for each payment")
    account_currency = Text(help_text="in which Xero keeps it; empty: not known, choose it once more")
    chosen_at = Timestamptz(help_text="since when it is recorded in this way, by payment or by payout")


class XeroBudget(Table, db=ENGINE):
    """Calls a tenant may still make. Writer: books.budget."""

    id = UUID(primary_key=True)
    xero_tenant_id = Text(unique=True)
    minute_start = Timestamptz()
    minute_used = Integer(default=0)
    day_start = Timestamptz()
    day_used = Integer(default=0)
    day_limit = Integer(default=5000)
    blocked_until = Timestamptz(null=True, default=None)
    problem = Text()


class XeroUsage(Table, db=ENGINE):
    """What a tenant was asked and sent on one day (UTC). Writer: books.budget."""

    id = UUID(primary_key=True)
    xero_tenant_id = Text()
    day_on = Date()
    calls = Integer(default=0)
    bytes_in = BigInt(default=0, help_text="of answers, unpacked; those that Xero does not charge for are left out")


class XeroPermit(Table, db=ENGINE):
    """A call in flight; expires by itself, so that a killed worker frees its slot. Writer: books.budget."""

    id = UUID(primary_key=True)
    xero_tenant_id = Text(index=True)
    expires_at = Timestamptz()
