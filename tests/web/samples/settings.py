"""Sample contexts of the settings, payments and customers."""

from datetime import date
from types import SimpleNamespace as Thing
from typing import Any

from app.core.money import Money
from tests.web.samples.frame import FAILURE, FRAME, INVOICE_ID, NOW, WEEKS, Context, at, gbp

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
        "banks": [
            Thing(code="GBP", options=[("090", "Business bank account (090)")], chosen="090", field="bank_account"),
            Thing(code="EUR", options=[("091", "Euro account (091)")], chosen="", field="bank_account_eur"),
        ],
        "fee_options": [("404", "Merchant fees (404)")],
        "fees_by_payout": False,
        "fee_account": "404",
        "tax_options": [("NONE", "No VAT")],
        "refund_options": [("200", "Sales (200)")],
        "refund_account": "200",
        "refund_tax_options": [("OUTPUT2", "20% (VAT on Income)")],
        "refund_tax": "OUTPUT2",
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


def branding(**over: Any) -> Context:
    """Logo, colour and words."""
    values: Context = {
        "values": {
            "colour": "#1e6b52",
            "display_name": "Harrow & Finch Joinery",
            "email": "accounts@harrowfinch.example",
            "phone": "0117 496 0142",
            "thank_you": "Thank you. It was a pleasure to build this for you.",
        },
        "errors": {},
        "logo_src": "/brand/harrow/1.png",
        "css_href": "/brand/harrow/1.css",
        "checks": [Thing(text="White text on your button", ratio=6.4), Thing(text="Links on a white page", ratio=6.4)],
        "sample": Thing(
            name="Harrow & Finch Joinery",
            invoice="INV-2041",
            customer="Pemberley Interiors Ltd",
            amount=gbp(128400),
            due=date(2026, 11, 27),
        ),
    }
    return FRAME | values | over


def payments_settings(state: str, **over: Any) -> Context:
    """How customers may pay, and the Stripe account."""
    account: Context = {
        "state": state,
        "id": "acct_1SAMPLE",
        "items": [],
        "due": None,
        "who": "",
        "checked_at": at(22, 9, 10),
        "dashboard_href": "https://dashboard.stripe.example",
    }
    values: Context = {
        "values": {"allow": "full", "minimum": "5.00", "display_name": "Harrow & Finch Joinery"},
        "errors": {},
        "currency": "GBP",
        "account": Thing(**(account | over)),
        "now": NOW,
    }
    return FRAME | values


def connection(id: str, name: str, state: str, **over: Any) -> Thing:
    """One connected organisation."""
    values: Context = {
        "country": "United Kingdom",
        "currency": "GBP",
        "short_code": "!7h2Kx",
        "note": "",
        "synced_at": at(22, 9, 13),
        "invoices": 212,
        "use": "412 of 5,000 calls to Xero used today. This month: 9,310 calls, 48.2 MB received.",
        "accounts_href": f"/settings/accounts?connection={id}",
    }
    return Thing(id=id, name=name, state=state, **(values | over))


CONNECTIONS = [
    connection("c1", "Harrow & Finch Joinery Ltd", "connected"),
    connection("c2", "Finch Workshops NZ Ltd", "syncing", synced_at=None),
    connection("c3", "Finch Holdings Ltd", "disconnected", note="Disconnected in Xero on 22 November 2026."),
    connection("c4", "Finch Timber Ltd", "attention", note="Xero asks you to approve access again."),
    connection(
        "c5",
        "Finch Kitchens Ltd",
        "waiting",
        note="Xero’s limit of calls for one day is reached for Finch Kitchens Ltd, until 14:20. Syncing and recording go on "
        "by themselves then.",
    ),
]
PAY_NOW = [
    Thing(
        name="Harrow & Finch Joinery Ltd",
        url="https://pay.example.com/now/9f2c?invoiceNo=[INVOICENUMBER]&currency=[CURRENCY]&amount=[AMOUNTDUE]&shortCode=[SHORTCODE]",
    )
]


def payment(id: str, status: str, xero: str, **over: Any) -> Thing:
    """One payment in the list."""
    values: Context = {
        "invoice_id": INVOICE_ID,
        "invoice_number": f"INV-{id}",
        "customer": "Pemberley Interiors Ltd",
        "amount": gbp(128400),
        "fee": gbp(1946),
        "at": at(22, 9, 12),
        "method": "Visa ending 4242",
        "note": "",
        "failure": None,
    }
    return Thing(id=id, status=status, xero=xero, **(values | over))


PAYMENTS = [
    payment("1", "paid", "recorded"),
    payment("2", "processing", "", fee=None, method="Bank debit ending 6789"),
    payment("3", "paid", "waiting"),
    payment("4", "paid", "failed", failure=FAILURE),
    payment("5", "failed", "", note="The bank declined it", fee=None),
    payment("6", "attention", "recorded", note="Refunded £20.00"),
]


