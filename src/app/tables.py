"""Columns only. Each table has one writer: the room named in its docstring; anyone may read.

Ids are UUIDs except where a row is work (see core.work). `*_minor` are integer minor units of the `currency` beside them,
`*_at` are facts or to-dos with their time, `*_on` calendar dates. Ids of other platforms name their origin first.
"""

from piccolo.columns import (
    JSONB,
    UUID,
    BigInt,
    BigSerial,
    Boolean,
    Bytea,
    Date,
    ForeignKey,
    Integer,
    Text,
    Timestamptz,
)
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.table import Table

from app.core.db import ENGINE
from app.core.work import Work


class User(Table, db=ENGINE, tablename="app_user"):
    """A person who signs in with Xero, known by `xero_userid`, never by e-mail. Writer: merchants.identity."""

    id = UUID(primary_key=True)
    xero_userid = Text(unique=True)
    email = Text()
    given_name = Text()
    family_name = Text()
    created_at = Timestamptz()
    signed_in_at = Timestamptz()


class Merchant(Table, db=ENGINE):
    """A business that gets paid. Writer: merchants.business."""

    id = UUID(primary_key=True)
    legal_name = Text()
    entity_type = Text(help_text="company, individual, non_profit or government_entity (Stripe's words)")
    country = Text(help_text="ISO 3166 code")
    registration_number = Text()
    address_line1 = Text()
    address_line2 = Text()
    city = Text()
    region = Text()
    postal_code = Text()
    contact_name = Text(help_text="given and family name")
    contact_family_name = Text(help_text="the last part of contact_name, which Stripe asks for apart")
    contact_email = Text()
    contact_phone = Text()
    website = Text()
    details_confirmed_at = Timestamptz(null=True, default=None)
    allow_part = Boolean(default=True, help_text="customers may pay a part of an invoice")
    minimum_part_minor = BigInt(default=0)
    link_every_invoice = Boolean(default=False, help_text="make a pay link for each new invoice by itself")
    mail_on_trouble = Boolean(default=True, help_text="tell the contact when a payment cannot be recorded")
    options_confirmed_at = Timestamptz(null=True, default=None)
    pay_now_version = Integer(default=1, help_text="version of the secret in the Pay now address")
    welcome_seen_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz()


class Member(Table, db=ENGINE):
    """Which user works for which merchant. Writer: merchants.business."""

    id = UUID(primary_key=True)
    merchant = ForeignKey(Merchant, null=False, index=True)
    app_user = ForeignKey(User, null=False, index=True)
    role = Text(default="owner")
    created_at = Timestamptz()


class WebSession(Table, db=ENGINE):
    """A signed-in browser; the cookie's token is kept only as a keyed hash. Writer: merchants.sessions."""

    id = UUID(primary_key=True)
    token_hash = Text(unique=True)
    app_user = ForeignKey(User, null=False, index=True)
    merchant = ForeignKey(Merchant, null=True)
    created_at = Timestamptz()
    seen_at = Timestamptz()
    expires_at = Timestamptz()


class SignInFlow(Table, db=ENGINE):
    """One trip to Xero's consent page and back, bound to the browser that began it. Writer: merchants.identity."""

    id = UUID(primary_key=True)
    state_hash = Text(unique=True)
    browser_hash = Text()
    nonce = Text()
    verifier = Text(secret=True, help_text="PKCE verifier, encrypted")
    purpose = Text(help_text="sign_in or connect")
    next_path = Text()
    created_at = Timestamptz()
    used_at = Timestamptz(null=True, default=None)


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
    """Which Xero account takes payments (per currency), fees, or payouts. Writer: books.accounts."""

    id = UUID(primary_key=True)
    connection = ForeignKey(Connection, null=False, index=True)
    kind = Text(help_text="payments, fees or bank")
    currency = Text(help_text="empty for fees")
    xero_account_id = Text()
    code = Text()
    name = Text()
    tax_type = Text()
    chosen_at = Timestamptz()


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
    calls = BigInt(default=0)
    bytes_in = BigInt(default=0)


class XeroPermit(Table, db=ENGINE):
    """A call in flight; expires by itself, so that a killed worker frees its slot. Writer: books.budget."""

    id = UUID(primary_key=True)
    xero_tenant_id = Text(index=True)
    expires_at = Timestamptz()


class StripeAccount(Table, db=ENGINE):
    """A merchant's connected account as Stripe last described it. Writer: merchants.payments_setup."""

    id = UUID(primary_key=True)
    merchant = ForeignKey(Merchant, null=False, unique=True)
    stripe_account_id = Text(null=True, default=None, unique=True, help_text="null until Stripe has made the account")
    request = Text(help_text="the frozen request that makes the account, JSON")
    idempotency_key = Text()
    card_payments = Text(help_text="active, pending, restricted, rejected or unsupported; empty before Stripe said so")
    payouts = Text()
    requirements = JSONB(default="[]")
    deadline_at = Timestamptz(null=True, default=None)
    currency = Text()
    country = Text()
    onboarding_started_at = Timestamptz(null=True, default=None)
    checked_at = Timestamptz(null=True, default=None)
    activated_at = Timestamptz(null=True, default=None)
    disconnected_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz()


