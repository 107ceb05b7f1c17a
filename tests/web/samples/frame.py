"""What most sample contexts share: the frame, the two merchants, the moment."""

from datetime import UTC, date, datetime
from types import SimpleNamespace as Thing
from typing import Any

from app.core.money import Money

Context = dict[str, Any]
NOW = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)
TODAY = NOW.date()
TOKEN = "7K4M-9QXT-2B6H-M3WP"
INVOICE_ID = "0d3f0a52-6a3e-4a43-8a2b-1f7a6f0f9c11"
METHODS = ["Visa", "Mastercard", "Amex", "Apple Pay", "Google Pay"]


def gbp(minor: int) -> Money:
    """Pounds, given in pence."""
    return Money(minor, "GBP")


def at(day: int, hour: int, minute: int) -> datetime:
    """A moment in November 2026."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def shell(**over: Any) -> Thing:
    """The frame's own context."""
    values = {
        "user_name": "Hannah Finch",
        "user_email": "hannah@harrowfinch.example",
        "user_initials": "HF",
        "merchant_name": "Harrow & Finch Joinery",
        "xero": "connected",
        "open_invoices": 28,
        "flash": "",
    }
    return Thing(**(values | over))


FRAME: Context = {"csrf_token": "csrf-sample", "shell": shell()}
VISITOR: Context = {"csrf_token": "csrf-sample", "shell": None}

HARROW = Thing(
    name="Harrow & Finch Joinery",
    short_name="Harrow & Finch",
    legal_name="Harrow & Finch Joinery Ltd",
    address="14 Albion Yard, Bristol BS2 0QX",
    tax_id="VAT GB 999 0000 19",
    legal_line="Harrow & Finch Joinery Ltd, 14 Albion Yard, Bristol BS2 0QX. Registered in England and Wales, "
    "company 98765432. VAT GB 999 0000 19.",
    email="accounts@harrowfinch.example",
    phone="0117 496 0142",
    logo_src="/brand/harrow/1.png",
    logo_width=216,
    css_href="/brand/harrow/1.css",
    methods=METHODS,
    colour="#1e6b52",
    on_colour="#ffffff",
)
KOWHAI = Thing(
    name="Kōwhai Coast Electrical",
    short_name="Kōwhai Coast",
    legal_name="Kōwhai Coast Electrical Ltd",
    address="62 Tasman Parade, Nelson 7010",
    tax_id="",
    legal_line="Kōwhai Coast Electrical Ltd, 62 Tasman Parade, Nelson 7010, New Zealand. GST 999-000-019.",
    email="accounts@kowhaicoast.example",
    phone="",
    logo_src="",
    logo_width=0,
    css_href="/brand/kowhai/1.css",
    methods=METHODS[:2],
    colour="#ffc629",
    on_colour="#1f1f1f",
)
COLLECTED = (285000, 412000, 338000, 501000, 396000, 448000, 312000, 490000, 524000, 618000, 701200)
FIRST_WEEK = date(2026, 9, 7)
WEEKS = [(date.fromordinal(FIRST_WEEK.toordinal() + 7 * i), gbp(minor)) for i, minor in enumerate(COLLECTED)]


FAILURE = Thing(
    id="w1",
    what="payment",
    href=f"/invoices/{INVOICE_ID}",
    invoice_id=INVOICE_ID,
    invoice_number="INV-2022",
    amount=gbp(8640),
    reason="the period is locked in Xero",
    way_out="Move the lock date in Xero and try again, or record it there and mark this as done.",
    can_retry=True,
    by_hand=True,
    can_overpay=False,
    can_redate=True,
    can_credit=False,
    fix=None,
    refund_href="",
)
