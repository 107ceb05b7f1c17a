"""Sample contexts of the public pages, the setup and the problem pages."""

from datetime import date
from types import SimpleNamespace as Thing
from typing import Any

from tests.web.samples.frame import FRAME, VISITOR, Context


def problem(status: int, audience: str, **over: Any) -> Context:
    """An error page."""
    values = {"reference": "7F3A-91C2", "unchanged": False, "title": "", "text": ""}
    frame = FRAME if audience == "merchant" else VISITOR
    return frame | {"status": status, "audience": audience} | values | over


def step(key: str, stand: str, **over: Any) -> Thing:
    """One step of the setup."""
    values: Context = {"detail": "", "items": [], "due": None, "minutes": 3, "action": "", "href": ""}
    return Thing(key=key, state=stand, **(values | over))


def setup(*stands: str, **over: Any) -> Context:
    """The checklist with its four steps in these states."""
    keys = ("signin", "verification", "payments", "organisation")
    steps = [step(key, stand) for key, stand in zip(keys, stands, strict=True)]
    values: Context = {"first_name": "Hannah", "minutes_left": 4, "steps": steps, "needs_consent": False}
    return FRAME | values | over


SIGNED_IN = step("signin", "done", detail="Signed in as hannah@harrowfinch.example")
VERIFIED = step(
    "verification",
    "done",
    detail="Harrow & Finch Joinery Ltd, company 98765432",
    action="Change details",
    href="/setup/business",
)
MIDDLE = [SIGNED_IN, VERIFIED, step("payments", "open"), step("organisation", "todo", minutes=1)]
NEEDS = [
    SIGNED_IN,
    VERIFIED,
    step("payments", "needs", items=["Your date of birth", "A bank account"], due=date(2026, 12, 1)),
    step("organisation", "todo", minutes=1),
]
BUSINESS = {
    "legal_name": "Harrow & Finch Joinery Ltd",
    "kind": "company",
    "country": "GB",
    "registration_number": "98765432",
    "address_line1": "14 Albion Yard",
    "address_line2": "",
    "city": "Bristol",
    "region": "",
    "postal_code": "BS2 0QX",
    "first_name": "Hannah",
    "last_name": "Finch",
    "email": "hannah@harrowfinch.example",
    "phone": "",
    "website": "",
}


def business(**over: Any) -> Context:
    """The business details form."""
    values: Context = {
        "values": BUSINESS,
        "errors": {},
        "kinds": [("company", "Company"), ("sole_trader", "Sole trader")],
        "countries": [("GB", "United Kingdom"), ("NZ", "New Zealand")],
        "prefilled_from": "Xero",
        "is_change": False,
    }
    return FRAME | values | over


def options(**over: Any) -> Context:
    """What customers may pay."""
    values: Context = {
        "values": {"allow": "part", "minimum": "5.00", "display_name": "Harrow & Finch Joinery"},
        "errors": {},
        "currency": "GBP",
    }
    return FRAME | values | over


def tenant(id: str, name: str, mark: str = "", **over: Any) -> Thing:
    """One organisation Xero shared."""
    values: Context = {"country": "United Kingdom", "currency": "GBP", "invoices": 212, "in_use_by": ""}
    return Thing(id=id, name=name, mark=mark, **(values | over))


TENANTS = [
    tenant("1", "Harrow & Finch Joinery Ltd", "suggested"),
    tenant("2", "Finch Workshops NZ Ltd", country="New Zealand", currency="NZD", invoices=None),
    tenant("3", "Demo Company (UK)", "demo"),
    tenant("4", "Albion Yard Lettings", "in_use", in_use_by="Tom Harrow"),
    tenant("5", "Finch Holdings Ltd", "connected"),
]


def organisations(**over: Any) -> Context:
    """Choosing an organisation."""
    values: Context = {"email": "hannah@harrowfinch.example", "tenants": TENANTS, "chosen": "", "error": ""}
    return FRAME | values | over


REASONS = ("cancelled", "expired", "refused", "unavailable", "too_often", "other")
PAGES: dict[str, dict[str, Context]] = {
    "app/landing": {"visitor": {"signed_in": False}, "signed_in": {"signed_in": True}},
    "app/problem": {
        "404": problem(404, "visitor"),
        "404_customer": problem(404, "customer", reference=""),
        "500": problem(500, "merchant"),
        "500_unchanged": problem(500, "merchant", unchanged=True),
        "429": problem(429, "visitor"),
        "403": problem(403, "visitor"),
        "409": problem(409, "merchant", title="That was done already", text="Someone else changed this just now."),
    },
    "app/signin_problem": {
        reason: VISITOR | {"reason": reason, "reference": "7F3A-91C2", "retry_href": "/auth/xero/login"}
        for reason in REASONS
    },
    "app/setup": {
        "new": setup("done", "open", "todo", "todo", needs_consent=True),
        "middle": setup("done", "done", "open", "todo", steps=MIDDLE),
        "checking": setup("done", "done", "checking", "open"),
        "needs": setup("done", "done", "needs", "todo", steps=NEEDS),
        "done": setup("done", "done", "done", "done", minutes_left=0),
    },
    "app/business": {
        "open": business(),
        "errors": business(errors={"legal_name": "Enter the legal name.", "country": "Choose a country."}),
    },
    "app/payment_options": {
        "open": options(),
        "errors": options(errors={"minimum": "Enter an amount, such as 5.00."}),
    },
    "app/organisations": {
        "open": organisations(),
        "none": organisations(tenants=[]),
        "error": organisations(chosen="2", error="Choose an organisation."),
    },
    "app/help": {"visitor": VISITOR, "merchant": FRAME},
    "app/security": {"visitor": VISITOR},
    "app/privacy": {"visitor": VISITOR},
    "app/terms": {"visitor": VISITOR},
}
