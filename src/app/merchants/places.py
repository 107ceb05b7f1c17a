"""Where a merchant's books live: the organisations, the clock and the currency that pages speak in, and doors into Xero."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

from app.core import db
from app.core.clock import date_in, now
from app.merchants import business
from app.settings import Settings


def mine(merchant: str, shown: str) -> str:
    """SQL for "an invoice of this merchant, of the organisations that are shown"; needs invoice as i, and two placeholders.

    The values stand in sub-selects, where PostgreSQL plans for any value and keeps the plan. Seen, a merchant and one of its
    organisations look as if hardly a row were of both: it would then plan each request anew, which takes longer than to read.
    """
    return f"i.merchant = (SELECT {merchant}::uuid) AND i.connection = ANY((SELECT {shown}::uuid[])::uuid[])"


@dataclass(frozen=True, slots=True)
class Home:
    """A merchant's organisations, live ones first; time zone and currency are the first one's."""

    merchant_id: UUID
    connections: list[Any]
    zone: str
    currency: str

    @property
    def today(self) -> date:
        """The calendar day where the merchant is."""
        return date_in(self.zone)

    @property
    def now(self) -> datetime:
        """The merchant's own clock."""
        return now().astimezone(ZoneInfo(self.zone))

    def local(self, moment: datetime | None) -> datetime | None:
        """The moment on the merchant's own clock."""
        return moment.astimezone(ZoneInfo(self.zone)) if moment else None

    @property
    def live(self) -> list[Any]:
        """Organisations that are connected, or were until Xero said otherwise."""
        return [one for one in self.connections if one["state"] != "disconnected"]

    @property
    def shown(self) -> list[UUID]:
        """Whose invoices are listed: the live organisations', or all when none is live any more."""
        return [one["id"] for one in self.live or self.connections]


async def home(merchant_id: UUID) -> Home:
    """Where this merchant's books live. Raises NotFound for no merchant."""
    rows = await db.fetch(
        "SELECT * FROM connection WHERE merchant = $1 ORDER BY state = 'disconnected', connected_at, id", merchant_id
    )
    first = rows[0] if rows else None
    currency = (first and first["base_currency"]) or await business.currency(merchant_id)
    return Home(merchant_id, rows, (first and first["timezone"]) or "UTC", currency)


def in_xero(settings: Settings, short_code: str, xero_invoice_id: str = "") -> str:
    """The invoice in Xero itself, or where a new one is made; empty when the organisation has no short code yet."""
    if not short_code:
        return ""
    base = f"{settings.xero_app_url}/app/{quote(short_code, safe='')}/invoicing"
    return f"{base}/view/{quote(xero_invoice_id, safe='')}" if xero_invoice_id else f"{base}/edit"
