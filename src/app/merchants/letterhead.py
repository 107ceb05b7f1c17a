"""The merchant as mails, posters and inserts name it: `m` of templates/emails and templates/layouts/paper."""

from types import SimpleNamespace
from uuid import UUID

from app.core import brand, db
from app.merchants import branding

_LEGAL = """
SELECT m.legal_name, m.address_line1, m.address_line2, m.city, m.region, m.postal_code, m.registration_number,
  (SELECT c.tax_number FROM connection c WHERE c.merchant = m.id ORDER BY c.connected_at LIMIT 1) AS tax_number
FROM merchant m WHERE m.id = $1
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
    if row is None:
        return ""
    place = ", ".join(
        row[name] for name in ("address_line1", "address_line2", "city", "region", "postal_code") if row[name]
    )
    parts = [", ".join(part for part in (row["legal_name"], place) if part)]
    if row["registration_number"]:
        parts.append(f"Registration {row['registration_number']}")
    if row["tax_number"]:
        parts.append(f"Tax number {row['tax_number']}")
    return ". ".join(part for part in parts if part)
