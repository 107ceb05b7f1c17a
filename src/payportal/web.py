"""The customer's pages: open a link, pay, come back, keep the receipt. No account, no cookie, no script on the pay page."""

from typing import Any

from jinja2 import Environment
from litestar import Controller, Response, get, post
from litestar.enums import MediaType
from litestar.exceptions import TooManyRequestsException
from litestar.response import Redirect

from app.books import invoices, links, papers
from app.clients.bundle import Clients
from app.core import limiter
from app.core.clock import date_in, now
from app.core.crypto import digest
from app.core.errors import NotFound, Refused, Upstream
from app.core.http import AnyRequest, Form, caller_address, read_form, see_other
from app.core.money import Money
from app.core.work import Postpone
from payportal import brief, checkout, pay_now, receipts
from payportal.amounts import WrongAmount, read_amount
from payportal.find import STALE, Found, by_token
from payportal.guesses import Guesses
from payportal.memo import Memo
from payportal.states import Shown, returned, shown
from payportal.views import least, pay_view, state_view

MISSES = 30  # wrong links, and Pay now addresses of either kind, from one caller in ten minutes
PDFS = 20  # of one invoice in an hour
LOOKUPS = 200  # Pay now addresses for one merchant in an hour: they can be guessed by whoever has seen one
PRESSES = 60  # pay buttons from one address, or on one link, in an hour: card testers press often
NOT_FOR_SEARCH = {"x-robots-tag": "noindex, nofollow"}
_PAGES = Memo()
_GUESSES = Guesses(MISSES, 600)


class PayController(Controller):
    """Everything below /p/<token>."""

    path = "/p/{token:str}"

    @get("/", name="pay")
    async def pay(self, request: AnyRequest, clients: Clients, token: str, cancelled: str = "") -> Response[str]:
        """The invoice as it stands, with its pay button; or what is true instead."""
        found = await _found(request, clients, token, max_age=60)
        await _note_view(found)
        if cancelled and await checkout.look_back(clients, found):
            found = await by_token(clients, token)
        is_now = shown(found)
        if is_now.state != "open":
            return _state(request, clients, found, is_now)
        return _open_page(request, clients, found, _notice(found, returning=bool(cancelled)))

    @post("/pay", name="pay_start", status_code=303)
    async def start(self, request: AnyRequest, clients: Clients, token: str) -> Response[Any]:
        """The pay button: read the amount due from Xero now, make or join the session, go to Stripe."""
        found, form = await _pressed(request, clients, token)
        found = await _as_xero_has_it(clients, found)
        if shown(found).state != "open":
            return see_other(f"/p/{found.token}")
        try:
            amount = _amount(form, found)
            seen = form.text("amount_due_minor")
            # Whoever chose a part goes on with it: it is what they were shown, and no more than is due now.
            if amount == found.still_due and seen and seen != str(amount.minor):
                return _pay(request, clients, found, notice="changed", status_code=409)
            return see_other(await checkout.start(clients, found, amount))
        except (WrongAmount, Refused) as error:
            return _pay(request, clients, found, typed=form, error=str(error), status_code=422)

    @post("/new-link", name="pay_new_link", status_code=303)
    async def new_link(self, request: AnyRequest, clients: Clients, token: str) -> Response[Any]:
        """The old address of a replaced link: mail the new one to the address on file, never show it."""
        found, _ = await _pressed(request, clients, token)
        if found.expired:
            await receipts.mail_new_link(clients, found)
        return see_other(f"/p/{found.token}?sent=1")

    @get("/return", name="pay_return")
    async def back(self, request: AnyRequest, clients: Clients, token: str, cs: str = "") -> Response[str]:
        """Back from Stripe. Only reads: what counts is what Stripe told us, never what the address says."""
        found = await _found(request, clients, token)
        is_now = returned(found, cs)
        if is_now.state == "open":
            return _pay(request, clients, found, notice=_notice(found, returning=True))
        return _state(request, clients, found, is_now, session=cs)

    @get("/status", name="pay_status")
    async def status(self, request: AnyRequest, clients: Clients, token: str, cs: str = "") -> Response[str]:
        """The state alone, for the page that waits."""
        found = await _found(request, clients, token)
        is_now = returned(found, cs) if cs else shown(found)
        if is_now.state == "open":  # a whole page is needed again
            return Response("", media_type=MediaType.HTML, headers={"HX-Refresh": "true"})
        view = state_view(found, is_now, session=cs, poll_seconds=30 if is_now.state == "processing" else 0)
        return _html(request, "payportal/_status", view)

    @get("/receipt", name="pay_receipt")
    async def receipt(self, request: AnyRequest, clients: Clients, token: str) -> Response[str]:
        """The receipt of the last payment that arrived; 404 before there is one, and for the short view."""
        found = await _found(request, clients, token)
        if found.expired or found.brief or not (received := found.received()):
            raise NotFound("receipt")
        return _html(request, "payportal/receipt", await receipts.receipt_view(found, received[-1]))

    @get("/invoice.pdf", name="pay_pdf")
    async def pdf(self, request: AnyRequest, clients: Clients, token: str) -> Response[bytes]:
        """The invoice as Xero prints it."""
        found = await _found(request, clients, token)
        if found.expired or found.brief:
            raise NotFound("invoice")
        if not await limiter.take(f"pdf:{found.link['id']}", PDFS, 3600):
            raise TooManyRequestsException
        try:
            content = await papers.pdf(clients, found.invoice)
        except (Refused, Postpone) as error:  # the reason is the merchant's business
            raise Upstream(f"Xero cannot be asked: {error}") from error
        name = "".join(c for c in found.invoice["number"] if c.isascii() and (c.isalnum() or c in "-_")) or "invoice"
        headers = {"content-disposition": f'inline; filename="{name}.pdf"'}
        return Response(content, media_type="application/pdf", headers=headers)


