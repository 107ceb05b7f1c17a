"""Onboarding: account links that open once, what the merchant enters, and the check that follows.

A link lives five minutes and opens one sitting; opened again, or late, it leads to the platform's ``refresh_url``. Leaving
(finished or saved for later) leads to ``return_url``, which proves nothing. The documented test values decide how the
check ends. Source: docs.stripe.com/connect/hosted-onboarding and docs.stripe.com/connect/testing.
"""

from sandbox import stripe_errors, stripe_requirements, stripe_verdict
from sandbox.store import Obj
from sandbox.stripe_accounts import KIND, changing
from sandbox.stripe_events import emit_thin
from sandbox.stripe_world import PLATFORM, Stripe

LINK_SECONDS, SITTING_SECONDS = 300, 3600
_ID_TYPES = {"US": "us_ein", "AU": "au_abn", "NZ": "nz_bn", "GB": "gb_crn", "CA": "ca_cn", "SG": "sg_uen"}
BANKS = {
    "US": ("110000000", "000123456789"),
    "AU": ("110000", "000123456"),
    "GB": ("108800", "00012345"),
    "NZ": ("110000", "0000000010"),
}


def create(stripe: Stripe, account: str, refresh_url: str, return_url: str | None) -> Obj:
    """A fresh link; raises 400 for an account that is not there (any more)."""
    row = stripe.find(KIND, account)
    if row is None or not row["_connected"]:
        raise stripe_errors.no_such("account", account, "account", 400)
    for name, url in (("refresh_url", refresh_url), ("return_url", return_url)):
        if url is not None and not url.startswith(("http://", "https://")):
            raise stripe_errors.invalid(name, "Not a valid URL", "url_invalid")
    id, now = stripe.id("", 12), stripe.now()
    link: Obj = {
        "id": id,
        "account": account,
        "refresh_url": refresh_url,
        "return_url": return_url or refresh_url,
        "at": now,
        "until": now + LINK_SECONDS,
        "used": False,
        "url": stripe.world.url(f"/stripe/setup/{id}"),
    }
    return stripe.world.store.put("stripe._link", id, link)


def open_link(stripe: Stripe, id: str) -> tuple[bool, str]:
    """``(True, sitting id)`` the first time within five minutes, else ``(False, refresh_url)``. Raises 404 if unknown."""
    link = stripe.world.store.get("stripe._link", id)
    if link is None:
        raise stripe_errors.no_such("account_link", id)
    if link["used"] or stripe.now() > link["until"]:
        return False, str(link["refresh_url"])
    link["used"] = True
    stripe.world.store.put("stripe._link", id, link)
    sitting = {"id": stripe.id("", 24), "link": id, "account": link["account"], "until": stripe.now() + SITTING_SECONDS}
    stripe.world.store.put("stripe._sitting", sitting["id"], sitting)
    return True, str(sitting["id"])


def sitting(stripe: Stripe, id: str) -> tuple[Obj, Obj]:
    """The link and account of a sitting; raises 404 when it is over."""
    row = stripe.world.store.get("stripe._sitting", id)
    if row is None or stripe.now() > row["until"]:
        raise stripe_errors.no_such("account_link", id)
    account, link = stripe.find(KIND, row["account"]), stripe.world.store.get("stripe._link", row["link"])
    if account is None or link is None or not account["_connected"]:
        raise stripe_errors.no_such("account", row["account"])
    return link, account


def save(stripe: Stripe, account: Obj, form: dict[str, str]) -> None:
    """Keep what was entered; empty fields take nothing away."""
    with changing(stripe, account):
        _business(account, form)
        _person(account, form)
        _bank(stripe, account, form)
        if form.get("terms"):
            account["_setup"]["terms"] = {"date": stripe.now()}


def _business(account: Obj, form: dict[str, str]) -> None:
    identity, defaults = account["identity"], account["defaults"]
    business = identity["business_details"] or {}
    if form.get("registered_name"):
        business["registered_name"] = form["registered_name"]
    if form.get("id_number"):
        type = _ID_TYPES.get(identity["country"].upper(), f"{identity['country'].lower()}_crn")
        business["id_numbers"] = [{"registrar": None, "type": type, "value": form["id_number"]}]
    address = {name: form[name] for name in ("line1", "city", "postal_code") if form.get(name)}
    if address:
        blank = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state", "town"))
        business["address"] = blank | (business.get("address") or {}) | address | {"country": identity["country"]}
    if business:
        identity["business_details"] = business
    if form.get("website"):
        defaults["profile"]["business_url"] = form["website"]
    if form.get("phone"):
        merchant = account["configuration"]["merchant"]
        merchant["support"] = (merchant.get("support") or {}) | {"phone": form["phone"]}


def _person(account: Obj, form: dict[str, str]) -> None:
    for name in ("name", "birth", "document", "person_id", "mobile"):
        if form.get(name):
            account["_setup"][name] = form[name]


