"""The merchant as mails, posters and inserts name it: `m` of templates/emails and templates/layouts/paper."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from app.core import brand, db
from app.merchants import branding

_LEGAL = """
SELECT COALESCE(NULLIF(c.legal_name, ''), m.legal_name) AS legal_name, m.address_line1, m.address_line2, m.city, m.region,
  m.postal_code, m.registration_number, c.tax_number
FROM merchant m LEFT JOIN LATERAL (
  SELECT legal_name, tax_number FROM connection WHERE merchant = m.id ORDER BY connected_at LIMIT 1
) c ON TRUE WHERE m.id = $1
"""


async def letterhead(merchant_id: UUID) -> SimpleNamespace:
    """Name, colour, logo, contact and legal line. Raises NotFound for no merchant."""
    look = await branding.look(merchant_id)
    name = look.display_name or "Your supplier"
    return SimpleNamespace(
        name=name,
        short_name=name,
        legal_line=await _legal_line(merchant_id) or name,
        colour=look.colour,
        on_colour=brand.on_colour(look.colour),
        email=look.contact_email,
        phone=look.contact_phone,
        logo_src=look.logo_src,
        logo_width=look.logo_width,
        css_href=look.css_href,
    )


async def _legal_line(merchant_id: UUID) -> str:
    row = await db.fetch_row(_LEGAL, merchant_id)
    return legal_line(row, row["legal_name"]) if row else ""


def address_line(merchant: Any) -> str:
    """The merchant's address in one line."""
    street = [merchant["address_line1"], merchant["address_line2"]]
    town = " ".join(part for part in (merchant["city"], merchant["region"], merchant["postal_code"]) if part)
    return ", ".join(part for part in [*street, town] if part)


def legal_line(merchant: Any, legal_name: str) -> str:
    """Legal name, address, registration and tax number in one sentence, as business letters carry them."""
    parts = [", ".join(part for part in (legal_name, address_line(merchant)) if part)]
    if merchant["registration_number"]:
        parts.append(f"Registration {merchant['registration_number']}")
    if merchant["tax_number"]:
        parts.append(f"Tax number {merchant['tax_number']}")
    whole = ". ".join(part for part in parts if part)
    return f"{whole}." if whole else ""
