"""The v2 operations: JSON in, JSON out; accounts, account links, event destinations, events."""

from datetime import UTC, datetime

from sandbox import stripe_accounts, stripe_errors, stripe_lists, stripe_requirements, stripe_setup
from sandbox.store import Obj
from sandbox.stripe_accounts import KIND
from sandbox.stripe_events import emit_thin
from sandbox.stripe_http import Call, Operation, operation
from sandbox.stripe_params import SNAPSHOT_EVENTS, THIN_EVENTS
from sandbox.stripe_world import API_VERSION, PLATFORM, render

DESTINATION = "v2.core.event_destination"


def create_account(call: Call) -> Obj:
    """``POST /v2/core/accounts``."""
    account = stripe_accounts.create(call.stripe, call.params)
    return stripe_accounts.show(account, call.params.get("include") or [])


def list_accounts(call: Call) -> Obj:
    """``GET /v2/core/accounts``: connected ones; closed ones when asked."""
    closed, applied = call.params.get("closed", False), call.params.get("applied_configurations")
    rows = [
        row
        for row in call.stripe.world.store.all(f"stripe.{KIND}")
        if row["closed"] == closed and (closed or row["_connected"])
    ]
    if applied is not None:
        rows = [row for row in rows if set(applied) <= set(row["applied_configurations"])]
    return stripe_lists.page_v2(rows, call.params, call.path, lambda row: stripe_accounts.show(row, []))


def _account(call: Call) -> Obj:
    row = call.stripe.find(KIND, call.id)
    if row is None:
        raise stripe_errors.no_such("account", call.id)
    if not row["_connected"] and not row["closed"]:
        raise stripe_errors.account_invalid(call.stripe.world.config.stripe.secret_key, call.id)
    if call.account not in (PLATFORM, row["id"]):
        raise stripe_errors.no_such("account", call.id)
    return row


def retrieve_account(call: Call) -> Obj:
    """``GET /v2/core/accounts/{id}``."""
    return stripe_accounts.show(_account(call), call.params.get("include") or [])


def update_account(call: Call) -> Obj:
    """``POST /v2/core/accounts/{id}``."""
    account = stripe_accounts.update(call.stripe, _account(call), call.params)
    return stripe_accounts.show(account, call.params.get("include") or [])


def close_account(call: Call) -> Obj:
    """``POST /v2/core/accounts/{id}/close``."""
    return stripe_accounts.show(stripe_accounts.close(call.stripe, _account(call)), [])


def create_link(call: Call) -> Obj:
    """``POST /v2/core/account_links``: onboarding only; merchants with the full dashboard update themselves there."""
    use_case = call.params["use_case"]
    if use_case["type"] != "account_onboarding":
        raise stripe_errors.invalid(
            "use_case.type", "account_update links are for accounts whose platform collects requirements."
        )
    wanted = use_case.get("account_onboarding")
    if wanted is None:
        raise stripe_errors.missing("use_case.account_onboarding")
    link = stripe_setup.create(call.stripe, call.params["account"], wanted["refresh_url"], wanted.get("return_url"))
    options = {"fields": "currently_due", "future_requirements": "omit"} | (wanted.get("collection_options") or {})
    shown = {
        "collection_options": options,
        "refresh_url": wanted["refresh_url"],
        "return_url": wanted.get("return_url"),
    }
    return {
        "object": "v2.core.account_link",
        "account": link["account"],
        "created": stripe_requirements.rfc3339(link["at"]),
        "expires_at": stripe_requirements.rfc3339(link["until"]),
        "livemode": call.stripe.livemode,
        "url": link["url"],
        "use_case": {"type": "account_onboarding", "account_onboarding": shown},
    }


def create_destination(call: Call) -> Obj:
    """``POST /v2/core/event_destinations``: thin or snapshot, for the platform's events or its accounts'."""
    params, stripe = call.params, call.stripe
    if params["type"] != "webhook_endpoint":
        raise stripe_errors.invalid("type", "This sandbox delivers to webhook endpoints only.")
    url = (params.get("webhook_endpoint") or {}).get("url")
    if not url:
        raise stripe_errors.missing("webhook_endpoint.url")
    known = THIN_EVENTS if params["event_payload"] == "thin" else SNAPSHOT_EVENTS
    for type in params["enabled_events"]:
        if type != "*" and type not in known:
            raise stripe_errors.invalid("enabled_events", f"{type} is not a {params['event_payload']} event type.")
    moment = stripe_requirements.rfc3339(stripe.world.clock.timestamp())
    snapshot = params["event_payload"] == "snapshot"
    row: Obj = {
        "id": stripe.id("ed_test_61", 40),
        "object": DESTINATION,
        "_account": PLATFORM,
        "_secret": stripe.id("whsec_", 32),
        "_url": url,
        "amazon_eventbridge": None,
        "azure_event_grid": None,
        "created": moment,
        "description": params.get("description", ""),
        "enabled_events": params["enabled_events"],
        "event_payload": params["event_payload"],
        "events_from": params.get("events_from") or ["@self"],
        "livemode": stripe.livemode,
        "metadata": params.get("metadata") or {},
        "name": params["name"],
        "snapshot_api_version": (params.get("snapshot_api_version") or API_VERSION) if snapshot else None,
        "status": "enabled",
        "status_details": None,
        "type": "webhook_endpoint",
        "updated": moment,
        "webhook_endpoint": None,
    }
    stripe.put(DESTINATION, row)
    return _destination(row, params.get("include") or [])


