"""A connected account as Stripe says it (v2), as a plain value."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.clients.stripe_fields import Json, at, text, time


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


def account_view(raw: Json) -> AccountView:
    """From a v2 account read with configuration.merchant, requirements, defaults and identity."""
    capabilities = at(raw, "configuration", "merchant", "capabilities")
    cards = at(capabilities, "card_payments")
    summary = at(raw, "requirements", "summary", "minimum_deadline")
    return AccountView(
        id=str(raw["id"]),
        card_payments=text(cards, "status"),
        card_reasons=tuple(text(one, "code") for one in cards.get("status_details") or []),
        payouts=text(at(capabilities, "stripe_balance", "payouts"), "status"),
        requirements=[_requirement(one) for one in at(raw, "requirements").get("entries") or []],
        deadline=text(summary, "status"),
        deadline_at=time(summary.get("time")),
        currency=text(at(raw, "defaults"), "currency").upper(),
        country=text(at(raw, "identity"), "country").upper(),
        livemode=bool(raw.get("livemode")),
        closed=bool(raw.get("closed")),
    )


def _requirement(raw: Json) -> dict[str, Any]:
    errors = [text(one, "description") or text(one, "code") for one in raw.get("errors") or []]
    return {
        "what": text(raw, "description"),
        "who": text(raw, "awaiting_action_from"),
        "deadline": text(at(raw, "minimum_deadline"), "status"),
        "reasons": [text for text in errors if text],
    }
