"""The hosted onboarding page: what a merchant fills in at Stripe, with the documented test values one click away."""

from typing import Annotated

from litestar import Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from sandbox import stripe_accounts, stripe_requirements, stripe_setup, stripe_verdict
from sandbox.pages import page, see_other
from sandbox.store import Obj
from sandbox.stripe_errors import StripeError
from sandbox.stripe_world import Stripe

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
WORDS = {
    stripe_requirements.REGISTERED_NAME: "Legal business name",
    stripe_requirements.ADDRESS: "Street address",
    stripe_requirements.ID_NUMBER: "Registration number",
    stripe_requirements.WEBSITE: "Website",
    stripe_requirements.SUPPORT_PHONE: "Support phone",
    stripe_requirements.PERSON_NAME: "Full name",
    stripe_requirements.PERSON_BIRTH: "Date of birth",
    stripe_requirements.PERSON_ID: "Personal number",
    stripe_requirements.PERSON_DOCUMENT: "Identity document",
    stripe_requirements.BANK: "Bank account",
    stripe_requirements.TERMS: "Acceptance of the services agreement",
}
DOCUMENTS = (
    (stripe_verdict.DOCUMENT_OK, "A document that passes"),
    (stripe_verdict.DOCUMENT_BAD, "A document that fails"),
)
SIGN_IN = "Mobile phone, and the code sent to it"


def setup_page(stripe: Stripe, account: Obj, *, missing: list[str] | None = None, notice: str = "") -> Response[str]:
    """The form, with what is known already; ``missing`` are requirement names to point out."""
    business = account["identity"].get("business_details") or {}
    address, setup = business.get("address") or {}, account["_setup"]
    routing, number = stripe_setup.BANKS.get(account["identity"]["country"], stripe_setup.BANKS["US"])
    return page(
        "stripe/setup.html",
        name=stripe_accounts.display_name(stripe, account["id"]),
        notice=notice,
        missing=[WORDS.get(name, name) for name in missing or []],
        business={
            "registered_name": business.get("registered_name"),
            "id_number": stripe_requirements.tax_id(account),
            "line1": address.get("line1"),
            "city": address.get("city"),
            "postal_code": address.get("postal_code"),
            "website": account["defaults"]["profile"].get("business_url"),
            "phone": (account["configuration"]["merchant"].get("support") or {}).get("phone"),
        },
        bank={name: (setup.get("bank") or {}).get(name) for name in ("routing", "number")},
        bank_picks=(
            ("Account that works", f"routing={routing}&account_number={number}"),
            ("Account that payouts cannot reach", "routing=110000000&account_number=000111111116"),
        ),
        person={name: setup.get(name) for name in ("name", "birth", "person_id", "document", "terms", "mobile")},
        numbered=account["identity"]["country"].upper() == "US",
        sms_code=stripe_verdict.SMS_CODE,
        documents=DOCUMENTS,
    )


def chosen(form: dict[str, str]) -> dict[str, str]:
    """The form with a one-click value (``set:birth=1902-01-01``) put in."""
    kind, _, values = form.get("do", "").partition(":")
    picks = dict(pair.partition("=")[::2] for pair in values.split("&") if "=" in pair) if kind == "set" else {}
    return {**form, **picks}


def signed_in(form: dict[str, str]) -> dict[str, str]:
    """The form without a phone number whose code is missing or wrong: only a proved one is kept."""
    proved = form.get("code", "").replace("-", "").strip() == stripe_verdict.SMS_CODE.replace("-", "")
    return form if proved else {name: value for name, value in form.items() if name != "mobile"}


def gone() -> Response[str]:
    """For a link or sitting that is over."""
    words = "Go back to the app you came from and open it again."
    return page("stripe/closed.html", status=404, heading="This link is no longer valid", words=words, link=None)


@get("/stripe/setup/{link_id:str}")
async def enter(stripe: Stripe, link_id: str) -> Redirect | Response[str]:
    """Open a link: once, within five minutes; otherwise back to the platform for a new one."""
    try:
        fresh, place = stripe_setup.open_link(stripe, link_id)
    except StripeError:
        return gone()
    return see_other(f"/stripe/setup/at/{place}" if fresh else place)


@get("/stripe/setup/at/{sitting_id:str}")
async def show(stripe: Stripe, sitting_id: str) -> Response[str]:
    """The form."""
    try:
        _, account = stripe_setup.sitting(stripe, sitting_id)
    except StripeError:
        return gone()
    return setup_page(stripe, account)


@post("/stripe/setup/at/{sitting_id:str}", status_code=200)
async def fill(stripe: Stripe, sitting_id: str, data: Form) -> Response[str] | Redirect:
    """Save, and stay, finish or leave."""
    try:
        link, account = stripe_setup.sitting(stripe, sitting_id)
    except StripeError:
        return gone()
    stripe_setup.save(stripe, account, signed_in(chosen(data)))
    wish = data.get("do", "")
    if wish == "fill":
        stripe_setup.fill_in(stripe, account)
        return setup_page(stripe, account, notice="Filled in with test values. Press Finish to send them.")
    if wish.startswith("set:"):
        return setup_page(stripe, account)
    missing = [*([] if account["_setup"].get("mobile") else [SIGN_IN]), *stripe_requirements.missing(account)]
    if wish == "finish" and missing:
        return setup_page(stripe, account, missing=missing)
    if wish == "finish":
        stripe_setup.finish(stripe, account)
    stripe_setup.returned(stripe, link)
    return see_other(link["return_url"])


# ``/stripe/setup/…``.
HANDLERS = [enter, show, fill]
