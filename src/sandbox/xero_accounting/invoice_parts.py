"""What hangs on an invoice: its online page, e-mail, history, attachments (facts §3.4)."""

from __future__ import annotations

import base64
import mimetypes
import re
from email.message import EmailMessage
from typing import Any

from litestar import Response, get, post, put
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.invoices import SCOPE, find_invoice
from sandbox.xero_call import Call, elements_of
from sandbox.xero_refusals import Answer, Web, XeroProblem, invalid, not_found
from sandbox.xero_wire import instant, seven_digits

ATTACHMENTS = "accounting.attachments"
FORBIDDEN = re.compile(r'[<>:"/\\|?*\0+ ]')
MOST_ATTACHMENTS, LARGEST_ATTACHMENT, LONGEST_NOTE = 10, 10_000_000, 2_500
EMAILS_PER_DAY = {"DEMO": 0, "TRIAL": 20}
EMAILS_PAYING = 1_000
NOT_SUPPORTED = "The file couldn't be uploaded because it isn't a supported file type."
EXTENSIONS = {
    "png",
    "jpg",
    "jpeg",
    "gif",
    "pdf",
    "svg",
    "txt",
    "csv",
    "doc",
    "docx",
    "xls",
    "xlsx",
    "zip",
    "xml",
    "html",
}


def _refuse(*texts: str) -> XeroProblem:
    return invalid([{"ValidationErrors": [{"Message": text} for text in texts]}])


def online_address(kit: Kit, row: Obj) -> str:
    """The address of the online invoice; made on first use, the same for ever after."""
    if row["online"] is None:
        row["online"] = kit.world.ids.token("", 40)
        kit.world.store.put("xero.invoice", row["id"], row)
    return kit.world.url(f"/xero/in/{row['online']}")


def note_history(kit: Kit, row: Obj, changes: str, details: str, user: str) -> Obj:
    """Add a line to a document's history."""
    record = {
        "id": kit.world.ids.uuid(),
        "owner": row["id"],
        "at": int(kit.world.clock.timestamp() * 1000),
        "changes": changes,
        "details": details,
        "user": user,
    }
    return kit.world.store.put("xero.history", record["id"], record)


def _online(kit: Kit, call: Call, key: str) -> Answer:
    row = find_invoice(call, key)
    if row["type"] != "ACCREC" or row["status"] in ("DRAFT", "DELETED"):
        raise _refuse("An online invoice is only available for approved sales invoices")
    return call.answer("OnlineInvoices", [{"OnlineInvoiceUrl": online_address(kit, row)}])


def _email(kit: Kit, call: Call, key: str) -> Answer:
    row = find_invoice(call, key)
    contact = call.world.store.get("xero.contact", row["contact"]) or {"email": ""}
    if row["type"] != "ACCREC" or row["status"] not in ("SUBMITTED", "AUTHORISED", "PAID"):
        raise _refuse("Invoice not of valid status for emailing")
    if call.organisation.get("edition") == "PARTNER":
        raise _refuse("Emailing is not available to organisations on the partner edition")
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
        raise _refuse("Daily email limit reached")
    org |= {"emails_today": sent + 1, "emails_day": today}
    call.world.store.put("xero.organisation", org["id"], org)


def _send_mail(kit: Kit, call: Call, row: Obj, contact: Obj, recipients: list[str]) -> None:
    message = EmailMessage()
    message["From"] = f"{call.organisation['name']} <messaging-service@post.xero.example>"
    message["To"] = ", ".join(recipients)
    message["Subject"] = f"Invoice {row['number']} from {call.organisation['name']}"
    greeting = f"Hi {contact['first'] or contact['name']},\n\nHere is invoice {row['number']}.\n\n"
    message.set_content(f"{greeting}View it online: {online_address(kit, row)}\n")
    call.world.mail.take("messaging-service@post.xero.example", recipients, message.as_bytes())


def _history(kit: Kit, call: Call, key: str) -> Answer:
    rows = kit.world.store.by("xero.history", "owner", find_invoice(call, key)["id"])
    return call.answer("HistoryRecords", [_record(row) for row in reversed(rows)])


def _record(row: Obj) -> dict[str, Any]:
    return {
        "Changes": row["changes"],
        "DateUTCString": seven_digits(row["at"])[:19],
        "DateUTC": instant(row["at"]),
        "User": row["user"],
        "Details": row["details"],
    }


def _add_history(kit: Kit, call: Call, key: str, body: Any) -> Answer:
    row = find_invoice(call, key)
    records = elements_of(body, "HistoryRecords")
    if any(not wire.get("Details") or len(str(wire["Details"])) > LONGEST_NOTE for wire in records):
        raise _refuse("Details must be between 1 and 2500 characters")
    made = [note_history(kit, row, "Note", str(wire["Details"]), "System Generated") for wire in records]
    return call.answer("HistoryRecords", [_record(record) for record in made])


