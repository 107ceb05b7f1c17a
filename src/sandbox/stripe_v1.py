"""The v1 operations: what each answers once ``stripe_http`` has checked who asks and with what."""

from fnmatch import fnmatchcase

from sandbox import (
    stripe_account_v1,
    stripe_accounts,
    stripe_disputes,
    stripe_errors,
    stripe_intents,
    stripe_ledger,
    stripe_lists,
    stripe_payouts,
    stripe_refunds,
    stripe_sessions,
    stripe_setup,
)
from sandbox.store import Obj
from sandbox.stripe_http import Call, Handler, Operation, operation
from sandbox.stripe_params import SNAPSHOT_EVENTS
from sandbox.stripe_world import API_VERSION, DAY, PLATFORM

EVENTS_KEPT = 30 * DAY


def retrieve(kind: str) -> Handler:
    """A handler that answers one object of the calling account."""
    return lambda call: call.stripe.need(kind, call.id, call.account)


def listing(kind: str, filters: dict[str, str] | None = None) -> Handler:
    """A handler that lists the objects of the calling account."""
    return lambda call: stripe_lists.page(call.stripe.rows(kind, call.account), call.params, call.path, kind, filters)


def relabel(kind: str) -> Handler:
    """A handler that changes metadata and description of an object."""

    def handler(call: Call) -> Obj:
        obj = call.stripe.need(kind, call.id, call.account)
        obj["metadata"] = stripe_sessions.merged(obj["metadata"], call.params.get("metadata"))
        for name in ("description", "receipt_email", "transfer_group"):
            if name in call.params:
                obj[name] = call.params[name]
        return call.stripe.put(kind, obj)

    return handler


def create_session(call: Call) -> Obj:
    """``POST /v1/checkout/sessions``."""
    return stripe_sessions.create(call.stripe, call.account, call.params)


def list_sessions(call: Call) -> Obj:
    """``GET /v1/checkout/sessions``: also by payment intent and by the customer's e-mail address."""
    params = dict(call.params)
    rows = call.stripe.rows("checkout.session", call.account)
    email = (params.pop("customer_details", None) or {}).get("email")
    if email is not None:
        rows = [row for row in rows if (row["customer_details"] or {}).get("email") == email]
    return stripe_lists.page(rows, params, call.path, "checkout.session")


def update_session(call: Call) -> Obj:
    """``POST /v1/checkout/sessions/{id}``."""
    session = call.stripe.need("checkout.session", call.id, call.account)
    return stripe_sessions.update(call.stripe, session, call.params)


def expire_session(call: Call) -> Obj:
    """``POST /v1/checkout/sessions/{id}/expire``."""
    return stripe_sessions.expire(call.stripe, call.stripe.need("checkout.session", call.id, call.account))


def session_items(call: Call) -> Obj:
    """``GET /v1/checkout/sessions/{id}/line_items``."""
    session = call.stripe.need("checkout.session", call.id, call.account)
    return stripe_lists.page(session["_line_items"][::-1], call.params, call.path, "item")


def create_refund(call: Call) -> Obj:
    """``POST /v1/refunds``."""
    return stripe_refunds.create(call.stripe, call.account, call.params)


def cancel_refund(call: Call) -> Obj:
    """``POST /v1/refunds/{id}/cancel``."""
    return stripe_refunds.cancel(call.stripe, call.stripe.need("refund", call.id, call.account))


def balance(call: Call) -> Obj:
    """``GET /v1/balance``."""
    return stripe_ledger.balance(call.stripe, call.account)


def list_lines(call: Call) -> Obj:
    """``GET /v1/balance_transactions``: by payout only for automatic, reconciled ones."""
    params = dict(call.params)
    payout = params.pop("payout", None)
    if payout is None:
        rows = call.stripe.rows("balance_transaction", call.account)
    else:
        rows = stripe_payouts.lines_of(call.stripe, call.account, payout)
    return stripe_lists.page(rows, params, call.path, "balance_transaction")


def create_payout(call: Call) -> Obj:
    """``POST /v1/payouts``: a manual one."""
    return stripe_payouts.manual(call.stripe, call.account, call.params)


def cancel_payout(call: Call) -> Obj:
    """``POST /v1/payouts/{id}/cancel``."""
    return stripe_payouts.cancel(call.stripe, call.stripe.need("payout", call.id, call.account))


def update_dispute(call: Call) -> Obj:
    """``POST /v1/disputes/{id}``."""
    dispute = call.stripe.need("dispute", call.id, call.account)
    return stripe_disputes.update(call.stripe, dispute, call.params)


