"""The desk's addresses: ``/_xero/…``, each a form or JSON in, a redirect back to the page or the object out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from sandbox.pages import see_other
from sandbox.store import Obj
from sandbox.world import World
from sandbox.xero_accounting import Kit
from sandbox.xero_accounting.invoice_parts import online_address
from sandbox.xero_desk import Desk

Web = Request[Any, Any, Any]
Act = Callable[[Obj, Obj], Any]


async def given_by(request: Web) -> Obj:
    """The fields of a form or of a JSON object, as text; raises a 400 for anything else."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        return {name: str(value) for name, value in (await request.form()).items()}
    try:
        fields = msgspec.json.decode(await request.body() or b"{}", type=dict[str, str | int | float | bool | None])
    except msgspec.DecodeError as problem:
        raise HTTPException(status_code=400, detail=str(problem)) from problem
    return {name: str(value) for name, value in fields.items() if value is not None}


def told(request: Web, result: Any) -> Response[Any]:
    """Back to the page the form stood on, or the object as JSON."""
    if "text/html" in request.headers.get("accept", ""):
        back = urlsplit(request.headers.get("referer", "/"))
        return see_other(f"{back.path or '/'}{'?' if back.query else ''}{back.query}")
    return Response(msgspec.json.encode(result), media_type="application/json", status_code=200)


def _actions(desk: Desk) -> list[tuple[str, str, Act]]:
    """POST ``/_xero/{path}/{id}/{name}`` and what it does."""
    return [
        ("organisations", "invoices", desk.create_invoice),
        ("organisations", "lock", desk.lock),
        ("organisations", "payment_url", desk.paste_payment_url),
        ("organisations", "other_apps", desk.set_other_apps),
        ("organisations", "disconnect", lambda row, _given: desk.disconnect(row)),
        ("invoices", "change", desk.change_invoice),
        ("invoices", "approve", lambda row, _given: desk.set_status(row, "AUTHORISED")),
        ("invoices", "void", lambda row, _given: desk.set_status(row, "VOIDED")),
        ("invoices", "delete", lambda row, _given: desk.set_status(row, "DELETED")),
        ("invoices", "pay", desk.pay),
        ("invoices", "credit", desk.credit),
        ("payments", "remove", lambda row, _given: desk.remove_payment(row)),
        ("payments", "reconcile", lambda row, _given: desk.reconcile(row)),
        ("accounts", "archive", lambda row, _given: desk.set_account(row, "ARCHIVED")),
        ("accounts", "restore", lambda row, _given: desk.set_account(row, "ACTIVE")),
        ("contacts", "change", desk.set_contact),
    ]


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/_xero/…``."""
    desk = Desk(kit)
    made: list[ControllerRouterHandler] = []

    def action(path: str, name: str, act: Act) -> None:
        @post(f"/_xero/{path}/{{id:str}}/{name}", name=f"{path} {name}", status_code=200)
        async def handler(request: Web, id: str) -> Response[Any]:
            subject = desk.organisation(id) if path == "organisations" else desk.row(f"xero.{path[:-1]}", id)
            return told(request, act(subject, await given_by(request)))

        made.append(handler)

    for path, name, act in _actions(desk):
        action(path, name, act)

    @get("/_xero/organisations")
    async def organisations(world: World) -> list[Obj]:
        return world.store.all("xero.organisation")

    @get("/_xero/organisations/{id:str}/invoices")
    async def invoices(id: str) -> list[Obj]:
        rows = kit.world.store.by("xero.invoice", "tenant", desk.organisation(id)["id"])
        return [{**row, "amount_due": kit.ledger.due(row)} for row in rows]

    @get("/_xero/invoices/{id:str}/online")
    async def online(id: str) -> Obj:
        return {"url": online_address(kit, desk.row("xero.invoice", id))}

    @get("/_xero/webhook")
    async def subscription() -> Obj:
        return kit.webhooks.state()

    @post("/_xero/webhook/check", status_code=200)
    async def check(request: Web) -> Response[Any]:
        kit.webhooks.check()
        return told(request, kit.webhooks.state())

    return [*made, organisations, invoices, online, subscription, check]
