"""One organisation's accounting API: each method is one request (facts §3–5).

Raises Upstream (codes in `xero_errors`). A read of one thing that Xero does not have answers None.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
import msgspec

from app.clients import xero_decode as d
from app.clients import xero_wire as w
from app.clients.http import LastLook, Reply, call, server_date
from app.clients.xero_dates import header
from app.clients.xero_errors import failure
from app.core.errors import Upstream

_NIL = "00000000-0000-0000-0000-000000000000"
_SAFE_NAME = re.compile(r"[A-Za-z0-9._-]+")
_FREE = "/Organisation"  # the one path whose answers Xero does not charge for (facts §7.1)
SALES = 'Type=="ACCREC"'
_SMALLEST_PAGE = 100
Item = TypeVar("Item")


class Gate(Protocol):
    """Lets calls through: `before` waits or refuses, `after` hears how it went (status 0: no answer).

    `size` is in bytes, 0 for answers that are free of Xero's egress charge.
    """

    async def before(self) -> None: ...

    async def after(self, status: int, headers: Mapping[str, str], size: int) -> None: ...


Renew = Callable[[str], Awaitable[str]]


class Tenant:
    """An organisation, reached with a token that is good for it.

    `renew` makes a new token from one Xero has turned away as expired; the request is then sent once more.
    """

    def __init__(
        self, http: httpx.AsyncClient, url: str, access_token: str, xero_tenant_id: str, gate: Gate, renew: Renew | None
    ) -> None:
        self._http = http
        self._url = url
        self._token = access_token
        self._gate = gate
        self._renew = renew
        self.xero_tenant_id = xero_tenant_id
        # Asked right before the first byte of a write leaves; what it raises keeps the write from leaving.
        self.last_look: LastLook | None = None

    # ---- the organisation

    async def organisation(self) -> w.XeroOrganisation:
        """The organisation itself; this call is free of Xero's egress charge."""
        return d.organisation(_first((await self._read(_FREE)).organisations))

    async def accounts(self) -> list[w.XeroAccount]:
        """The whole chart of accounts."""
        return [d.account(one) for one in (await self._read("/Accounts")).accounts or []]

    async def tax_rates(self) -> list[w.XeroTaxRate]:
        """All tax rates."""
        return [d.tax_rate(one) for one in (await self._read("/TaxRates")).tax_rates or []]

    async def contact(self, contact_id: str) -> w.XeroContact | None:
        """A contact with its e-mail address."""
        envelope = await self._find(f"/Contacts/{quote(contact_id, safe='')}")
        return d.contact(_first(envelope.contacts)) if envelope else None

    # ---- invoices

    async def invoices(
        self,
        page: int = 1,
        since: datetime | None = None,
        page_size: int = 1000,
        *,
        where: str = SALES,
        order: str = "UpdatedDateUTC ASC",
        ids: Iterable[str] = (),
    ) -> w.InvoicePage:
        """A page of invoices, changed at or after `since` (Xero is accurate to the second)."""
        params = {"page": str(page), "pageSize": str(page_size), "order": order}
        params |= {"where": where} if where else {}
        wanted = ",".join(ids)
        params |= {"IDs": wanted} if wanted else {}
        headers = {"If-Modified-Since": header(since)} if since else {}
        reply = await self._send("GET", "/Invoices", params=params, headers=headers, fine=(304,))
        if reply.status == 304:
            return w.InvoicePage([], 0, 0, server_date(reply.headers))
        envelope = d.read_envelope(reply.content)
        found = [d.invoice(one) for one in envelope.invoices or []]
        paged = envelope.pagination or d.Pagination()
        count = paged.item_count if paged.item_count is not None else len(found)
        return w.InvoicePage(found, paged.page_count or 1, count, server_date(reply.headers))

    async def invoice(self, xero_invoice_id: str) -> w.XeroInvoice | None:
        """One invoice or bill with its lines; look at `type` before using it."""
        envelope = await self._find(f"/Invoices/{quote(xero_invoice_id, safe='')}")
        return d.invoice(_first(envelope.invoices)) if envelope else None

    async def set_invoice_url(self, xero_invoice_id: str, url: str) -> None:
        """Write the address behind the invoice's "Go to" button; nothing else is sent, so nothing else changes."""
        body = msgspec.json.encode({"InvoiceID": xero_invoice_id, "Url": url})
        await self._write("POST", f"/Invoices/{quote(xero_invoice_id, safe='')}", body)

    async def attach(
        self, xero_invoice_id: str, file_name: str, content_type: str, content: bytes, *, include_online: bool = True
    ) -> None:
        """Attach a file (the same name replaces); shown with Xero's online invoice when asked for.

        The name may hold letters, digits, dot, dash and underscore only: Xero answers anything else with an error.
        """
        if not _SAFE_NAME.fullmatch(file_name):
            raise ValueError(f"not a safe file name: {file_name!r}")
        path = f"/Invoices/{quote(xero_invoice_id, safe='')}/Attachments/{file_name}"
        params = {"IncludeOnline": "true"} if include_online else {}
        await self._send("PUT", path, params=params, headers={"Content-Type": content_type}, content=content)

    async def invoice_pdf(self, xero_invoice_id: str) -> bytes:
        """The invoice as Xero prints it."""
        headers = {"Accept": "application/pdf"}
        reply = await self._send("GET", f"/Invoices/{quote(xero_invoice_id, safe='')}/pdf", headers=headers)
        if not reply.content.startswith(b"%PDF"):
            raise Upstream("Xero's answer was not a PDF.", code="unreadable", status=reply.status)
        return reply.content

    # ---- payments

    async def payment(self, xero_payment_id: str) -> w.XeroPayment | None:
        """One payment."""
        envelope = await self._find(f"/Payments/{quote(xero_payment_id, safe='')}")
        return d.payment(_first(envelope.payments)) if envelope else None

    async def payments_of_invoices(self, xero_invoice_ids: Iterable[str]) -> list[w.XeroPayment]:
        """Every payment of these invoices (about 40 at a time), deleted ones included."""
        return await self._payments(" OR ".join(f'Invoice.InvoiceID==guid("{one}")' for one in xero_invoice_ids))

    async def payments_by_references(self, references: Iterable[str]) -> list[w.XeroPayment]:
        """Every payment with one of these references (about 40 at a time); look at each `reference` and `status`."""
        return await self._payments(" OR ".join(f"Reference=={quoted(one)}" for one in references))

    async def put_payments(self, body: bytes, idempotency_key: str) -> list[w.PaymentAnswer]:
        """Create payments from frozen bytes; one answer for each, refused ones with Xero's own words.

        A write without an answer, and a 5xx, raise Upstream with `unknown`: look before sending again.
        """
        params = {"summarizeErrors": "false"}
        envelope = await self._write("PUT", "/Payments", body, params=params, key=idempotency_key)
        return [_payment_answer(one) for one in envelope.payments or []]

    async def delete_payment(self, xero_payment_id: str) -> None:
        """Take a payment back; the invoice opens again."""
        body = msgspec.json.encode({"Status": "DELETED"})
        await self._write("POST", f"/Payments/{quote(xero_payment_id, safe='')}", body)

    # ---- credit notes

    async def credit_note(self, credit_note_id: str) -> w.XeroCreditNote | None:
        """One credit note."""
        envelope = await self._find(f"/CreditNotes/{quote(credit_note_id, safe='')}")
        return d.credit_note(_first(envelope.credit_notes)) if envelope else None

    async def credit_notes(self, page: int, since: datetime) -> w.Page[w.XeroCreditNote]:
        """A page of the credit notes made or changed since then."""
        envelope = await self._page("/CreditNotes", page, since)
        return _paged(envelope, page, [d.credit_note(one) for one in envelope.credit_notes or []])

    async def put_credit_notes(self, body: bytes, idempotency_key: str) -> list[w.Answered]:
        """Create credit notes from frozen bytes; answers as for payments."""
        params = {"summarizeErrors": "false"}
        envelope = await self._write("PUT", "/CreditNotes", body, params=params, key=idempotency_key)
        return [_bank_answer(one) for one in envelope.credit_notes or []]

    async def credit_refunds(self, page: int, since: datetime) -> w.Page[w.XeroPayment]:
        """A page of the refunds of credit notes made or changed since then."""
        envelope = await self._page("/Payments", page, since, where='PaymentType=="ARCREDITPAYMENT"')
        return _paged(envelope, page, [d.payment(one) for one in envelope.payments or []])

    # ---- bank transactions

    async def put_bank_transaction(self, body: bytes, idempotency_key: str) -> list[w.Answered]:
        """Create bank transactions (a fee) from frozen bytes; answers as for payments."""
        params = {"summarizeErrors": "false"}
        envelope = await self._write("PUT", "/BankTransactions", body, params=params, key=idempotency_key)
        return [_bank_answer(one) for one in envelope.bank_transactions or []]

    async def bank_transactions(self, page: int, since: datetime) -> w.Page[w.XeroBankTransaction]:
        """A page of the bank transactions made or changed since then."""
        envelope = await self._page("/BankTransactions", page, since)
        return _paged(envelope, page, [_bank_transaction(one) for one in envelope.bank_transactions or []])

    # ---- bank transfers

    async def put_bank_transfer(self, body: bytes, idempotency_key: str) -> list[w.Answered]:
        """Move money between two bank accounts (a payout), from frozen bytes; answers as for payments."""
        envelope = await self._write("PUT", "/BankTransfers", body, key=idempotency_key)
        return [_transfer_answer(one) for one in envelope.bank_transfers or []]

    async def bank_transfers(self, since: datetime) -> list[w.XeroBankTransfer]:
        """The bank transfers made or changed since then; they come without pages."""
        reply = await self._send("GET", "/BankTransfers", headers={"If-Modified-Since": header(since)}, fine=(304,))
        found = d.read_envelope(reply.content).bank_transfers if reply.status != 304 else None
        return [
            w.XeroBankTransfer(one.id or "", one.status or "", one.reference or "", d.number(one.amount))
            for one in found or []
        ]

    # ---- how a request goes out

    async def _payments(self, where: str) -> list[w.XeroPayment]:
        if not where:
            return []
        params = {"where": where, "page": "1", "pageSize": "1000"}
        envelope = d.read_envelope((await self._send("GET", "/Payments", params=params)).content)
        return [d.payment(one) for one in envelope.payments or []]

    async def _page(self, path: str, page: int, since: datetime, **more: str) -> d.Envelope:
        params, headers = {"page": str(page), "pageSize": "1000", **more}, {"If-Modified-Since": header(since)}
        reply = await self._send("GET", path, params=params, headers=headers, fine=(304,))
        return d.read_envelope(reply.content) if reply.status != 304 else d.Envelope()

    async def _read(self, path: str) -> d.Envelope:
        return d.read_envelope((await self._send("GET", path)).content)

    async def _find(self, path: str) -> d.Envelope | None:
        reply = await self._send("GET", path, fine=(404,))
        return d.read_envelope(reply.content) if reply.status != 404 else None

    async def _write(
        self, method: str, path: str, body: bytes, *, params: Mapping[str, str] | None = None, key: str = ""
    ) -> d.Envelope:
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        reply = await self._send(method, path, params=params or {}, headers=headers, content=body)
        return d.read_envelope(reply.content) if reply.content else d.Envelope()

    async def _send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        fine: tuple[int, ...] = (),
        **more: Any,
    ) -> Reply:
        sent = {"Accept": "application/json", "xero-tenant-id": self.xero_tenant_id, **(headers or {})}
        if method != "GET":  # one key for each write, so that repeating the very same request is safe
            sent.setdefault("Idempotency-Key", str(uuid4()))
        reply = await self._through_gate(method, path, sent, more)
        if reply.status == 401 and self._renew and failure(reply, writes=False).code == "token_expired":
            # Xero checks the token before anything else: nothing was done, so the very same request may go again.
            self._token = await self._renew(self._token)
            reply = await self._through_gate(method, path, sent, more)
        if reply.status >= 300 and reply.status not in fine:
            raise failure(reply, writes=method != "GET")
        return reply

    async def _through_gate(self, method: str, path: str, headers: Mapping[str, str], more: dict[str, Any]) -> Reply:
        signed = {**headers, "Authorization": f"Bearer {self._token}"}
        request = self._http.build_request(method, self._url + path, headers=signed, **more)
        await self._gate.before()
        reply: Reply | None = None
        try:
            reply = await call(self._http, "Xero", request, self.last_look if method != "GET" else None)
        finally:
            charged = len(reply.content) if reply is not None and path != _FREE else 0
            await self._gate.after(*((reply.status, reply.headers) if reply is not None else (0, {})), charged)
        return reply


