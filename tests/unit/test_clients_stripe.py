"""Stripe's events and objects: signatures over raw bytes, values instead of StripeObjects."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import stripe

from app.clients.stripe import Stripe
from app.clients.stripe_accounts import account_view
from app.clients.stripe_errors import failure
from app.clients.stripe_webhooks import BadSignature, verify
from app.clients.stripe_wire import intent_view, session_view
from app.core.clock import now
from app.settings import Settings

SECRET = "whsec_0123456789abcdef0123456789"
NUMBERED = '{"id":7,"object":"event","type":"x"}'
EVENT = '{"id":"evt_1","object":"event","type":"charge.updated","account":"acct_1","livemode":false}'


def signed(body: str = EVENT, secret: str = SECRET, age: int = 0) -> str:
    return stripe.WebhookSignature.generate_signature_header(body, secret, int(now().timestamp()) - age)


def test_good_signature() -> None:
    """An event with a good signature is believed to be Stripe's."""
    assert "acct_1" == verify(EVENT.encode(), signed(), SECRET)["account"]


def test_rolled_secret() -> None:
    """While a secret is rolled, one good signature among several is enough."""
    other = signed(secret="whsec_another").split(",")[1]
    assert verify(EVENT.encode(), f"{signed()},{other}", SECRET)


# Signed when they are sent: what depends on the time must not be part of a test's name, which every worker must agree on.
FORGED: dict[str, tuple[bytes, Callable[[], str]]] = {
    "unsigned": (EVENT.encode(), str),
    "garbage": (EVENT.encode(), lambda: "garbage"),
    "another secret": (EVENT.encode(), lambda: signed(secret="whsec_another")),
    "changed": (EVENT.replace("acct_1", "acct_2").encode(), signed),
    "too old": (EVENT.encode(), lambda: signed(age=301)),
    "from the future": (EVENT.encode(), lambda: signed(age=-86_400)),
    "not text": (b"\xff\xfe", signed),
    "not JSON": (b"not json", lambda: signed("not json")),
    "a list": (b"[]", lambda: signed("[]")),
    "without an id": (b'{"object":"event"}', lambda: signed('{"object":"event"}')),
    "a number as id": (NUMBERED.encode(), lambda: signed(NUMBERED)),
}


@pytest.mark.parametrize("how", FORGED)
def test_forged(how: str) -> None:
    """Forged, changed, old, future and unreadable events are refused."""
    raw, header = FORGED[how]
    with pytest.raises(BadSignature):
        verify(raw, header(), SECRET)


def test_no_secret() -> None:
    """Without a secret nothing is believed."""
    with pytest.raises(BadSignature):
        verify(EVENT.encode(), signed(secret=""), "")


async def test_empty_id() -> None:
    """An empty id is a mistake of ours: it would call the whole collection."""
    client = Stripe(Settings(stripe_secret_key="sk_test_0", stripe_api_url="http://localhost:1"))
    with pytest.raises(ValueError, match="empty id"):
        await client.intent("acct_1", "")
    await client.close()


def test_account() -> None:
    """An account that was read without its parts says nothing, and is not active."""
    assert not account_view({"id": "acct_1", "configuration": None, "requirements": None}).active
    merchant = {"capabilities": {"card_payments": {"status": "active", "status_details": []}}}
    deadline = {"status": "currently_due", "time": "2026-12-01T00:00:00.000Z"}
    requirements = {"entries": [], "summary": {"minimum_deadline": deadline}}
    view = account_view(
        {
            "id": "acct_1",
            "configuration": {"merchant": merchant},
            "requirements": requirements,
            "defaults": {"currency": "gbp"},
        }
    )
    assert (True, datetime(2026, 12, 1, tzinfo=UTC), "GBP") == (view.active, view.deadline_at, view.currency)


def test_session() -> None:
    """A fresh session has no payment intent yet, an ended one no address."""
    view = session_view(
        {"id": "cs_1", "status": "expired", "payment_intent": None, "url": None, "expires_at": 1795336053}
    )
    assert ("", "", 1795336053) == (view.payment_intent, view.url, view.expires_at.timestamp())


def test_intent_without_balance() -> None:
    """A charge that Stripe has not booked yet has no balance, and an unexpanded one is not taken for one."""
    charge = {
        "id": "ch_1",
        "amount": 500,
        "payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": "4242"}},
        "balance_transaction": None,
    }
    found = intent_view({"id": "pi_1", "latest_charge": charge}).charge
    assert found
    assert (None, "visa", "4242") == (found.balance, found.brand, found.last4)
    assert intent_view({"id": "pi_1", "latest_charge": "ch_1"}).charge is None
    booked = {"id": "txn_1", "amount": 560, "fee": 20, "net": 540, "currency": "usd", "exchange_rate": 1.12}
    balance = intent_view({"id": "pi_1", "latest_charge": {**charge, "balance_transaction": booked}}).charge
    assert balance
    assert balance.balance
    assert "1.12" == balance.balance.exchange_rate


@pytest.mark.parametrize(
    ("error", "code", "permanent"),
    [
        (stripe.APIConnectionError("no"), "unreachable", False),
        (stripe.AuthenticationError("no", http_status=401), "authentication", False),
        (stripe.RateLimitError("no", http_status=429), "rate_limit", False),
        (stripe.APIError("no", http_status=500), "server", False),
        (stripe.CardError("no", "number", "card_declined", http_status=402), "card_declined", True),
        (stripe.InvalidRequestError("no", "id", code="resource_missing", http_status=404), "resource_missing", True),
        (
            stripe.PermissionError(
                "no", http_status=403, json_body={"error": {"code": "account_invalid", "message": "no"}}
            ),
            "disconnected",
            True,
        ),
        (
            stripe.APIError("no", http_status=409, json_body={"error": {"code": "idempotency_key_in_use"}}),
            "idempotency_key_in_use",
            False,
        ),
    ],
)
def test_errors(error: stripe.StripeError, code: str, permanent: bool) -> None:
    """Each of Stripe's errors says whether to come back."""
    found = failure(error, writes=True)
    assert (code, permanent) == (found.code, found.permanent)
