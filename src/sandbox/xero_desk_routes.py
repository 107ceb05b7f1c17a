"""The desk's addresses: ``/_xero/…``, each a form or JSON in, a redirect back to the page or the object out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from sandbox import xero_journal
from sandbox.described import body
from sandbox.pages import see_other
from sandbox.store import Obj
from sandbox.world import World
from sandbox.xero_accounting import Kit
from sandbox.xero_accounting.invoice_parts import online_address
from sandbox.xero_desk import Desk

Web = Request[Any, Any, Any]
Act = Callable[[Obj, Obj], Any]
Fields = dict[str, str]

REFERENCE = {"reference": "free text"}
INVOICE: Fields = {"amount": "its total, as in 1284.00", "contact": "a contact's id", "due": "a day, YYYY-MM-DD"}
INVOICE |= {**REFERENCE, "currency": "one the organisation has"}
PAID: Fields = {"amount": "none: all that is due", "account": "an account's code, 090 unless told", "date": "a day"}
LOCKS: Fields = {"period_lock": "a day; empty unlocks", "year_lock": "a day; empty unlocks"}
PASTED: Fields = {"url": "with Xero's placeholders", "text": "of the button", "name": "of the service"}
PASTED |= {"theme": "a branding theme's id; none: every theme"}
PLAN: Fields = {"class": "DEMO, TRIAL, STARTER, STANDARD, PREMIUM, …", "edition": "BUSINESS or PARTNER"}
PLAN |= {"approvals": "how many more invoices may be approved; empty: any number"}
CONTACT: Fields = {"name": "", "email": "", "status": "ACTIVE, ARCHIVED or GDPRREQUEST"}
USER: Fields = {"user": "an id or an e-mail address"}


async def given_by(request: Web, fields: Fields) -> Obj:
    """The fields of a form or of a JSON object, as text; raises a 400 for anything else, unknown fields too."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        given = {name: str(value) for name, value in (await request.form()).items()}
    else:
        try:
            sent = msgspec.json.decode(await request.body() or b"{}", type=dict[str, str | int | float | bool | None])
        except msgspec.DecodeError as problem:
            raise HTTPException(status_code=400, detail=str(problem)) from problem
        given = {name: str(value) for name, value in sent.items() if value is not None}
    if unknown := sorted(set(given) - set(fields)):
        raise HTTPException(status_code=400, detail=f"There is no field {unknown[0]} here.")
    return given


def told(request: Web, result: Any) -> Response[Any]:
    """Back to the page the form stood on, or the object as JSON."""
    if "text/html" in request.headers.get("accept", ""):
        back = urlsplit(request.headers.get("referer", "/"))
        return see_other(f"{back.path or '/'}{'?' if back.query else ''}{back.query}")
    return Response(msgspec.json.encode(result), media_type="application/json", status_code=200)


def _actions(desk: Desk) -> list[tuple[str, str, str, Fields, Act]]:
    """POST ``/_xero/{path}/{id}/{name}``: what it does in words, the fields it takes, and what does it."""
    new = {**INVOICE, "number": "none: the next", "status": "AUTHORISED unless told"}
    return [
        ("organisations", "invoices", "Raise a sales invoice of one line", new, desk.create_invoice),
        ("organisations", "lock", "Lock everything up to a day", LOCKS, desk.lock),
        ("organisations", "payment_url", "Paste a Custom Payment URL", PASTED, desk.paste_payment_url),
        ("organisations", "other_apps", "Connect other apps", {"count": "uncertified ones"}, desk.set_other_apps),
        ("organisations", "disconnect", "Disconnect the app, for everyone", {}, lambda row, _: desk.disconnect(row)),
        ("organisations", "plan", "Change the subscription", PLAN, desk.set_plan),
        ("organisations", "reset", "Reset a demo company", {}, lambda row, _: desk.reset_demo(row)),
        ("organisations", "remove_user", "Take a user's access away", USER, desk.remove_user),
        ("organisations", "add_user", "Give a user access", USER, desk.add_user),
        ("invoices", "change", "Edit", {**INVOICE, "theme": "a branding theme's id"}, desk.change_invoice),
        ("invoices", "approve", "Approve", {}, lambda row, _: desk.set_status(row, "AUTHORISED")),
        ("invoices", "void", "Void", {}, lambda row, _: desk.set_status(row, "VOIDED")),
        ("invoices", "delete", "Delete a draft", {}, lambda row, _: desk.set_status(row, "DELETED")),
        ("invoices", "pay", "Record a payment made elsewhere", {**PAID, **REFERENCE}, desk.pay),
        ("invoices", "credit", "Raise a credit note and apply it", {"amount": PAID["amount"]}, desk.credit),
        ("payments", "remove", "Remove, reconciled or not", {}, lambda row, _: desk.remove_payment(row)),
        ("payments", "reconcile", "Match with the bank statement", {}, lambda row, _: desk.reconcile(row)),
        ("accounts", "archive", "Archive", {}, lambda row, _: desk.set_account(row, "ARCHIVED")),
        ("accounts", "restore", "Restore", {}, lambda row, _: desk.set_account(row, "ACTIVE")),
        ("contacts", "change", "Edit or archive", CONTACT, desk.set_contact),
    ]


def _post(desk: Desk, path: str, name: str, words: str, fields: Fields, act: Act) -> ControllerRouterHandler:
    @post(
        f"/_xero/{path}/{{id:str}}/{name}",
        name=f"{path} {name}",
        status_code=200,
        summary=words,
        tags=["People in Xero"],
        operation_class=body(fields),
        include_in_schema=True,
    )
    async def handler(request: Web, id: str) -> Response[Any]:
        subject = desk.organisation(id) if path == "organisations" else desk.row(f"xero.{path[:-1]}", id)
        return told(request, act(subject, await given_by(request, fields)))

    return handler


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/_xero/…``."""
    desk = Desk(kit)
    made = [_post(desk, *one) for one in _actions(desk)]

    @get("/_xero/organisations", include_in_schema=True)
    async def organisations(world: World) -> list[Obj]:
        """Every organisation."""
        return world.store.all("xero.organisation")

    @get("/_xero/organisations/{id:str}/invoices", include_in_schema=True)
    async def invoices(id: str) -> list[Obj]:
        """An organisation's invoices, with what is due."""
        rows = kit.world.store.by("xero.invoice", "tenant", desk.organisation(id)["id"])
        return [{**row, "amount_due": kit.ledger.due(row)} for row in rows]

    @get("/_xero/organisations/{id:str}/books", include_in_schema=True)
    async def books(id: str) -> Obj:
        """The organisation's books in double entry: trial balance, open documents, bank balances (cents, debit positive)."""
        return xero_journal.told(kit.world.store, desk.organisation(id)["id"])

    @get("/_xero/invoices/{id:str}/online", include_in_schema=True)
    async def online(id: str) -> Obj:
        """The address of the online invoice."""
        return {"url": online_address(kit, desk.row("xero.invoice", id))}

    @get("/_xero/webhook", include_in_schema=True)
    async def subscription() -> Obj:
        """The webhook's state."""
        return kit.webhooks.state()

    @post("/_xero/webhook/check", status_code=200, include_in_schema=True)
    async def check(request: Web) -> Response[Any]:
        """Send an intent to receive."""
        kit.webhooks.check()
        return told(request, kit.webhooks.state())

    return [*made, organisations, invoices, books, online, subscription, check]