def quoted(text: str) -> str:
    """A string in a `where`; raises Upstream (permanent) for one that cannot be said there, it never means "none"."""
    if '"' in text or "\\" in text or not text.isprintable():
        raise Upstream("Xero cannot be asked for this text.", permanent=True, code="unquotable")
    return f'"{text}"'


def _first(found: list[Any] | None) -> Any:
    if not found:
        raise Upstream("Xero's answer was empty.", code="unreadable", status=200)
    return found[0]


def _paged(envelope: d.Envelope, page: int, items: list[Item]) -> w.Page[Item]:
    """Xero may cut the size that is asked for, and says how many pages there are; a full smallest page else asks for more."""
    count = envelope.pagination.page_count if envelope.pagination else None
    return w.Page(items, page < count if count is not None else len(items) >= _SMALLEST_PAGE)


def _payment_answer(raw: d.Payment) -> w.Answered:
    errors = d.texts(raw.validation_errors) + d.texts(raw.invoice.validation_errors if raw.invoice else None)
    due = raw.invoice.amount_due if raw.invoice else None
    status = (raw.invoice.status if raw.invoice else "") or ""
    bad = bool(raw.has_validation_errors) or raw.status_attribute == "ERROR"
    answer = _answer(
        raw.payment_id, raw.status, errors, d.texts(raw.warnings), d.number(raw.amount), due, status, bad=bad
    )
    return replace(answer, reference=raw.reference or "")


