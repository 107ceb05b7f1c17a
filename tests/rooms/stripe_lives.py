"""The lives a payment can have at Stripe: lived once at the sandbox, then told again event by event, in any order."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import msgspec

from app.clients.bundle import Clients
from app.clients.stripe import Stripe
from app.clients.stripe_wire import DisputeView, IntentView, RefundView, SessionView
from app.core import db
from tests.rooms.till import Till

Event = dict[str, Any]
Step = Callable[[Till, "Life"], Awaitable[None]]


@dataclass(frozen=True)
class Stage:
    """What Stripe answered at one time of a life."""

    session: SessionView
    intent: IntentView
    disputes: Sequence[DisputeView]
    refunds: Sequence[RefundView]


@dataclass
class Life:
    """One payment: what Stripe said after each step, and each event with the stage from which on it can arrive."""

    account: str
    session_id: str
    invoice: Any
    intent_id: str = ""
    charge_id: str = ""
    stages: list[Stage] = field(default_factory=list)
    events: list[tuple[int, Event]] = field(default_factory=list)


class Recorded:
    """Stripe as it answered when the life was lived; `now` says at which stage it stands."""

    def __init__(self, life: Life) -> None:
        self._life, self.now = life, 0

    @property
    def _stage(self) -> Stage:
        return self._life.stages[self.now]

    async def intent(self, _account: str, _id: str) -> IntentView:
        return self._stage.intent

    async def session(self, _account: str, _id: str) -> SessionView:
        return self._stage.session

    async def sessions_of_intent(self, _account: str, _id: str) -> list[SessionView]:
        return [self._stage.session]

    async def disputes(self, _account: str, _id: str) -> list[DisputeView]:
        return list(self._stage.disputes)

    async def refunds(self, _account: str, _id: str) -> list[RefundView]:
        return list(self._stage.refunds)

    def beside(self, clients: Clients) -> Clients:
        """The same clients, with this Stripe."""
        return replace(clients, stripe=cast("Stripe", self))


async def live(till: Till, steps: Sequence[tuple[Step, Sequence[str]]]) -> Life:
    """Live a life: after each step Stripe is read, and the step's events may arrive."""
    attempt = await till.attempt(await till.invoice("100.00"), "40.00")
    life = Life(till.account, attempt["stripe_session_id"], attempt["invoice"])
    for stage, (step, kinds) in enumerate(steps):
        await step(till, life)
        life.stages.append(await _read(till, life))
        life.events += [(stage, _event(life, kind)) for kind in kinds]
    return life


async def _read(till: Till, life: Life) -> Stage:
    stripe = till.clients.stripe
    session = await stripe.session(life.account, life.session_id)
    life.intent_id = life.intent_id or session.payment_intent
    intent = await stripe.intent(life.account, life.intent_id)
    life.charge_id = intent.charge.id if intent.charge else ""
    disputes = await stripe.disputes(life.account, life.charge_id) if life.charge_id else []
    return Stage(session, intent, disputes, await stripe.refunds(life.account, life.intent_id))


def _event(life: Life, kind: str) -> Event:
    if kind.startswith("checkout.session"):
        about = {"id": life.session_id}
    elif kind.startswith("payment_intent"):
        about = {"id": life.intent_id}
    else:
        about = {"id": "some_id", "payment_intent": life.intent_id}
    body = msgspec.json.encode({"data": {"object": about}})
    return {"type": kind, "account": life.account, "livemode": False, "body": body}


async def forget(till: Till, life: Life) -> None:
    """As if nothing had been heard yet: the attempt open, no payment, no books, nothing in Xero, a new minute."""
    for one in await till.in_xero(life.invoice):
        await till.control(f"/_xero/payments/{one['id']}/remove")
    await db.fetch(
        "TRUNCATE ledger_entry, ledger_transaction, write_back, payment, happening, job, xero_budget CASCADE"
    )
    await db.fetch("ALTER TABLE attempt DISABLE TRIGGER USER")
    await db.fetch("UPDATE attempt SET state = 'open', failure = '', stripe_payment_intent_id = ''")
    await db.fetch("ALTER TABLE attempt ENABLE TRIGGER USER")


# ---- steps


async def pays(till: Till, life: Life) -> None:
    """With a card."""
    await till.control("/_stripe/pay", {"session": life.session_id})


async def is_declined(till: Till, life: Life) -> None:
    """By the card's bank."""
    done = await till.control("/_stripe/pay", {"session": life.session_id, "card": "4000000000000002"})
    life.intent_id = done["payment_intent"]


async def debits(till: Till, life: Life) -> None:
    """From a bank account: on its way for days."""
    await till.control("/_stripe/pay", {"session": life.session_id, "card": None, "bank": "00012345"})


async def settles(till: Till, life: Life) -> None:
    """Stripe books the money and its fee."""
    await till.control("/_clock", {"advance": 30})


def debit(outcome: str) -> Step:
    """The bank says what became of a debit."""

    async def step(till: Till, life: Life) -> None:
        await till.control("/_stripe/debits", {"charge": life.charge_id, "outcome": outcome})

    return step


async def is_refunded(till: Till, life: Life) -> None:
    """In Stripe's dashboard, all of it."""
    await till.control("/_stripe/refunds", {"charge": life.charge_id})


async def is_disputed(till: Till, life: Life) -> None:
    """By the customer, at the bank."""
    await till.control("/_stripe/disputes", {"charge": life.charge_id})


def dispute(outcome: str) -> Step:
    """The bank decides."""

    async def step(till: Till, life: Life) -> None:
        await till.control(f"/_stripe/disputes/{life.stages[-1].disputes[0].id}", {"outcome": outcome})

    return step
