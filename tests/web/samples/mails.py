"""Sample contexts of the mails; each .txt takes the same as its .html."""

from datetime import date
from types import SimpleNamespace as Thing

from tests.web.samples.frame import HARROW, TOKEN, Context, at, gbp

LINK = f"https://pay.example.com/p/{TOKEN}"
OURS = Thing(
    name="Payportal",
    short_name="Payportal",
    legal_line="Payportal turns Xero invoices into paid invoices.",
    colour="#0b57d0",
    on_colour="#ffffff",
)
REQUEST: Context = {
    "m": HARROW,
    "subject": "Invoice INV-2041 from Harrow & Finch Joinery",
    "message": "Hello,\n\nhere is your invoice for the oak staircase.\n\nThank you, Hannah",
    "invoice": Thing(
        number="INV-2041", amount_due=gbp(128400), due=date(2026, 11, 27), customer="Pemberley Interiors Ltd"
    ),
    "link_url": LINK,
    "attached": True,
}
RECEIPT: Context = {
    "m": HARROW,
    "subject": "Receipt for invoice INV-2041",
    "receipt": Thing(
        number="R-2041-1",
        amount=gbp(60000),
        paid_at=at(22, 9, 12),
        method="Visa ending 4242",
        reference="HF-8Q2M-4T7X",
        left=gbp(68400),
    ),
    "invoice": Thing(number="INV-2041"),
    "receipt_url": f"{LINK}/receipt",
    "thank_you": "It was a pleasure to build this for you.",
}
FAILED: Context = {
    "m": HARROW,
    "subject": "Your payment for invoice INV-2041 did not go through",
    "invoice": Thing(number="INV-2041"),
    "amount": gbp(128400),
    "method": "Bank debit ending 6789",
    "reason": "Your bank declined it.",
    "link_url": LINK,
}
BROKEN: Context = {
    "m": OURS,
    "subject": "Xero is disconnected",
    "first_name": "Hannah",
    "organisation": "Harrow & Finch Joinery Ltd",
    "happened": "Someone disconnected Payportal in Xero on 22 November 2026, 09:14.",
    "waiting": 2,
    "reconnect_url": "https://app.example.com/settings/xero",
}
ATTENTION: Context = {
    "m": OURS,
    "subject": "11 payments could not be recorded in Xero",
    "first_name": "Hannah",
    "what": "11 payments",
    "waiting": [
        Thing(
            what="payment",
            invoice="INV-2041",
            customer="Pemberley Interiors Ltd",
            amount=gbp(128400),
            reason="the period is locked in Xero",
            way_out="Move the lock date in Xero to before the day of the payment, then try again.",
        )
    ],
    "more": 10,
    "invoices_url": "https://app.example.com/invoices",
}
PAUSED: Context = {
    "m": OURS,
    "subject": "Recording in Xero is paused",
    "first_name": "Hannah",
    "happened": "Recording in Xero is paused, because something of ours stands in Xero twice. Remove one of the two in Xero; "
    "customers can pay as usual, and recording goes on soon after.",
    "page_url": "https://app.example.com/invoices/5b1d",
}
LIMIT: Context = {
    "m": OURS,
    "subject": "Xero’s limit for today is reached: Harrow & Finch Joinery Ltd",
    "first_name": "Hannah",
    "happened": "Xero’s limit of calls for one day is reached for Harrow & Finch Joinery Ltd, until 23:10. 2 entries for Xero "
    "will be recorded by themselves then. Customers can pay as usual.",
    "page_url": "https://app.example.com/settings/xero",
}
NEW_LINK: Context = {
    "m": REQUEST["m"],
    "subject": "New link for invoice INV-2041 from Harrow & Finch Joinery",
    "number": "INV-2041",
    "pay_url": LINK,
}
PAGES: dict[str, dict[str, Context]] = {
    f"emails/{name}.{kind}": {"sample": context}
    for name, context in (
        ("payment_request", REQUEST),
        ("receipt", RECEIPT),
        ("payment_failed", FAILED),
        ("connection_broken", BROKEN),
        ("attention", ATTENTION),
        ("paused", PAUSED),
        ("limit", LIMIT),
        ("new_link", NEW_LINK),
    )
    for kind in ("html", "txt")
}
