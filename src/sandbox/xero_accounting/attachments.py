"""Attachments: raw bytes in, the same file name replaces, ten to a document; names and types as Xero wants them (facts §3.4)."""

from __future__ import annotations

import base64
import mimetypes
import re

from litestar import Response, get, post, put
from litestar.types import ControllerRouterHandler

from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.history import note_history
from sandbox.xero_accounting.owners import OWNERS, owner
from sandbox.xero_call import Call
from sandbox.xero_refusals import Answer, Web, XeroProblem, not_found, refuse

SCOPE = "accounting.attachments"
NOUNS = ("Invoices", "CreditNotes", "BankTransactions", "BankTransfers", "Contacts", "Accounts")
SHOWN_ONLINE = ("Invoices", "CreditNotes")
FORBIDDEN = re.compile(r'[<>:"/\\|?*\0+ ]')
MOST, LARGEST = 10, 10_000_000
NOT_SUPPORTED = "The file couldn't be uploaded because it isn't a supported file type."
EXTENSIONS = set("png jpg jpeg gif pdf svg txt csv doc docx xls xlsx zip xml html".split())


def _attach(kit: Kit, call: Call, noun: str, key: str, file_name: str, body: bytes, *, may_show: bool) -> Answer:
    row = owner(call, noun, key)
    mime = call.request.headers.get("content-type", "").partition(";")[0].strip()
    _check_file(file_name, mime, body)
    files = kit.world.store.by("xero.attachment", "owner", row["id"])
    old = next((file for file in files if file["file_name"] == file_name), None)
    if old is None and len(files) >= MOST:
        raise refuse("A maximum of 10 attachments is allowed per document")
    file = {
        "id": old["id"] if old is not None else kit.world.ids.uuid(),
        "noun": noun,
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
    kit.ledger.touch(OWNERS[noun][0], row)
    return call.answer("Attachments", [kit.documents.attachment(file)])


def _check_file(file_name: str, mime: str, body: bytes) -> None:
    extension = file_name.rpartition(".")[2].lower() if "." in file_name else ""
    if not mime:
        raise XeroProblem(415, None, "an attachment needs its Content-Type")
    if FORBIDDEN.search(file_name):
        raise refuse("The file name contains invalid characters")
    if extension not in EXTENSIONS:
        raise refuse(NOT_SUPPORTED)
    guessed = mimetypes.guess_type(file_name)[0]
    if mime not in (guessed, "application/octet-stream") or (extension == "png" and body[:4] != b"\x89PNG"):
        raise refuse("The file extension does not match the content")
    if not 0 < len(body) <= LARGEST:
        raise refuse("The file must not be empty or larger than 10 MB")


def _file(kit: Kit, call: Call, noun: str, key: str, file_key: str) -> Answer:
    for file in kit.world.store.by("xero.attachment", "owner", owner(call, noun, key)["id"]):
        if file_key in (file["id"], file["file_name"]):
            return Response(base64.b64decode(file["content"]), media_type=file["mime"])
    raise not_found("no such attachment")


def _files(kit: Kit, call: Call, noun: str, key: str) -> Answer:
    rows = kit.world.store.by("xero.attachment", "owner", owner(call, noun, key)["id"])
    return call.answer("Attachments", [kit.documents.attachment(row) for row in rows])


def _noun_routes(kit: Kit, noun: str) -> list[ControllerRouterHandler]:
    all_of, one = f"{API}/{noun}/{{key:str}}/Attachments", f"{API}/{noun}/{{key:str}}/Attachments/{{file_name:str}}"

    @get(all_of, name=f"xero attachments of {noun}")
    async def files(request: Web, key: str) -> Answer:
        return kit.door.read(request, SCOPE, lambda call: _files(kit, call, noun, key))

    @get(one, name=f"xero attachment of {noun}")
    async def file(request: Web, key: str, file_name: str) -> Answer:
        return kit.door.read(request, SCOPE, lambda call: _file(kit, call, noun, key, file_name))

    @put(one, name=f"xero attach to {noun}")
    async def attach(request: Web, key: str, file_name: str) -> Answer:
        show = noun in SHOWN_ONLINE
        return await kit.door.write_bytes(
            request, SCOPE, lambda call, body: _attach(kit, call, noun, key, file_name, body, may_show=show)
        )

    @post(one, name=f"xero attach again to {noun}", status_code=200)
    async def reattach(request: Web, key: str, file_name: str) -> Answer:
        return await kit.door.write_bytes(
            request, SCOPE, lambda call, body: _attach(kit, call, noun, key, file_name, body, may_show=False)
        )

    return [files, file, attach, reattach]


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/{noun}/{id}/Attachments`` of every noun that has them."""
    return [handler for noun in NOUNS for handler in _noun_routes(kit, noun)]
