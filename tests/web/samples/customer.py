"""Sample contexts of the customer's pages: each state once."""

from datetime import date
from types import SimpleNamespace as Thing
from typing import Any

from app.core.money import Money
from tests.web.samples.frame import HARROW, KOWHAI, TODAY, TOKEN, Context, at, gbp


def line(description: str, quantity: str, unit: int, amount: int, currency: str = "GBP") -> Thing:
    """One line of an invoice."""
    return Thing(
        description=description,
        quantity=quantity,
        unit_price=Money(unit, currency),
        amount=Money(amount, currency),
    )


def pay_invoice(**over: Any) -> Thing:
    """The invoice as the customer sees it."""
    values = {
        "number": "INV-2041",
        "reference": "Oak staircase",
        "customer": "Pemberley Interiors Ltd",
        "customer_address": "5 Carver Street, Bath BA1 2EH",
        "issued": date(2026, 11, 13),
        "due": date(2026, 11, 27),
        "amount_due": gbp(128400),
        "total": gbp(128400),
        "subtotal": gbp(107000),
        "tax": gbp(21400),
        "paid": gbp(0),
        "tax_name": "VAT at 20%",
        "lines": [
            line("Oak staircase, design and survey", "1", 24000, 24000),
            line("Solid oak treads, hand finished", "13", 4200, 54600),
            line("Fitting, two joiners for one day", "1", 28400, 28400),
        ],
        "payments": [],
        "memo": "Thank you for choosing us for the Carver Street stair. The final oiling is included.",
        "pdf_href": f"/p/{TOKEN}/invoice.pdf",
    }
    return Thing(**(values | over))


def pay(**over: Any) -> Context:
    """The open pay page."""
    values: Context = {
        "m": HARROW,
        "token": TOKEN,
        "host": "pay.example.com",
        "today": TODAY,
        "csrf_token": "",
        "notice": "",
        "brief": False,
        "failed_reason": "",
        "seen_at": None,
        "allow_part": True,
        "minimum": gbp(500),
        "form": Thing(choice="full", amount="", error=""),
        "invoice": pay_invoice(),
    }
    return values | over


NZD_INVOICE = pay_invoice(
    number="INV-0877",
    reference="Job 4418",
    customer="Aroha Tamihana",
    customer_address="",
    issued=date(2026, 11, 2),
    due=date(2026, 11, 16),
    amount_due=Money(316250, "NZD"),
    total=Money(316250, "NZD"),
    subtotal=Money(275000, "NZD"),
    tax=Money(41250, "NZD"),
    paid=Money(0, "NZD"),
    tax_name="GST at 15%",
    lines=[line("Switchboard upgrade, 18 circuits", "1", 145000, 145000, "NZD")],
    memo="",
)
PART_PAID = pay_invoice(
    amount_due=gbp(68400),
    paid=gbp(60000),
    payments=[Thing(label="Paid 12 Nov, Visa ending 8210", amount=gbp(60000))],
)
WRONG = Thing(choice="part", amount="1,500", error="Enter £1,284.00 or less, the amount still due.")


def state(name: str, **over: Any) -> Context:
    """A pay page that only tells."""
    values: Context = {
        "m": HARROW,
        "token": TOKEN,
        "state": name,
        "invoice": pay_invoice(),
        "amount": gbp(128400),
        "left": None,
        "method": "Visa ending 4242",
        "started_at": at(22, 18, 30),
        "usually": "1 to 3 working days",
        "paid_at": at(22, 9, 12),
        "reference": "HF-8Q2M-4T7X",
        "masked_email": "ac•••••@pemberley-interiors.example",
        "thank_you": "It was a pleasure to build this for you.",
        "has_receipt": True,
        "cancelled_on": date(2026, 11, 18),
        "reason": "",
        "checkout_session": "cs_test_1",
        "poll_seconds": 5,
        "csrf_token": "",
    }
    return values | over


def receipt(**over: Any) -> Context:
    """One payment's receipt."""
    paper: Context = {
        "number": "R-2041-1",
        "amount": gbp(128400),
        "paid_at": at(22, 9, 12),
        "payer": "Pemberley Interiors Ltd",
        "method": "Visa ending 4242",
        "reference": "HF-8Q2M-4T7X",
        "left": None,
    }
    return {
        "m": HARROW,
        "token": TOKEN,
        "receipt": Thing(**(paper | over)),
        "invoice": pay_invoice(),
        "thank_you": "It was a pleasure to build this for you.",
        "csrf_token": "",
    }


PAGES: dict[str, dict[str, Context]] = {
    "payportal/pay": {
        "open": pay(),
        "overdue": pay(invoice=NZD_INVOICE, minimum=Money(500, "NZD"), m=KOWHAI),
        "part_paid": pay(invoice=PART_PAID),
        "full_only": pay(allow_part=False),
        "brief": pay(brief=True),
        "failed": pay(notice="failed", failed_reason="Your bank declined the card ending 0341."),
        "not_paid": pay(notice="not_paid"),
        "changed": pay(notice="changed"),
        "stale": pay(notice="stale", seen_at=at(22, 8, 50)),
        "wrong_amount": pay(form=WRONG),
    },
    "payportal/pay_state": {
        "processing": state("processing", method="Bank debit ending 6789"),
        "confirming": state("confirming", usually="", method=""),
        "paid": state("paid"),
        "part_paid": state("part_paid", left=gbp(30000)),
        "void": state("void", amount=None),
        "expired": state("expired", amount=None, sent=False),
        "expired, mailed": state("expired", amount=None, sent=True),
        "inactive": state("inactive", amount=None),
        "unavailable": state("unavailable", amount=None),
    },
    "payportal/_status": {"paid": state("paid"), "processing": state("processing", poll_seconds=30)},
    "payportal/receipt": {"full": receipt(), "part": receipt(amount=gbp(60000), left=gbp(68400))},
}
