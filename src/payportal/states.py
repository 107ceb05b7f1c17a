"""Which of its many states a pay link shows now. One link for life; the state is always derived from facts."""

from dataclasses import dataclass
from typing import Any

from payportal.find import Found

VOID = {"VOIDED", "DELETED"}
UNSURE = {"created", "open", "processing", "succeeded"}


@dataclass(frozen=True, slots=True)
class Shown:
    """The state to show, and the payment it speaks of."""

    state: str
    payment: Any = None
    reason: str = ""


def shown(found: Found) -> Shown:
    """What the link's page shows to somebody who opens it now."""
    received = found.received()
    if found.expired:  # a replaced link says no more than that, but never denies money that arrived
        return Shown("paid", received[-1]) if received and _settled(found) else Shown("expired")
    if under_way := found.under_way():
        return Shown("processing", under_way)
    if _settled(found):
        return Shown("paid", received[-1] if received else None)
    return Shown("void") if found.invoice["status"] in VOID else _unpaid(found)


def _settled(found: Found) -> bool:
    """Nothing is left to pay. Money that arrived but is not in Xero yet counts: nobody may be asked to pay it twice."""
    status = found.invoice["status"]
    return bool(status == "PAID" or (status == "AUTHORISED" and found.still_due.minor == 0))


def _unpaid(found: Found) -> Shown:
    if not found.link["active"]:
        return Shown("inactive")
    if found.invoice["status"] != "AUTHORISED":
        return Shown("unavailable", reason="This invoice is not ready to be paid yet.")
    if not found.can_take_cards:
        return Shown("unavailable", reason="Payments on this page are not switched on at the moment.")
    return Shown("open")


def returned(found: Found, session: str) -> Shown:
    """What to show to somebody whom Stripe sent back: never 'failed' while unsure."""
    attempt = found.attempt
    if attempt is None or not session or attempt["stripe_session_id"] != session:
        return shown(found)
    payment = next((row for row in reversed(found.payments) if row["attempt"] == attempt["id"]), None)
    if payment is None:
        return Shown("confirming") if attempt["state"] in UNSURE else shown(found)
    if payment["state"] == "processing":
        return Shown("processing", payment)
    if payment["state"] == "failed":
        return shown(found)
    open_still = found.still_due.minor > 0 and found.invoice["status"] == "AUTHORISED"
    return Shown("part_paid" if open_still else "paid", payment)
