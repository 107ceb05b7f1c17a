"""Receipts: one for each payment, numbered, mailed once, shown for as long as the link lives."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from app.books import links, mails
from app.clients.bundle import Clients
from app.core import db
from app.core.clock import now
from app.core.html import environment
from app.core.money import Money
from payportal.find import Found, by_invoice
from payportal.views import invoice_view, merchant_view
from payportal.words import local, method_words

_ISSUE = """
INSERT INTO receipt (id, merchant, payment, number, issued_at)
SELECT $1, p.merchant, p.id, 'R-' || i.number || '-' ||
  (SELECT count(*) FROM payment q WHERE q.invoice = p.invoice AND q.created_at <= p.created_at), now()
FROM payment p JOIN invoice i ON i.id = p.invoice WHERE p.id = $2
ON CONFLICT (payment) DO NOTHING
"""
_JINJA = environment()


async def issue(clients: Clients, payment_id: UUID) -> None:
    """Write the receipt of a payment that arrived and queue its mail; a second time changes nothing (job payment.recorded)."""
    payment = await db.fetch_row("SELECT * FROM payment WHERE id = $1", payment_id)
    if payment is None or payment["state"] in {"processing", "failed"}:
        return
    await links.ensure(clients.keys, payment["invoice"])
    found = await by_invoice(clients, payment["invoice"])
    async with db.transaction():
        await db.fetch(_ISSUE, uuid4(), payment_id)
        if payment["customer_email"]:
            await _mail(clients, found, payment)


async def _mail(clients: Clients, found: Found, payment: Any) -> None:
    view = await receipt_view(found, payment) | {"base_url": clients.settings.base_url}
    view["receipt_url"] = f"{links.address(clients.settings, clients.keys, found.link)}/receipt"
    view["subject"] = f"Receipt for invoice {found.invoice['number']} from {view['m'].name}"
    await mails.queue(
        kind="receipt",
        unique_key=f"receipt:{payment['id']}",
        merchant_id=payment["merchant"],
        invoice_id=payment["invoice"],
        to=payment["customer_email"],
        subject=view["subject"],
        text=_JINJA.get_template("emails/receipt.txt").render(view),
        html=_JINJA.get_template("emails/receipt.html").render(view),
        from_name=view["m"].name,
        reply_to=view["m"].email,
    )


async def receipt_view(found: Found, payment: Any) -> dict[str, Any]:
    """Context of payportal/receipt for one payment."""
    number = await db.fetch_value("SELECT number FROM receipt WHERE payment = $1", payment["id"])
    shown = invoice_view(found)
    own = next((at for at, row in enumerate(found.received()) if row["id"] == payment["id"]), None)
    shown.payments = [entry for at, entry in enumerate(shown.payments) if at != own]
    zone = found.merchant["timezone"]
    return {
        "m": merchant_view(found.merchant),
        "token": found.token,
        "receipt": SimpleNamespace(
            number=number or f"R-{found.invoice['number']}",
            amount=Money(payment["amount_minor"], payment["currency"]),
            paid_at=local(payment["paid_at"] or payment["created_at"], zone),
            payer=found.invoice["contact_name"],
            method=method_words(payment),
            reference=payment["stripe_charge_id"][-10:].upper(),
            left=found.still_due if found.still_due.minor else None,
        ),
        "invoice": shown,
        "thank_you": found.merchant["message"] or "",
    }


async def mail_new_link(clients: Clients, found: Found) -> None:
    """Mail the link's present address to the contact on file, at most once an hour; the page never shows it."""
    to = found.invoice["contact_email"]
    if not to:
        return
    sender = merchant_view(found.merchant)
    number, address = found.invoice["number"], links.address(clients.settings, clients.keys, found.link)
    subject = f"New link for invoice {number} from {sender.name}"
    view = {"m": sender, "subject": subject, "number": number, "pay_url": address}
    await mails.queue(
        kind="new_link",
        unique_key=f"new-link:{found.link['id']}:{found.link['version']}:{now():%Y%m%d%H}",
        merchant_id=found.invoice["merchant"],
        invoice_id=found.invoice_id,
        to=to,
        subject=subject,
        text=_JINJA.get_template("emails/new_link.txt").render(view),
        html=_JINJA.get_template("emails/new_link.html").render(view),
        from_name=sender.name,
        reply_to=sender.email,
    )