def _bank_answer(raw: d.BankTransaction | d.CreditNote) -> w.Answered:
    errors = d.texts(raw.validation_errors)
    bad = bool(raw.has_errors) or raw.status_attribute == "ERROR"
    return _answer(raw.id, raw.status, errors, d.texts(raw.warnings), d.number(raw.total), None, "", bad=bad)


def _transfer_answer(raw: d.BankTransfer) -> w.Answered:
    bad = bool(raw.has_errors) or raw.status_attribute == "ERROR"
    errors = d.texts(raw.validation_errors)
    return _answer(raw.id, raw.status, errors, (), d.number(raw.amount), None, "", bad=bad)


def _answer(
    xero_id: str | None, status: str | None, errors: tuple[str, ...], warnings: tuple[str, ...],
    amount: Decimal, due: Decimal | None, invoice_status: str, *, bad: bool,
) -> w.Answered:  # fmt: skip
    """An id of zeros, or a mark of error, means that nothing was made, also under HTTP 200."""
    made = xero_id if xero_id and xero_id != _NIL and not bad else ""
    if not made and not errors:
        errors = ("Xero refused without saying why.",)
    return w.Answered(made, status or "", () if made else errors, warnings, amount, due, invoice_status)


def _bank_transaction(raw: d.BankTransaction) -> w.XeroBankTransaction:
    return w.XeroBankTransaction(
        raw.id or "",
        raw.type or "",
        raw.status or "",
        raw.reference or "",
        d.number(raw.total),
        bool(raw.is_reconciled),
    )
