"""Sample contexts of the settings, payments and customers."""

from types import SimpleNamespace as Thing
from typing import Any

from tests.web.samples.frame import FRAME, NOW, Context, at, gbp

CHOICES = [("610", "Stripe clearing (610)"), ("090", "Business current (090)")]
CURRENCIES = [
    Thing(code="GBP", name="Pound sterling", options=CHOICES, chosen="610"),
    Thing(code="NZD", name="New Zealand dollar", options=[("612", "Stripe NZD (612)")], chosen=""),
]
EXAMPLE = Thing(
    invoice="INV-2041",
    amount=gbp(128400),
    fee=gbp(1946),
    net=gbp(126454),
    account="Stripe clearing (610)",
    fee_account="Merchant fees (404)",
)


def accounts(**over: Any) -> Context:
    """Where payments and fees go in Xero."""
    values: Context = {
        "connections": [("c1", "Harrow & Finch Joinery Ltd")],
        "connection_id": "c1",
        "currencies": CURRENCIES,
        "fee_options": [("404", "Merchant fees (404)")],
        "fee_account": "404",
        "tax_options": [("NONE", "No VAT")],
        "fee_tax": "NONE",
        "link_every_invoice": True,
        "separate_fees": True,
        "mail_on_trouble": False,
        "errors": {},
        "updated_at": at(22, 9, 13),
        "now": NOW,
        "example": EXAMPLE,
        "first_time": False,
    }
    return FRAME | values | over


PAGES: dict[str, dict[str, Context]] = {
    "app/settings_accounts": {
        "open": accounts(),
        "errors": accounts(errors={"account_nzd": "Choose an account, or payments in NZD cannot be recorded."}),
        "two": accounts(
            connections=[("c1", "Harrow & Finch Joinery Ltd"), ("c2", "Finch Workshops NZ Ltd")], first_time=True
        ),
    },
}
