"""The business that gets paid: its details, members and own settings. The only writer of merchant and member."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.books import access, audit
from app.clients.bundle import Clients
from app.clients.xero_wire import XeroOrganisation
from app.core import db
from app.core.errors import NotFound, Refused, Upstream
from app.core.work import Postpone
from app.merchants import countries
from app.merchants.details import FIELDS, Errors, Values, check

Row = Mapping[str, Any]

_MAKE = """
WITH made AS (INSERT INTO merchant (id, created_at) VALUES (gen_random_uuid(), now()) RETURNING id)
INSERT INTO member (id, merchant, app_user, role, created_at)
SELECT gen_random_uuid(), id, $1, 'owner', now() FROM made RETURNING merchant
"""

_KNOWN = """
SELECT u.given_name, u.family_name, u.email, c.id AS connection
FROM app_user u LEFT JOIN LATERAL (
  SELECT id FROM connection WHERE merchant = $1 AND state = 'connected' ORDER BY connected_at LIMIT 1
) c ON TRUE WHERE u.id = $2
"""

# In the order of _STORED, then the contact's whole name.
_CONFIRM = """
UPDATE merchant SET legal_name = $2, entity_type = $3, country = $4, registration_number = $5, address_line1 = $6,
  address_line2 = $7, city = $8, region = $9, postal_code = $10, contact_family_name = $11, contact_email = $12,
  contact_phone = $13, website = $14, contact_name = $15, details_confirmed_at = now()
WHERE id = $1 RETURNING id
"""

_STORED = (
    "legal_name", "kind", "country", "registration_number", "address_line1", "address_line2", "city", "region",
    "postal_code", "last_name", "email", "phone", "website",
)  # fmt: skip

_CURRENCY = """
SELECT COALESCE(
  (SELECT NULLIF(base_currency, '') FROM connection WHERE merchant = $1 AND state <> 'disconnected'
   ORDER BY connected_at LIMIT 1),
  (SELECT NULLIF(upper(currency), '') FROM stripe_account WHERE merchant = $1))
"""


async def ensure(user_id: UUID) -> UUID:
    """The merchant this user works for; made, with the user as its owner, at the first sign-in."""
    async with db.transaction():
        # Two first sign-ins at once make one merchant.
        await db.fetch("SELECT 1 FROM app_user WHERE id = $1 FOR NO KEY UPDATE", user_id)
        sql = "SELECT merchant FROM member WHERE app_user = $1 ORDER BY created_at LIMIT 1"
        found: UUID | None = await db.fetch_value(sql, user_id)
        return found or await _make(user_id)


async def one(merchant_id: UUID) -> Row:
    """The merchant's row; raises NotFound."""
    row: Row | None = await db.fetch_row("SELECT * FROM merchant WHERE id = $1", merchant_id)
    if row is None:
        raise NotFound("No such merchant.")
    return row


async def form_values(clients: Clients, merchant_id: UUID, user_id: UUID) -> tuple[Values, str]:
    """What the details form shows, and where unconfirmed values come from ("Xero" or empty)."""
    merchant = await one(merchant_id)
    if merchant["details_confirmed_at"]:
        return _stored(merchant), ""
    known: Row | None = await db.fetch_row(_KNOWN, merchant_id, user_id)
    blank = dict.fromkeys(FIELDS, "")
    if known is None:
        return blank, ""
    person = {"first_name": known["given_name"], "last_name": known["family_name"], "email": known["email"]}
    return blank | person | await _from_organisation(clients, known["connection"]), "Xero"


async def confirm(merchant_id: UUID, form: Mapping[str, str]) -> tuple[Values, Errors]:
    """Check the posted details and store them when nothing is wrong; answers what to show otherwise."""
    values, errors = check(form)
    if errors:
        return values, errors
    contact = f"{values['first_name']} {values['last_name']}"
    async with db.transaction():
        if await db.fetch_value(_CONFIRM, merchant_id, *(values[name] for name in _STORED), contact) is None:
            raise NotFound("No such merchant.")
        await _note(merchant_id, "business_confirmed")
    return values, errors


