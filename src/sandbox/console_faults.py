"""The console's faults as switches: the usual bad days, each one call of ``/_faults``, shown beside its button."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from sandbox.fault_kinds import Rule
from sandbox.pages import page, see_other
from sandbox.store import Obj
from sandbox.webhooks import FAULTY
from sandbox.world import World

XERO, STRIPE = {"path": "/xero/api"}, {"path": "/stripe/v"}
PAYMENTS = {"method": "PUT", "path": "/xero/api/api.xro/2.0/Payments"}
# Group, name (part of the address), what it is called, the rule.
SWITCHES: list[tuple[str, str, str, Obj]] = [
    ("Xero", "xero-down", "Xero answers 503", {"match": XERO, "fault": {"status": 503}}),
    ("Xero", "xero-slow", "Xero takes six seconds", {"match": XERO, "fault": {"delay": 6.0}}),
    ("Xero", "xero-drip", "Xero’s answers drip for eight seconds", {"match": XERO, "fault": {"drip": 8.0}}),
    ("Xero", "xero-html", "A gateway answers for Xero", {"match": XERO, "fault": {"html": True}}),
    (
        "Xero",
        "xero-cut",
        "Every payment is taken, its answer lost",
        {"match": PAYMENTS, "fault": {"commit_then_reset": True}},
    ),
    (
        "Xero",
        "xero-minute",
        "This minute’s calls are used up",
        {"match": XERO, "fault": {"rate_limit": {"retry_after": "30"}}},
    ),
    (
        "Xero",
        "xero-day",
        "This day’s calls are used up",
        {"match": XERO, "fault": {"rate_limit": {"problem": "day", "retry_after": "71202"}}},
    ),
    ("Xero", "offline", "The organisations are offline", {"mode": "offline"}),
    ("Xero", "lock", "Everything up to today is locked", {"mode": "lock_date"}),
    ("Xero", "archived", "The Stripe clearing account is archived", {"mode": "archived_account"}),
    ("Xero", "lag", "Lists show changes a minute late", {"mode": "search_lag"}),
    ("Xero", "filter", "Searches find nothing", {"mode": "filter_broken"}),
    ("Xero", "grace", "Old refresh tokens die at once", {"mode": "refresh_grace"}),
    ("Stripe", "stripe-down", "Stripe answers 503", {"match": STRIPE, "fault": {"status": 503}}),
    ("Stripe", "stripe-slow", "Stripe takes six seconds", {"match": STRIPE, "fault": {"delay": 6.0}}),
    ("Stripe", "stripe-limit", "Stripe asks to slow down", {"match": STRIPE, "fault": {"rate_limit": {}}}),
    ("Webhooks", "hooks-lost", "Webhooks are lost", {"fault": {"webhook": {"drop": True}}}),
    ("Webhooks", "hooks-twice", "Webhooks come twice", {"fault": {"webhook": {"duplicate": 1}}}),
    ("Webhooks", "hooks-late", "Webhooks come a minute late", {"fault": {"webhook": {"delay": 60.0}}}),
    ("Webhooks", "hooks-order", "Webhooks overtake each other", {"fault": {"webhook": {"reorder": 1}}}),
    ("Webhooks", "hooks-forged", "Webhooks are badly signed at first", {"fault": {"webhook": {"forge": True}}}),
]
RULES = {name: msgspec.convert(rule, Rule) for _, name, _, rule in SWITCHES}


def told(value: Any) -> Any:
    """A rule without its empty fields."""
    if isinstance(value, dict):
        return {k: told(v) for k, v in value.items() if v not in (None, False, "", {}, 0)}
    return value


def _in_force(world: World, name: str) -> Obj | None:
    wanted = msgspec.to_builtins(RULES[name])
    return next((row for row in world.faults.rows() if row["rule"] == wanted), None)


def _switch(world: World, group: str, name: str, label: str, rule: Obj) -> Obj:
    row = _in_force(world, name)
    call = f"POST /_faults {json.dumps(rule)}" if row is None else f"DELETE /_faults/{row['id']}"
    return {"group": group, "name": name, "label": label, "row": row, "call": call}


@get("/console/faults")
async def faults(world: World) -> Response[str]:
    """The switches, and every rule in force, also those added over the control API."""
    switches = [_switch(world, *one) for one in SWITCHES]
    known = {one["row"]["id"] for one in switches if one["row"] is not None}
    others = [{**row, "text": json.dumps(told(row["rule"]))} for row in world.faults.rows() if row["id"] not in known]
    groups = list(dict.fromkeys(one["group"] for one in switches))
    return page("console/faults.html", switches=switches, groups=groups, others=others)


@post("/console/faults/clear")
async def clear_faults(world: World) -> Response[Any]:
    """Take every fault back."""
    world.faults.clear()
    for channel in FAULTY:
        world.webhooks.let_go(channel)
    return see_other("/console/faults")


@post("/console/faults/{name:str}")
async def turn(world: World, name: str) -> Response[Any]:
    """Turn a switch: on when it is off, off when it is on."""
    if name not in RULES:
        raise HTTPException(status_code=404, detail="No such fault.")
    row = _in_force(world, name)
    if row is None:
        world.faults.add(RULES[name])
    else:
        world.faults.remove(row["id"])
        for channel in FAULTY:
            world.webhooks.let_go(channel)
    return see_other("/console/faults")


def routes() -> list[ControllerRouterHandler]:
    """``/console/faults``."""
    return [faults, clear_faults, turn]