class Branding(Table, db=ENGINE):
    """How a merchant's pay pages, receipts and mails look. Writer: merchants.branding."""

    id = UUID(primary_key=True)
    merchant = ForeignKey(Merchant, null=False, unique=True)
    display_name = Text()
    colour = Text(default="#0b57d0")
    logo = Bytea(null=True, default=None)
    logo_width = Integer(default=0)
    logo_height = Integer(default=0)
    logo_hash = Text()
    contact_email = Text()
    contact_phone = Text()
    message = Text(help_text="thank-you message, at most 120 characters")
    changed_at = Timestamptz()


class Invoice(Table, db=ENGINE):
    """Our copy of a Xero sales invoice; Xero's amounts as they are. Writer: books.invoices."""

    id = UUID(primary_key=True)
    merchant = ForeignKey(Merchant, null=False)
    connection = ForeignKey(Connection, null=False)
    xero_invoice_id = Text()
    number = Text()
    reference = Text()
    status = Text(help_text="Xero's own: DRAFT SUBMITTED AUTHORISED PAID VOIDED DELETED")
    contact_id = Text(index=True)
    contact_name = Text()
    contact_email = Text()
    currency = Text()
    total_minor = BigInt(default=0)
    due_minor = BigInt(default=0)
    paid_minor = BigInt(default=0)
    credited_minor = BigInt(default=0)
    issued_on = Date(null=True, default=None)
    due_on = Date(null=True, default=None)
    paid_on = Date(null=True, default=None)
    xero_updated_at = Timestamptz(null=True, default=None)
    seen_at = Timestamptz(help_text="when Xero last told us about it")
    content = JSONB(default="{}", help_text="lines, sub-totals, addresses as read from Xero; empty until read one by one")
    theme_id = Text()
    sent_to_contact = Boolean(default=False)
    online_url = Text()
    created_at = Timestamptz()


class PayLink(Table, db=ENGINE):
    """The permanent link of an invoice; its token is derived, only a keyed hash is kept. Writer: books.links."""

    id = UUID(primary_key=True)
    merchant = ForeignKey(Merchant, null=False, index=True)
    invoice = ForeignKey(Invoice, null=False, unique=True)
    version = Integer(default=1)
    token_hash = Text(unique=True)
    previous_hash = Text(help_text="of the token before the last revocation; its page says that it has expired")
    active = Boolean(default=True)
    allow_part = Boolean(null=True, default=None, help_text="null: as the merchant's own setting")
    created_at = Timestamptz()
    requested_at = Timestamptz(null=True, default=None, help_text="last time the request was sent or handed out")
    requested_to = Text()
    viewed_at = Timestamptz(null=True, default=None)
    last_viewed_at = Timestamptz(null=True, default=None)
    views = Integer(default=0)
    in_xero_at = Timestamptz(null=True, default=None, help_text="when the link stood in the invoice in Xero")
    qr_in_xero_at = Timestamptz(null=True, default=None)
    publish_error = Text()


class Attempt(Table, db=ENGINE):
    """A customer's try to pay: one Stripe checkout session. Writer: books.attempts."""

    id = UUID(primary_key=True)
    merchant = ForeignKey(Merchant, null=False, index=True)
    invoice = ForeignKey(Invoice, null=False, index=True)
    pay_link = ForeignKey(PayLink, null=True)
    stripe_account_id = Text()
    amount_minor = BigInt()
    currency = Text()
    state = Text(default="created", help_text="see books.machines.ATTEMPT")
    idempotency_key = Text(unique=True)
    params = Text(help_text="the frozen request, as JSON")
    stripe_session_id = Text(null=True, default=None, unique=True)
    session_url = Text()
    stripe_payment_intent_id = Text(index=True)
    failure = Text(help_text="why the last card was declined, in words")
    expires_at = Timestamptz()
    created_at = Timestamptz()
    changed_at = Timestamptz()


class Payment(Table, db=ENGINE):
    """Money a customer paid through Stripe, once per payment intent. Writer: books.payments."""

    id = UUID(primary_key=True)
    merchant = ForeignKey(Merchant, null=False, index=True)
    connection = ForeignKey(Connection, null=False)
    invoice = ForeignKey(Invoice, null=False, index=True)
    attempt = ForeignKey(Attempt, null=True)
    stripe_account_id = Text()
    stripe_payment_intent_id = Text()
    stripe_charge_id = Text(index=True)
    livemode = Boolean(default=False)
    state = Text(default="processing", help_text="see books.machines.PAYMENT")
    amount_minor = BigInt()
    currency = Text()
    refunded_minor = BigInt(default=0)
    method_type = Text()
    method_brand = Text()
    method_last4 = Text()
    customer_email = Text()
    failure = Text()
    started_at = Timestamptz()
    paid_at = Timestamptz(null=True, default=None)
    balance_transaction_id = Text()
    settled_minor = BigInt(null=True, default=None, help_text="gross in the settlement currency")
    fee_minor = BigInt(null=True, default=None)
    settlement_currency = Text()
    exchange_rate = Text(help_text="Stripe's decimal, as text; empty when the currencies are the same")
    exception = Text(help_text="empty, or why it could not be applied as it was: overpaid, voided, changed …")
    created_at = Timestamptz()
    changed_at = Timestamptz()


