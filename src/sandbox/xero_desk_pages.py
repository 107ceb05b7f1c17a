"""The console's Xero pages: an organisation with its invoices and settings, one invoice with all one can do to it."""

from __future__ import annotations

from itertools import islice

from litestar import Response, get
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from sandbox.pages import page
from sandbox.store import Obj
from sandbox.xero_accounting import Kit
from sandbox.xero_accounting.invoice_parts import online_address
from sandbox.xero_desk import Desk
from sandbox.xero_journal import bank_balances

INVOICES_SHOWN = 300


def _found(kit: Kit, tenant: str, q: str, contacts: dict[str, Obj]) -> tuple[list[Obj], int]:
    """The newest invoices that have these words, and how many have."""
    rows = kit.world.store.newest("xero.invoice", "tenant", tenant)
    if not q:
        return list(islice(rows, INVOICES_SHOWN)), kit.world.store.count("xero.invoice", "tenant", tenant)
    having = (
        row for row in rows if q in f"{row['number']} {row['reference']} {contacts[row['contact']]['name']}".lower()
    )
    shown = list(islice(having, INVOICES_SHOWN))
    return shown, len(shown) + sum(1 for _ in having)


def _organisation(kit: Kit, row: Obj, q: str) -> Response[str]:
    store = kit.world.store
    contacts = {contact["id"]: contact for contact in store.by("xero.contact", "tenant", row["id"])}
    found, count = _found(kit, row["id"], q.lower(), contacts)
    banks = [account for account in store.by("xero.account", "tenant", row["id"]) if account["type"] == "BANK"]
    balances = bank_balances(store, row["id"])
    return page(
        "console/organisation.html",
        organisation={"edition": "BUSINESS", "approvals": None, **row},
        invoices=[(invoice, kit.ledger.due(invoice)) for invoice in found],
        count=count,
        contacts=contacts,
        banks=[(account, balances.get(account["id"], 0)) for account in banks],
        themes=store.by("xero.theme", "tenant", row["id"]),
        services={service["id"]: service for service in store.by("xero.paymentservice", "tenant", row["id"])},
        connections=list(store.find("xero.connection", tenant=row["id"])),
        users=store.all("xero.user"),
        q=q,
    )


def _invoice(kit: Kit, row: Obj, organisation: Obj) -> Response[str]:
    store, id = kit.world.store, row["id"]
    return page(
        "console/invoice.html",
        row=row,
        organisation=organisation,
        contacts=store.by("xero.contact", "tenant", row["tenant"]),
        contact=store.get("xero.contact", row["contact"]),
        due=kit.ledger.due(row),
        payments=store.by("xero.payment", "target", id),
        allocations=kit.ledger.allocations(id),
        history=list(reversed(store.by("xero.history", "owner", id))),
        files=store.by("xero.attachment", "owner", id),
        online=online_address(kit, row) if row["status"] not in ("DRAFT", "DELETED") else None,
    )


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/console/xero/…``, and Xero's own deep links that lead there."""
    desk, store = Desk(kit), kit.world.store

    @get("/console/xero/{key:str}")
    async def organisation(key: str, q: str = "") -> Response[str]:
        return _organisation(kit, desk.organisation(key), q)

    @get("/console/xero/invoices/{id:str}")
    async def invoice(id: str) -> Response[str]:
        row = desk.row("xero.invoice", id)
        return _invoice(kit, row, desk.row("xero.organisation", row["tenant"]))

    @get("/xero/app/{code:str}/invoicing/view/{id:str}")
    async def deep_link(code: str, id: str) -> Redirect:
        return Redirect(f"/console/xero/invoices/{desk.row('xero.invoice', id)['id']}")

    @get("/xero/app/{code:str}/invoicing/edit")
    async def new_invoice(code: str) -> Redirect:
        found = next((row for row in store.all("xero.organisation") if row["short_code"] == code), None)
        return Redirect(f"/console/xero/{found['key']}" if found else "/")

    return [organisation, invoice, deep_link, new_invoice]