def close_dispute(call: Call) -> Obj:
    """``POST /v1/disputes/{id}/close``: the merchant gives in, so it is lost."""
    dispute = call.stripe.need("dispute", call.id, call.account)
    return stripe_disputes.close(call.stripe, dispute, won=False)


def list_events(call: Call) -> Obj:
    """``GET /v1/events``: thirty days, by types (up to 20) and by whether every endpoint took them."""
    params = dict(call.params)
    types = params.pop("types", None)
    if types is not None and ("type" in params or len(types) > 20):
        raise stripe_errors.invalid("types", "You may pass either `type` or `types`, and at most 20 types.")
    delivered = params.pop("delivery_success", None)
    since = call.stripe.now() - EVENTS_KEPT
    rows = [row for row in call.stripe.rows("event", call.account) if row["created"] >= since]
    if types is not None:
        rows = [row for row in rows if row["type"] in types]
    kind = params.pop("type", None)
    if kind is not None:
        # A group of types ends in a star: charge.* and the like.
        rows = [row for row in rows if fnmatchcase(row["type"], kind.replace("[", "[[]").replace("?", "[?]"))]
    if delivered is not None:
        rows = [row for row in rows if (row["pending_webhooks"] == 0) == delivered]
    return stripe_lists.page(rows, params, call.path, "event")


def retrieve_event(call: Call) -> Obj:
    """``GET /v1/events/{id}``: gone after thirty days."""
    event = call.stripe.need("event", call.id, call.account)
    if event["created"] < call.stripe.now() - EVENTS_KEPT:
        raise stripe_errors.no_such("event", call.id)
    return event


def own_account(call: Call) -> Obj:
    """``GET /v1/account``: the platform, or the account the call is scoped to."""
    if call.account == PLATFORM:
        return _platform(call)
    return stripe_account_v1.view(call.stripe.need(stripe_accounts.KIND, call.account, PLATFORM))


def _platform(call: Call) -> Obj:
    lists = ("alternatives", "currently_due", "errors", "eventually_due", "past_due", "pending_verification")
    nothing: Obj = {"current_deadline": None, "disabled_reason": None} | {name: [] for name in lists}
    id = call.stripe.platform_id()
    return {
        "id": id,
        "object": "account",
        "business_profile": {"name": "Platform", "url": None},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "US",
        "created": 1_700_000_000,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "platform@example.com",
        "external_accounts": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/accounts/{id}/external_accounts",
        },
        "future_requirements": nothing,
        "metadata": {},
        "payouts_enabled": True,
        "requirements": nothing,
        "settings": {"dashboard": {"display_name": "Platform", "timezone": "Etc/UTC"}},
        "tos_acceptance": {"date": None},
        "type": "standard",
    }


def retrieve_account(call: Call) -> Obj:
    """``GET /v1/accounts/{id}``: 403 for one that is not connected."""
    if call.id == call.stripe.platform_id():
        return _platform(call)
    row = call.stripe.find(stripe_accounts.KIND, call.id)
    if row is None or not row["_connected"]:
        raise stripe_errors.account_invalid(call.stripe.world.config.stripe.secret_key, call.id)
    return stripe_account_v1.view(row)


def list_accounts(call: Call) -> Obj:
    """``GET /v1/accounts``: the connected ones."""
    rows = [row for row in call.stripe.world.store.all("stripe.v2.core.account") if row["_connected"]]
    shown = [stripe_account_v1.view(row) for row in rows]
    return stripe_lists.page(shown, call.params, call.path, "account")


def create_account(call: Call) -> Obj:
    """``POST /v1/accounts``: a platform of today is told to use Accounts v2."""
    raise stripe_errors.StripeError(
        400,
        "New Connect integrations create accounts with POST /v2/core/accounts. "
        "See https://docs.stripe.com/connect/accounts-v2.",
    )


def create_link(call: Call) -> Obj:
    """``POST /v1/account_links``: the older form of an onboarding link."""
    params = call.params
    if params["type"] != "account_onboarding":
        raise stripe_errors.invalid("type", "You cannot create `account_update` type account links for this account.")
    if "refresh_url" not in params:
        raise stripe_errors.missing("refresh_url")
    link = stripe_setup.create(call.stripe, params["account"], params["refresh_url"], params.get("return_url"))
    return {"object": "account_link", "created": link["at"], "expires_at": link["until"], "url": link["url"]}


