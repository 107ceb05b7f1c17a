"""From a pay link to everything its page needs: the link, the invoice, the merchant, what was paid and what is under way."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.books import links
from app.clients.bundle import Clients
from app.core import db
from app.core.clock import now
from app.core.errors import NotFound
from app.core.money import Money

STALE = 90.0  # seconds: a page that reads again after 60 and waits one for it is older only when Xero did not answer

_MERCHANT = """
SELECT m.id, m.legal_name, m.country, m.registration_number, m.address_line1, m.address_line2, m.city, m.region,
  m.postal_code, m.allow_part, m.minimum_part_minor, b.display_name, b.colour, b.logo_hash, b.logo_width, b.logo_height,
  b.contact_email, b.contact_phone, b.message, c.timezone, c.tax_number, c.legal_name AS xero_legal_name, c.state AS xero_state,
  s.stripe_account_id, s.card_payments, s.disconnected_at
FROM merchant m JOIN connection c ON c.id = $2 LEFT JOIN branding b ON b.merchant = m.id
LEFT JOIN stripe_account s ON s.merchant = m.id WHERE m.id = $1
"""
_PAYMENTS = """
SELECT id, attempt, state, amount_minor, currency, refunded_minor, method_type, method_brand, method_last4, customer_email,
  started_at, paid_at, created_at, stripe_charge_id FROM payment WHERE invoice = $1 ORDER BY created_at
"""
_UNAPPLIED = """
SELECT COALESCE(sum(p.amount_minor - p.refunded_minor), 0) FROM payment p
WHERE p.invoice = $1 AND p.state IN ('succeeded', 'refunded_part', 'disputed') AND NOT EXISTS (
  SELECT 1 FROM write_back w WHERE w.payment = p.id AND w.kind = 'payment' AND w.state IN ('confirmed', 'reversed', 'abandoned')
  AND w.confirmed_at <= $2)
"""
_ATTEMPT = """
SELECT id, state, amount_minor, currency, failure, stripe_session_id, expires_at, created_at FROM attempt
WHERE invoice = $1 ORDER BY created_at DESC LIMIT 1
"""


@dataclass(slots=True)
class Found:
    """All rows behind one pay link; `token` is the canonical one, in groups of four."""

    token: str
    link: Any
    invoice: Any
    merchant: Any
    payments: list[Any]
    attempt: Any | None
    unapplied: int

    @property
    def still_due(self) -> Money:
        """What is left to pay: Xero's amount due, less money that arrived and is not in that figure yet.

        Nobody may be asked to pay the same money twice while it is on its way into Xero.
        """
        return Money(max(self.invoice["due_minor"] - self.unapplied, 0), self.invoice["currency"])

    @property
    def invoice_id(self) -> UUID:
        """Our id of the invoice."""
        found: UUID = self.invoice["id"]
        return found

    @property
    def is_stale(self) -> bool:
        """Whether Xero could not be asked when the page was opened."""
        return (now() - self.invoice["seen_at"]).total_seconds() > STALE

    @property
    def can_take_cards(self) -> bool:
        """Whether Stripe lets this merchant take a payment now."""
        return self.merchant["card_payments"] == "active" and self.merchant["disconnected_at"] is None

    @property
    def allows_part(self) -> bool:
        """Whether the customer may choose the amount."""
        own = self.link["allow_part"]
        return bool(self.merchant["allow_part"] if own is None else own)

    def under_way(self) -> Any | None:
        """A payment that the bank has not confirmed yet."""
        return next((row for row in self.payments if row["state"] == "processing"), None)

    def received(self) -> list[Any]:
        """Payments that arrived, oldest first."""
        kept = {"succeeded", "refunded_part", "disputed"}
        return [row for row in self.payments if row["state"] in kept]


async def link_of(clients: Clients, text: str) -> Any:
    """The link of a typed or scanned token; raises NotFound, without a query when the checksum is wrong."""
    link = await links.find(clients.keys, text)
    if link is None:
        raise NotFound("pay link")
    return link


async def gather(clients: Clients, link: Any, invoice: Any) -> Found:
    """Everything behind a link whose invoice row was just read."""
    merchant = await db.fetch_row(_MERCHANT, link["merchant"], invoice["connection"])
    payments = await db.fetch(_PAYMENTS, invoice["id"])
    attempt = await db.fetch_row(_ATTEMPT, invoice["id"])
    unapplied: int = await db.fetch_value(_UNAPPLIED, invoice["id"], invoice["seen_at"])
    token = links.token_of(clients.keys, link)
    return Found(token, link, invoice, merchant, payments, attempt, int(unapplied))
