"""Sample contexts of the invoice list, one invoice and its request."""

from datetime import date, datetime
from types import SimpleNamespace as Thing
from typing import Any

from tests.web.samples.frame import (
    FAILURE,
    FRAME,
    HARROW,
    INVOICE_ID,
    KOWHAI,
    NOW,
    TODAY,
    TOKEN,
    WEEKS,
    Context,
    at,
    gbp,
    shell,
)


def row(number: str, customer: str, due: date, amount: int, status: str, action: str, total: int = 0) -> Thing:
    """One line of the invoice list."""
    return Thing(
        id=f"id-{number}",
        number=number,
        reference="Oak staircase",
        customer=customer,
        due=due,
        paid_on=date(2026, 11, 19) if status == "paid" else None,
        amount_due=gbp(amount),
        total=gbp(total or amount),
        status=status,
        action=action,
        seen_at=NOW,
    )


ROWS = [
    row("INV-2017", "Lowfield Dental Practice", date(2026, 10, 22), 94000, "overdue", "remind"),
    row("INV-2029", "Marlowe & Daughters", date(2026, 11, 18), 147000, "overdue", "request"),
    row("INV-2035", "R. Okonkwo", date(2026, 11, 20), 0, "paid", "view", 36000),
    row("INV-2038", "Juniper Yard Studios", date(2026, 11, 24), 91300, "processing", "view"),
    row("INV-2041", "Pemberley Interiors Ltd", date(2026, 11, 27), 128400, "viewed", "remind"),
    row("INV-2043", "Oakhurst Primary School", date(2026, 11, 30), 115000, "part", "remind", 230000),
    row("INV-2046", "Tidewater Cafés", date(2026, 12, 4), 362515, "new", "request"),
    row("INV-2047", "St Brannock’s Parish Hall", date(2026, 12, 6), 48800, "sent", "remind"),
    row("INV-2048", "Bright & Sons", date(2026, 12, 7), 9900, "failed", "remind"),
    row("INV-2049", "Bright & Sons", date(2026, 12, 8), 9900, "attention", "view"),
    row("INV-2050", "Bright & Sons", date(2026, 12, 9), 9900, "void", "view"),
]
KPIS = Thing(
    collected=gbp(1843260),
    collected_month="November",
    previous_month="October",
    change=12,
    weeks=WEEKS,
    waiting=gbp(987015),
    waiting_count=23,
    waiting_requested=14,
    overdue=gbp(241000),
    overdue_count=2,
    overdue_days=31,
    note="",
)


def invoices(**over: Any) -> Context:
    """The invoice list."""
    values: Context = {
        "state": "list",
        "q": "",
        "status": "",
        "sort": "due",
        "page": 2,
        "today": TODAY,
        "now": NOW,
        "sync": None,
        "checked_at": at(22, 9, 13),
        "disconnected": None,
        "attention": "",
        "attention_href": "",
        "failures": [],
        "kpis": KPIS,
        "counts": Thing(new=9, sent=14, overdue=2, paid=160),
        "currency": "GBP",
        "rows": ROWS,
        "pager": Thing(first=12, last=22, total=212, pages=20),
        "xero_new_invoice": "https://go.xero.example/invoices/new",
    }
    return FRAME | values | over


TROUBLE: Context = {
    "disconnected": Thing(connection_id="c1", at=at(22, 9, 14), organisation="Harrow & Finch Joinery Ltd"),
    "attention": "Stripe needs your date of birth by 1 December 2026.",
    "attention_href": "/setup",
    "failures": [FAILURE],
    "shell": shell(xero="disconnected"),
}


def happened(kind: str, title: str, text: str, when: datetime) -> Thing:
    """One line of an invoice's story."""
    return Thing(kind=kind, title=title, text=text, at=when)


STORY = [
    happened("viewed", "Viewed by the customer", "Second visit, on a phone", at(22, 8, 41)),
    happened("sent", "Payment requested", "Sent to accounts@pemberley-interiors.example by Hannah", at(20, 16, 5)),
    happened("link", "Link added to the invoice in Xero", "Customers also see “Pay now”", at(13, 11, 2)),
    happened("synced", "Synced from Xero", "", at(13, 11, 1)),
]
PAID_STORY = [
    happened("recorded", "Recorded in Xero", "£1,284.00 to Stripe clearing (610), fee £19.46", at(22, 9, 12)),
    happened("paid", "Paid in full", "£1,284.00 with Visa ending 4242, receipt sent", at(22, 9, 12)),
    happened("declined", "Payment attempt declined", "Visa ending 0341, by the customer’s bank", at(22, 9, 9)),
    *STORY,
]
LINK = Thing(
    url=f"https://pay.example.com/p/{TOKEN}",
    short=f"pay.example.com/p/{TOKEN}",
    active=True,
    allow_part=True,
    works_until=date(2027, 2, 26),
)


def merchant_invoice(**over: Any) -> Thing:
    """The invoice as the merchant sees it."""
    values: Context = {
        "id": INVOICE_ID,
        "number": "INV-2041",
        "reference": "Oak staircase",
        "customer": "Pemberley Interiors Ltd",
        "status": "viewed",
        "issued": date(2026, 11, 13),
        "due": date(2026, 11, 27),
        "total": gbp(128400),
        "paid": gbp(0),
        "amount_due": gbp(128400),
        "xero_href": "https://go.xero.example/invoice",
        "seen_at": at(22, 9, 13),
    }
    return Thing(**(values | over))


