"""What Stripe says, as plain values: never a StripeObject.

Amounts are Stripe's own integers with lower-case currency codes (see core.money.from_stripe); times are aware, in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.clients.stripe_fields import Json, at, epoch, id_of, text


@dataclass(frozen=True, slots=True)
class SessionView:
    """A checkout session. `url` is "" once it is not open; `payment_intent` is "" until the customer confirmed."""

    id: str
    url: str
    status: str
    payment_status: str
    payment_intent: str
    amount_total: int
    currency: str
    expires_at: datetime
    client_reference_id: str
    livemode: bool
    # What we wrote into its metadata when we made it: the attempt's id. Anybody with that account may write it too.
    attempt: str = ""


@dataclass(frozen=True, slots=True)
class BalanceView:
    """A balance transaction, in the settlement currency; `exchange_rate` is Stripe's decimal as text, "" when none."""

    id: str
    amount: int
    fee: int
    net: int
    currency: str
    exchange_rate: str
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChargeView:
    """A charge. `balance` is None until Stripe booked it, some seconds or days after the payment."""

    id: str
    payment_intent: str
    status: str
    amount: int
    amount_refunded: int
    currency: str
    created: datetime
    method_type: str
    brand: str
    last4: str
    email: str
    receipt_url: str
    failure: str
    refunded: bool
    disputed: bool
    livemode: bool
    balance: BalanceView | None


@dataclass(frozen=True, slots=True)
class IntentView:
    """A payment intent with its newest charge; `last_error` is fit to be shown to the customer."""

    id: str
    status: str
    amount: int
    amount_received: int
    currency: str
    created: datetime
    livemode: bool
    last_error: str
    decline_code: str
    method_type: str
    charge: ChargeView | None


