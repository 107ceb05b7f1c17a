"""Who: users, merchants, their sessions, how they look. Columns only; each table names its one writer."""

from piccolo.columns import JSONB, UUID, BigInt, Boolean, Bytea, ForeignKey, Integer, Text, Timestamptz
from piccolo.table import Table

from app.core.db import ENGINE


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
