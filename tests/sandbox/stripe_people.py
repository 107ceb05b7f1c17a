"""A platform that speaks to the simulated Stripe with the official library, and the ears it listens with."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import stripe

from tests.sandbox.process import Sandbox

KEY = "sk_test_sandbox"
SECRET, OWN_SECRET, THIN_SECRET = "whsec_connect", "whsec_own", "whsec_thin"
RETURN = "https://pay.example.com/back?cs={CHECKOUT_SESSION_ID}"


class Heard:
    """One webhook that arrived."""

    def __init__(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path, self.headers, self.body = path, headers, body
        self.json: dict[str, Any] = json.loads(body)
        self.type: str = self.json["type"]
        self.at = time.monotonic()


class Ears:
    """An HTTP server that writes down every webhook and answers ``status`` after ``delay`` seconds."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.status, self.delay = 200, 0.0
        ears = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                ears.heard.append(Heard(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                time.sleep(ears.delay)
                self.send_response(ears.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def types(self, path: str = "/connect") -> list[str]:
        return [heard.type for heard in self.heard if heard.path == path]

    def of(self, type: str) -> list[Heard]:
        return [heard for heard in self.heard if heard.type == type]


class Platform:
    """The official client in front of a sandbox, with shortcuts for what tests need often."""

    def __init__(self, sandbox: Sandbox, ears: Ears) -> None:
        self.sandbox, self.ears = sandbox, ears
        self.base = sandbox.url + "/stripe"
        self.http_client = stripe.HTTPXClient(timeout=20)
        self.client = self.make(KEY)

    def make(self, key: str, **options: Any) -> stripe.StripeClient:
        bases: Any = {"api": self.base, "connect": self.base, "files": self.base, "meter_events": self.base}
        return stripe.StripeClient(key, http_client=self.http_client, base_addresses=bases, **options)

    async def close(self) -> None:
        await self.http_client.close_async()

    def control(self, path: str, **body: Any) -> Any:
        return self.sandbox.control("POST", f"/_stripe/{path}", body)

    def settle(self) -> None:
        """Everything due now has happened, deliveries included."""
        self.sandbox.control("POST", "/_settle")

    def advance(self, seconds: float) -> None:
        self.sandbox.control("POST", "/_clock", {"advance": seconds})

    def account(self, country: str = "NZ", **more: Any) -> str:
        """A connected account that may take payments."""
        return str(self.control("accounts", country=country, **more)["id"])

    async def session(self, account: str, **changes: Any) -> stripe.checkout.Session:
        """An open session for 123.45 in the account's currency, or as changed."""
        return await self.client.v1.checkout.sessions.create_async(
            params=session_params(**changes), options={"stripe_account": account}
        )

    async def paid(self, account: str, card: str = "4242424242424242", **changes: Any) -> dict[str, Any]:
        """Pay a fresh session; the control's answer."""
        session = await self.session(account, **changes)
        answer: dict[str, Any] = self.control("pay", session=session.id, card=card)
        return answer

    async def charge(self, account: str, card: str = "4242424242424242", **changes: Any) -> stripe.Charge:
        """A settled card payment's charge, its balance transaction expanded."""
        answer = await self.paid(account, card, **changes)
        self.advance(2)
        intent = await self.intent(account, answer["payment_intent"])
        charge = intent.latest_charge
        assert isinstance(charge, stripe.Charge)
        return charge

    async def intent(self, account: str, id: str) -> stripe.PaymentIntent:
        return await self.client.v1.payment_intents.retrieve_async(
            id, params={"expand": ["latest_charge.balance_transaction"]}, options={"stripe_account": account}
        )

    async def events(self, account: str) -> list[str]:
        """The types of the account's events, oldest first."""
        page = await self.client.v1.events.list_async(params={"limit": 100}, options={"stripe_account": account})
        return [event.type for event in reversed(page.data)]

    def raw(self, method: str, path: str, account: str | None = None, **request: Any) -> httpx.Response:
        """A request of our own making, key included."""
        headers = {"authorization": f"Bearer {KEY}"} | request.pop("headers", {})
        if account is not None:
            headers["stripe-account"] = account
        return self.sandbox.http.request(method, f"/stripe{path}", headers=headers, **request)


def session_params(currency: str = "nzd", amount: int = 12345, **changes: Any) -> Any:
    """What the product sends, more or less; a change of None takes a parameter away."""
    params: dict[str, Any] = {
        "mode": "payment",
        "ui_mode": "hosted_page",
        "client_reference_id": "pr_1",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {"currency": currency, "unit_amount": amount, "product_data": {"name": "Invoice INV-1"}},
            }
        ],
        "payment_intent_data": {"metadata": {"pay_request": "pr_1"}},
        "success_url": RETURN,
        "cancel_url": "https://pay.example.com/p/1",
    }
    return {name: value for name, value in (params | changes).items() if value is not None}


def account_params(country: str = "nz", **changes: Any) -> Any:
    """A merchant's account in our shape: full dashboard, Stripe collects fees and losses."""
    params: dict[str, Any] = {
        "contact_email": "hannah@example.com",
        "display_name": "Harbour Lane Joinery",
        "dashboard": "full",
        "identity": {"country": country, "entity_type": "company"},
        "configuration": {"merchant": {"capabilities": {"card_payments": {"requested": True}}}},
        "defaults": {"responsibilities": {"fees_collector": "stripe", "losses_collector": "stripe"}},
    }
    return params | changes
