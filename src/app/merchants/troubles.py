"""What needs the merchant: payments that are not in Xero, an organisation that was lost, what Stripe asks for."""

from types import SimpleNamespace
from uuid import UUID

from app.books.writeback.words import reason_of
from app.core import db
from app.core.html import date_long
from app.core.money import Money
from app.merchants import payments_setup, requirements
from app.merchants.places import Home

_PARKED = """
SELECT w.id, w.invoice, w.reason, w.message, w.amount_minor, w.currency, i.number FROM write_back w
JOIN invoice i ON i.id = w.invoice
WHERE w.merchant = $1 AND w.state = 'parked' AND ($2::uuid IS NULL OR w.invoice = $2) ORDER BY w.created_at LIMIT 50
"""


def disconnected(place: Home) -> SimpleNamespace | None:
    """The organisation that Xero no longer lets us into, or the last one when the merchant took all away."""
    broken = [one for one in place.live if one["state"] == "broken"] or ([] if place.live else place.connections[:1])
    if not broken:
        return None
    one = broken[0]
    return SimpleNamespace(
        connection_id=str(one["id"]), at=place.local(one["disconnected_at"]), organisation=one["name"]
    )


async def failures(merchant_id: UUID, invoice_id: UUID | None = None) -> list[SimpleNamespace]:
    """Payments that could not be recorded in Xero, each with the reason in plain words; of one invoice if asked."""
    return [
        SimpleNamespace(
            id=str(row["id"]),
            invoice_id=str(row["invoice"]),
            invoice_number=row["number"],
            amount=Money(row["amount_minor"], row["currency"]),
            reason=why(row["reason"], row["message"]),
        )
        for row in await db.fetch(_PARKED, merchant_id, invoice_id)
    ]


def why(code: str, message: str) -> str:
    """Why a payment waits, in words that fit after an amount and a colon; Xero's own where we have none."""
    known = reason_of(code)
    own = known is reason_of("other") and message.strip().rstrip(".")
    return f"Xero said “{own[:200]}”" if own else known.short


async def needs(place: Home) -> tuple[str, str]:
    """One line about Stripe or Xero that needs the merchant, and where to put it right; empty when all is well."""
    account = await payments_setup.of(place.merchant_id)
    standing = payments_setup.standing(account)
    if standing == "disconnected":
        return "Stripe is disconnected, so customers cannot pay at the moment.", "/setup"
    if standing == "rejected":
        return "Stripe has closed your account, so customers cannot pay.", "/setup"
    wanted = (
        requirements.of_merchant(payments_setup.asked(account)) if account and standing in {"active", "needs"} else []
    )
    if account and wanted:
        by = f" by {date_long(account['deadline_at'].date())}" if account["deadline_at"] else ""
        return f"Stripe needs something from you{by}: {', '.join(wanted)}.", "/setup"
    troubled = next((one for one in place.live if one["state"] == "connected" and one["sync_error"]), None)
    if troubled:
        return f"{troubled['name']} could not be read from Xero: {troubled['sync_error']}", "/settings/xero"
    return "", ""
