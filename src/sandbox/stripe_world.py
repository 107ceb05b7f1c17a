"""What every part of the simulated Stripe stands on: owned objects, ids, time, modes.

Objects are the JSON Stripe would send, plus private fields whose names start with ``_`` (``_account`` says who owns it:
``""`` is the platform itself). ``render`` takes the private fields off. Kinds are Stripe's own ``object`` names.
"""

import secrets
from typing import Any, cast

import msgspec

from sandbox import stripe_errors
from sandbox.store import Obj
from sandbox.world import World

API_VERSION = "2026-10-28.endive"
PLATFORM = ""
DAY = 86_400
KINDS = (
    "checkout.session",
    "payment_intent",
    "payment_method",
    "charge",
    "balance_transaction",
    "refund",
    "dispute",
    "payout",
    "application_fee",
    "radar.early_fraud_warning",
    "event",
    "v2.core.event",
    "webhook_endpoint",
    "v2.core.event_destination",
)


class Modes(msgspec.Struct, forbid_unknown_fields=True):
    """Doubts and tempo, each a switch (``POST /_stripe/modes``); seconds of the sandbox's clock.

    ``bank_debit_seconds`` replaces the test account's own time until a bank debit settles; ``api_seconds`` makes every
    API call that long (which is how a 409 for a key in use is seen, and ``lock_timeout`` after ``lock_seconds`` of waiting for
    another change of the same object); ``account_events`` also sends the v1 snapshot
    ``account.updated`` for accounts made with v2, of which nobody knows whether Stripe does; ``test_events`` sends live endpoints
    a test-mode event beside each one of a connected account, as live Connect endpoints hear both; ``exchange`` is by how much
    every rate of exchange has changed since the world began.
    """

    bank_debit_seconds: float | None = None
    balance_seconds: float = 1.5
    verification_seconds: float = 2.0
    api_seconds: float = 0.0
    lock_seconds: float = 2.0
    account_events: bool = False
    test_events: bool = False
    automatic_payouts: bool = True
    exchange: float = 1.0
    redirect_seconds: float = 10.0


class Stripe:
    """One platform account and its connected accounts."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.request: Obj = {"id": None, "idempotency_key": None}
        for kind in KINDS:
            world.store.index(f"stripe.{kind}", "account", lambda obj: obj["_account"])
        world.store.index("_delivery", "stripe_event", lambda row: row["meta"].get("event"))
        world.store.index("stripe.balance_transaction", "payout", lambda obj: obj.get("_payout"))
        world.store.index("stripe.balance_transaction", "source", lambda obj: obj["source"])
        world.store.index("stripe.checkout.session", "payment_intent", lambda obj: obj["payment_intent"])
        world.store.index("stripe.charge", "payment_intent", lambda obj: obj["payment_intent"])
        world.store.index("stripe.refund", "charge", lambda obj: obj["charge"])

    def now(self) -> int:
        """Whole epoch seconds of the sandbox's clock."""
        return int(self.world.clock.timestamp())

    def later(self, seconds: float, kind: str, payload: Obj) -> str:
        """Schedule ``stripe.<kind>``; survives a restart. Returns the id to cancel it by."""
        return self.world.clock.after(seconds, f"stripe.{kind}", payload)

    def id(self, prefix: str, length: int = 24) -> str:
        """A fresh id of Stripe's look: ``id("pi_3")``."""
        return self.world.ids.token(prefix, length)

    def request_id(self) -> str:
        """A fresh ``req_…`` that leaves no trace in the row of ids: only what changes the world repeats with its seed."""
        return f"req_{secrets.token_hex(7)}"

    @property
    def livemode(self) -> bool:
        """Whether the platform's key is a live one."""
        return self.world.config.stripe.secret_key.startswith(("sk_live_", "rk_live_"))

    @property
    def modes(self) -> Modes:
        """The modes now in force."""
        row = self.world.store.get("stripe._modes", "modes")
        return Modes() if row is None else msgspec.convert(row, Modes)

    def set_modes(self, changes: Obj) -> Modes:
        """Merge ``changes`` into the modes; raises msgspec.ValidationError for unknown or ill-typed ones."""
        modes = msgspec.convert(msgspec.to_builtins(self.modes) | changes, Modes)
        self.world.store.put("stripe._modes", "modes", cast("Obj", msgspec.to_builtins(modes)))
        return modes

    def platform_id(self) -> str:
        """The platform's own account id, the same for the whole life of this world."""
        row = self.world.store.get("stripe._platform", "platform")
        if row is None:
            row = self.world.store.put(
                "stripe._platform", "platform", {"id": self.id("acct_1", 16), "app": self.id("ca_")}
            )
        return str(row["id"])

    def application(self) -> str:
        """The ``ca_…`` id of the platform's Connect application."""
        self.platform_id()
        return str((self.world.store.get("stripe._platform", "platform") or {})["app"])

    def put(self, kind: str, obj: Obj) -> Obj:
        """Insert or replace."""
        return self.world.store.put(f"stripe.{kind}", obj["id"], obj)

    def find(self, kind: str, id: str | None) -> Obj | None:
        """An object whoever owns it."""
        return self.world.store.get(f"stripe.{kind}", id)

    def get(self, kind: str, id: str | None, account: str) -> Obj | None:
        """An object of that account, or None: objects of connected accounts are invisible to the platform."""
        obj = self.find(kind, id)
        return obj if obj is not None and obj["_account"] == account else None

    def need(self, kind: str, id: str, account: str, param: str = "id") -> Obj:
        """Like ``get``; raises 404 resource_missing (400 when the id stood in a parameter)."""
        obj = self.get(kind, id, account)
        if obj is None:
            raise stripe_errors.no_such(kind, id, param, 404 if param == "id" else 400)
        return obj

    def rows(self, kind: str, account: str) -> list[Obj]:
        """All of that account, oldest first."""
        return self.world.store.by(f"stripe.{kind}", "account", account)

    def by(self, kind: str, index: str, value: Any) -> list[Obj]:
        """Objects by one of the indexes declared above, oldest first."""
        return self.world.store.by(f"stripe.{kind}", index, value)


def render(obj: Obj) -> Obj:
    """The object as the API shows it."""
    return {name: value for name, value in obj.items() if not name.startswith("_")}


def copied(obj: Obj) -> Obj:
    """A rendered deep copy, for what must not change later (event data)."""
    return cast("Obj", msgspec.json.decode(msgspec.json.encode(render(obj))))
