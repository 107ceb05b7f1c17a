"""What Stripe still wants to know about an account, and what its capabilities are worth meanwhile.

Derived, never stored: from what was given, what the console added, and whether a check is running. Entry and summary
shapes are those of v2 accounts (``requirements.entries[]``); ``v1`` lists the same names the old way.
"""

from datetime import UTC, datetime
from typing import Any

from sandbox.store import Obj

REGISTERED_NAME = "identity.business_details.registered_name"
ADDRESS = "identity.business_details.address.line1"
ID_NUMBER = "identity.business_details.id_numbers"
WEBSITE = "defaults.profile.business_url"
SUPPORT_PHONE = "configuration.merchant.support.phone"
PERSON_NAME = "identity.individual.given_name"
PERSON_BIRTH = "identity.individual.date_of_birth"
PERSON_ID = "identity.individual.id_numbers"
PERSON_DOCUMENT = "identity.individual.documents.primary_verification"
BANK = "defaults.payout_methods"
TERMS = "identity.attestations.terms_of_service.account"
PAYOUTS_ONLY = (BANK,)


def birth(account: Obj) -> str | None:
    """The representative's birthday as ``1901-01-01``, from the page or the API."""
    day = (account["identity"].get("individual") or {}).get("date_of_birth")
    told = None if day is None else f"{day['year']:04}-{day['month']:02}-{day['day']:02}"
    return account["_setup"].get("birth") or told


def document(account: Obj) -> str | None:
    """The file of the representative's identity document."""
    papers = (account["identity"].get("individual") or {}).get("documents") or {}
    front = ((papers.get("primary_verification") or {}).get("front_back") or {}).get("front")
    return account["_setup"].get("document") or front


def tax_id(account: Obj) -> str | None:
    """The business's registration or tax number."""
    return _number(account["identity"].get("business_details"))


def person_id(account: Obj) -> str | None:
    """The representative's own number, where the country has one (US: all nine digits or the last four)."""
    return account["_setup"].get("person_id") or _number(account["identity"].get("individual"))


def _number(part: Obj | None) -> str | None:
    numbers = (part or {}).get("id_numbers") or []
    return next((number.get("value") for number in numbers), None)


def line1(account: Obj) -> str | None:
    """The first line of the business's address."""
    return ((account["identity"].get("business_details") or {}).get("address") or {}).get("line1")


def website(account: Obj) -> str | None:
    """The business's website."""
    return (account["defaults"].get("profile") or {}).get("business_url")


def _accepted(account: Obj) -> Any:
    terms = (account["identity"].get("attestations") or {}).get("terms_of_service") or {}
    return account["_setup"].get("terms") or terms.get("account")


def missing(account: Obj) -> list[str]:
    """The names of what the merchant has not given yet, in the order the onboarding page asks."""
    identity, setup = account["identity"], account["_setup"]
    business, person = identity.get("business_details") or {}, identity.get("individual") or {}
    company = identity.get("entity_type") != "individual"
    profile, merchant = account["defaults"].get("profile") or {}, account["configuration"]["merchant"]
    given = {
        REGISTERED_NAME: not company or business.get("registered_name"),
        ADDRESS: line1(account),
        ID_NUMBER: not company or business.get("id_numbers"),
        WEBSITE: website(account) or profile.get("product_description"),
        SUPPORT_PHONE: (merchant.get("support") or {}).get("phone"),
        PERSON_NAME: setup.get("name") or person.get("given_name"),
        PERSON_BIRTH: birth(account),
        PERSON_ID: identity["country"].upper() != "US" or person_id(account),
        PERSON_DOCUMENT: document(account),
        BANK: setup.get("bank"),
        TERMS: _accepted(account),
    }
    return [name for name, value in given.items() if not value]


def entries(account: Obj) -> list[Obj]:
    """``requirements.entries``: what is missing (past due: the capability needs it now), what is being checked, extras."""
    rows = [_entry(name, "past_due") for name in missing(account)]
    if account["_checking"]:
        rows.append(_entry(PERSON_DOCUMENT, "currently_due", awaiting="stripe", reason="routine_verification"))
    return rows + [
        _entry(extra["description"], extra["status"], errors=extra["errors"], reason="routine_verification")
        for extra in account["_extras"]
    ]


