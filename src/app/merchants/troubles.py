"""What needs the merchant: payments that are not in Xero, an organisation that was lost, what Stripe asks for."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from app.books import refunds, writeback
from app.books.writeback.words import Reason, reason_of
from app.core.errors import Refused
from app.core.html import date_long
from app.core.money import Money
from app.merchants import fixes, organisations, pauses, payments_setup, requirements
from app.merchants.places import Home

MOST = 50


def disconnected(place: Home) -> SimpleNamespace | None:
    """The organisation that Xero no longer lets us into, or the last one when the merchant took all away."""
    broken = [one for one in place.live if one["state"] == "broken"] or ([] if place.live else place.connections[:1])
    if not broken:
        return None
    one = broken[0]
    return SimpleNamespace(
        connection_id=str(one["id"]), at=place.local(one["disconnected_at"]), organisation=one["name"]
    )


async def failures(
    merchant_id: UUID, invoice_id: UUID | None = None, payout_id: UUID | None = None
) -> list[SimpleNamespace]:
    """What could not be recorded in Xero, each with the reason and the ways out; of one invoice or payout if asked."""
    found = await writeback.attention(merchant_id, invoice_id)
    found = [one for one in found if payout_id in {None, one[0]["payout"]}]
    return [_failure(row, reason) for row, reason in found[:MOST]]


async def by_payment(merchant_id: UUID) -> dict[UUID, SimpleNamespace]:
    """The first of them for each payment that has one."""
    found = reversed(await writeback.attention(merchant_id))
    return {row["payment"]: _failure(row, reason) for row, reason in found if row["payment"]}


async def failure(merchant_id: UUID, write_back_id: int) -> SimpleNamespace:
    """One of them. Raises NotFound for a stranger's, Refused when it waits for nobody any more."""
    found = next((one for one in await writeback.attention(merchant_id) if one[0]["id"] == write_back_id), None)
    if found is None:
        await writeback.own(merchant_id, write_back_id)
        raise Refused("This is not waiting for you any more.")
    return _failure(*found)


def _failure(row: Mapping[str, Any], reason: Reason) -> SimpleNamespace:
    return SimpleNamespace(
        id=str(row["id"]),
        what=writeback.NAMES[row["kind"]],
        href=f"/payouts/{row['payout']}" if row["payout"] else f"/invoices/{row['invoice']}",
        invoice_id=str(row["invoice"] or ""),
        invoice_number="" if row["payout"] else row["number"] or "No number",
        amount=Money(row["amount_minor"], row["currency"]),
        reason=why(row["reason"] or "unavailable", row["message"]),
        way_out=reason.way_out + _besides(row),
        fix=fixes.fix_of(row),
        can_retry=(reason.retry or row["state"] != "parked") and fixes.retry_helps(row),
        by_hand=reason.by_hand and row["state"] == "parked",
        can_overpay=reason.overpay and row["state"] == "parked",
        can_redate=row["state"] == "parked" and writeback.may_redate(row),
        can_credit=row["state"] == "parked" and writeback.may_credit(row),
        refund_href=f"/payments/{row['payment']}/refund" if reason.refund and row["state"] == "parked" else "",
    )


def _besides(row: Mapping[str, Any]) -> str:
    """What this one's reason cannot say by itself."""
    if row["reason"] == "unclear":
        return f" The reference is {row['reference']}."
    return f" {row['message']}" if row["kind"] == "exchange" and row["message"] else ""


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
    if late := await refunds.stuck(place.merchant_id):
        amount = Money(late["amount_minor"], late["currency"])
        words = (
            f"A refund of {amount} has not reached Stripe yet. It is tried again by itself; do not send it another way."
        )
        return words, f"/invoices/{late['invoice']}"
    wanted = (
        requirements.of_merchant(payments_setup.asked(account)) if account and standing in {"active", "needs"} else []
    )
    if account and wanted:
        by = f" by {date_long(account['deadline_at'].date())}" if account["deadline_at"] else ""
        return f"Stripe needs something from you{by}: {', '.join(wanted)}.", "/setup"
    reached = any(one["state"] == "connected" for one in place.live)  # else that is what the merchant must hear first
    stopped = await pauses.paused(place.merchant_id) if reached else ("", "")
    if stopped[0]:
        return stopped
    if held := await organisations.held(place.live):
        return held, "/settings/xero"
    troubled = next((one for one in place.live if one["state"] == "connected" and one["sync_error"]), None)
    if troubled:
        return f"{troubled['name']} could not be read from Xero: {troubled['sync_error']}", "/settings/xero"
    return "", ""