def invoice(**over: Any) -> Context:
    """One invoice's page."""
    values: Context = {
        "now": NOW,
        "invoice": merchant_invoice(),
        "link": LINK,
        "can_request": True,
        "requested": True,
        "settlement": None,
        "receipt_href": "",
        "failures": [],
        "payments": [],
        "recorded": False,
        "events": STORY,
    }
    return FRAME | values | over


PAID: Context = {
    "invoice": merchant_invoice(status="paid", paid=gbp(128400), amount_due=gbp(0)),
    "can_request": False,
    "settlement": Thing(fee=gbp(1946), arrives=date(2026, 11, 25)),
    "receipt_href": f"/p/{TOKEN}/receipt",
    "recorded": True,
    "events": PAID_STORY,
    "payments": [
        Thing(
            id="p1",
            amount=gbp(128400),
            at=at(22, 9, 12),
            method="Visa ending 4242",
            note="",
            refunded=gbp(2000),
            can_refund=True,
            refunds=[
                Thing(amount=gbp(2000), words="sent back to the customer", bad=False),
                Thing(amount=gbp(500), words="did not go through: the card has expired or was cancelled", bad=True),
            ],
        )
    ],
}


def refund(**over: Any) -> Context:
    """A refund being asked for."""
    about = Thing(
        id="p1",
        invoice_id=INVOICE_ID,
        invoice_number="INV-2041",
        customer="Pemberley Interiors Ltd",
        amount=gbp(128400),
        left=gbp(126400),
        method="Visa ending 4242",
        fee=gbp(1946),
        in_xero=True,
        by_credit_note=False,
    )
    values = {"choice": "full", "amount": "", "key": "0d3f0a526a3e4a438a2b1f7a6f0f9c11"}
    return FRAME | {"in_dialog": False, "payment": about, "values": values, "errors": {}} | over


def request(**over: Any) -> Context:
    """A payment request being written."""
    values: Context = {
        "in_dialog": False,
        "invoice": merchant_invoice(),
        "requested": False,
        "values": {
            "to": "accounts@pemberley-interiors.example",
            "subject": "Invoice INV-2041 from Harrow & Finch Joinery",
            "message": "Hello, here is your invoice for the oak staircase. Thank you, Hannah",
            "attach": True,
        },
        "errors": {},
        "can_attach": True,
    }
    return FRAME | values | over


def requested(number: str, problem: str = "") -> Thing:
    """One request that was made."""
    return Thing(
        invoice_id=INVOICE_ID,
        number=number,
        customer="Pemberley Interiors Ltd",
        amount=gbp(128400),
        to="" if problem else "accounts@pemberley-interiors.example",
        link_url=LINK.url,
        problem=problem,
    )


NO_ADDRESS = requested("INV-2029", "Add an email address, or copy the link instead.")
FIRST_IMPORT: Context = {
    "state": "loading",
    "sync": Thing(state="first", done=0, total=None),
    "kpis": None,
    "rows": [],
    "checked_at": None,
}
SHEET: Context = {"m": HARROW, "invoice": merchant_invoice(), "link": LINK}
PAGES: dict[str, dict[str, Context]] = {
    "app/invoices": {
        "list": invoices(),
        "syncing": invoices(sync=Thing(state="running", done=148, total=212), page=1),
        "loading": invoices(**FIRST_IMPORT),
        "empty": invoices(state="empty", kpis=None, rows=[]),
        "no_match": invoices(state="no_match", q="zebra", rows=[]),
        "trouble": invoices(**TROUBLE),
    },
    "app/_invoices_live": {"list": {key: value for key, value in invoices().items() if key != "shell"}},
    "app/invoice": {
        "open": invoice(),
        "no_link": invoice(link=None, requested=False, invoice=merchant_invoice(status="new")),
        "paid": invoice(**PAID),
        "failure": invoice(failures=[FAILURE]),
    },
    "app/request": {
        "page": request(),
        "dialog": request(in_dialog=True, shell=None),
        "errors": request(errors={"to": "Add an email address, or copy the link instead."}, requested=True),
    },
    "app/refund": {
        "page": refund(),
        "dialog": refund(in_dialog=True, shell=None),
        "errors": refund(errors={"amount": "Enter £1,264.00 or less, what is left of this payment."}),
    },
    "app/mark_done": {
        "page": FRAME | {"in_dialog": False, "failure": FAILURE, "back": f"/invoices/{INVOICE_ID}"},
        "dialog": {"csrf_token": "", "in_dialog": True, "failure": FAILURE, "back": f"/invoices/{INVOICE_ID}"},
    },
    "app/replace_link": {
        "page": FRAME | {"in_dialog": False, "invoice": Thing(id=INVOICE_ID, number="INV-2041")},
        "dialog": {"csrf_token": "", "in_dialog": True, "invoice": Thing(id=INVOICE_ID, number="INV-2041")},
    },
    "app/request_done": {
        "page": FRAME | {"in_dialog": False, "requests": [requested("INV-2041"), NO_ADDRESS]},
        "dialog": {"csrf_token": "", "in_dialog": True, "requests": [requested("INV-2041")]},
        "none": FRAME | {"in_dialog": False, "requests": [NO_ADDRESS]},
    },
    "app/poster": {"logo": SHEET, "plain": SHEET | {"m": KOWHAI}},
    "app/insert": {"logo": SHEET, "plain": SHEET | {"m": KOWHAI}},
}
