"""Settings: branding, accounts, payments, and the connection to Xero."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post

from app.books import accounts, connections, repairs, writeback
from app.clients.bundle import Clients
from app.core.clock import now
from app.core.errors import NotFound, Refused
from app.core.http import AnyRequest, Form, see_other
from app.merchants import branding, business, logo, mapping, onboarding, options, organisations, pay_now, payments_setup
from app.merchants.details import Errors, Values
from app.web.render import page
from app.web.viewer import Viewer

Answer = Response[Any]
CONSENT = "/xero/connect"
STRIPE = "https://dashboard.stripe.com/"


class SettingsController(Controller):
    """The four tabs of the settings."""

    path = "/settings"

    @get("/branding")
    async def branding_form(self, request: AnyRequest, viewer: Viewer) -> Answer:
        """Logo, colour and words, as they are."""
        look = await branding.look(viewer.merchant_id)
        return await _branding(request, viewer, branding.values_of(look), {})

    @post("/branding")
    async def branding(self, request: AnyRequest, viewer: Viewer, form: Form) -> Answer:
        """Store them; a new logo is drawn again before it is kept."""
        values, errors = branding.check(form)
        picture: logo.Logo | None = None
        try:
            raw = await form.file("logo", logo.MAX_BYTES)
            picture = await logo.draw(raw) if raw else None
        except Refused as no:
            errors = {"logo": no.message} | errors
        if errors:
            return await _branding(request, viewer, values, errors)
        await branding.save(viewer.merchant_id, values, picture, remove_logo=form.ticked("remove_logo"))
        return see_other("/settings/branding", "Saved. Your pay pages have changed.")

    @get("/accounts")
    async def accounts_form(self, request: AnyRequest, viewer: Viewer, clients: Clients) -> Answer:
        """Where payments and fees go, read from Xero now."""
        connection = await _connection(viewer, request.query_params.get("connection", ""))
        if connection is None:
            return see_other("/settings/xero", "Connect an organisation first.")
        merchant = await business.one(viewer.merchant_id)
        shown = await mapping.read(connection, await accounts.chart(clients, connection["id"]))
        habits = {
            "link_every_invoice": merchant["link_every_invoice"],
            "separate_fees": shown.first_time or bool(shown.fee_account),
            "mail_on_trouble": merchant["mail_on_trouble"],
        }
        return await _accounts(request, viewer, connection, shown, habits, {})

    @post("/accounts")
    async def accounts(self, request: AnyRequest, viewer: Viewer, clients: Clients, form: Form) -> Answer:
        """Store the choice; back to setup while steps are left there."""
        connection = await _connection(viewer, form.text("connection_id"))
        if connection is None:
            raise NotFound("No such connection.")
        known = await accounts.chart(clients, connection["id"])
        shown = await mapping.read(connection, known)
        habits = {name: form.ticked(name) for name in ("link_every_invoice", "separate_fees", "mail_on_trouble")}
        errors = await mapping.save(viewer.merchant_id, connection["id"], known, shown, form)
        if errors:
            return await _accounts(request, viewer, connection, mapping.typed(shown, form), habits, errors)
        await business.set_habits(
            viewer.merchant_id,
            link_every_invoice=habits["link_every_invoice"],
            mail_on_trouble=habits["mail_on_trouble"],
        )
        await writeback.account_chosen(connection["id"])
        if shown.first_time:
            return see_other("/setup")
        return see_other(f"/settings/accounts?connection={connection['id']}", "Saved.")

    @get("/payments")
    async def payments_form(self, request: AnyRequest, viewer: Viewer, clients: Clients) -> Answer:
        """What customers may pay, and how the Stripe account stands."""
        values, currency = await options.form_values(viewer.merchant_id)
        return await _payments(request, viewer, clients, values, {}, currency)

    @post("/payments")
    async def payments(self, request: AnyRequest, viewer: Viewer, clients: Clients, form: Form) -> Answer:
        """Store what customers may pay."""
        values, errors, currency = await options.save(viewer.merchant_id, form)
        if errors:
            return await _payments(request, viewer, clients, values, errors, currency)
        return see_other("/settings/payments", "Saved.")

    @get("/xero")
    async def xero(self, request: AnyRequest, viewer: Viewer, clients: Clients) -> Answer:
        """The connected organisations and Pay now; asks before it disconnects."""
        found = await organisations.overview(viewer.merchant_id)
        merchant = await business.one(viewer.merchant_id)
        url = pay_now.address(clients.settings, clients.keys, viewer.merchant_id, merchant["pay_now_version"])
        return await page(
            request,
            "app/settings_xero",
            viewer=viewer,
            now=now(),
            connections=found,
            repaired=await repairs.this_week(viewer.merchant_id),
            asks_about=request.query_params.get("disconnect"),
            pay_now=[SimpleNamespace(name=one.name, url=url) for one in found if one.live] or None,
        )

    @post("/xero/pay-now")
    async def xero_pay_now(self, viewer: Viewer, form: Form) -> Answer:
        """Make another Pay now address; the old one stops working."""
        await business.rotate_pay_now(viewer.merchant_id)
        return see_other("/settings/xero", "The old address no longer works. Paste the new one into Xero.")

    @post("/xero/{connection_id:uuid}/sync")
    async def xero_sync(self, viewer: Viewer, connection_id: UUID, form: Form) -> Answer:
        """Ask Xero now for what changed."""
        await organisations.sync(viewer.merchant_id, connection_id)
        return see_other("/settings/xero", "Syncing from Xero. This usually takes a few seconds.")

    @post("/xero/{connection_id:uuid}/disconnect")
    async def xero_disconnect(self, viewer: Viewer, clients: Clients, connection_id: UUID, form: Form) -> Answer:
        """Leave the organisation, at Xero too."""
        row = await connections.one(viewer.merchant_id, connection_id)
        await connections.disconnect(clients, viewer.merchant_id, connection_id)
        return see_other("/settings/xero", f"{row['name']} is disconnected.")

    @post("/xero/{connection_id:uuid}/reconnect")
    async def xero_reconnect(self, viewer: Viewer, connection_id: UUID, form: Form) -> Answer:
        """To Xero's consent page again; it brings the connection back."""
        await connections.one(viewer.merchant_id, connection_id)
        return see_other(CONSENT)