def payout(status: str, words: str, **over: Any) -> Thing:
    """One payout."""
    values: Context = {"stripe_id": "po_1", "amount": gbp(16720), "arrives": date(2026, 11, 24), "failure": ""}
    values |= {"automatic": True, "explained": True, "xero": "recorded"}
    return Thing(id="o1", status=status, words=words, **(values | over))


RETURNED = payout("failed", "Sent back by the bank", failure="The bank account has been closed.", xero="failed")
PAYOUTS = [payout("paid", "In your bank"), payout("processing", "On its way to your bank", xero="waiting"), RETURNED]


def explained(**over: Any) -> Context:
    """One payout's page."""
    charge = Thing(
        at=at(22, 9, 12),
        words="Payment",
        description="",
        invoice_id=INVOICE_ID,
        invoice_number="INV-2041",
        customer="Pemberley Interiors Ltd",
        gross=gbp(17000),
        fee=gbp(-280),
        net=gbp(16720),
    )
    fee = Thing(**(vars(charge) | {"words": "Stripe’s fees", "description": "Radar", "invoice_id": ""}))
    values: Context = {
        "now": NOW,
        "payout": PAYOUTS[0],
        "failures": [],
        "sums": [Thing(words="Payments", amount=gbp(17000)), Thing(words="Stripe’s fees", amount=gbp(-280))],
        "residue": gbp(0),
        "shares": [],
        "lines": [charge, fee],
    }
    return FRAME | values | over


UNEXPLAINED: Context = {"sums": [], "lines": []}
PAGER = Thing(first=51, last=56, total=156, pages=4)


def customer(name: str, *outstanding: Money, **over: Any) -> Thing:
    """One contact in the list."""
    values: Context = {"email": "accounts@sample.example", "invoices": 2, "overdue": [], "last_paid": None}
    return Thing(name=name, outstanding=list(outstanding), **(values | over))


CUSTOMERS = [
    customer("Pemberley Interiors Ltd", gbp(128400), overdue=[gbp(94000)], last_paid=date(2026, 10, 2)),
    customer("Aroha Tamihana & Co", gbp(9900), Money(316250, "NZD"), email=""),
    customer("R. Okonkwo", invoices=0),
]


def customers(**over: Any) -> Context:
    """The customers."""
    return FRAME | {"q": "", "page": 1, "pager": Thing(first=1, last=3, total=3, pages=1), "rows": CUSTOMERS} | over


PAGES: dict[str, dict[str, Context]] = {
    "app/settings_accounts": {
        "open": accounts(),
        "errors": accounts(errors={"account_nzd": "Choose an account, or payments in NZD cannot be recorded."}),
        "two": accounts(
            connections=[("c1", "Harrow & Finch Joinery Ltd"), ("c2", "Finch Workshops NZ Ltd")], first_time=True
        ),
    },
    "app/settings_branding": {
        "open": branding(),
        "bare": branding(logo_src=""),
        "errors": branding(errors={"colour": "Enter a colour code such as #1e6b52.", "logo": "Choose a smaller file."}),
    },
    "app/settings_payments": {
        "active": payments_settings("active"),
        "needs": payments_settings("needs", items=["Your date of birth"], due=date(2026, 12, 1), who="you"),
        "checking": payments_settings("checking", items=["Your identity document"], who="Stripe"),
        "none": payments_settings("none", id="", checked_at=None, dashboard_href=""),
        "restricted": payments_settings("restricted", items=["A bank account"]),
    },
    "app/settings_xero": {
        "connected": FRAME
        | {"now": NOW, "connections": CONNECTIONS, "repaired": 3, "asks_about": None, "pay_now": PAY_NOW},
        "asks": FRAME | {"now": NOW, "connections": CONNECTIONS, "repaired": 1, "asks_about": "c1", "pay_now": PAY_NOW},
        "none": FRAME | {"now": NOW, "connections": [], "repaired": 0, "asks_about": None, "pay_now": None},
    },
    "app/payouts": {
        "list": FRAME | {"now": NOW, "page": 1, "pager": PAGER, "rows": PAYOUTS},
        "empty": FRAME | {"now": NOW, "page": 1, "pager": PAGER, "rows": []},
    },
    "app/payout": {
        "explained": explained(),
        "waiting": explained(payout=payout("paid", "In your bank", explained=False, xero=""), **UNEXPLAINED),
        "by_hand": explained(payout=payout("paid", "In your bank", automatic=False, explained=False), **UNEXPLAINED),
        "returned": explained(payout=RETURNED, failures=[FAILURE], residue=gbp(5)),
    },
    "app/payments": {
        "list": FRAME | {"now": NOW, "page": 2, "pager": PAGER, "rows": PAYMENTS, "weeks": WEEKS},
        "empty": FRAME | {"now": NOW, "page": 1, "pager": PAGER, "rows": [], "weeks": []},
    },
    "app/customers": {
        "list": customers(),
        "no_match": customers(q="zebra", rows=[]),
        "empty": customers(rows=[]),
    },
}