def _bank(stripe: Stripe, account: Obj, form: dict[str, str]) -> None:
    if form.get("account_number"):
        pair, kept = (form.get("routing", ""), form["account_number"]), account["_setup"].get("bank") or {}
        same = (kept.get("routing"), kept.get("number")) == pair
        bank = {"routing": pair[0], "number": pair[1], "fails": stripe_verdict.FAILING_BANKS.get(pair)}
        account["_setup"]["bank"] = bank | {"id": kept["id"] if same else stripe.id("ba_1")}


def finish(stripe: Stripe, account: Obj) -> None:
    """The merchant says it is done: with nothing missing the check starts and ends a moment later (at once by test value)."""
    if stripe_requirements.missing(account) or account["_rejected"]:
        return
    fresh = not account["_setup"].get("checked") or account["_extras"]
    if not fresh:
        return
    with changing(stripe, account):
        account["_extras"] = []
        account["_checking"] = True
    if stripe_requirements.birth(account) == stripe_verdict.AT_ONCE_BIRTH:
        verify(stripe, account)
    else:
        stripe.later(stripe.modes.verification_seconds, "verification", {"account": account["id"]})


def returned(stripe: Stripe, link: Obj) -> None:
    """The merchant leaves the page for the platform's return URL."""
    related = {"id": link["account"], "type": KIND, "url": f"/v2/core/accounts/{link['account']}"}
    emit_thin(stripe, "v2.core.account_link.returned", related, link["account"])


def verify(stripe: Stripe, account: Obj) -> None:
    """Stripe's verdict, by the test values given. What failed is asked for again, with its error."""
    problems = stripe_verdict.verdict(account)
    with changing(stripe, account):
        account["_checking"] = False
        account["_setup"]["checked"] = True
        if stripe_verdict.listed(account):
            account["_rejected"] = "rejected_listed"
            return
        if any(name == stripe_requirements.PERSON_DOCUMENT for name, _, _ in problems):
            account["_setup"]["document"] = None
        account["_extras"] = [
            extra(name, "past_due", errors=[{"code": code, "description": words}]) for name, code, words in problems
        ]


def extra(description: str, status: str, *, time: float | None = None, errors: list[Obj] | None = None) -> Obj:
    """A requirement that appears later; ``time`` is its deadline in epoch seconds."""
    return {"description": description, "status": status, "time": time, "errors": errors or []}


def require(stripe: Stripe, account: Obj, description: str, *, days: float | None) -> None:
    """Ask for something more: due in so many days, or past due now (which restricts payments)."""
    deadline = None if days is None else stripe.world.clock.timestamp() + days * 86_400
    with changing(stripe, account):
        status = "past_due" if days is None else "currently_due"
        account["_extras"] = [*account["_extras"], extra(description, status, time=deadline)]
    if deadline is not None:
        payload = {"account": account["id"], "description": description}
        stripe.world.clock.schedule(deadline, "stripe.requirement_deadline", payload)


def clear(stripe: Stripe, account: Obj) -> None:
    """Nothing more is asked; a rejection is lifted too."""
    with changing(stripe, account):
        account |= {"_extras": [], "_rejected": None}


def fill_in(stripe: Stripe, account: Obj) -> None:
    """Everything an account needs, from the test values: what the page's button and the console's do at once."""
    country = account["identity"]["country"]
    routing, number = BANKS.get(country, BANKS["US"])
    business = account["identity"].get("business_details") or {}
    non_profit = account["identity"]["entity_type"] == "non_profit"
    form = {
        "registered_name": business.get("registered_name") or account["display_name"] or "Test Business Limited",
        "id_number": stripe_verdict.TAX_ID_NON_PROFIT if non_profit else stripe_verdict.TAX_ID,
        "line1": stripe_requirements.line1(account) or stripe_verdict.ADDRESS_OK,
        "website": stripe_requirements.website(account) or stripe_verdict.WEBSITE_OK,
        "phone": stripe_verdict.PHONE,
        "mobile": stripe_verdict.PHONE,
        "name": "Jenny Rosen",
        "birth": "1901-01-01",
        "person_id": stripe_verdict.PERSON_ID if country.upper() == "US" else "",
        "document": stripe_verdict.DOCUMENT_OK,
        "routing": routing,
        "account_number": number,
        "terms": "yes",
    }
    save(stripe, account, form)


def _is_over(stripe: Stripe, row: Obj) -> bool:
    """Whether its own deadline has come: the same may have been asked for again, with a later one."""
    return row["time"] is not None and bool(row["time"] <= stripe.world.clock.timestamp())


def register(stripe: Stripe) -> None:
    """Teach the clock how checks and deadlines end."""

    async def verification(payload: Obj) -> None:
        account = stripe.get(KIND, payload["account"], PLATFORM)
        if account is not None and account["_checking"]:
            verify(stripe, account)

    async def deadline(payload: Obj) -> None:
        account = stripe.get(KIND, payload["account"], PLATFORM)
        if account is None:
            return
        with changing(stripe, account):
            for row in account["_extras"]:
                if row["description"] == payload["description"] and _is_over(stripe, row):
                    row["status"] = "past_due"

    stripe.world.clock.on("stripe.verification", verification)
    stripe.world.clock.on("stripe.requirement_deadline", deadline)
