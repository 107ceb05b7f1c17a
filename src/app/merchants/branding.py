"""How a merchant's pay pages, receipts and mails look: one colour, one logo, a few words. The only writer of branding."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.books import audit
from app.core import brand, db
from app.core.clock import now
from app.core.errors import NotFound
from app.core.money import Money, from_decimal
from app.merchants.details import Errors, Values, is_email, is_phone
from app.merchants.logo import Logo
from app.merchants.wording import said_problem

Row = Mapping[str, Any]
NAME_LENGTH, MESSAGE_LENGTH = 80, 120
DEFAULT_COLOUR = "#0b57d0"
COLOUR = re.compile(r"#[0-9a-f]{6}")

_LOOK = """
SELECT m.id, COALESCE(NULLIF(b.display_name, ''), NULLIF(m.legal_name, ''), c.name, '') AS display_name,
  COALESCE(b.colour, $2) AS colour, COALESCE(b.logo_hash, '') AS logo_hash, COALESCE(b.logo_width, 0) AS logo_width,
  COALESCE(NULLIF(b.contact_email, ''), m.contact_email) AS contact_email,
  COALESCE(b.contact_phone, m.contact_phone) AS contact_phone, COALESCE(b.message, '') AS message
FROM merchant m LEFT JOIN branding b ON b.merchant = m.id
LEFT JOIN LATERAL (SELECT name FROM connection WHERE merchant = m.id ORDER BY connected_at LIMIT 1) c ON TRUE
WHERE m.id = $1
"""

_SAVE = """
INSERT INTO branding (id, merchant, display_name, colour, contact_email, contact_phone, message, changed_at)
VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, now())
ON CONFLICT (merchant) DO UPDATE SET display_name = $2, colour = $3, contact_email = $4, contact_phone = $5, message = $6,
  changed_at = now()
"""

_BEGIN = """
INSERT INTO branding (id, merchant, contact_email, contact_phone, changed_at)
SELECT gen_random_uuid(), id, contact_email, contact_phone, now() FROM merchant WHERE id = $1
ON CONFLICT (merchant) DO NOTHING
"""

# The contact details begin as the merchant's own, which a later change of the branding then overrules.
_NAME = """
INSERT INTO branding (id, merchant, display_name, contact_email, contact_phone, changed_at)
SELECT gen_random_uuid(), id, $2, contact_email, contact_phone, now() FROM merchant WHERE id = $1
ON CONFLICT (merchant) DO UPDATE SET display_name = $2, changed_at = now()
"""

_LOGO = "UPDATE branding SET logo = $2, logo_width = $3, logo_height = $4, logo_hash = $5 WHERE merchant = $1"


_SAMPLE = """
SELECT number, contact_name, due_minor, currency, due_on FROM invoice
WHERE merchant = $1 AND status = 'AUTHORISED' AND due_minor > 0 AND due_on IS NOT NULL ORDER BY due_on DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Look:
    """A merchant's branding with what stands in for anything not set: the legal name, the product's own colour."""

    merchant_id: UUID
    display_name: str
    colour: str
    logo_hash: str
    logo_width: int
    contact_email: str
    contact_phone: str
    message: str

    @property
    def logo_src(self) -> str:
        """Address of the logo, or empty text; it shows `logo_width` × 44 CSS pixels."""
        return f"/brand/{self.merchant_id}/{self.logo_hash}.png" if self.logo_hash else ""

    @property
    def css_href(self) -> str:
        """Address of the stylesheet with this colour's roles."""
        return f"/brand/{self.merchant_id}/{brand.stylesheet_name(self.colour)}.css"


@dataclass(frozen=True, slots=True)
class Sample:
    """The invoice that the picture of the pay page shows."""

    name: str
    invoice: str
    customer: str
    amount: Money
    due: date


async def look(merchant_id: UUID) -> Look:
    """How this merchant looks; raises NotFound."""
    row: Row | None = await db.fetch_row(_LOOK, merchant_id, DEFAULT_COLOUR)
    if row is None:
        raise NotFound("No such merchant.")
    return Look(merchant_id, **{name: row[name] for name in Look.__slots__ if name != "merchant_id"})