def _destination(row: Obj, include: list[str]) -> Obj:
    shown = render(row)
    if include:
        secret = row["_secret"] if "webhook_endpoint.signing_secret" in include else None
        url = row["_url"] if "webhook_endpoint.url" in include else None
        shown["webhook_endpoint"] = {"signing_secret": secret, "url": url}
    return shown


def retrieve_destination(call: Call) -> Obj:
    """``GET /v2/core/event_destinations/{id}``."""
    return _destination(call.stripe.need(DESTINATION, call.id, PLATFORM), call.params.get("include") or [])


def list_destinations(call: Call) -> Obj:
    """``GET /v2/core/event_destinations``."""
    include = call.params.get("include") or []
    rows = call.stripe.rows(DESTINATION, PLATFORM)
    return stripe_lists.page_v2(rows, call.params, call.path, lambda row: _destination(row, include))


def update_destination(call: Call) -> Obj:
    """``POST /v2/core/event_destinations/{id}``."""
    row = call.stripe.need(DESTINATION, call.id, PLATFORM)
    params = call.params
    row |= {name: params[name] for name in ("description", "enabled_events", "metadata", "name") if name in params}
    row["_url"] = (params.get("webhook_endpoint") or {}).get("url") or row["_url"]
    return _destination(_touched(call, row), params.get("include") or [])


def _touched(call: Call, row: Obj) -> Obj:
    row["updated"] = stripe_requirements.rfc3339(call.stripe.world.clock.timestamp())
    return call.stripe.put(DESTINATION, row)


def delete_destination(call: Call) -> Obj:
    """``DELETE /v2/core/event_destinations/{id}``."""
    row = call.stripe.need(DESTINATION, call.id, PLATFORM)
    call.stripe.world.store.delete(f"stripe.{DESTINATION}", row["id"])
    return {"id": row["id"], "object": DESTINATION, "deleted": True}


def switch(call: Call) -> Obj:
    """``POST …/{id}/enable`` and ``…/disable``."""
    row = call.stripe.need(DESTINATION, call.id, PLATFORM)
    off = call.path.endswith("/disable")
    row["status"] = "disabled" if off else "enabled"
    row["status_details"] = {"disabled": {"reason": "user"}} if off else None
    return _destination(_touched(call, row), [])


def ping(call: Call) -> Obj:
    """``POST …/{id}/ping``: a harmless event to the destination's listeners."""
    row = call.stripe.need(DESTINATION, call.id, PLATFORM)
    related = {"id": row["id"], "type": DESTINATION, "url": f"/v2/core/event_destinations/{row['id']}"}
    return render(emit_thin(call.stripe, "v2.core.event_destination.ping", related, PLATFORM))


def _visible(call: Call) -> list[Obj]:
    """The platform sees the v2 events of its accounts too: a thin event is fetched with or without its context."""
    if call.account == PLATFORM:
        return call.stripe.world.store.all("stripe.v2.core.event")
    return call.stripe.rows("v2.core.event", call.account)


def list_events(call: Call) -> Obj:
    """``GET /v2/core/events``: by types, by the object they are about, by time."""
    params, rows = call.params, _visible(call)
    if "types" in params:
        rows = [row for row in rows if row["type"] in params["types"]]
    if "object_id" in params:
        rows = [row for row in rows if row["related_object"]["id"] == params["object_id"]]
    for bound, moment in (params.get("created") or {}).items():
        rows = [row for row in rows if _within(row["created"], bound, moment)]
    return stripe_lists.page_v2(rows, params, call.path, render)


def _within(created: str, bound: str, moment: str) -> bool:
    try:
        limit, value = _moment(moment), _moment(created)
    except ValueError as problem:
        raise stripe_errors.invalid(f"created.{bound}", f"Invalid timestamp: {moment}") from problem
    return {"gt": value > limit, "gte": value >= limit, "lt": value < limit, "lte": value <= limit}[bound]


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def retrieve_event(call: Call) -> Obj:
    """``GET /v2/core/events/{id}``."""
    event = call.stripe.find("v2.core.event", call.id)
    if event is None or call.account not in (PLATFORM, event["_account"]):
        raise stripe_errors.no_such("event", call.id)
    return render(event)


def operations() -> list[Operation]:
    """All of v2 that this sandbox speaks."""
    accounts, destinations = "/v2/core/accounts", "/v2/core/event_destinations"
    return [
        operation(f"POST {accounts}", create_account),
        operation(f"GET {accounts}", list_accounts),
        operation(f"GET {accounts}/{{id}}", retrieve_account),
        operation(f"POST {accounts}/{{id}}", update_account),
        operation(f"POST {accounts}/{{id}}/close", close_account),
        operation("POST /v2/core/account_links", create_link),
        operation(f"POST {destinations}", create_destination),
        operation(f"GET {destinations}", list_destinations),
        operation(f"GET {destinations}/{{id}}", retrieve_destination),
        operation(f"POST {destinations}/{{id}}", update_destination),
        operation(f"DELETE {destinations}/{{id}}", delete_destination),
        operation(f"POST {destinations}/{{id}}/enable", switch),
        operation(f"POST {destinations}/{{id}}/disable", switch),
        operation(f"POST {destinations}/{{id}}/ping", ping),
        operation("GET /v2/core/events", list_events),
        operation("GET /v2/core/events/{id}", retrieve_event),
    ]
