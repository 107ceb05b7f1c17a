"""Events: stored once, delivered to every endpoint that asked, snapshot or thin.

Snapshot events carry the object as it was; those of a connected account carry ``account`` and ``context`` and go to
Connect endpoints only. Thin events carry ids. Signatures are made per attempt, over exactly the bytes sent, with real
time (receivers compare with their own clock, whatever the sandbox's clock says). Source: docs.stripe.com/webhooks.
"""

import hashlib
import hmac
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from sandbox.outbound import Answer
from sandbox.store import Obj
from sandbox.stripe_params import THIN_EVENTS
from sandbox.stripe_versions import told
from sandbox.stripe_world import API_VERSION, PLATFORM, Stripe, copied
from sandbox.webhooks import Channel

CHANNEL = "stripe"
TIMEOUT = 10.0
HOUR = 3600.0
# Live mode: exponential over three days.
RETRIES = (300.0, 1800.0, 2 * HOUR, 5 * HOUR, 10 * HOUR, 12 * HOUR, 12 * HOUR, 12 * HOUR, 12 * HOUR)


class Target(msgspec.Struct, frozen=True):
    """Somewhere to deliver to."""

    id: str
    url: str
    secret: str
    thin: bool
    connect: bool
    own: bool
    events: tuple[str, ...]
    api_version: str | None = None
    previous: str | None = None

    def takes(self, type: str, account: str) -> bool:
        """Whether a snapshot event of that account is for this endpoint."""
        scope = self.connect if account != PLATFORM else self.own
        return not self.thin and scope and (type in self.events or "*" in self.events)

    def takes_thin(self, type: str, account: str) -> bool:
        """Whether a thin event is; the star stands for v2 events only, v1 ones must be named."""
        named = type in self.events or ("*" in self.events and type.startswith("v2."))
        # v2.core.account events are about an account: both scopes hear them.
        scope = type.startswith("v2.core.account") or (self.connect if account != PLATFORM else self.own)
        return self.thin and named and scope


def targets(stripe: Stripe) -> Iterator[Target]:
    """The endpoints of the configuration, of ``/v1/webhook_endpoints`` and of ``/v2/core/event_destinations``."""
    for given in stripe.world.config.stripe.endpoints:
        thin, connect = given.payload == "thin", given.connect
        name = f"config:{given.payload}:{'accounts' if connect else 'self'}:{given.url}"
        rolled = given.previous_secret
        yield Target(name, given.url, given.secret, thin, connect, not connect, tuple(given.events), previous=rolled)
    for row in stripe.rows("webhook_endpoint", PLATFORM):
        if row["status"] == "enabled":
            events, connect = tuple(row["enabled_events"]), row["_connect"]
            yield Target(row["id"], row["url"], row["_secret"], False, connect, not connect, events, row["api_version"])
    for row in stripe.rows("v2.core.event_destination", PLATFORM):
        if row["status"] == "enabled":
            yield _destination(row)


def _destination(row: Obj) -> Target:
    sources = row["events_from"]
    return Target(
        row["id"],
        row["_url"],
        row["_secret"],
        row["event_payload"] == "thin",
        "@accounts" in sources,
        "@self" in sources,
        tuple(row["enabled_events"]),
        row["snapshot_api_version"],
    )


def emit(stripe: Stripe, type: str, obj: Obj, previous: Obj | None = None, account: str | None = None) -> Obj:
    """Store a snapshot event about ``obj`` (of its owner unless ``account`` says otherwise) and start its delivery."""
    owner = obj["_account"] if account is None else account
    data: Obj = {"object": copied(obj)}
    if previous is not None:
        data["previous_attributes"] = previous
    event: Obj = {
        "id": stripe.id("evt_3" if type.startswith(("charge.", "payment_intent.")) else "evt_1"),
        "object": "event",
        "_account": owner,
        "api_version": API_VERSION,
        "created": stripe.now(),
        "data": data,
        "livemode": stripe.livemode,
        "pending_webhooks": 0,
        "request": dict(stripe.request),
        "type": type,
    }
    if owner != PLATFORM:
        event |= {"account": owner, "context": owner}
    hearers = [target for target in targets(stripe) if target.takes(type, owner)]
    event["pending_webhooks"] = len(hearers)
    stripe.put("event", event)
    for target in hearers:
        version = target.api_version or API_VERSION
        _send(stripe, target, event, {**told(copied(event), version), "api_version": version})
        if stripe.livemode and stripe.modes.test_events and owner != PLATFORM:
            _send(stripe, target, event, _test_twin(stripe, event))
    _thin_twin(stripe, event, owner)
    return event