async def _branding(request: AnyRequest, viewer: Viewer, values: Values, errors: Errors) -> Answer:
    look = await branding.look(viewer.merchant_id)
    checked = values["colour"] if branding.COLOUR.fullmatch(values["colour"]) else look.colour
    return await page(
        request,
        "app/settings_branding",
        viewer=viewer,
        status_code=422 if errors else 200,
        values=values,
        errors=errors,
        logo_src=look.logo_src,
        css_href=look.css_href,
        checks=[SimpleNamespace(text=text, ratio=ratio) for text, ratio in branding.readability(checked)],
        sample=await branding.sample(look),
    )


async def _connection(viewer: Viewer, wanted: str) -> Any | None:
    """The organisation asked for, else the merchant's first; None when nothing works, NotFound for a stranger's."""
    usable = [row for row in await connections.for_merchant(viewer.merchant_id) if row["state"] == "connected"]
    if not wanted:
        return usable[0] if usable else None
    found = next((row for row in usable if str(row["id"]) == wanted), None)
    if found is None:
        raise NotFound("No such connection.")
    return found


async def _accounts(
    request: AnyRequest, viewer: Viewer, connection: Any, shown: mapping.Shown, habits: dict[str, bool], errors: Errors
) -> Answer:
    usable = [row for row in await connections.for_merchant(viewer.merchant_id) if row["state"] == "connected"]
    return await page(
        request,
        "app/settings_accounts",
        viewer=viewer,
        status_code=422 if errors else 200,
        connections=[(str(row["id"]), row["name"]) for row in usable],
        connection_id=str(connection["id"]),
        **mapping.context(shown),
        **habits,
        errors=errors,
        updated_at=now(),
        now=now(),
    )


async def _payments(
    request: AnyRequest, viewer: Viewer, clients: Clients, values: Values, errors: Errors, currency: str
) -> Answer:
    row = await payments_setup.fresh(clients, viewer.merchant_id)
    return await page(
        request,
        "app/settings_payments",
        viewer=viewer,
        status_code=422 if errors else 200,
        values=values,
        errors=errors,
        currency=currency,
        account=onboarding.account_view(row, STRIPE),
        now=now(),
    )
