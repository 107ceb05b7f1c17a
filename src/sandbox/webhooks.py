"""Delivery of webhooks: stored first, signed at each attempt, retried on the sandbox's clock, logged attempt by attempt.

A platform registers a ``Channel`` once (how to sign, how long to wait, when to retry) and then calls ``send``. The rows
survive a restart. Modes per channel (``/_webhooks``) and rules (``/_faults`` with ``webhook``) make delivery hostile:
drop, duplicate, delay, reorder, forge.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from sandbox.clock import Clock
from sandbox.fault_kinds import Delivery
from sandbox.faults import Faults
from sandbox.ids import Ids
from sandbox.outbound import Answer, post
from sandbox.store import Obj, Store

Sign = Callable[[bytes, Obj, bool], dict[str, str]]
Judge = Callable[[Answer, Obj], str | None]
Done = Callable[[Obj, Answer], None]


FAULTY = ("xero", "stripe")


def any_2xx(answer: Answer, delivery: Obj) -> str | None:
    """The plain judgement: None when the answer is 2xx, else what was wrong with it."""
    return None if 200 <= answer.status < 300 else answer.error or f"status {answer.status}"


class Channel(msgspec.Struct):
    """How one platform delivers.

    ``sign(body, delivery, forge)`` returns all headers, the content type included, for this attempt; ``delivery["meta"]``
    carries what ``send`` was given (a secret's name, an endpoint); with ``forge`` the signature must be wrong.
    ``retries`` are the waits in seconds before each further attempt; ``judge`` returns None for success or a reason;
    ``done`` is told of every attempt after it was logged (a row whose retries ran out has state "failed").
    """

    name: str
    sign: Sign
    timeout: float
    retries: Sequence[float]
    judge: Judge = any_2xx
    done: Done | None = None


class Modes(msgspec.Struct, forbid_unknown_fields=True):
    """Hostility of one channel.

    ``drop`` and ``forge`` the next n, ``duplicate`` each n times more, ``delay`` seconds, ``reorder`` holds n deliveries and
    lets them go in reverse.
    """

    drop: int = 0
    duplicate: int = 0
    delay: float = 0.0
    reorder: int = 0
    forge: int = 0


class Calm(msgspec.Struct, frozen=True):
    """A delivery nothing happens to: the fields of ``Delivery``, all off."""

    drop: bool = False
    duplicate: int = 0
    delay: float = 0.0
    reorder: int = 0
    forge: bool = False


CALM = Calm()


class Webhooks:
    """``send`` stores and schedules; ``redeliver`` sends a stored one again; ``rows`` lists them, newest last."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, faults: Faults) -> None:
        self._store, self._clock, self._ids, self._faults = store, clock, ids, faults
        self._channels: dict[str, Channel] = {}
        clock.on("webhook.attempt", self._attempt)
        clock.on("webhook.sequence", self._sequence)

    def register(self, channel: Channel) -> None:
        """Make a channel known; call at start-up, before the clock runs."""
        self._channels[channel.name] = channel

    def send(self, channel: str, url: str, body: bytes, meta: Obj | None = None) -> list[Obj]:
        """Store a delivery of exactly these bytes (UTF-8) and schedule its first attempt; returns the rows made."""
        modes = self.modes(channel)
        fault = self._fault(channel, url, meta or {})
        if modes.drop:
            self._use_up(channel, "drop")
        if modes.drop or fault.drop:
            return [self._row(channel, url, body, meta, "dropped")]
        count = 1 + modes.duplicate + fault.duplicate
        rows = [self._row(channel, url, body, meta, "pending", forge=fault.forge) for _ in range(count)]
        if modes.reorder:
            self._hold(channel, rows, modes.reorder)
        else:
            self._dispatch(channel, rows, modes.delay + fault.delay, fault.reorder)
        return rows

    def let_go(self, channel: str) -> None:
        """Send what waits for later deliveries to overtake it."""
        waiting = self._store.get("_webhook_waiting", channel)
        if waiting is not None:
            self._store.delete("_webhook_waiting", channel)
            self._clock.after(0, "webhook.sequence", {"ids": list(waiting)})

    def _fault(self, channel: str, url: str, meta: Obj) -> Delivery | Calm:
        if channel not in FAULTY:
            return CALM
        path = urlsplit(url).path
        return self._faults.strike_webhook(channel, path, meta.get("tenant"), meta.get("account")) or CALM

    def _dispatch(self, channel: str, rows: list[Obj], delay: float, overtaken_by: int) -> None:
        waiting = self._store.get("_webhook_waiting", channel) or {}
        ids = [row["id"] for row in rows]
        if overtaken_by and not waiting:
            self._store.put("_webhook_waiting", channel, dict.fromkeys(ids, overtaken_by))
            return
        left = {id: count - 1 for id, count in waiting.items()}
        due = [id for id, count in left.items() if count <= 0]
        if waiting:
            self._store.put("_webhook_waiting", channel, {id: count for id, count in left.items() if count > 0})
        if due:
            self._clock.after(delay, "webhook.sequence", {"ids": ids + due})
            return
        for id in ids:
            self._clock.after(delay, "webhook.attempt", {"delivery": id})

    def redeliver(self, id: str) -> bool:
        """Send a stored delivery again now, whatever became of it; False when unknown."""
        row = self._store.get("_delivery", id)
        if row is None:
            return False
        row["state"] = "pending"
        self._store.put("_delivery", id, row)
        self._clock.after(0, "webhook.attempt", {"delivery": id, "only": True})
        return True

    def rows(self, channel: str | None = None) -> list[Obj]:
        """The stored deliveries, oldest first, each with its attempts."""
        return [row for row in self._store.all("_delivery") if channel in (None, row["channel"])]

    def modes(self, channel: str) -> Modes:
        """The modes now in force."""
        return msgspec.convert(self._store.get("_webhook_modes", channel) or {}, Modes)

    def set_modes(self, channel: str, modes: Modes) -> None:
        """Replace the modes; anything held for reordering is let go."""
        self._store.put("_webhook_modes", channel, msgspec.to_builtins(modes))
        self._release(channel)

    def _row(self, channel: str, url: str, body: bytes, meta: Obj | None, state: str, *, forge: bool = False) -> Obj:
        id = self._ids.token("whd_", 20)
        row = {
            "id": id,
            "channel": channel,
            "url": url,
            "body": body.decode(),
            "meta": meta or {},
            "created": self._clock.timestamp(),
            "state": state,
            "forge": forge,
            "attempts": [],
        }
        return self._store.put("_delivery", id, row)

    def _use_up(self, channel: str, name: str) -> None:
        row = self._store.get("_webhook_modes", channel) or {}
        row[name] -= 1
        self._store.put("_webhook_modes", channel, row)

    def _hold(self, channel: str, rows: list[Obj], size: int) -> None:
        held = self._store.get("_webhook_held", channel) or {"ids": []}
        held["ids"] += [row["id"] for row in rows]
        self._store.put("_webhook_held", channel, held)
        if len(held["ids"]) >= size:
            self._release(channel)

    def _release(self, channel: str) -> None:
        held = self._store.get("_webhook_held", channel)
        if held is not None:
            self._store.delete("_webhook_held", channel)
            self._clock.after(0, "webhook.sequence", {"ids": held["ids"][::-1]})

    async def _sequence(self, payload: Obj) -> None:
        # One after the other, so that the order of sending is the order of arrival.
        for id in payload["ids"]:
            await self._attempt({"delivery": id})

    async def _attempt(self, payload: Obj) -> None:
        row = self._store.get("_delivery", payload["delivery"])
        if row is None or row["state"] != "pending":
            return
        channel = self._channels[row["channel"]]
        forge = bool(self.modes(channel.name).forge)
        if forge:
            self._use_up(channel.name, "forge")
        # A rule forges the first attempt only: the retry carries the right signature, as after a mistake put right.
        forge = forge or (row.get("forge", False) and not row["attempts"])
        body = row["body"].encode()
        at, started = self._clock.timestamp(), time.perf_counter()
        answer = await post(row["url"], body, channel.sign(body, row, forge), channel.timeout)
        self._note(channel, row, answer, at, started, retry=not payload.get("only"))

    def _note(self, channel: Channel, row: Obj, answer: Answer, at: float, started: float, *, retry: bool) -> None:
        problem = channel.judge(answer, row)
        ms = round((time.perf_counter() - started) * 1000, 1)
        row["attempts"].append({"at": at, "status": answer.status, "ms": ms, "problem": problem})
        failures = len(row["attempts"])
        if problem is None:
            row["state"] = "delivered"
        elif retry and failures <= len(channel.retries):
            self._clock.after(channel.retries[failures - 1], "webhook.attempt", {"delivery": row["id"]})
        else:
            row["state"] = "failed"
        self._store.put("_delivery", row["id"], row)
        if channel.done is not None:
            channel.done(row, answer)
