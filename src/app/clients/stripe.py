"""Stripe: accounts v2 and direct charges on connected accounts, through Stripe's own library (facts §1–3).

One async client for each event loop: shared over loops it hangs or fails. Each call passes the connected account in the
options (in the parameters it would run on the platform), and each write our own stored key.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx
import stripe

from app.clients.stripe_accounts import AccountView, account_view
from app.clients.stripe_errors import failure
from app.clients.stripe_webhooks import verify
from app.clients.stripe_wire import (
    REFERENCE,
    DisputeView,
    IntentView,
    LineView,
    PayoutView,
    RefundView,
    SessionView,
    dispute_view,
    intent_view,
    line_view,
    payout_view,
    refund_view,
    session_view,
)
from app.core import db
from app.core.errors import Upstream
from app.settings import Settings

stripe.enable_telemetry = False  # it would write into the home folder and speak of other requests

INCLUDE = ["configuration.merchant", "requirements", "defaults", "identity"]
EXPAND = ["latest_charge.balance_transaction"]
MOST_TYPES = 20  # of events, in one question
Call = Callable[..., Awaitable[Any]]


class Stripe:
    """Our platform at Stripe, for one event loop."""

    def __init__(self, settings: Settings) -> None:
        base = settings.stripe_api_url.rstrip("/")
        self._http = stripe.HTTPXClient(timeout=httpx.Timeout(30, connect=5))
        self._client = stripe.StripeClient(
            settings.stripe_secret_key or "unset",
            http_client=self._http,
            max_network_retries=2,
            # all four: what is left out goes to the live service
            base_addresses={"api": base, "connect": base, "files": base, "meter_events": base},
        )
        self._snapshot_secret = settings.stripe_webhook_secret
        self._thin_secret = settings.stripe_thin_webhook_secret

    async def close(self) -> None:
        """Close the connections; nothing may call afterwards."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def whoami(self) -> str:
        """The platform our key belongs to: its id and name."""
        own = await _do(self._client.v1.accounts.retrieve_current_async, {})
        name = ((own.get("settings") or {}).get("dashboard") or {}).get("display_name") or ""
        return f"{own['id']} ({name})" if name else str(own["id"])

    # ---- accounts

    async def create_account(self, params: Mapping[str, Any], idempotency_key: str) -> AccountView:
        """Make a connected account (v2). The same key gives the same account."""
        service = self._client.v2.core.accounts
        body = {"include": INCLUDE, **params}
        return account_view(await _do(service.create_async, body, key=idempotency_key))

    async def account(self, stripe_account_id: str) -> AccountView:
        """The account as it is now: what it may do, what is missing."""
        service = self._client.v2.core.accounts
        return account_view(await _do(service.retrieve_async, {"include": INCLUDE}, id=stripe_account_id))

    async def account_link(self, stripe_account_id: str, refresh_url: str, return_url: str) -> str:
        """A fresh address of Stripe's onboarding: single use, good for minutes, to be made on click and never kept."""
        onboarding = {
            "refresh_url": refresh_url,
            "return_url": return_url,
            "collection_options": {"fields": "eventually_due"},
        }
        params = {
            "account": stripe_account_id,
            "use_case": {"type": "account_onboarding", "account_onboarding": onboarding},
        }
        return str((await _do(self._client.v2.core.account_links.create_async, params))["url"])

    # ---- checkout

    async def create_session(
        self, stripe_account_id: str, params: Mapping[str, Any], idempotency_key: str
    ) -> SessionView:
        """Make a hosted checkout session. `params` must be the same to the byte whenever the key is the same."""
        create = self._client.v1.checkout.sessions.create_async
        return session_view(await _do(create, params, account=stripe_account_id, key=idempotency_key))

    async def session(self, stripe_account_id: str, session_id: str) -> SessionView:
        """The session as it is now."""
        service = self._client.v1.checkout.sessions
        return session_view(await _do(service.retrieve_async, {}, id=session_id, account=stripe_account_id))

    async def expire_session(self, stripe_account_id: str, session_id: str) -> SessionView:
        """End an open session. One that is not open raises Upstream (permanent): read it again, it may be paid."""
        expire = self._client.v1.checkout.sessions.expire_async
        return session_view(await _do(expire, {}, id=session_id, account=stripe_account_id))

    async def sessions_of_intent(self, stripe_account_id: str, payment_intent_id: str) -> list[SessionView]:
        """The sessions a payment intent belongs to: none or one."""
        params = {"payment_intent": payment_intent_id, "limit": 10}
        found = await _do(self._client.v1.checkout.sessions.list_async, params, account=stripe_account_id)
        return [session_view(one) for one in found["data"]]

    # ---- what was paid

    async def intent(self, stripe_account_id: str, payment_intent_id: str) -> IntentView:
        """The payment intent with its newest charge and that charge's balance transaction, in one call."""
        retrieve = self._client.v1.payment_intents.retrieve_async
        return intent_view(await _do(retrieve, {"expand": EXPAND}, id=payment_intent_id, account=stripe_account_id))

    async def disputes(self, stripe_account_id: str, charge_id: str) -> list[DisputeView]:
        """The disputes of a charge."""
        params = {"charge": charge_id, "limit": 10}
        found = await _do(self._client.v1.disputes.list_async, params, account=stripe_account_id)
        return [dispute_view(one) for one in found["data"]]

    async def create_refund(
        self, stripe_account_id: str, payment_intent_id: str, amount: int, reference: str, idempotency_key: str
    ) -> RefundView:
        """Send `amount` back to the customer; Stripe keeps its own fee. `reference` finds it again.

        The same key with the same values gives the same refund; keys are kept for a day at least, so look before a late repeat.
        """
        params = {"payment_intent": payment_intent_id, "amount": amount, "metadata": {REFERENCE: reference}}
        create = self._client.v1.refunds.create_async
        return refund_view(await _do(create, params, account=stripe_account_id, key=idempotency_key))

    async def refunds(self, stripe_account_id: str, payment_intent_id: str) -> list[RefundView]:
        """All refunds of a payment, whoever made them."""
        params = {"payment_intent": payment_intent_id, "expand": ["data.balance_transaction"]}
        listed = self._all(self._client.v1.refunds.list_async, params, stripe_account_id)
        return [refund_view(one) for one in await listed]

    # ---- payouts

    async def payout(self, stripe_account_id: str, payout_id: str) -> PayoutView:
        """The payout as it is now."""
        return payout_view(
            await _do(self._client.v1.payouts.retrieve_async, {}, id=payout_id, account=stripe_account_id)
        )

    async def payout_lines(self, stripe_account_id: str, payout_id: str) -> list[LineView]:
        """Everything an automatic payout settles, its own negative line included. Only once it is `explained`."""
        params = {"payout": payout_id, "expand": ["data.source"]}
        listed = self._all(self._client.v1.balance_transactions.list_async, params, stripe_account_id)
        return [line_view(one) for one in await listed]

    async def balance_lines(
        self, stripe_account_id: str, created_gte: datetime, created_lt: datetime, most: int
    ) -> list[LineView]:
        """What moved the balance in that time, newest first; raises Upstream (permanent, "too_many") beyond `most`."""
        between = {"gte": int(created_gte.timestamp()), "lt": int(created_lt.timestamp())}
        params = {"created": between, "expand": ["data.source"]}
        listed = self._all(self._client.v1.balance_transactions.list_async, params, stripe_account_id, most)
        return [line_view(one) for one in await listed]

    async def events(self, stripe_account_id: str, created_gte: datetime, types: Sequence[str]) -> list[dict[str, Any]]:
        """Events since then (Stripe keeps 30 days), newest first: finds what no webhook told."""
        found: list[dict[str, Any]] = []
        for first in range(0, len(types), MOST_TYPES):
            asked = {"types": list(types[first : first + MOST_TYPES]), "created": {"gte": int(created_gte.timestamp())}}
            found += await self._all(self._client.v1.events.list_async, asked, stripe_account_id)
        return sorted(found, key=lambda event: (event["created"], event["id"]), reverse=True)

    async def _all(
        self, method: Call, params: Mapping[str, Any], account: str, most: int | None = None
    ) -> list[dict[str, Any]]:
        """Every page of a list; raises Upstream (permanent, "too_many") when there are more than `most`."""
        asked, found = {**params, "limit": 100}, []
        while True:
            page = await _do(method, asked, account=account)
            if not isinstance(page.get("data"), list) or not isinstance(page.get("has_more"), bool):
                raise Upstream("Stripe’s answer is no list.", code="unreadable")
            found += page["data"]
            if most is not None and len(found) > most:
                raise Upstream(f"Stripe lists more than {most}.", permanent=True, code="too_many")
            if not page["has_more"] or not page["data"]:
                return found
            asked["starting_after"] = page["data"][-1]["id"]

    # ---- webhooks

    def verify_snapshot(self, raw: bytes, header: str) -> dict[str, Any]:
        """A snapshot event whose signature is good. Raises BadSignature. `account` names the connected account."""
        return verify(raw, header, self._snapshot_secret)

    def verify_thin(self, raw: bytes, header: str) -> dict[str, Any]:
        """A thin event whose signature is good. Raises BadSignature. `context` names the connected account."""
        return verify(raw, header, self._thin_secret)


async def _do(
    method: Call, params: Mapping[str, Any], *, id: str | None = None, account: str = "", key: str = ""
) -> Any:
    """One call, its answer as a plain dict. Raises Upstream, also for an answer that is about nothing."""
    db.refuse_in_transaction("Stripe")
    writes = getattr(method, "__name__", "").startswith(("create", "expire"))
    if id is not None and not id:
        raise ValueError("an empty id would call the collection")
    options = {"stripe_account": account} if account else {}
    options |= {"idempotency_key": key} if key else {}
    try:
        answer = await method(*([id] if id is not None else []), params=dict(params), options=options)
    except stripe.StripeError as error:
        raise failure(error, writes=writes) from error
    told = answer.to_dict(for_json=True)
    if not (told.get("id") or told.get("url") or isinstance(told.get("data"), list)):
        raise Upstream("Stripe’s answer cannot be read.", code="unreadable", unknown=writes)
    return told