@get("/now/{secret:str}", name="pay_now")
async def open_pay_now(request: AnyRequest, clients: Clients, secret: str) -> Response[Any]:
    """Xero's Pay now button: its address is unsigned, so it is only a hint; the way on is the invoice's short view."""
    if not await limiter.take(f"now:{_caller(request, clients)}", MISSES, 600):
        raise TooManyRequestsException
    merchant_id = await pay_now.merchant(clients, secret)
    if merchant_id is None:
        raise NotFound("invoice")
    if not await limiter.take(f"now:{merchant_id}", LOOKUPS, 3600):
        raise TooManyRequestsException
    sent = {name: request.query_params.get(name, "") for name in ("invoiceNo", "currency", "amount", "shortCode")}
    link = await pay_now.find(
        clients, merchant_id, sent["invoiceNo"], sent["currency"], sent["amount"], short_code=sent["shortCode"]
    )
    if link is None:
        raise NotFound("invoice")
    return Redirect(f"/p/{brief.make(clients.keys.now, link['id'], link['version'])}", status_code=302)


async def _found(request: AnyRequest, clients: Clients, token: str, max_age: float = 3600) -> Found:
    """Everything behind the token, read again from Xero when our copy is older than `max_age` seconds."""
    try:
        found = await by_token(clients, token)
    except NotFound:
        if not _GUESSES.take(_caller(request, clients)):
            raise TooManyRequestsException from None
        raise
    if found.age <= max_age or found.expired:
        return found
    await invoices.fresh(clients, found.invoice_id, max_age=max_age, wait=1.0)
    return await by_token(clients, token)


async def _as_xero_has_it(clients: Clients, found: Found) -> Found:
    """The same, with the amount due of this very moment. Raises Upstream: without Xero's word nobody pays."""
    try:
        await invoices.now_due(clients, found.invoice_id)
    except (Refused, Postpone) as error:
        raise Upstream(f"Xero cannot be asked: {error}") from error
    return await by_token(clients, found.token)


async def _note_view(found: Found) -> None:
    seen = found.link["last_viewed_at"]
    if not found.expired and (seen is None or (now() - seen).total_seconds() > 60):
        await links.seen(found.link["id"])


async def _pressed(request: AnyRequest, clients: Clients, token: str) -> tuple[Found, Form]:
    """A button of our own page, pressed: only then it counts against the link. Card testers press often."""
    if not await limiter.take(f"press:{_caller(request, clients)}", PRESSES, 3600):
        raise TooManyRequestsException
    found = await by_token(clients, token)
    form = await read_form(request, _form_token(clients, found), clients.settings.base_url)
    if not await limiter.take(f"press:{found.link['id']}", PRESSES, 3600):
        raise TooManyRequestsException
    return found, form


def _caller(request: AnyRequest, clients: Clients) -> str:
    return caller_address(request, int(clients.settings.trusted_proxies))


def _form_token(clients: Clients, found: Found) -> str:
    return digest(clients.keys.csrf, f"pay:{found.link['id']}")


def _notice(found: Found, *, returning: bool) -> str:
    attempt = found.attempt
    if attempt and (attempt["state"] == "failed" or (returning and attempt["failure"])):
        return "failed"
    if returning:
        return "not_paid"
    return "stale" if found.age > STALE else ""


def _amount(form: Form, found: Found) -> Money:
    if form.text("amount_choice") != "part" or not found.allows_part:
        return found.still_due
    return read_amount(form.text("amount"), found.still_due, least(found))


def _open_page(request: AnyRequest, clients: Clients, found: Found, notice: str) -> Response[str]:
    """The open invoice, untouched: rendered once for as long as nothing behind it changes."""
    today = date_in(found.merchant["timezone"])

    def make() -> str:
        return _render(request, "payportal/pay", pay_view(clients, found, _form_token(clients, found), notice=notice))

    return _answer(_PAGES.page(found.token, (found.merchant, notice, today), make))


def _pay(
    request: AnyRequest,
    clients: Clients,
    found: Found,
    *,
    notice: str = "",
    typed: Form | None = None,
    error: str = "",
    status_code: int = 200,
) -> Response[str]:
    view = pay_view(clients, found, _form_token(clients, found), notice=notice)
    if typed is not None:
        view["form"].choice = typed.text("amount_choice") or "full"
        view["form"].amount = typed.text("amount")[:40]
        view["form"].error = error
    return _html(request, "payportal/pay", view, status_code)


def _state(request: AnyRequest, clients: Clients, found: Found, is_now: Shown, session: str = "") -> Response[str]:
    view = state_view(found, is_now, session=session, csrf_token=_form_token(clients, found))
    view["sent"] = bool(request.query_params.get("sent"))
    return _html(request, "payportal/pay_state", view)


def _html(request: AnyRequest, name: str, view: dict[str, Any], status_code: int = 200) -> Response[str]:
    return _answer(_render(request, name, view), status_code)


def _render(request: AnyRequest, name: str, view: dict[str, Any]) -> str:
    jinja: Environment = request.app.state.jinja
    return jinja.get_template(f"{name}.html").render(view)


def _answer(html: str, status_code: int = 200) -> Response[str]:
    return Response(html, media_type=MediaType.HTML, status_code=status_code, headers=NOT_FOR_SEARCH)


ROUTES: list[Any] = [PayController, open_pay_now]