@dataclass(frozen=True, slots=True)
class DisputeView:
    """A dispute of a charge."""

    id: str
    status: str
    reason: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund; `reference` is our own word in its metadata, `reason` why it waits or failed, as Stripe's code.

    `moved` is what it took off the balance, in `moved_currency`; None until Stripe says so.
    """

    id: str
    status: str
    amount: int
    currency: str
    reference: str
    reason: str
    created: datetime
    moved: int | None
    moved_currency: str


@dataclass(frozen=True, slots=True)
class PayoutView:
    """A payout. `explained` says that Stripe can list what is in it: automatic ones only, some time after."""

    id: str
    status: str
    amount: int
    currency: str
    created: datetime
    arrives: datetime
    automatic: bool
    explained: bool
    failure: str
    livemode: bool


@dataclass(frozen=True, slots=True)
class LineView:
    """A movement of the balance; `payment_intent` is "" for what belongs to none (a fee of Stripe's, a payout)."""

    id: str
    kind: str
    amount: int
    fee: int
    net: int
    currency: str
    source: str
    payment_intent: str
    description: str
    created: datetime
    # What moved, as its source says it: in the currency of the payment, where the balance is in another one.
    source_amount: int = 0
    source_currency: str = ""


def session_view(raw: Json) -> SessionView:
    """From a checkout session."""
    return SessionView(
        id=str(raw["id"]),
        url=text(raw, "url"),
        status=text(raw, "status"),
        payment_status=text(raw, "payment_status"),
        payment_intent=id_of(raw.get("payment_intent")),
        amount_total=int(raw.get("amount_total") or 0),
        currency=text(raw, "currency"),
        expires_at=epoch(raw.get("expires_at")),
        client_reference_id=text(raw, "client_reference_id"),
        livemode=bool(raw.get("livemode")),
        attempt=text(at(raw, "metadata"), "payportal_attempt"),
    )


def intent_view(raw: Json) -> IntentView:
    """From a payment intent with `latest_charge.balance_transaction` expanded."""
    error = at(raw, "last_payment_error")
    charge = raw.get("latest_charge")
    return IntentView(
        id=str(raw["id"]),
        status=text(raw, "status"),
        amount=int(raw.get("amount") or 0),
        amount_received=int(raw.get("amount_received") or 0),
        currency=text(raw, "currency"),
        created=epoch(raw.get("created")),
        livemode=bool(raw.get("livemode")),
        last_error=text(error, "message"),
        decline_code=text(error, "decline_code") or text(error, "code"),
        method_type=text(at(error, "payment_method"), "type"),
        charge=charge_view(charge) if isinstance(charge, Mapping) else None,
    )


def charge_view(raw: Json) -> ChargeView:
    """From a charge; its balance transaction counts only when expanded."""
    details = at(raw, "payment_method_details")
    kind = text(details, "type")
    method = at(details, kind) if kind else {}
    balance = raw.get("balance_transaction")
    return ChargeView(
        id=str(raw["id"]),
        payment_intent=id_of(raw.get("payment_intent")),
        status=text(raw, "status"),
        amount=int(raw.get("amount") or 0),
        amount_refunded=int(raw.get("amount_refunded") or 0),
        currency=text(raw, "currency"),
        created=epoch(raw.get("created")),
        method_type=kind,
        brand=text(method, "brand"),
        last4=text(method, "last4"),
        email=text(at(raw, "billing_details"), "email") or text(raw, "receipt_email"),
        receipt_url=text(raw, "receipt_url"),
        failure=text(raw, "failure_message"),
        refunded=bool(raw.get("refunded")),
        disputed=bool(raw.get("disputed")),
        livemode=bool(raw.get("livemode")),
        balance=_balance_view(balance) if isinstance(balance, Mapping) else None,
    )


def _balance_view(raw: Json) -> BalanceView:
    rate = raw.get("exchange_rate")
    return BalanceView(
        id=str(raw["id"]),
        amount=int(raw["amount"]),
        fee=int(raw["fee"]),
        net=int(raw["net"]),
        currency=text(raw, "currency"),
        exchange_rate="" if rate is None else str(rate),
        created=epoch(raw["created"]) if raw.get("created") else None,
    )


def dispute_view(raw: Json) -> DisputeView:
    """From a dispute."""
    return DisputeView(
        str(raw["id"]), text(raw, "status"), text(raw, "reason"), int(raw.get("amount") or 0), text(raw, "currency")
    )


REFERENCE = "payportal_refund"


def refund_view(raw: Json) -> RefundView:
    """From a refund."""
    reference = text(at(raw, "metadata"), REFERENCE)
    reason = text(raw, "failure_reason") or text(raw, "pending_reason")
    line = raw.get("balance_transaction")
    booked = line if isinstance(line, Mapping) else {}
    return RefundView(
        id=str(raw["id"]),
        status=text(raw, "status"),
        amount=int(raw.get("amount") or 0),
        currency=text(raw, "currency"),
        reference=reference,
        reason=reason,
        created=epoch(raw.get("created")),
        moved=int(booked["amount"]) if booked else None,
        moved_currency=text(booked, "currency"),
    )


def payout_view(raw: Json) -> PayoutView:
    """From a payout."""
    return PayoutView(
        id=str(raw["id"]),
        status=text(raw, "status"),
        amount=int(raw.get("amount") or 0),
        currency=text(raw, "currency"),
        created=epoch(raw.get("created")),
        arrives=epoch(raw.get("arrival_date")),
        automatic=bool(raw.get("automatic")),
        explained=text(raw, "reconciliation_status") == "completed",
        failure=text(raw, "failure_message") or text(raw, "failure_code"),
        livemode=bool(raw.get("livemode")),
    )


def line_view(raw: Json) -> LineView:
    """From a balance transaction with its source expanded."""
    source = raw.get("source")
    about = source if isinstance(source, Mapping) else {}
    return LineView(
        id=str(raw["id"]),
        kind=text(raw, "type"),
        amount=int(raw["amount"]),
        fee=int(raw["fee"]),
        net=int(raw["net"]),
        currency=text(raw, "currency"),
        source=id_of(source),
        payment_intent=id_of(about.get("payment_intent")),
        description=text(raw, "description"),
        created=epoch(raw.get("created")),
        source_amount=int(about.get("amount") or 0),
        source_currency=text(about, "currency"),
    )