class WriteBack(Work, Table, db=ENGINE):
    """One write to Xero's books: frozen before it is sent, looked up before it is sent again. Writer: books.writeback."""

    id = BigSerial(primary_key=True)
    merchant = ForeignKey(Merchant, null=False, index=True)
    connection = ForeignKey(Connection, null=False, index=True)
    invoice = ForeignKey(Invoice, null=False)
    payment = ForeignKey(Payment, null=False, index=True)
    kind = Text(help_text="payment, fee or reversal")
    reference = Text(unique=True)
    request = Text(help_text="the frozen request body, JSON")
    request_sha256 = Text()
    idempotency_key = Text()
    state = Text(default="intended", help_text="see books.machines.WRITE_BACK")
    reason = Text(help_text="short code of why it is parked or rejected")
    message = Text(help_text="Xero's own words")
    amount_minor = BigInt()
    currency = Text()
    xero_id = Text()
    sent_at = Timestamptz(null=True, default=None)
    absent_at = Timestamptz(null=True, default=None, help_text="when Xero first said that it does not have it")
    confirmed_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz()


class LedgerTransaction(Table, db=ENGINE):
    """A fact that moved money; append-only. Writer: books.ledger."""

    id = BigSerial(primary_key=True)
    merchant = ForeignKey(Merchant, null=False, index=True)
    source = Text(help_text="stripe or xero")
    external_id = Text()
    kind = Text()
    payment = ForeignKey(Payment, null=True, index=True)
    occurred_at = Timestamptz()
    recorded_at = Timestamptz()


class LedgerEntry(Table, db=ENGINE):
    """One side of a ledger transaction; the sides of each transaction sum to zero per currency; append-only."""

    id = BigSerial(primary_key=True)
    ledger_transaction = ForeignKey(LedgerTransaction, null=False, index=True)
    account = Text()
    amount_minor = BigInt()
    currency = Text()


class Happening(Table, db=ENGINE):
    """One line of an invoice's timeline, in words. Writer: books.timeline."""

    id = BigSerial(primary_key=True)
    merchant = ForeignKey(Merchant, null=False)
    invoice = ForeignKey(Invoice, null=False, index=True)
    kind = Text(help_text="synced, linked, requested, viewed, started, declined, processing, paid, recorded, refunded, attention")
    title = Text()
    detail = Text()
    at = Timestamptz()


class Mail(Table, db=ENGINE):
    """A mail to be sent once, by the job mail.send. Writer: books.mails."""

    id = UUID(primary_key=True)
    merchant = ForeignKey(Merchant, null=True)
    invoice = ForeignKey(Invoice, null=True)
    kind = Text()
    unique_key = Text(unique=True, help_text="what this mail is about; a second one for the same is not made")
    to_addresses = Text(help_text="separated by commas")
    from_name = Text()
    reply_to = Text()
    subject = Text()
    text = Text()
    html = Text()
    attach_pdf = Boolean(default=False)
    created_at = Timestamptz()
    sent_at = Timestamptz(null=True, default=None)
    cancelled_at = Timestamptz(null=True, default=None)


class Inbox(Work, Table, db=ENGINE):
    """Outside events, stored before they are acted on. Writer: core.inbox."""

    id = BigSerial(primary_key=True)
    source = Text(help_text="xero or stripe")
    account = Text(help_text="tenant or connected account")
    event_id = Text()
    type = Text()
    livemode = Boolean(default=False)
    occurred_at = Timestamptz(null=True, default=None)
    received_at = Timestamptz()
    body = Bytea(help_text="the bytes as they came")


class Job(Work, Table, db=ENGINE):
    """Durable to-dos without a row of their own, one for each kind and subject. Writer: core.jobs."""

    id = BigSerial(primary_key=True)
    kind = Text()
    subject = Text()
    payload = JSONB(default="{}")
    asked = Integer(default=1)
    asked_seen = Integer(default=0)
    changed_at = Timestamptz()


class Cursor(Table, db=ENGINE):
    """How far a poll has come, by name. Writer: the room that polls."""

    id = UUID(primary_key=True)
    name = Text(unique=True)
    value = Text()


class Allowance(Table, db=ENGINE):
    """A fixed-window counter against abuse, shared by all processes. Writer: core.limiter."""

    id = UUID(primary_key=True)
    key = Text(unique=True)
    window_start = Timestamptz(default=TimestamptzNow())
    used = Integer(default=0)


ALL = [
    User, Merchant, Member, WebSession, SignInFlow, XeroGrant, Connection, AccountChoice, XeroBudget, XeroPermit,
    StripeAccount, Branding, Invoice, PayLink, Attempt, Payment, WriteBack, LedgerTransaction, LedgerEntry, Happening,
    Mail, Inbox, Job, Cursor, Allowance,
]  # fmt: skip
