"""Connected accounts (Accounts v2): made, shown, changed; who may pay what on them.

Shape of a SaaS platform: full dashboard, Stripe collects fees and losses, direct charges. ``include`` decides what a v2
answer holds: everything else is null. Changes are told in thin events, one per part that changed. Source:
docs.stripe.com/connect/accounts-v2 and the request and response types of Stripe's Python library 16.1.0.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sandbox import stripe_account_v1, stripe_banks, stripe_errors, stripe_requirements
from sandbox.store import Obj
from sandbox.stripe_descriptors import check_prefix, check_whole
from sandbox.stripe_events import emit, emit_thin
from sandbox.stripe_money import SUPPORTED
from sandbox.stripe_world import PLATFORM, Stripe, copied

KIND = "v2.core.account"
CURRENCIES = {"GB": "gbp", "NZ": "nzd", "AU": "aud", "US": "usd", "CA": "cad", "SG": "sgd", "CH": "chf", "JP": "jpy"} | {
    "DK": "dkk", "NO": "nok", "SE": "sek", "PL": "pln", "HK": "hkd", "MX": "mxn", "BR": "brl", "AE": "aed", "TH": "thb"
}  # fmt: skip
_TOP = ("contact_email", "contact_phone", "dashboard", "display_name")
_RESPONSIBLE = {
    # dashboard: the (fees, losses) pairs that may be asked for without sales
    "full": {("stripe", "stripe")},
    "express": {("application", "application"), ("application_express", "application")},
    "none": {("application", "application"), ("application_custom", "application")},
}


def create(stripe: Stripe, params: Obj) -> Obj:
    """A new connected account; raises 400 for a combination Stripe refuses. Emits ``v2.core.account.created``."""
    identity = params.get("identity") or {}
    merchant = (params.get("configuration") or {}).get("merchant")
    responsibilities = (params.get("defaults") or {}).get("responsibilities")
    if merchant is not None:
        _check(params, identity, responsibilities)
    country = (identity.get("country") or "US").upper()
    account = _blank(stripe, params, country)
    _take(account, params)
    account["identity"]["country"] = country
    stripe.put(KIND, account)
    _thin(stripe, account, "created")
    return account


def _check(params: Obj, identity: Obj, responsibilities: Obj | None) -> None:
    for given, name in (
        (identity.get("country"), "identity.country"),
        (params.get("contact_email"), "contact_email"),
        (responsibilities, "defaults.responsibilities"),
        (params.get("dashboard"), "dashboard"),
    ):
        if not given:
            raise stripe_errors.missing(name)
    if len(identity["country"]) != 2 or not identity["country"].isalpha():
        raise stripe_errors.invalid(
            "identity.country", f"Country '{identity['country']}' is unknown.", "country_code_invalid"
        )
    dashboard, asked = params["dashboard"], responsibilities or {}
    pair = (asked["fees_collector"], asked["losses_collector"])
    if pair not in _RESPONSIBLE[dashboard]:
        raise stripe_errors.invalid(
            "defaults.responsibilities",
            f"An account with dashboard '{dashboard}' cannot have fees_collector '{pair[0]}' and losses_collector "
            f"'{pair[1]}'. See https://docs.stripe.com/connect/accounts-v2 for the combinations.",
        )


def _blank(stripe: Stripe, params: Obj, country: str) -> Obj:
    asked = (params.get("defaults") or {}).get("responsibilities") or {}
    collector = "application" if params.get("dashboard") == "none" else "stripe"
    return {
        "id": stripe.id("acct_1", 16),
        "object": KIND,
        "_account": PLATFORM,
        "_connected": True,
        "_checking": False,
        "_rejected": None,
        "_extras": [],
        "_setup": {},
        "_created": stripe.now(),
        "_methods_off": [],
        "_daily_payouts": True,
        "applied_configurations": list(params.get("configuration") or {}),
        "closed": False,
        "configuration": {"customer": None, "merchant": _merchant(), "recipient": None},
        "contact_email": None,
        "contact_phone": None,
        "created": stripe_requirements.rfc3339(stripe.world.clock.timestamp()),
        "dashboard": None,
        "defaults": {
            "currency": CURRENCIES.get(country, "eur"),
            "locales": None,
            "payout_methods": None,
            "profile": {"business_url": None, "doing_business_as": None, "product_description": None},
            "responsibilities": {
                "fees_collector": asked.get("fees_collector"),
                "losses_collector": asked.get("losses_collector"),
                "requirements_collector": collector,
            },
        },
        "display_name": None,
        "identity": {
            "attestations": None,
            "business_details": None,
            "country": country,
            "entity_type": None,
            "individual": None,
        },
        "livemode": stripe.livemode,
        "metadata": {},
    }


def _merchant() -> Obj:
    return {
        "applied": True,
        "bacs_debit_payments": None,
        "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
        "_requested": [],
        "card_payments": {"decline_on": {"avs_failure": True, "cvc_failure": True}},
        "konbini_payments": None,
        "mcc": None,
        "script_statement_descriptor": None,
        "sepa_debit_payments": None,
        "statement_descriptor": {"descriptor": None, "prefix": None},
        "support": {"address": None, "email": None, "phone": None, "url": None},
    }


def _take(account: Obj, params: Obj) -> None:
    account |= {name: params[name] for name in _TOP if name in params}
    changes = params.get("metadata") or {}
    account["metadata"] = {k: v for k, v in (account["metadata"] | changes).items() if v is not None}
    defaults = {name: value for name, value in (params.get("defaults") or {}).items() if name != "responsibilities"}
    if "currency" in defaults:
        defaults["currency"] = defaults["currency"].lower()
        if defaults["currency"].upper() not in SUPPORTED:
            raise stripe_errors.invalid("defaults.currency", f"Invalid currency: {defaults['currency']}")
    _merge(account["defaults"], defaults)
    _merge(account["identity"], params.get("identity") or {})
    merchant = dict((params.get("configuration") or {}).get("merchant") or {})
    wanted = merchant.pop("capabilities", {})
    own = account["configuration"]["merchant"]
    own["_requested"] = sorted({*own["_requested"], *(n for n, value in wanted.items() if value.get("requested"))})
    words = merchant.get("statement_descriptor") or {}
    if words.get("prefix"):
        check_prefix(words["prefix"], "configuration.merchant.statement_descriptor.prefix")
    if words.get("descriptor"):
        check_whole(words["descriptor"], "configuration.merchant.statement_descriptor.descriptor")
    _merge(own, merchant)


def _merge(old: Obj, new: Obj) -> None:
    for name, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(name), dict):
            _merge(old[name], value)
        else:
            old[name] = value


def show(account: Obj, include: list[str]) -> Obj:
    """The v2 answer: parts not in ``include`` are null."""
    shown = copied(account)
    for part in (shown["identity"].get("business_details"), shown["identity"].get("individual")):
        # Numbers are written, never read back: only their type is told.
        for number in (part or {}).get("id_numbers") or []:
            number.pop("value", None)
    if any(part.startswith("configuration.") for part in include):
        merchant = merchant_view(account) if "configuration.merchant" in include else None
        shown["configuration"] = {"customer": None, "merchant": merchant, "recipient": None}
    else:
        shown["configuration"] = None
    for part in ("defaults", "identity"):
        shown[part] = shown[part] if part in include else None
    shown["requirements"] = stripe_requirements.requirements(account) if "requirements" in include else None
    future = "future_requirements" in include
    shown["future_requirements"] = stripe_requirements.nothing_ahead() if future else None
    return shown


def merchant_view(account: Obj) -> Obj:
    """``configuration.merchant`` with its capabilities worked out."""
    merchant = copied(account["configuration"]["merchant"])
    capabilities: Obj = {
        name: stripe_requirements.capability(account, name)
        for name in account["configuration"]["merchant"]["_requested"]
        if name != "stripe_balance"
    }
    capabilities["stripe_balance"] = {"payouts": stripe_requirements.capability(account, "payouts")}
    return merchant | {"capabilities": capabilities}


@contextmanager
def changing(stripe: Stripe, account: Obj) -> Iterator[Obj]:
    """Change an account inside; afterwards it is stored and every part that changed is told in a thin event."""
    before = _parts(account)
    yield account
    after = _parts(account)
    stripe.put(KIND, account)
    for suffix, old in before.items():
        if after[suffix] != old:
            _thin(stripe, account, suffix)
    if before != after and stripe.modes.account_events:
        emit(stripe, "account.updated", stripe_account_v1.view(account) | {"_account": account["id"]}, {})


def _parts(account: Obj) -> dict[str, Any]:
    shown = show(account, ["configuration.merchant", "defaults", "identity", "requirements"])
    merchant = shown["configuration"]["merchant"]
    capabilities = merchant.pop("capabilities")
    return {
        "updated": {name: shown[name] for name in (*_TOP, "metadata")},
        "[identity].updated": shown["identity"],
        "[defaults].updated": shown["defaults"],
        "[configuration.merchant].updated": merchant,
        "[configuration.merchant].capability_status_updated": capabilities,
        "[requirements].updated": shown["requirements"],
    }


def _thin(stripe: Stripe, account: Obj, suffix: str) -> None:
    dot = "" if suffix.startswith("[") else "."
    related = {"id": account["id"], "type": KIND, "url": f"/v2/core/accounts/{account['id']}"}
    emit_thin(stripe, f"{KIND}{dot}{suffix}", related, account["id"])


def update(stripe: Stripe, account: Obj, params: Obj) -> Obj:
    """Change what the platform may change; a merchant with the full dashboard does the rest itself."""
    if (params.get("defaults") or {}).get("responsibilities"):
        raise stripe_errors.invalid("defaults.responsibilities", "Responsibilities cannot be changed.")
    with changing(stripe, account):
        _take(account, params)
    return account


def close(stripe: Stripe, account: Obj) -> Obj:
    """Close an account for good."""
    account |= {"closed": True, "_connected": False}
    stripe.put(KIND, account)
    _thin(stripe, account, "closed")
    return account


def deauthorise(stripe: Stripe, account: Obj) -> None:
    """The merchant (or platform) disconnects: calls are 403 from now on, and the platform hears of it."""
    account["_connected"] = False
    stripe.put(KIND, account)
    application = {"id": stripe.application(), "object": "application", "name": "Payportal", "_account": account["id"]}
    emit(stripe, "account.application.deauthorized", application)


def reconnect(stripe: Stripe, account: Obj) -> None:
    """The merchant connects the same account again."""
    account["_connected"] = True
    stripe.put(KIND, account)
    application = {"id": stripe.application(), "object": "application", "name": "Payportal", "_account": account["id"]}
    emit(stripe, "account.application.authorized", application)


def payment_methods(stripe: Stripe, account: str, currency: str) -> list[str]:
    """What a customer may pay with on that account in that currency; empty while card payments are not active."""
    row = stripe.find(KIND, account)
    if row is None:
        return ["card"]
    if stripe_requirements.capability(row, "card_payments")["status"] != "active":
        return []
    if "card_payments" not in row["configuration"]["merchant"]["_requested"]:
        return []
    scheme = stripe_banks.scheme_for(currency, row["identity"]["country"].upper())
    offered = ["card"] + ([scheme.method] if scheme is not None else [])
    return [method for method in offered if method not in row["_methods_off"]]


def display_name(stripe: Stripe, account: str) -> str:
    """The name customers see."""
    row = stripe.find(KIND, account)
    return "Platform" if row is None else stripe_account_v1.name_of(row)


def descriptor_prefix(stripe: Stripe, account: str) -> str:
    """The first part of the statement descriptor."""
    row = stripe.find(KIND, account)
    return "PLATFORM" if row is None else stripe_account_v1.prefix_of(row)


def declines_on(stripe: Stripe, account: str, check: str) -> bool:
    """Whether a failed check (``cvc`` or ``avs``) declines a payment on that account."""
    row = stripe.find(KIND, account)
    return row is None or bool(row["configuration"]["merchant"]["card_payments"]["decline_on"][f"{check}_failure"])


def bank_id(stripe: Stripe, account: str) -> str | None:
    """The id of the bank account payouts go to."""
    row = stripe.find(KIND, account)
    return None if row is None else (row["_setup"].get("bank") or {}).get("id")


def payout_failure(stripe: Stripe, account: str) -> str | None:
    """Why a payout to this account's bank fails, or None."""
    row = stripe.find(KIND, account)
    return None if row is None else (row["_setup"].get("bank") or {}).get("fails")


def pays_out_daily(stripe: Stripe, account: str) -> bool:
    """Whether automatic payouts are on and possible."""
    row = stripe.find(KIND, account)
    if row is None or not row["_daily_payouts"]:
        return False
    return bool(stripe_requirements.capability(row, "payouts")["status"] == "active")
