"""The console's common pages: start, webhooks, mails, request log, clock, faults. Plain forms; nothing needs a script."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from sandbox import console_faults
from sandbox.console_faults import told
from sandbox.pages import page, see_other
from sandbox.snippets import snippets
from sandbox.webhooks import FAULTY, Modes
from sandbox.world import World

Web = Request[Any, Any, Any]
ROWS_SHOWN = 200
JUMPS = [("30 minutes", 1800), ("1 hour", 3600), ("1 day", 86_400), ("1 week", 604_800)]
TEN_YEARS = 10 * 366 * 24 * 3600
# What a whole channel's webhooks may be told to do: name, words, modes.
HABITS: list[tuple[str, str, Modes]] = [
    ("usual", "As usual", Modes()),
    ("twice", "Send each twice", Modes(duplicate=1)),
    ("backwards", "Hold three, send them backwards", Modes(reorder=3)),
    ("late", "Send them a minute late", Modes(delay=60.0)),
    ("lost", "Lose the next one", Modes(drop=1)),
    ("forged", "Sign the next one wrongly", Modes(forge=1)),
]


@get("/")
async def start(world: World) -> Response[str]:
    """Where everything is."""
    return page(
        "console/start.html",
        organisations=world.store.all("xero.organisation"),
        config=world.config,
        base=world.base_url,
        snippets=snippets(world.base_url, world.config.stripe.secret_key),
    )


@get("/console/webhooks")
async def webhooks(world: World, channel: str = "") -> Response[str]:
    """Every delivery with its attempts, of one platform or of both, and how each platform's may misbehave."""
    rows = list(reversed(world.webhooks.rows(channel or None)))[:ROWS_SHOWN]
    habits = [
        {"name": name, "words": words, "modes": json.dumps(told(msgspec.to_builtins(modes)))}
        for name, words, modes in HABITS
    ]
    return page(
        "console/webhooks.html",
        rows=rows,
        channel=channel,
        channels={name: _habit(world, name) for name in FAULTY},
        habits=habits,
        subscription=world.store.get("xero.subscription", "app"),
    )


def _habit(world: World, channel: str) -> str:
    """The name of the habit a channel now has; "" for modes set by hand."""
    now = world.webhooks.modes(channel)
    return next((name for name, _, modes in HABITS if modes == now), "")


@post("/console/webhooks/modes/{channel:str}/{habit:str}")
async def misbehave(world: World, channel: str, habit: str) -> Response[Any]:
    """Give a channel a habit."""
    wanted = {name: modes for name, _, modes in HABITS}.get(habit)
    if wanted is None or channel not in FAULTY:
        raise HTTPException(status_code=404, detail="No such habit.")
    world.webhooks.set_modes(channel, wanted)
    return see_other("/console/webhooks")


@get("/console/webhooks/{delivery_id:str}")
async def webhook(world: World, delivery_id: str) -> Response[str]:
    """One delivery: the exact bytes and what came back."""
    row = world.store.get("_delivery", delivery_id)
    if row is None:
        raise HTTPException(status_code=404, detail="No such delivery.")
    return page("console/webhook.html", row=row)


@post("/console/webhooks/{delivery_id:str}/redeliver")
async def redeliver(world: World, delivery_id: str, request: Web) -> Response[Any]:
    """Send it again, and go back to where the button was."""
    if not world.webhooks.redeliver(delivery_id):
        raise HTTPException(status_code=404, detail="No such delivery.")
    asked = (await request.form()).get("back")
    return see_other("/console/stripe" if asked == "/console/stripe" else "/console/webhooks")


@get("/console/mail")
async def mails(world: World) -> Response[str]:
    """Every mail, newest first."""
    return page("console/mails.html", rows=list(reversed(world.mail.rows()))[:ROWS_SHOWN])


@get("/console/mail/{mail_id:str}")
async def mail(world: World, mail_id: str) -> Response[str]:
    """One mail: the text with its links, and the HTML in a sandboxed frame."""
    row = world.mail.get(mail_id)
    if row is None:
        raise HTTPException(status_code=404, detail="No such mail.")
    return page("console/mail.html", row=row)


@get("/console/log")
async def log(world: World, follow: bool = False) -> Response[str]:
    """The latest requests to both platforms; ``follow`` reloads the page every two seconds."""
    rows = (row for row in reversed(world.log) if row["path"].startswith(("/xero/", "/stripe/")))
    answer = page("console/log.html", rows=list(islice(rows, ROWS_SHOWN)), follow=follow)
    if follow:
        answer.headers["refresh"] = "2"
    return answer


@get("/console/clock")
async def clock(world: World) -> Response[str]:
    """The sandbox's time and what is scheduled."""
    due = Counter((int(row["at"]), row["kind"]) for row in world.store.all("_schedule"))
    waiting = [{"at": at, "kind": kind, "count": count} for (at, kind), count in sorted(due.items())[:ROWS_SHOWN]]
    standing = (world.store.get("_clock", "state") or {"rate": 1.0})["rate"] == 0
    return page("console/clock.html", now=world.clock.timestamp(), waiting=waiting, jumps=JUMPS, standing=standing)


@post("/console/clock")
async def advance(world: World, request: Web) -> Response[Any]:
    """Jump ahead by the seconds, or the hours, given (at most ten years), or run at another rate."""
    form = await request.form()
    if form.get("rate") in ("0", "1"):
        await world.clock.change(rate=float(form["rate"]))
        return see_other("/console/clock")
    try:
        seconds = float(form["seconds"]) if "seconds" in form else float(form.get("hours", 1)) * 3600
    except (TypeError, ValueError):  # a file in place of a number
        seconds = -1
    if not 0 <= seconds <= TEN_YEARS:
        raise HTTPException(status_code=400, detail="The clock jumps ahead by a number of hours.")
    await world.clock.change(advance=seconds)
    return see_other("/console/clock")


def said_plainly(request: Web, error: HTTPException) -> Response[Any]:
    """A refusal as a page for people, as JSON for programs."""
    if "text/html" in request.headers.get("accept", ""):
        back = "/" + urlsplit(request.headers.get("referer", "/")).path.lstrip("/")  # never another host
        return page("console/problem.html", status=error.status_code, detail=error.detail, back=back)
    content = {"status_code": error.status_code, "detail": error.detail}
    if error.extra:
        content["extra"] = error.extra
    return Response(content, status_code=error.status_code, headers=error.headers)


def routes() -> list[ControllerRouterHandler]:
    """``/`` and ``/console/…``; platforms add their own pages beside them."""
    return [start, webhooks, webhook, misbehave, redeliver, mails, mail, log, clock, advance, *console_faults.routes()]
