"""What Stripe says, as plain values: never a StripeObject.

Amounts are Stripe's own integers with lower-case currency codes (see core.money.from_stripe); times are aware, in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AccountView:
    """A connected account. `card_payments` is active, pending, restricted, rejected, unsupported or "".

    `requirements` are plain dicts: what (Stripe's machine-readable description), who (user or stripe), deadline
    (currently_due, eventually_due, past_due), reasons (why Stripe asks again, in its words).
    """

    id: str
    card_payments: str
    card_reasons: tuple[str, ...]
    payouts: str
    requirements: list[dict[str, Any]]
    deadline: str
    deadline_at: datetime | None
    currency: str
    country: str
    livemode: bool
    closed: bool

    @property
    def active(self) -> bool:
        """Whether it may take cards."""
        return self.card_payments == "active" and not self.closed


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
    """A refund; `reference` is our own word in its metadata, `reason` why it waits or failed, as Stripe's code."""

    id: str
    status: str
    amount: int
    currency: str
    reference: str
    reason: str


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


def account_view(raw: Json) -> AccountView:
    """From a v2 account read with configuration.merchant, requirements, defaults and identity."""
    capabilities = _at(raw, "configuration", "merchant", "capabilities")
    cards = _at(capabilities, "card_payments")
    summary = _at(raw, "requirements", "summary", "minimum_deadline")
    return AccountView(
        id=str(raw["id"]),
        card_payments=_text(cards, "status"),
        card_reasons=tuple(_text(one, "code") for one in cards.get("status_details") or []),
        payouts=_text(_at(capabilities, "stripe_balance", "payouts"), "status"),
        requirements=[_requirement(one) for one in _at(raw, "requirements").get("entries") or []],
        deadline=_text(summary, "status"),
        deadline_at=_time(summary.get("time")),
        currency=_text(_at(raw, "defaults"), "currency").upper(),
        country=_text(_at(raw, "identity"), "country").upper(),
        livemode=bool(raw.get("livemode")),
        closed=bool(raw.get("closed")),
    )


def _requirement(raw: Json) -> dict[str, Any]:
    errors = [_text(one, "description") or _text(one, "code") for one in raw.get("errors") or []]
    return {
        "what": _text(raw, "description"),
        "who": _text(raw, "awaiting_action_from"),
        "deadline": _text(_at(raw, "minimum_deadline"), "status"),
        "reasons": [text for text in errors if text],
    }


def session_view(raw: Json) -> SessionView:
    """From a checkout session."""
    return SessionView(
        id=str(raw["id"]),
        url=_text(raw, "url"),
        status=_text(raw, "status"),
        payment_status=_text(raw, "payment_status"),
        payment_intent=_id(raw.get("payment_intent")),
        amount_total=int(raw.get("amount_total") or 0),
        currency=_text(raw, "currency"),
        expires_at=_epoch(raw.get("expires_at")),
        client_reference_id=_text(raw, "client_reference_id"),
        livemode=bool(raw.get("livemode")),
        attempt=_text(_at(raw, "metadata"), "payportal_attempt"),
    )


def intent_view(raw: Json) -> IntentView:
    """From a payment intent with `latest_charge.balance_transaction` expanded."""
    error = _at(raw, "last_payment_error")
    charge = raw.get("latest_charge")
    return IntentView(
        id=str(raw["id"]),
        status=_text(raw, "status"),
        amount=int(raw.get("amount") or 0),
        amount_received=int(raw.get("amount_received") or 0),
        currency=_text(raw, "currency"),
        created=_epoch(raw.get("created")),
        livemode=bool(raw.get("livemode")),
        last_error=_text(error, "message"),
        decline_code=_text(error, "decline_code") or _text(error, "code"),
        method_type=_text(_at(error, "payment_method"), "type"),
        charge=charge_view(charge) if isinstance(charge, Mapping) else None,
    )


def charge_view(raw: Json) -> ChargeView:
    """From a charge; its balance transaction counts only when expanded."""
    details = _at(raw, "payment_method_details")
    kind = _text(details, "type")
    method = _at(details, kind) if kind else {}
    balance = raw.get("balance_transaction")
    return ChargeView(
        id=str(raw["id"]),
        payment_intent=_id(raw.get("payment_intent")),
        status=_text(raw, "status"),
        amount=int(raw.get("amount") or 0),
        amount_refunded=int(raw.get("amount_refunded") or 0),
        currency=_text(raw, "currency"),
        created=_epoch(raw.get("created")),
        method_type=kind,
        brand=_text(method, "brand"),
        last4=_text(method, "last4"),
        email=_text(_at(raw, "billing_details"), "email") or _text(raw, "receipt_email"),
        receipt_url=_text(raw, "receipt_url"),
        failure=_text(raw, "failure_message"),
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
        currency=_text(raw, "currency"),
        exchange_rate="" if rate is None else str(rate),
        created=_epoch(raw["created"]) if raw.get("created") else None,
    )


def dispute_view(raw: Json) -> DisputeView:
    """From a dispute."""
    return DisputeView(
        str(raw["id"]), _text(raw, "status"), _text(raw, "reason"), int(raw.get("amount") or 0), _text(raw, "currency")
    )


REFERENCE = "payportal_refund"


def refund_view(raw: Json) -> RefundView:
    """From a refund."""
    return RefundView(
        id=str(raw["id"]),
        status=_text(raw, "status"),
        amount=int(raw.get("amount") or 0),
        currency=_text(raw, "currency"),
        reference=_text(_at(raw, "metadata"), REFERENCE),
        reason=_text(raw, "failure_reason") or _text(raw, "pending_reason"),
    )


def payout_view(raw: Json) -> PayoutView:
    """From a payout."""
    return PayoutView(
        id=str(raw["id"]),
        status=_text(raw, "status"),
        amount=int(raw.get("amount") or 0),
        currency=_text(raw, "currency"),
        created=_epoch(raw.get("created")),
        arrives=_epoch(raw.get("arrival_date")),
        automatic=bool(raw.get("automatic")),
        explained=_text(raw, "reconciliation_status") == "completed",
        failure=_text(raw, "failure_message") or _text(raw, "failure_code"),
        livemode=bool(raw.get("livemode")),
    )


def line_view(raw: Json) -> LineView:
    """From a balance transaction with its source expanded."""
    source = raw.get("source")
    about = source if isinstance(source, Mapping) else {}
    return LineView(
        id=str(raw["id"]),
        kind=_text(raw, "type"),
        amount=int(raw["amount"]),
        fee=int(raw["fee"]),
        net=int(raw["net"]),
        currency=_text(raw, "currency"),
        source=_id(source),
        payment_intent=_id(about.get("payment_intent")),
        description=_text(raw, "description"),
        created=_epoch(raw.get("created")),
    )


def _at(raw: Json, *path: str) -> Json:
    for name in path:
        raw = raw.get(name) or {}
    return raw


def _text(raw: Json, name: str) -> str:
    return str(raw.get(name) or "")


def _id(value: Any) -> str:
    """The id of a reference, expanded or not."""
    return str(value["id"]) if isinstance(value, Mapping) else str(value or "")


def _epoch(value: Any) -> datetime:
    return datetime.fromtimestamp(int(value or 0), UTC)


def _time(value: Any) -> datetime | None:
    """v2 writes RFC 3339, v1 epoch seconds."""
    if value is None:
        return None
    return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else _epoch(value)
