"""The console's common pages: start, webhooks, mails, request log, clock, faults. Plain forms; nothing needs a script."""

from __future__ import annotations

from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from sandbox import console_faults
from sandbox.pages import page, see_other
from sandbox.world import World

Web = Request[Any, Any, Any]
ROWS_SHOWN = 200
JUMPS = [("30 minutes", 1800), ("1 hour", 3600), ("1 day", 86_400), ("1 week", 604_800)]
TEN_YEARS = 10 * 366 * 24 * 3600


@get("/")
async def start(world: World) -> Response[str]:
    """Where everything is."""
    organisations = world.store.all("xero.organisation")
    place = urlsplit(world.base_url)
    return page(
        "console/start.html",
        organisations=organisations,
        config=world.config,
        base=world.base_url,
        scheme=place.scheme,
        host=place.hostname,
        port=place.port or (443 if place.scheme == "https" else 80),
    )


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
    waiting = sorted(world.store.all("_schedule"), key=lambda row: row["at"])[:ROWS_SHOWN]
    return page("console/clock.html", now=world.clock.timestamp(), waiting=waiting, jumps=JUMPS)


@post("/console/clock")
async def advance(world: World, request: Web) -> Response[Any]:
    """Jump ahead by the seconds, or the hours, given; at most ten years."""
    form = await request.form()
    try:
        seconds = float(form["seconds"]) if "seconds" in form else float(form.get("hours", 1)) * 3600
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= TEN_YEARS:
        raise HTTPException(status_code=400, detail="The clock jumps ahead by a number of hours.")
    await world.clock.change(advance=seconds)
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


def routes() -> list[ControllerRouterHandler]:
    """``/`` and ``/console/…``; platforms add their own pages beside them."""
    return [start, webhooks, webhook, redeliver, mails, mail, log, clock, advance, *console_faults.routes()]