def _test_twin(stripe: Stripe, event: Obj) -> Obj:
    """The same kind of thing happening in test mode: a live Connect endpoint hears of that too, and cannot read it."""
    twin = copied(event) | {
        "id": stripe.id("evt_1"),
        "livemode": False,
        "request": {"id": None, "idempotency_key": None},
    }
    about = twin["data"]["object"] | {"livemode": False}
    if "id" in about:
        about["id"] = f"{about['id'][:-4]}test".replace("cs_live_", "cs_test_")
    twin["data"]["object"] = about
    return twin


def _thin_twin(stripe: Stripe, event: Obj, owner: str) -> None:
    type = f"v1.{event['type']}"
    if type in THIN_EVENTS and any(target.takes_thin(type, owner) for target in targets(stripe)):
        about = event["data"]["object"]
        related = {"id": about.get("id"), "type": about["object"], "url": _v1_url(about)}
        emit_thin(stripe, type, related, owner, snapshot=event["id"])


def _v1_url(about: Obj) -> str:
    return f"/v1/{about['object'].replace('.', '/')}s/{about.get('id', '')}"


def emit_thin(stripe: Stripe, type: str, related: Obj, account: str, *, snapshot: str | None = None) -> Obj:
    """Store a v2 event about ``related`` {id, type, url} in the context of ``account`` and deliver it, thin."""
    moment = datetime.fromtimestamp(stripe.world.clock.timestamp(), UTC)
    request = dict(stripe.request)
    event: Obj = {
        "id": stripe.id("evt_test_65", 40),
        "object": "v2.core.event",
        "_account": account,
        "type": type,
        "created": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "livemode": stripe.livemode,
        "context": account or None,
        "related_object": related,
        "reason": {"type": "request", "request": request} if request["id"] else None,
        "changes": None,
    }
    if snapshot:
        event["snapshot_event"] = snapshot
    stripe.put("v2.core.event", event)
    for target in targets(stripe):
        if target.takes_thin(type, account):
            body = {name: value for name, value in copied(event).items() if name not in ("changes", "snapshot_event")}
            _send(stripe, target, event, body)
    return event


def _send(stripe: Stripe, target: Target, event: Obj, body: Obj) -> None:
    meta = {"event": event["id"], "type": event["type"], "account": event["_account"], "endpoint": target.id}
    pretty = msgspec.json.format(msgspec.json.encode(body), indent=2)
    stripe.world.webhooks.send(CHANNEL, target.url, pretty, meta)


def signature(body: bytes, secrets: Sequence[str], moment: int, *, test: bool = False) -> str:
    """The ``Stripe-Signature`` header: HMAC-SHA256 hex over ``t.body``, one ``v1`` for each secret.

    In test mode a ``v0`` goes along, a scheme of no worth that receivers pass over.
    """
    told = str(moment).encode() + b"." + body
    parts = [f"v1={hmac.new(secret.encode(), told, hashlib.sha256).hexdigest()}" for secret in secrets]
    if test:
        parts.append(f"v0={hashlib.sha256(told).hexdigest()}")
    return ",".join([f"t={moment}", *parts])


def channel(stripe: Stripe) -> Channel:
    """How Stripe delivers: ten seconds, any 2xx, nine retries over three days."""

    def sign(body: bytes, delivery: Obj, forge: bool) -> dict[str, str]:
        target = next((t for t in targets(stripe) if t.id == delivery["meta"]["endpoint"]), None)
        secrets = ["whsec_forged"] if forge or target is None else [target.secret, *filter(None, [target.previous])]
        moment = int(time.time())  # noqa: TID251 -- receivers compare it with their own clock, which is the real one
        return {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "cache-control": "no-cache",
            "stripe-signature": signature(body, secrets, moment, test=not stripe.livemode),
        }

    def done(delivery: Obj, answer: Answer) -> None:
        event = stripe.find("event", delivery["meta"]["event"])
        first = sum(attempt["problem"] is None for attempt in delivery["attempts"]) == 1
        if event is not None and delivery["state"] == "delivered" and first:
            event["pending_webhooks"] = max(0, event["pending_webhooks"] - 1)
            stripe.put("event", event)

    return Channel(CHANNEL, sign, TIMEOUT, RETRIES, done=done)
