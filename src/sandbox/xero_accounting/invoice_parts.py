"""What hangs on a sales invoice alone: its online page and Xero's own e-mail (facts §3.4)."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.history import note_history
from sandbox.xero_accounting.invoices import SCOPE, find_invoice
from sandbox.xero_call import Call
from sandbox.xero_refusals import Answer, Web, not_found, refuse

EMAILS_PER_DAY = {"DEMO": 0, "TRIAL": 20}
EMAILS_PAYING = 1_000
SENDER = "messaging-service@post.xero.example"


def online_address(kit: Kit, row: Obj) -> str:
    """The address of the online invoice; made on first use, the same for ever after."""
    if row["online"] is None:
        row["online"] = kit.world.ids.token("", 40)
        kit.world.store.put("xero.invoice", row["id"], row)
    return kit.world.url(f"/xero/in/{row['online']}")


def _online(kit: Kit, call: Call, key: str) -> Answer:
    row = find_invoice(call, key)
    if row["type"] != "ACCREC" or row["status"] in ("DRAFT", "DELETED"):
        raise refuse("An online invoice is only available for approved sales invoices")
    return call.answer("OnlineInvoices", [{"OnlineInvoiceUrl": online_address(kit, row)}])


def _email(kit: Kit, call: Call, key: str) -> Answer:
    row = find_invoice(call, key)
    contact = call.world.store.get("xero.contact", row["contact"]) or {"email": ""}
    if row["type"] != "ACCREC" or row["status"] not in ("SUBMITTED", "AUTHORISED", "PAID"):
        raise refuse("Invoice not of valid status for emailing")
    if call.organisation.get("edition") == "PARTNER":
        raise refuse("Emailing is not available to organisations on the partner edition")
    if not contact["email"]:
        raise not_found("the contact has no e-mail address")
    _count_email(call)
    persons = [p["EmailAddress"] for p in contact["persons"] if p.get("IncludeInEmails") and p.get("EmailAddress")]
    _send_mail(kit, call, row, contact, [contact["email"], *persons])
    row["sent"] = True
    kit.ledger.touch("xero.invoice", row)
    note_history(kit, row, "Emailed", f"Invoice {row['number']} emailed to {contact['email']}", "System Generated")
    return Response(b"", status_code=204)


def _count_email(call: Call) -> None:
    org, today = call.organisation, call.world.clock.now().date().isoformat()
    sent = org["emails_today"] if org["emails_day"] == today else 0
    if sent >= EMAILS_PER_DAY.get(org["class"], EMAILS_PAYING):
        raise refuse("Daily email limit reached")
    org |= {"emails_today": sent + 1, "emails_day": today}
    call.world.store.put("xero.organisation", org["id"], org)


def _send_mail(kit: Kit, call: Call, row: Obj, contact: Obj, recipients: list[str]) -> None:
    name = call.organisation["name"]
    greeting = f"Hi {contact['first'] or contact['name']},\n\nHere is invoice {row['number']}.\n\n"
    text = f"{greeting}View it online: {online_address(kit, row)}\n"
    call.world.mail.write(f"{name} <{SENDER}>", recipients, f"Invoice {row['number']} from {name}", text)


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """OnlineInvoice and Email under ``/Invoices/{id}``."""
    base = f"{API}/Invoices/{{key:str}}"

    @get(f"{base}/OnlineInvoice")
    async def online(request: Web, key: str) -> Answer:
        return kit.door.read(request, SCOPE, lambda call: _online(kit, call, key))

    @post(f"{base}/Email", status_code=200)
    async def email(request: Web, key: str) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, _body: _email(kit, call, key))

    return [online, email]
