"""Invoices, links, attempts, payments and what is written of them. Columns only; each table names its one writer."""

from piccolo.columns import JSONB, UUID, BigInt, BigSerial, Boolean, Date, ForeignKey, Integer, Text, Timestamptz
from piccolo.table import Table

from app.core.db import ENGINE
from app.core.work import Work
from app.tables.people import Merchant
from app.tables.xero import Connection


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
    content = JSONB(
        default="{}", help_text="lines, sub-totals, addresses as read from Xero; empty until read one by one"
    )
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


class Refund(Table, db=ENGINE):
    """Money a merchant sends back with our button; asked for once, by its frozen key. Writer: books.refunds."""

    id = UUID(primary_key=True)
    merchant = ForeignKey(Merchant, null=False, index=True)
    payment = ForeignKey(Payment, null=False, index=True)
    state = Text(default="asked", help_text="see books.machines.REFUND")
    amount_minor = BigInt()
    currency = Text()
    idempotency_key = Text(unique=True)
    stripe_refund_id = Text(null=True, default=None, unique=True)
    failure = Text(help_text="why it did not go through, in words")
    asked_by = Text(help_text="the person's name")
    sent_at = Timestamptz(null=True, default=None, help_text="when Stripe may first have taken it")
    created_at = Timestamptz()
    changed_at = Timestamptz()


class StripeRefund(Table, db=ENGINE):
    """What Stripe says of each refund of a payment, whoever made it. Writer: books.payments."""

    id = BigSerial(primary_key=True)
    payment = ForeignKey(Payment, null=False)
    stripe_refund_id = Text()
    status = Text(help_text="Stripe's word")
    amount_minor = BigInt(help_text="in the payment's own currency")
    moved_minor = BigInt(null=True, default=None, help_text="what it took off the balance, once Stripe says so")
    moved_currency = Text()
    refunded_at = Timestamptz()


class Payout(Table, db=ENGINE):
    """Money Stripe sends from a merchant's balance to their bank. Writer: books.payouts."""

    id = UUID(primary_key=True)
    merchant = ForeignKey(Merchant, null=False)
    stripe_account_id = Text()
    stripe_payout_id = Text()
    state = Text(default="pending", help_text="see books.machines.PAYOUT")
    amount_minor = BigInt()
    currency = Text()
    automatic = Boolean(default=True, help_text="only automatic payouts can be explained line by line")
    arrives_on = Date()
    failure = Text(help_text="why the bank sent it back, in Stripe's words")
    explained_at = Timestamptz(null=True, default=None, help_text="when all of its lines were read")
    created_at = Timestamptz()
    changed_at = Timestamptz()


class PayoutLine(Table, db=ENGINE):
    """One movement of the Stripe balance that a payout settles; Stripe's amounts as they are. Writer: books.payouts."""

    id = BigSerial(primary_key=True)
    payout = ForeignKey(Payout, null=False)
    payment = ForeignKey(Payment, null=True, index=True)
    balance_transaction_id = Text()
    kind = Text(help_text="Stripe's type: charge, payment, refund, adjustment …")
    source_id = Text()
    description = Text()
    gross_minor = BigInt()
    fee_minor = BigInt()
    net_minor = BigInt()
    currency = Text()
    source_minor = BigInt(
        null=True, default=None, help_text="as it was in the payment's own currency, if Stripe changed it"
    )
    at = Timestamptz()


class WriteBack(Work, Table, db=ENGINE):
    """One write to Xero's books: frozen before it is sent, looked up before it is sent again. Writer: books.writeback."""

    id = BigSerial(primary_key=True)
    merchant = ForeignKey(Merchant, null=False, index=True)
    connection = ForeignKey(Connection, null=False, index=True)
    invoice = ForeignKey(Invoice, null=True)
    payment = ForeignKey(Payment, null=True, index=True)
    payout = ForeignKey(Payout, null=True, index=True)
    kind = Text(
        help_text="payment, fee, overpayment, reversal, overpayment_back, refund_back, exchange or rest (of a payment); "
        "credit_note, credit_refund or credit_back (of one of its refunds); transfer or transfer_back (of a payout)"
    )
    stripe_refund_id = Text(help_text="of which refund, for a kind that is written for each; else empty")
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
    dated_on = Date(null=True, default=None, help_text="the day a person chose, where the money's own is locked")
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
    kind = Text(
        help_text="synced, linked, requested, viewed, started, declined, processing, paid, recorded, refunded, attention"
    )
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
