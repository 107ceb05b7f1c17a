"""The console's common pages: start, webhooks, mails, request log, clock. Plain forms; nothing needs a script."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from sandbox.pages import page, see_other
from sandbox.world import World

Web = Request[Any, Any, Any]
ROWS_SHOWN = 200


@get("/")
async def start(world: World) -> Response[str]:
    """Where everything is."""
    organisations = world.store.all("xero.organisation")
    return page("console/start.html", organisations=organisations, config=world.config, base=world.base_url)


@get("/console/webhooks")
async def webhooks(world: World) -> Response[str]:
    """Every delivery with its attempts."""
    rows = list(reversed(world.webhooks.rows()))[:ROWS_SHOWN]
    return page("console/webhooks.html", rows=rows, subscription=world.store.get("xero.subscription", "app"))


@get("/console/webhooks/{delivery_id:str}")
async def webhook(world: World, delivery_id: str) -> Response[str]:
    """One delivery: the exact bytes and what came back."""
    row = world.store.get("_delivery", delivery_id)
    if row is None:
        raise HTTPException(status_code=404, detail="No such delivery.")
    return page("console/webhook.html", row=row)


@post("/console/webhooks/{delivery_id:str}/redeliver")
async def redeliver(world: World, delivery_id: str) -> Response[Any]:
    """Send it again."""
    if not world.webhooks.redeliver(delivery_id):
        raise HTTPException(status_code=404, detail="No such delivery.")
    return see_other("/console/webhooks")


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
async def log(world: World) -> Response[str]:
    """The latest requests to both platforms."""
    rows = [row for row in reversed(world.log) if row["path"].startswith(("/xero/", "/stripe/"))][:ROWS_SHOWN]
    return page("console/log.html", rows=rows)


@get("/console/clock")
async def clock(world: World) -> Response[str]:
    """The sandbox's time, what is scheduled, the faults in force."""
    waiting = sorted(world.store.all("_schedule"), key=lambda row: row["at"])[:ROWS_SHOWN]
    faults = [{**row, "text": json.dumps(_told(row["rule"]))} for row in world.faults.rows()]
    return page("console/clock.html", now=world.clock.timestamp(), waiting=waiting, faults=faults)


@post("/console/clock")
async def advance(world: World, request: Web) -> Response[Any]:
    """Jump ahead by the hours given."""
    form = await request.form()
    await world.clock.change(advance=float(form.get("hours", 1)) * 3600)
    return see_other("/console/clock")


@post("/console/faults/clear")
async def clear_faults(world: World) -> Response[Any]:
    """Take every fault back."""
    world.faults.clear()
    return see_other("/console/clock")


def said_plainly(request: Web, error: HTTPException) -> Response[Any]:
    """A refusal as a page for people, as JSON for programs."""
    if "text/html" in request.headers.get("accept", ""):
        back = urlsplit(request.headers.get("referer", "/")).path or "/"
        return page("console/problem.html", status=error.status_code, detail=error.detail, back=back)
    content = {"status_code": error.status_code, "detail": error.detail}
    if error.extra:
        content["extra"] = error.extra
    return Response(content, status_code=error.status_code, headers=error.headers)


def _told(value: Any) -> Any:
    """A rule without its empty fields."""
    if isinstance(value, dict):
        return {k: _told(v) for k, v in value.items() if v not in (None, False, "", {}, 0)}
    return value


def routes() -> list[ControllerRouterHandler]:
    """``/`` and ``/console/…``; platforms add their own pages beside them."""
    return [start, webhooks, webhook, redeliver, mails, mail, log, clock, advance, clear_faults]