async def logo_png(merchant_id: UUID, logo_hash: str) -> bytes:
    """The logo served under this hash; raises NotFound when it is not the one in use."""
    sql = "SELECT logo FROM branding WHERE merchant = $1 AND logo_hash = $2 AND logo IS NOT NULL"
    png: bytes | None = await db.fetch_value(sql, merchant_id, logo_hash)
    if png is None:
        raise NotFound("No such logo.")
    return png


def values_of(look: Look) -> Values:
    """What the branding form shows."""
    return {
        "colour": look.colour,
        "display_name": look.display_name,
        "email": look.contact_email,
        "phone": look.contact_phone,
        "thank_you": look.message,
    }


async def sample(look: Look) -> Sample:
    """An invoice for the picture of the pay page: the one due next, else an invented one."""
    row: Row | None = await db.fetch_row(_SAMPLE, look.merchant_id)
    name = look.display_name or "Your business"
    if row is None:
        due = (now() + timedelta(days=14)).date()
        return Sample(name, "INV-0001", "Your customer", from_decimal(250, "GBP"), due)
    return Sample(name, row["number"], row["contact_name"], Money(row["due_minor"], row["currency"]), row["due_on"])


def check(form: Mapping[str, str]) -> tuple[Values, Errors]:
    """What was typed, tidied, and what is wrong with it: field name to text, in the order of the page."""
    names = ("colour", "display_name", "email", "phone", "thank_you")
    values = {name: " ".join(form.get(name, "").split()) for name in names}
    values["colour"] = values["colour"].lower()
    problems = {
        "colour": "" if COLOUR.fullmatch(values["colour"]) else "Enter a colour code such as #1e6b52.",
        "display_name": name_problem(values["display_name"]),
        "email": "" if is_email(values["email"]) else "Enter an email address like name@example.com.",
        "phone": "" if is_phone(values["phone"] or "000000") else "Enter a phone number, such as 0117 496 0142.",
        "thank_you": _too_long(values["thank_you"], MESSAGE_LENGTH) or said_problem(values["thank_you"]),
    }
    return values, {name: text for name, text in problems.items() if text}


def name_problem(name: str) -> str:
    """What is wrong with the name customers see; empty when nothing is."""
    if not name:
        return "Enter the name your customers know you by."
    return _too_long(name, NAME_LENGTH) or said_problem(name)


async def save(merchant_id: UUID, values: Values, logo: Logo | None, *, remove_logo: bool = False) -> None:
    """Store checked values; a new logo replaces the old one, `remove_logo` takes it away."""
    words = [values[name] for name in ("display_name", "colour", "email", "phone", "thank_you")]
    async with db.transaction():
        await db.fetch(_SAVE, merchant_id, *words)
        if logo:
            await db.fetch(_LOGO, merchant_id, logo.png, logo.width, logo.height, logo.hash)
        elif remove_logo:
            await db.fetch(_LOGO, merchant_id, None, 0, 0, "")
        what = {"colour": values["colour"], "logo": logo.hash if logo else "removed" if remove_logo else "kept"}
        await audit.note(merchant_id, audit.actor(), "branding_changed", f"merchant:{merchant_id}", what)


async def begin(merchant_id: UUID) -> None:
    """Give a merchant whose details are known a branding of its own; keeps one that is there."""
    await db.fetch(_BEGIN, merchant_id)


async def set_name(merchant_id: UUID, display_name: str) -> None:
    """The name customers see, alone (asked for during setup)."""
    await db.fetch(_NAME, merchant_id, display_name)


def readability(colour: str) -> list[tuple[str, float]]:
    """What the colour is worth where people read: words and contrast ratio (WCAG 2.2), each at least what is needed."""
    roles = brand.theme(colour)
    light, dark = roles["light"], roles["dark"]
    label = "White" if light["on-brand"] == brand.WHITE else "Dark"
    lifted = "" if dark["brand"] == light["brand"] else ", lightened a little"
    return [
        (f"{label} text on your button", brand.contrast(light["brand"], light["on-brand"])),
        ("Links on a white page", brand.contrast(light["brand-ink"], brand.WHITE)),
        (f"Button on a dark page{lifted}", brand.contrast(dark["brand"], brand.SURFACES["dark"][0])),
    ]


def _too_long(text: str, most: int) -> str:
    return f"Use {most} characters or fewer; this has {len(text)}." if len(text) > most else ""
