"""The customer's pages: open a link, pay, come back, keep the receipt. No account, no cookie, no script on the pay page."""

from typing import Any

from jinja2 import Environment
from litestar import Controller, Response, get, post
from litestar.enums import MediaType
from litestar.exceptions import TooManyRequestsException
from litestar.response import Redirect

from app.books import access, invoices, links
from app.clients.bundle import Clients
from app.core import limiter
from app.core.crypto import digest
from app.core.errors import NotFound, Refused, Upstream
from app.core.http import AnyRequest, Form, caller_address, read_form, see_other
from app.core.money import Money
from payportal import checkout, pay_now
from payportal.amounts import WrongAmount, read_amount
from payportal.find import Found, gather, link_of
from payportal.receipts import receipt_view
from payportal.states import Shown, returned, shown
from payportal.views import least, pay_view, state_view

MISSES = 30
PRESSES = 12


class PayController(Controller):
    """Everything below /p/<token>."""

    path = "/p/{token:str}"

    @get("/", name="pay")
    async def pay(self, request: AnyRequest, clients: Clients, token: str, cancelled: str = "") -> Response[str]:
        """The invoice as it stands, with its pay button; or what is true instead."""
        found = await _found(request, clients, token)
        await links.seen(found.link["id"])
        now = shown(found)
        if now.state != "open":
            return _state(request, found, now)
        return _pay(request, clients, found, notice=_notice(found, cancelled))

    @post("/pay", name="pay_start", status_code=303)
    async def start(self, request: AnyRequest, clients: Clients, token: str) -> Response[Any]:
        """The pay button: read the amount due from Xero now, make or join the session, go to Stripe."""
        await _may_press(request, clients, token)
        link = await link_of(clients, token)
        form = await read_form(request, _form_token(clients, link), clients.settings.base_url)
        try:
            found = await gather(clients, link, await invoices.now_due(clients, link["invoice"]))
        except Refused as error:
            raise Upstream(error.message) from error
        if shown(found).state != "open":
            return see_other(f"/p/{found.token}")
        if (seen := form.text("amount_due_minor")) and seen != str(found.still_due.minor):
            return _pay(request, clients, found, notice="changed", status_code=409)
        try:
            amount = _amount(form, found)
            return see_other(await checkout.start(clients, found, amount))
        except (WrongAmount, Refused) as error:
            return _pay(request, clients, found, typed=form, error=str(error), status_code=422)

    @get("/return", name="pay_return")
    async def back(self, request: AnyRequest, clients: Clients, token: str, cs: str = "") -> Response[str]:
        """Back from Stripe. Only reads: what counts is what Stripe told us, never what the address says."""
        found = await _found(request, clients, token, wait=0)
        return _state(request, found, returned(found, cs), session=cs)

    @get("/status", name="pay_status")
    async def status(self, request: AnyRequest, clients: Clients, token: str, cs: str = "") -> Response[str]:
        """The state alone, for the page that waits."""
        found = await _found(request, clients, token, wait=0)
        now = returned(found, cs) if cs else shown(found)
        if now.state == "open":  # a whole page is needed again
            return Response("", media_type=MediaType.HTML, headers={"HX-Refresh": "true"})
        return _html(request, "payportal/_status", state_view(found, now.state, payment=now.payment, session=cs, poll=30))

    @get("/receipt", name="pay_receipt")
    async def receipt(self, request: AnyRequest, clients: Clients, token: str) -> Response[str]:
        """The receipt of the last payment that arrived; 404 before there is one."""
        found = await _found(request, clients, token, wait=0)
        if not (received := found.received()):
            raise NotFound("receipt")
        return _html(request, "payportal/receipt", await receipt_view(found, received[-1]))

    @get("/invoice.pdf", name="pay_pdf")
    async def pdf(self, request: AnyRequest, clients: Clients, token: str) -> Response[bytes]:
        """The invoice as Xero prints it."""
        found = await _found(request, clients, token, wait=0)
        async with access.tenant(clients, found.invoice["connection"], "page") as tenant:
            content = await tenant.invoice_pdf(found.invoice["xero_invoice_id"])
        name = "".join(c for c in found.invoice["number"] if c.isascii() and (c.isalnum() or c in "-_")) or "invoice"
        return Response(
            content, media_type="application/pdf", headers={"content-disposition": f'inline; filename="{name}.pdf"'}
        )


