"""Setup: the checklist, the business details, Stripe's pages and back, payment options, and which organisation."""

from types import SimpleNamespace
from typing import Any

from litestar import Controller, Response, get, post

from app.books import connections
from app.books.broken import Broken
from app.books.connections import Choice
from app.clients.bundle import Clients
from app.core.errors import Refused, Upstream
from app.core.http import AnyRequest, Form, see_other
from app.merchants import branding, business, countries, details, onboarding, options, payments_setup
from app.web.render import page
from app.web.viewer import Viewer

Answer = Response[Any]
CONSENT = "/xero/connect"


class SetupController(Controller):
    """The four steps, in any order that makes sense, left and come back to at any time."""

    path = "/setup"

    @get()
    async def checklist(self, request: AnyRequest, viewer: Viewer, clients: Clients) -> Answer:
        """Where each step stands; Stripe is asked again when our answer is old."""
        account = await payments_setup.fresh(clients, viewer.merchant_id)
        merchant = await business.one(viewer.merchant_id)
        shown = await onboarding.checklist(merchant, viewer.user_id, viewer.email, account)
        return await page(
            request,
            "app/setup",
            viewer=viewer,
            first_name=viewer.given_name or viewer.name,
            minutes_left=shown.minutes_left,
            steps=shown.steps,
            needs_consent=shown.needs_consent,
        )

    @get("/business")
    async def business_form(self, request: AnyRequest, viewer: Viewer, clients: Clients) -> Answer:
        """The details, with what is known filled in."""
        values, source = await business.form_values(clients, viewer.merchant_id, viewer.user_id)
        return await _business(request, viewer, values, {}, source)

    @post("/business")
    async def business(self, request: AnyRequest, viewer: Viewer, form: Form) -> Answer:
        """Store the confirmed details; Stripe's account is opened with them on the way there."""
        values, errors = await business.confirm(viewer.merchant_id, form)
        if errors:
            return await _business(request, viewer, values, errors, "")
        await branding.begin(viewer.merchant_id)
        return see_other("/setup")

    @post("/payments/start")
    async def payments_start(self, viewer: Viewer, clients: Clients, form: Form) -> Answer:
        """To Stripe's own pages, by a link made for this click."""
        return await _to_stripe(clients, viewer)

    @get("/payments/refresh")
    async def payments_refresh(self, viewer: Viewer, clients: Clients) -> Answer:
        """Stripe sends here when its link was used or is too old: another one, if the merchant has been there before."""
        return see_other(await payments_setup.again(clients, viewer.merchant_id) or "/setup")

    @get("/payments/return")
    async def payments_return(self, viewer: Viewer, clients: Clients) -> Answer:
        """Back from Stripe, which proves nothing: the account is read again."""
        try:
            account = await payments_setup.refresh(clients, viewer.merchant_id)
        except Upstream:
            return see_other("/setup")  # the checklist asks again, and so does the job
        merchant = await business.one(viewer.merchant_id)
        # While Stripe checks, which may take a while, the merchant answers what is left.
        handed_in = payments_setup.standing(account) in {"active", "checking"}
        return see_other("/setup/payments/options" if handed_in and not merchant["options_confirmed_at"] else "/setup")

    @get("/payments/options")
    async def options_form(self, request: AnyRequest, viewer: Viewer) -> Answer:
        """What customers may pay."""
        values, currency = await options.form_values(viewer.merchant_id)
        return await _options(request, viewer, values, {}, currency)

    @post("/payments/options")
    async def options(self, request: AnyRequest, viewer: Viewer, form: Form) -> Answer:
        """Store what customers may pay."""
        values, errors, currency = await options.save(viewer.merchant_id, form)
        return await _options(request, viewer, values, errors, currency) if errors else see_other("/setup")

    @get("/organisation")
    async def organisation_form(self, request: AnyRequest, viewer: Viewer, clients: Clients) -> Answer:
        """The organisations that Xero shared; none is chosen beforehand."""
        if not await onboarding.granted(viewer.user_id):
            return see_other(CONSENT)
        try:
            return await _organisations(request, viewer, clients)
        except Broken:
            return see_other(CONSENT)

    @post("/organisation")
    async def organisation(self, request: AnyRequest, viewer: Viewer, clients: Clients, form: Form) -> Answer:
        """Connect the chosen organisation, then ask where its payments are to be recorded."""
        chosen = form.text("tenant_id")
        if not chosen:
            return await _organisations(request, viewer, clients, "Choose an organisation.")
        try:
            made = await connections.connect(clients, viewer.merchant_id, viewer.user_id, chosen)
        except Broken:
            return see_other(CONSENT)
        except Refused as no:
            return await _organisations(request, viewer, clients, no.message, chosen)
        return see_other(f"/settings/accounts?connection={made}")

    @post("/organisation/more")
    async def organisation_more(self, viewer: Viewer, form: Form) -> Answer:
        """To Xero's consent page."""
        return see_other(CONSENT)


async def _to_stripe(clients: Clients, viewer: Viewer) -> Answer:
    merchant = await business.one(viewer.merchant_id)
    if not merchant["details_confirmed_at"]:
        return see_other("/setup/business")
    return see_other(await payments_setup.start(clients, viewer.merchant_id))


async def _business(
    request: AnyRequest, viewer: Viewer, values: details.Values, errors: details.Errors, source: str
) -> Answer:
    merchant = await business.one(viewer.merchant_id)
    return await page(
        request,
        "app/business",
        viewer=viewer,
        status_code=422 if errors else 200,
        values=values,
        errors=errors,
        kinds=details.KINDS,
        countries=countries.choices(),
        prefilled_from=source,
        is_change=merchant["details_confirmed_at"] is not None,
    )


async def _options(
    request: AnyRequest, viewer: Viewer, values: details.Values, errors: details.Errors, currency: str
) -> Answer:
    shown = {"values": values, "errors": errors, "currency": currency}
    return await page(request, "app/payment_options", viewer=viewer, status_code=422 if errors else 200, **shown)


async def _organisations(
    request: AnyRequest, viewer: Viewer, clients: Clients, error: str = "", chosen: str = ""
) -> Answer:
    found = await connections.choices(clients, viewer.user_id)
    merchant = await business.one(viewer.merchant_id)
    suggested = onboarding.suggested(found, merchant["legal_name"])
    return await page(
        request,
        "app/organisations",
        viewer=viewer,
        status_code=422 if error else 200,
        email=viewer.email,
        tenants=[_tenant(choice, suggested) for choice in found],
        chosen=chosen,
        error=error,
    )


def _tenant(choice: Choice, suggested: str) -> SimpleNamespace:
    """One organisation as the page shows it."""
    plain = "demo" if choice.is_demo else "suggested" if choice.xero_connection_id == suggested else ""
    return SimpleNamespace(
        id=choice.xero_connection_id,
        name=choice.name,
        country=countries.name_of(choice.country) if choice.country else "",
        currency=choice.currency,
        invoices=choice.invoices,
        mark=plain if choice.state == "free" else choice.state,
        in_use_by="",
    )