def _entry(
    description: str,
    status: str,
    *,
    awaiting: str = "user",
    errors: list[Obj] | None = None,
    reason: str = "routine_onboarding",
) -> Obj:
    capability = "stripe_balance.payouts" if description in PAYOUTS_ONLY else "card_payments"
    person = description.startswith("identity.individual")
    return {
        "awaiting_action_from": awaiting,
        "description": description,
        "errors": errors or [],
        "impact": {
            "restricts_capabilities": [
                {"capability": capability, "configuration": "merchant", "deadline": {"status": status}}
            ]
        },
        "minimum_deadline": {"status": status},
        "reference": {"inquiry": None, "resource": "person_1Sandbox", "type": "person"} if person else None,
        "requested_reasons": [{"code": reason}],
    }


_STRICTNESS = ("past_due", "currently_due", "eventually_due")


def requirements(account: Obj) -> Obj:
    """The ``requirements`` field: entries and their summary."""
    rows = entries(account)
    strictest = min((row["minimum_deadline"]["status"] for row in rows), key=_STRICTNESS.index, default=None)
    moments = [extra["time"] for extra in account["_extras"] if extra["time"] is not None]
    time = rfc3339(min(moments)) if moments else None
    summary = {"minimum_deadline": {"status": strictest, "time": time}} if rows else {"minimum_deadline": None}
    return {"alternatives": [], "entries": rows, "summary": summary}


def nothing_ahead() -> Obj:
    """The ``future_requirements`` field: none are planned here."""
    return {"alternatives": [], "entries": [], "minimum_transition_date": None, "summary": {"minimum_deadline": None}}


def capability(account: Obj, name: str) -> Obj:
    """Status and reasons of a capability: ``card_payments`` and the like, or ``payouts``."""
    if account["_rejected"]:
        return _status("rejected", account["_rejected"], "contact_stripe")
    overdue = [extra["description"] for extra in account["_extras"] if extra["status"] == "past_due"]
    if any(name == "payouts" or wanted not in PAYOUTS_ONLY for wanted in [*missing(account), *overdue]):
        return _status("restricted", "requirements_past_due", "provide_info")
    if account["_checking"]:
        return _status("pending", "determining_status", "no_resolution")
    return {"status": "active", "status_details": []}


def _status(status: str, code: str, resolution: str) -> Obj:
    return {"status": status, "status_details": [{"code": code, "resolution": resolution}]}


def rfc3339(moment: float) -> str:
    """Epoch seconds as v2 writes time: ``2026-11-22T08:00:00.000Z``."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def v1(account: Obj) -> Obj:
    """The ``requirements`` hash of the v1 view of the same account."""
    rows = entries(account)

    def named(*statuses: str) -> list[str]:
        wanted = [
            r for r in rows if r["minimum_deadline"]["status"] in statuses and r["awaiting_action_from"] == "user"
        ]
        return [row["description"] for row in wanted]

    errors: list[dict[str, Any]] = [
        {"code": error["code"], "reason": error["description"], "requirement": row["description"]}
        for row in rows
        for error in row["errors"]
    ]
    moments = [extra["time"] for extra in account["_extras"] if extra["time"] is not None]
    return {
        "alternatives": [],
        "current_deadline": int(min(moments)) if moments else None,
        "currently_due": named("past_due", "currently_due"),
        "disabled_reason": _disabled_reason(account),
        "errors": errors,
        "eventually_due": named("past_due", "currently_due", "eventually_due"),
        "past_due": named("past_due"),
        "pending_verification": [row["description"] for row in rows if row["awaiting_action_from"] == "stripe"],
    }


def _disabled_reason(account: Obj) -> str | None:
    state = capability(account, "card_payments")
    code = state["status_details"][0]["code"] if state["status_details"] else None
    reasons = {
        "requirements_past_due": "requirements.past_due",
        "determining_status": "requirements.pending_verification",
        "rejected_listed": "rejected.listed",
        "rejected_fraud": "rejected.fraud",
    }
    return None if code is None else reasons.get(code, "rejected.other")