@get("/now/{secret:str}", name="pay_now")
async def open_pay_now(
    request: AnyRequest, clients: Clients, secret: str, invoiceNo: str = "", currency: str = "", amount: str = ""  # noqa: N803 - Xero's own placeholder names
) -> Response[Any]:
    """Xero's Pay now button: its address is unsigned, so it is only a hint; the way on is the invoice's own link."""
    address = caller_address(request, int(clients.settings.trusted_proxies))
    if not await limiter.left(f"now:{address}", MISSES, 600):
        raise TooManyRequestsException
    short_code = request.query_params.get("shortCode", "")
    link = await pay_now.find(clients, secret, invoiceNo, currency, amount, short_code)
    if link is None:
        await limiter.take(f"now:{address}", MISSES, 600)
        raise NotFound("invoice")
    return Redirect(f"/p/{links.token_of(clients.keys, link)}", status_code=302)


async def _found(request: AnyRequest, clients: Clients, token: str, wait: float = 1.0) -> Found:
    try:
        link = await link_of(clients, token)
    except NotFound:
        address = caller_address(request, int(clients.settings.trusted_proxies))
        if not await limiter.take(f"miss:{address}", MISSES, 600):
            raise TooManyRequestsException from None
        raise
    row = await invoices.fresh(clients, link["invoice"], max_age=60 if wait else 3600, wait=wait)
    return await gather(clients, link, row)


async def _may_press(request: AnyRequest, clients: Clients, token: str) -> None:
    """Card testers press often; an honest customer does not."""
    address = caller_address(request, int(clients.settings.trusted_proxies))
    by_caller = await limiter.take(f"press:{address}", PRESSES * 5, 3600)
    by_link = await limiter.take(f"press:{token.upper()[:24]}", PRESSES * 5, 3600)
    if not (by_caller and by_link):
        raise TooManyRequestsException


def _form_token(clients: Clients, link: Any) -> str:
    return digest(clients.keys.csrf, f"pay:{link['id']}")


def _notice(found: Found, cancelled: str) -> str:
    attempt = found.attempt
    if attempt and attempt["state"] == "failed" or (cancelled and attempt and attempt["failure"]):
        return "failed"
    if cancelled:
        return "not_paid"
    return "stale" if found.is_stale else ""


def _amount(form: Form, found: Found) -> Money:
    if form.text("amount_choice") != "part" or not found.allows_part:
        return found.still_due
    return read_amount(form.text("amount"), found.still_due, least(found))


def _pay(
    request: AnyRequest, clients: Clients, found: Found, *, notice: str = "", typed: Form | None = None, error: str = "", status_code: int = 200
) -> Response[str]:
    view = pay_view(clients, found, _form_token(clients, found.link), notice=notice)
    if typed is not None:
        view["form"].choice = typed.text("amount_choice") or "full"
        view["form"].amount = typed.text("amount")[:40]
        view["form"].error = error
    return _html(request, "payportal/pay", view, status_code)


def _state(request: AnyRequest, found: Found, now: Shown, session: str = "") -> Response[str]:
    view = state_view(found, now.state, payment=now.payment, session=session, reason=now.reason)
    return _html(request, "payportal/pay_state", view)


def _html(request: AnyRequest, name: str, view: dict[str, Any], status_code: int = 200) -> Response[str]:
    jinja: Environment = request.app.state.jinja
    html = jinja.get_template(f"{name}.html").render(view)
    headers = {"x-robots-tag": "noindex, nofollow"}
    return Response(html, media_type=MediaType.HTML, status_code=status_code, headers=headers)


ROUTES: list[Any] = [PayController, open_pay_now]