def _attach(kit: Kit, call: Call, key: str, file_name: str, body: bytes, *, may_show: bool) -> Answer:
    row = find_invoice(call, key)
    mime = call.request.headers.get("content-type", "").partition(";")[0].strip()
    _check_file(file_name, mime, body)
    files = kit.world.store.by("xero.attachment", "owner", row["id"])
    old = next((file for file in files if file["file_name"] == file_name), None)
    if old is None and len(files) >= MOST_ATTACHMENTS:
        raise _refuse("A maximum of 10 attachments is allowed per document")
    file = {
        "id": old["id"] if old is not None else kit.world.ids.uuid(),
        "owner": row["id"],
        "file_name": file_name,
        # Xero's own SDKs send every file as octet-stream, and its recorded answers still name the file's type.
        "mime": (mimetypes.guess_type(file_name)[0] or mime) if mime == "application/octet-stream" else mime,
        "size": len(body),
        "online": may_show and call.flag("IncludeOnline"),
        "content": base64.b64encode(body).decode(),
    }
    kit.world.store.put("xero.attachment", file["id"], file)
    note_history(kit, row, "Attached a file", file_name, "System Generated")
    kit.ledger.touch("xero.invoice", row)
    return call.answer("Attachments", [kit.documents.attachment(file)])


def _check_file(file_name: str, mime: str, body: bytes) -> None:
    extension = file_name.rpartition(".")[2].lower() if "." in file_name else ""
    if not mime:
        raise XeroProblem(415, None, "an attachment needs its Content-Type")
    if FORBIDDEN.search(file_name):
        raise _refuse("The file name contains invalid characters")
    if extension not in EXTENSIONS:
        raise _refuse(NOT_SUPPORTED)
    guessed = mimetypes.guess_type(file_name)[0]
    if mime not in (guessed, "application/octet-stream") or (extension == "png" and body[:4] != b"\x89PNG"):
        raise _refuse("The file extension does not match the content")
    if not 0 < len(body) <= LARGEST_ATTACHMENT:
        raise _refuse("The file must not be empty or larger than 10 MB")


def _file(kit: Kit, call: Call, key: str, file_key: str) -> Answer:
    row = find_invoice(call, key)
    for file in kit.world.store.by("xero.attachment", "owner", row["id"]):
        if file_key in (file["id"], file["file_name"]):
            return Response(base64.b64decode(file["content"]), media_type=file["mime"])
    raise not_found("no such attachment")


def _files(kit: Kit, call: Call, key: str) -> Answer:
    rows = kit.world.store.by("xero.attachment", "owner", find_invoice(call, key)["id"])
    return call.answer("Attachments", [kit.documents.attachment(row) for row in rows])


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """OnlineInvoice, Email, History and Attachments under ``/Invoices/{id}``."""
    base = f"{API}/Invoices/{{key:str}}"

    @get(f"{base}/OnlineInvoice")
    async def online(request: Web, key: str) -> Answer:
        return kit.door.read(request, SCOPE, lambda call: _online(kit, call, key))

    @post(f"{base}/Email", status_code=200)
    async def email(request: Web, key: str) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, _body: _email(kit, call, key))

    @get(f"{base}/History")
    async def history(request: Web, key: str) -> Answer:
        return kit.door.read(request, SCOPE, lambda call: _history(kit, call, key))

    @put(f"{base}/History")
    async def add_history(request: Web, key: str) -> Answer:
        return await kit.door.write(request, SCOPE, lambda call, body: _add_history(kit, call, key, body))

    @get(f"{base}/Attachments")
    async def files(request: Web, key: str) -> Answer:
        return kit.door.read(request, ATTACHMENTS, lambda call: _files(kit, call, key))

    @get(f"{base}/Attachments/{{file_name:str}}")
    async def file(request: Web, key: str, file_name: str) -> Answer:
        return kit.door.read(request, ATTACHMENTS, lambda call: _file(kit, call, key, file_name))

    @put(f"{base}/Attachments/{{file_name:str}}")
    async def attach(request: Web, key: str, file_name: str) -> Answer:
        return await kit.door.write_bytes(
            request, ATTACHMENTS, lambda call, body: _attach(kit, call, key, file_name, body, may_show=True)
        )

    @post(f"{base}/Attachments/{{file_name:str}}", status_code=200)
    async def reattach(request: Web, key: str, file_name: str) -> Answer:
        return await kit.door.write_bytes(
            request, ATTACHMENTS, lambda call, body: _attach(kit, call, key, file_name, body, may_show=False)
        )

    return [online, email, history, add_history, files, file, attach, reattach]
