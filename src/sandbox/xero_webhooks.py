"""Xero's webhooks: one endpoint per app, raw-byte signatures, intent to receive, retries for a day, replay in order.

The signing key is used as text, not base64-decoded. Bodies have the irregular spacing of the real ones. While the
subscription is not healthy events are held, and replayed in order once an intent to receive succeeded.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import string

from sandbox.config import Config
from sandbox.outbound import Answer
from sandbox.store import Obj
from sandbox.webhooks import Channel
from sandbox.world import World
from sandbox.xero_wire import seven_digits

RETRY_SECONDS = [0.0, *[900.0] * 96]
TIMEOUT_SECONDS = 5.0
KEPT_SECONDS = 31 * 24 * 3600
LARGEST_BATCH = 100
SENDER = "noreply@developer.xero.example"
_PATHS = {
    "INVOICE": "Invoices",
    "CONTACT": "Contacts",
    "CREDITNOTE": "CreditNotes",
    "OVERPAYMENT": "Overpayments",
    "PREPAYMENT": "Prepayments",
}


def signature(key: str, body: bytes) -> str:
    """base64(HMAC-SHA256(body, key as UTF-8 text))."""
    return base64.b64encode(hmac.new(key.encode(), body, hashlib.sha256).digest()).decode()


class XeroWebhooks:
    """``note`` what happened; the rest follows from the subscription's state: none, checking, ok, failed or disabled."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.webhooks.register(
            Channel("xero", self._sign, TIMEOUT_SECONDS, RETRY_SECONDS, judge=_judge, done=self._attempted)
        )
        world.webhooks.register(
            Channel("xero.intent", self._sign, TIMEOUT_SECONDS, [], judge=_judge, done=self._answered)
        )
        world.on_config.append(self._reconfigured)
        world.clock.on("xero.intent", self._intent)

    def state(self) -> Obj:
        """The subscription: state, the tries of the running intent to receive, the failure last seen."""
        return self._world.store.get("xero.subscription", "app") or {"state": "none", "tries": 0, "problem": None}

    def note(self, tenant: str, category: str, id: str, kind: str = "UPDATE", data: Obj | None = None) -> None:
        """An object changed; events go out only for connected organisations and subscribed categories."""
        app = self._world.config.xero
        if app.webhook_url is None or category not in app.webhook_categories:
            return
        if not self._world.store.by("xero.connection", "tenant", tenant):
            return
        event = self._event(tenant, category, id, kind, data)
        if self.state()["state"] == "ok":
            self._send([event])
        else:
            self._world.store.put("xero.held", self._world.ids.uuid(), event)

    def check(self) -> None:
        """Start an intent to receive, as when the endpoint was saved or enabled again."""
        app = self._world.config.xero
        if app.webhook_url is None or app.webhook_key is None:
            self._set(state="none", tries=0, problem=None)
            return
        self._set(state="checking", tries=0, problem=None)
        self._world.clock.after(0, "xero.intent", {})

    def _event(self, tenant: str, category: str, id: str, kind: str, data: Obj | None) -> Obj:
        resource = f"/xero/api/api.xro/2.0/{_PATHS[category]}/{id}"
        event: Obj = {
            "resourceUrl": self._world.url(resource),
            "resourceId": id,
            "tenantId": tenant,
            "tenantType": "ORGANISATION",
            "eventCategory": category,
            "eventType": kind,
            "eventDateUtc": seven_digits(int(self._world.clock.timestamp() * 1000))[:-4],
        }
        return event if data is None else {**event, "data": data}

    def _send(self, events: list[Obj]) -> None:
        url = self._world.config.xero.webhook_url
        if url is None:
            return
        first = self._world.store.next_number("xero.event")
        for _ in events[1:]:
            self._world.store.next_number("xero.event")
        meta = {"good": True, "tenant": events[0]["tenantId"]}
        self._world.webhooks.send("xero", url, self._body(events, first, first + len(events) - 1), meta)

    def _body(self, events: list[Obj], first: int, last: int) -> bytes:
        # Spaces after some colons and commas only: re-serialised JSON must not verify.
        entropy = self._world.ids.token("", 20, string.ascii_uppercase)
        inner = json.dumps(events, separators=(",", ":"))
        tail = f'"firstEventSequence": {first},"lastEventSequence": {last}, "entropy": "{entropy}"'
        return f'{{"events":{inner},{tail}}}'.encode()

    def _sign(self, body: bytes, delivery: Obj, forge: bool) -> dict[str, str]:
        signed = signature(self._world.config.xero.webhook_key or "", body)
        if forge or not delivery["meta"]["good"]:
            signed = ("/" if signed[0] != "/" else "A") + signed[1:]
        return {"content-type": "application/json; charset=utf-8", "x-xero-signature": signed, "user-agent": "Xero"}

    def _reconfigured(self, old: Config, new: Config) -> None:
        before, after = old.xero, new.xero
        if (before.webhook_url, before.webhook_key) != (after.webhook_url, after.webhook_key):
            self.check()

    async def _intent(self, _payload: Obj) -> None:
        app = self._world.config.xero
        if app.webhook_url is None:
            return
        self._set(answers=0, unreachable=False)
        for good in (False, False, False, True):
            body = self._body([], 0, 0)
            self._world.webhooks.send("xero.intent", app.webhook_url, body, {"good": good})

    def _answered(self, row: Obj, answer: Answer) -> None:
        state = self.state()
        problem = state["problem"] or row["attempts"][-1]["problem"]
        unreachable = state.get("unreachable", False) or answer.status == 0
        self._set(answers=state.get("answers", 0) + 1, problem=problem, unreachable=unreachable)
        if self.state()["answers"] < 4:
            return
        if problem is None:
            self._set(state="ok")
            self._replay()
        elif unreachable and state["tries"] < 60:
            # Nobody listened yet, or not to all of them: a person would press the button again, the sandbox does it for them.
            self._set(tries=state["tries"] + 1, problem=None)
            self._world.clock.after(2, "xero.intent", {})
        else:
            self._set(state="failed")

    def _replay(self) -> None:
        # Events travel in batches; a replay is in the order things happened, and forgets what is older than 31 days.
        held = self._world.store.items("xero.held")
        for id, _ in held:
            self._world.store.delete("xero.held", id)
        oldest = seven_digits(int((self._world.clock.timestamp() - KEPT_SECONDS) * 1000))
        events = [event for _, event in held if event["eventDateUtc"] >= oldest]
        for start in range(0, len(events), LARGEST_BATCH):
            self._send(events[start : start + LARGEST_BATCH])

    def _attempted(self, row: Obj, answer: Answer) -> None:
        if row["state"] != "failed" or len(row["attempts"]) <= len(RETRY_SECONDS):
            return
        if self.state()["state"] == "disabled":  # by another delivery whose last attempt ended with this one
            return
        self._set(state="disabled", problem=answer.error or f"status {answer.status}")
        self._tell_collaborators()
        # A disabled subscription tries nothing more: what still waits is held with it, in the order it happened.
        for one in self._world.webhooks.rows("xero"):
            if one is row or one["state"] == "pending":
                one["state"] = "failed"
                self._world.store.put("_delivery", one["id"], one)
                for event in json.loads(one["body"])["events"]:
                    self._world.store.put("xero.held", self._world.ids.uuid(), event)

    def _tell_collaborators(self) -> None:
        app, state = self._world.config.xero, self.state()
        text = (
            f"We could not deliver to {app.webhook_url} for 24 hours ({state['problem']}), so its webhooks are disabled.\n"
            "Events are kept for 31 days. Send an intent to receive to enable the webhooks again.\n"
        )
        if app.collaborators:
            subject = f"Webhooks for {app.app_name} have been disabled"
            self._world.mail.write(SENDER, app.collaborators, subject, text)

    def _set(self, **values: object) -> None:
        self._world.store.put("xero.subscription", "app", {**self.state(), **values})


def _judge(answer: Answer, delivery: Obj) -> str | None:
    if answer.status == 0:
        return answer.error or "no answer"
    if not delivery["meta"]["good"]:
        return None if answer.status == 401 else f"status {answer.status} for a bad signature, 401 expected"
    if not 200 <= answer.status < 300:
        return f"status {answer.status}: Response not 200"
    if answer.body:
        return "Response contains a body"
    return "Response sets cookies" if answer.has("set-cookie") else None