def create_endpoint(call: Call) -> Obj:
    """``POST /v1/webhook_endpoints``: the only answer that shows the secret."""
    for type in call.params["enabled_events"]:
        if type != "*" and type not in SNAPSHOT_EVENTS:
            raise stripe_errors.invalid("enabled_events", f"Invalid enabled_events: {type} is no event type.")
    endpoint: Obj = {
        "id": call.stripe.id("we_1"),
        "object": "webhook_endpoint",
        "_account": PLATFORM,
        "_connect": call.params.get("connect", False),
        "_secret": call.stripe.id("whsec_", 32),
        "api_version": call.params.get("api_version", API_VERSION),
        "application": call.stripe.application() if call.params.get("connect") else None,
        "created": call.stripe.now(),
        "description": call.params.get("description"),
        "enabled_events": call.params["enabled_events"],
        "livemode": call.stripe.livemode,
        "metadata": call.params.get("metadata") or {},
        "status": "enabled",
        "url": call.params["url"],
    }
    call.stripe.put("webhook_endpoint", endpoint)
    return endpoint | {"secret": endpoint["_secret"]}


def update_endpoint(call: Call) -> Obj:
    """``POST /v1/webhook_endpoints/{id}``."""
    endpoint = call.stripe.need("webhook_endpoint", call.id, PLATFORM)
    params = call.params
    endpoint |= {name: params[name] for name in ("enabled_events", "url", "description") if name in params}
    if "disabled" in params:
        endpoint["status"] = "disabled" if params["disabled"] else "enabled"
    return call.stripe.put("webhook_endpoint", endpoint)


def delete_endpoint(call: Call) -> Obj:
    """``DELETE /v1/webhook_endpoints/{id}``."""
    endpoint = call.stripe.need("webhook_endpoint", call.id, PLATFORM)
    call.stripe.world.store.delete("stripe.webhook_endpoint", endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def _readable(path: str, kind: str, filters: dict[str, str] | None = None) -> list[Operation]:
    return [
        operation(f"GET {path}", listing(kind, filters)),
        operation(f"GET {path}/{{id}}", retrieve(kind)),
    ]


def operations() -> list[Operation]:
    """All of v1 that this sandbox speaks."""
    sessions, intents = "/v1/checkout/sessions", "/v1/payment_intents"
    return [
        operation(f"POST {sessions}", create_session),
        operation(f"GET {sessions}", list_sessions),
        operation(f"GET {sessions}/{{id}}", retrieve("checkout.session")),
        operation(f"POST {sessions}/{{id}}", update_session),
        operation(f"POST {sessions}/{{id}}/expire", expire_session),
        operation(f"GET {sessions}/{{id}}/line_items", session_items),
        *_readable(intents, "payment_intent"),
        operation(f"POST {intents}", stripe_intents.create),
        operation(f"POST {intents}/{{id}}", relabel("payment_intent")),
        operation(f"POST {intents}/{{id}}/confirm", stripe_intents.confirm),
        operation(f"POST {intents}/{{id}}/cancel", stripe_intents.cancel),
        operation(f"POST {intents}/{{id}}/verify_microdeposits", stripe_intents.verify_microdeposits),
        *_readable("/v1/charges", "charge"),
        operation("POST /v1/charges/{id}", relabel("charge")),
        *_readable("/v1/refunds", "refund"),
        operation("POST /v1/refunds", create_refund),
        operation("POST /v1/refunds/{id}", relabel("refund")),
        operation("POST /v1/refunds/{id}/cancel", cancel_refund),
        operation("GET /v1/balance", balance),
        operation("GET /v1/balance_transactions", list_lines),
        operation("GET /v1/balance_transactions/{id}", retrieve("balance_transaction")),
        *_readable("/v1/payouts", "payout"),
        operation("POST /v1/payouts", create_payout),
        operation("POST /v1/payouts/{id}", relabel("payout")),
        operation("POST /v1/payouts/{id}/cancel", cancel_payout),
        *_readable("/v1/disputes", "dispute"),
        operation("POST /v1/disputes/{id}", update_dispute),
        operation("POST /v1/disputes/{id}/close", close_dispute),
        *_readable("/v1/radar/early_fraud_warnings", "radar.early_fraud_warning"),
        operation("GET /v1/events", list_events),
        operation("GET /v1/events/{id}", retrieve_event),
        *_readable("/v1/application_fees", "application_fee"),
        operation("GET /v1/payment_methods/{id}", retrieve("payment_method")),
        operation("GET /v1/account", own_account),
        operation("GET /v1/accounts", list_accounts),
        operation("GET /v1/accounts/{id}", retrieve_account),
        operation("POST /v1/accounts", create_account),
        operation("POST /v1/account_links", create_link),
        *_readable("/v1/webhook_endpoints", "webhook_endpoint"),
        operation("POST /v1/webhook_endpoints", create_endpoint),
        operation("POST /v1/webhook_endpoints/{id}", update_endpoint),
        operation("DELETE /v1/webhook_endpoints/{id}", delete_endpoint),
    ]