async def set_options(merchant_id: UUID, *, allow_part: bool, minimum_part_minor: int) -> None:
    """What customers may pay; `minimum_part_minor` in minor units of the merchant's own currency."""
    sql = "UPDATE merchant SET allow_part = $2, minimum_part_minor = $3, options_confirmed_at = now() WHERE id = $1"
    async with db.transaction():
        await db.fetch(sql, merchant_id, allow_part, minimum_part_minor)
        await _note(merchant_id, "options_changed", allow_part=allow_part, minimum_part_minor=minimum_part_minor)


async def set_habits(merchant_id: UUID, *, link_every_invoice: bool, mail_on_trouble: bool) -> None:
    """Whether each new invoice gets a pay link by itself, and whether trouble with a payment is told by mail."""
    sql = (
        "UPDATE merchant SET link_every_invoice = $2, mail_on_trouble = $3 WHERE id = $1 "
        "AND (link_every_invoice, mail_on_trouble) IS DISTINCT FROM ($2, $3) RETURNING id"
    )
    async with db.transaction():
        if await db.fetch(sql, merchant_id, link_every_invoice, mail_on_trouble):
            habits = {"link_every_invoice": link_every_invoice, "mail_on_trouble": mail_on_trouble}
            await _note(merchant_id, "options_changed", **habits)


async def rotate_pay_now(merchant_id: UUID) -> None:
    """Make the Pay now address that was handed out so far useless."""
    async with db.transaction():
        await db.fetch("UPDATE merchant SET pay_now_version = pay_now_version + 1 WHERE id = $1", merchant_id)
        await _note(merchant_id, "pay_now_replaced")


async def currency(merchant_id: UUID) -> str:
    """The currency the merchant thinks in: the first organisation's, else Stripe's, else the country's, else GBP."""
    found: str | None = await db.fetch_value(_CURRENCY, merchant_id)
    country = (await one(merchant_id))["country"]
    return found or (countries.currency_of(country) if country else "GBP")


async def _note(merchant_id: UUID, action: str, **details: object) -> None:
    await audit.note(merchant_id, audit.actor(), action, f"merchant:{merchant_id}", details)


async def _make(user_id: UUID) -> UUID:
    made: UUID = await db.fetch_value(_MAKE, user_id)
    return made


def _stored(merchant: Row) -> Values:
    family = merchant["contact_family_name"]
    values: Values = {name: merchant[name] for name in FIELDS if name in merchant}
    return values | {
        "kind": merchant["entity_type"],
        "first_name": merchant["contact_name"].removesuffix(family).strip(),
        "last_name": family,
        "email": merchant["contact_email"],
        "phone": merchant["contact_phone"],
    }


async def _from_organisation(clients: Clients, connection_id: UUID | None) -> Values:
    """What the connected organisation says of itself; nothing when there is none or Xero does not answer."""
    if connection_id is None:
        return {}
    try:
        async with access.tenant(clients, connection_id, lane="page") as tenant:
            return of_organisation(await tenant.organisation())
    except (Upstream, Refused, Postpone):
        return {}


def of_organisation(said: XeroOrganisation) -> Values:
    """The form's values as far as a Xero organisation knows them."""
    country = said.country if countries.known(said.country) else ""
    # Australia's tax number is the ABN; elsewhere it is a VAT or GST number, which company registers do not know.
    numbers = [said.registration_number, said.tax_number if country == "AU" else ""]
    return {
        "legal_name": said.legal_name or said.name,
        "country": country,
        "registration_number": next((text for text in numbers if countries.registration_type(country, text)), ""),
        "address_line1": said.line1,
        "address_line2": said.line2,
        "city": said.city,
        "region": said.region,
        "postal_code": said.postal_code,
    }
