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
    if found.expired:
        return Shown("expired")
    row = found.invoice
    under_way = found.under_way()
    received = found.received()
    if under_way:
        return Shown("processing", under_way)
    if row["status"] in VOID:
        return Shown("void")
    if row["status"] == "PAID" or (row["status"] == "AUTHORISED" and row["due_minor"] <= 0):
        return Shown("paid", received[-1] if received else None)
    if not found.link["active"]:
        return Shown("inactive")
    if row["status"] != "AUTHORISED":
        return Shown("unavailable", reason="This invoice is not ready to be paid yet.")
    if _covered(found):
        return Shown("paid", received[-1])
    if not found.can_take_cards:
        return Shown("unavailable", reason="Payments on this page are not switched on at the moment.")
    return Shown("open")


def _covered(found: Found) -> bool:
    """Money that arrived but is not in Xero yet counts: nobody may be asked to pay it twice."""
    return found.invoice["due_minor"] > 0 and found.still_due.minor == 0


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
