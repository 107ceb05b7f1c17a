"""A connected account as v1 shows it: the same truth as v2, under the old names."""

from sandbox import stripe_requirements
from sandbox.store import Obj


def name_of(account: Obj) -> str:
    """The name customers see."""
    business = account["identity"].get("business_details") or {}
    trading = account["defaults"]["profile"].get("doing_business_as")
    return str(trading or account["display_name"] or business.get("registered_name") or account["id"])


def prefix_of(account: Obj) -> str:
    """The first part of the statement descriptor: set on the account, or the start of its name, in capitals."""
    given = (account["configuration"]["merchant"].get("statement_descriptor") or {}).get("prefix")
    letters = "".join(char for char in name_of(account) if char.isascii() and (char.isalnum() or char == " "))
    return str(given or letters[:10].strip() or "PAYMENT").upper()


def view(account: Obj) -> Obj:
    """The same account as v1 shows it."""
    merchant, identity = account["configuration"]["merchant"], account["identity"]
    cards = stripe_requirements.capability(account, "card_payments")["status"]
    payouts = stripe_requirements.capability(account, "payouts")["status"]
    old = {"active": "active", "pending": "pending"}
    responsible = account["defaults"]["responsibilities"]
    support, profile = merchant.get("support") or {}, account["defaults"]["profile"]
    return {
        "id": account["id"],
        "object": "account",
        "business_profile": {
            "annual_revenue": None,
            "estimated_worker_count": None,
            "mcc": merchant["mcc"],
            "minority_owned_business_designation": None,
            "name": profile.get("doing_business_as") or account["display_name"],
            "product_description": profile.get("product_description"),
            "support_address": support.get("address"),
            "support_email": support.get("email"),
            "support_phone": support.get("phone"),
            "support_url": support.get("url"),
            "url": profile.get("business_url"),
        },
        "business_type": identity.get("entity_type"),
        "capabilities": {name: old.get(cards, "inactive") for name in (*merchant["_requested"], "transfers")},
        "charges_enabled": cards == "active",
        "controller": {
            "fees": {"payer": "account" if responsible["fees_collector"] == "stripe" else "application"},
            "is_controller": True,
            "losses": {"payments": responsible["losses_collector"]},
            "requirement_collection": responsible["requirements_collector"],
            "stripe_dashboard": {"type": account["dashboard"]},
            "type": "application",
        },
        "country": identity["country"],
        "created": account["_created"],
        "default_currency": account["defaults"]["currency"],
        "details_submitted": not stripe_requirements.missing(account),
        "email": account["contact_email"],
        "external_accounts": _external_accounts(account),
        "future_requirements": stripe_requirements.v1(account | {"_extras": [], "_checking": False, "_rejected": None})
        | {"currently_due": [], "eventually_due": [], "past_due": [], "disabled_reason": None},
        "metadata": account["metadata"],
        "payouts_enabled": payouts == "active",
        "requirements": stripe_requirements.v1(account),
        "settings": _settings(account),
        "tos_acceptance": {"date": (account["_setup"].get("terms") or {}).get("date")},
        "type": "standard" if account["dashboard"] == "full" else account["dashboard"] or "none",
    }


def _external_accounts(account: Obj) -> Obj:
    bank = account["_setup"].get("bank")
    rows = []
    if bank:
        rows.append(
            {
                "id": bank["id"],
                "object": "bank_account",
                "account": account["id"],
                "bank_name": "STRIPE TEST BANK",
                "country": account["identity"]["country"],
                "currency": account["defaults"]["currency"],
                "default_for_currency": True,
                "last4": bank["number"][-4:],
                "routing_number": bank["routing"],
                "status": "errored" if bank.get("fails") else "new",
            }
        )
    return {"object": "list", "data": rows, "has_more": False, "url": f"/v1/accounts/{account['id']}/external_accounts"}


def _settings(account: Obj) -> Obj:
    merchant = account["configuration"]["merchant"]
    interval = "daily" if account["_daily_payouts"] else "manual"
    return {
        "branding": merchant["branding"],
        "card_payments": {
            "decline_on": merchant["card_payments"]["decline_on"],
            "statement_descriptor_prefix": prefix_of(account),
            "statement_descriptor_prefix_kana": None,
            "statement_descriptor_prefix_kanji": None,
        },
        "dashboard": {"display_name": name_of(account), "timezone": "Etc/UTC"},
        "payments": {
            "statement_descriptor": prefix_of(account),
            "statement_descriptor_kana": None,
            "statement_descriptor_kanji": None,
        },
        "payouts": {
            "debit_negative_balances": True,
            "schedule": {"delay_days": 2, "interval": interval},
            "statement_descriptor": None,
        },
    }
