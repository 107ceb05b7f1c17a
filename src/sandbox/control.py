"""The control API: faults, clock, configuration, seeds, truth, log. JSON in and out; OpenAPI at ``/_schema``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, post
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler

from sandbox.config import Config
from sandbox.fault_kinds import Rule
from sandbox.recording import Switch
from sandbox.store import Obj
from sandbox.webhooks import FAULTY, Modes
from sandbox.world import FIRST_YEAR, LAST_YEAR, Seed, World

TEN_YEARS = 10 * 366 * 24 * 3600


class ClockChange(msgspec.Struct, forbid_unknown_fields=True):
    """``advance`` in seconds, ``set`` to a moment (ISO 8601 with zone), ``rate`` of virtual to real seconds (0 stops it)."""

    advance: Annotated[float, msgspec.Meta(ge=-TEN_YEARS, le=TEN_YEARS)] | None = None
    set: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    rate: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] | None = None

    def __post_init__(self) -> None:
        if self.set is not None and not FIRST_YEAR <= self.set.year <= LAST_YEAR:
            raise ValueError(f"set must be between {FIRST_YEAR} and {LAST_YEAR}")


class Reset(msgspec.Struct, forbid_unknown_fields=True):
    """What ``/_reset`` may be told: the ``seed`` of a world seen before."""

    seed: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None


class WebhookOrder(msgspec.Struct, forbid_unknown_fields=True):
    """``redeliver`` an id, or set the ``modes`` of a ``channel`` (xero, stripe)."""

    redeliver: str | None = None
    channel: str | None = None
    modes: Modes | None = None


def _clock_state(world: World) -> Obj:
    return {"now": world.clock.now().isoformat(), "timestamp": world.clock.timestamp()}


@get("/health")
async def health(world: World) -> Obj:
    """Serving."""
    return {"status": "ok", **_clock_state(world)}


@get("/_config")
async def read_config(world: World) -> Config:
    """The live configuration."""
    return world.config


@post("/_config", status_code=200)
async def change_config(world: World, data: dict[str, Any]) -> Config:
    """Merge into the live configuration; unknown keys are refused with 400."""
    try:
        return world.configure(data)
    except msgspec.ValidationError as problem:
        raise HTTPException(status_code=400, detail=str(problem)) from problem


@get("/_faults")
async def list_faults(world: World) -> list[Obj]:
    """The rules in force, with how many requests each has seen and struck."""
    return world.faults.rows()


@post("/_faults", status_code=201)
async def add_fault(world: World, data: Rule) -> dict[str, str]:
    """Put a rule in force."""
    return {"id": world.faults.add(data)}


@delete("/_faults")
async def clear_faults(world: World) -> None:
    """Take every rule back; webhooks held for reordering go out."""
    world.faults.clear()
    for channel in FAULTY:
        world.webhooks.let_go(channel)


@delete("/_faults/{fault_id:str}")
async def remove_fault(world: World, fault_id: str) -> None:
    """Take one rule back."""
    if not world.faults.remove(fault_id):
        raise HTTPException(status_code=404, detail="No such fault.")


@get("/_clock")
async def read_clock(world: World) -> Obj:
    """The virtual time."""
    return _clock_state(world)


@post("/_clock", status_code=200)
async def change_clock(world: World, data: ClockChange) -> Obj:
    """Move the clock; answers when everything due on the way has been done, webhook attempts included."""
    start = data.set or world.clock.now()
    if not FIRST_YEAR <= (start + timedelta(seconds=data.advance or 0)).year <= LAST_YEAR:
        raise HTTPException(status_code=400, detail=f"The sandbox's time is between {FIRST_YEAR} and {LAST_YEAR}.")
    await world.clock.change(advance=data.advance, set_to=data.set, rate=data.rate)
    return _clock_state(world)


@post("/_settle", status_code=200)
async def settle(world: World) -> Obj:
    """Answer once all that is due now has been done, webhook attempts included."""
    await world.clock.settle()
    return _clock_state(world)


@get("/_webhooks")
async def list_webhooks(world: World, channel: str | None = None) -> list[Obj]:
    """Every stored delivery with its attempts, oldest first."""
    return world.webhooks.rows(channel)


@post("/_webhooks", status_code=200)
async def order_webhooks(world: World, data: WebhookOrder) -> Obj:
    """Deliver one again, or change how a channel misbehaves."""
    if data.redeliver is not None and not world.webhooks.redeliver(data.redeliver):
        raise HTTPException(status_code=404, detail="No such delivery.")
    if data.channel is not None and data.modes is not None:
        world.webhooks.set_modes(data.channel, data.modes)
    return {"modes": msgspec.to_builtins(world.webhooks.modes(data.channel or "xero"))}


@get("/_truth")
async def truth(world: World) -> Obj:
    """What really happened, per platform: the oracle for tests."""
    return {name: tell() for name, tell in world.truths.items()}


@get("/_log")
async def read_log(world: World, limit: int = 1000, path: str | None = None) -> list[Obj]:
    """The last requests, oldest first; ``path`` keeps those starting with it. Control requests are not logged."""
    rows = [row for row in world.log if path is None or row["path"].startswith(path)]
    return rows[-limit:]


@delete("/_log")
async def clear_log(world: World) -> None:
    """Forget the log."""
    world.log.clear()


@get("/_record")
async def read_record(world: World, path: str | None = None) -> list[Obj]:
    """The recorded exchanges, oldest first, whole; ``path`` keeps those starting with it."""
    return world.recording.rows(path)


@post("/_record", status_code=200)
async def switch_record(world: World, data: Switch) -> dict[str, bool]:
    """Start a fresh recording of whole exchanges, or end it."""
    world.recording.switch(on=data.on)
    return {"on": world.recording.on}


@get("/_metrics")
async def metrics(world: World) -> Obj:
    """Calls, bytes, egress (what Xero's plans count) and 429s per tenant or account and endpoint, and per endpoint."""
    return world.log.metrics()


@delete("/_metrics")
async def clear_metrics(world: World) -> None:
    """Count from nothing."""
    world.log.forget_metrics()


@post("/_seed", status_code=200)
async def seed(world: World, data: Seed) -> Obj:
    """Start a fresh world: everything but the configuration and the signing keys is replaced. Says which world it is."""
    return {"seeded": msgspec.to_builtins(world.seed(data))}


@post("/_reset", status_code=200)
async def reset(world: World, data: Reset | None = None) -> Obj:
    """The default world again, no faults, empty log, real time; with ids never used before unless a ``seed`` is given."""
    world.log.clear()
    planted = world.seed(Seed(seed=data.seed if data is not None else None))
    return {"reset": True, "seed": planted.seed}


@get("/_mail")
async def list_mail(world: World) -> list[Obj]:
    """Every mail the sink took, oldest first."""
    return world.mail.rows()


@delete("/_mail")
async def clear_mail(world: World) -> None:
    """Empty the sink."""
    for row in world.mail.rows():
        world.store.delete("_mail", row["id"])


@get("/_mail/{mail_id:str}/html", include_in_schema=False)
async def mail_html(world: World, mail_id: str) -> Response[str]:
    """The HTML part on its own, for the console's sandboxed frame: no script, no forms, nothing loaded from elsewhere."""
    row = world.mail.get(mail_id)
    if row is None:
        raise HTTPException(status_code=404, detail="No such mail.")
    policy = "sandbox allow-popups allow-top-navigation-by-user-activation; default-src 'none'; img-src data: http://localhost:*"
    headers = {"content-security-policy": f"{policy}; style-src 'unsafe-inline'", "x-content-type-options": "nosniff"}
    return Response(row["html"], media_type="text/html", headers=headers)


def routes() -> list[BaseRouteHandler]:
    """All control handlers."""
    return [
        health,
        read_config,
        change_config,
        list_faults,
        add_fault,
        clear_faults,
        remove_fault,
        read_clock,
        change_clock,
        settle,
        list_webhooks,
        order_webhooks,
        truth,
        read_log,
        clear_log,
        read_record,
        switch_record,
        metrics,
        clear_metrics,
        seed,
        reset,
        list_mail,
        clear_mail,
        mail_html,
    ]
