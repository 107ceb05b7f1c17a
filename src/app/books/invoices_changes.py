"""The timeline's line for what somebody changed in Xero; our own payments, echoed back by Xero, have theirs already."""

from typing import Any
from uuid import UUID

from app.books import timeline
from app.core import db
from app.core.money import format_money

_OURS = """
SELECT 1 FROM write_back WHERE invoice = $1 AND amount_minor = $2 AND kind = ANY($3)
  AND state IN ('sending', 'unknown', 'confirmed', 'reversed') AND sent_at > now() - interval '15 minutes'
"""


async def line_of_change(merchant_id: UUID, old: Any, new: Any) -> None:
    """Write the line for the change from `old` to `new` (invoice rows), if it says anything new."""
    title, detail = words_of_change(old, new)
    paid = new["paid_minor"] - old["paid_minor"]
    if paid and await _is_ours(new["id"], paid):
        return
    kind = "void" if new["status"] in {"VOIDED", "DELETED"} else "changed"
    await timeline.add(merchant_id, new["id"], kind, title, detail)


async def _is_ours(invoice_id: UUID, paid: int) -> bool:
    kinds = ["payment"] if paid > 0 else ["reversal"]
    return await db.fetch_value(_OURS, invoice_id, abs(paid), kinds) is not None


def words_of_change(old: Any, new: Any) -> tuple[str, str]:
    """Title and detail of a change, the most telling first."""

    def say(name: str) -> str:
        return format_money(abs(new[name] - old[name]), new["currency"])

    left = (
        f"{format_money(new['due_minor'], new['currency'])} is still due."
        if new["due_minor"]
        else "Nothing is left to pay."
    )
    if new["status"] != old["status"] and new["status"] in {"VOIDED", "DELETED"}:
        return ("Voided in Xero" if new["status"] == "VOIDED" else "Deleted in Xero"), ""
    if old["status"] in {"DRAFT", "SUBMITTED"} and new["status"] == "AUTHORISED":
        return "Approved in Xero", ""
    if new["currency"] != old["currency"]:
        return "Changed in Xero", f"The currency is {new['currency']} now."
    if new["paid_minor"] > old["paid_minor"]:
        return "Paid in Xero", f"{say('paid_minor')} was recorded in Xero. {left}"
    if new["paid_minor"] < old["paid_minor"]:
        return "Payment removed in Xero", f"{say('paid_minor')} was taken off. {left}"
    if new["credited_minor"] > old["credited_minor"]:
        return "Credit applied in Xero", f"{say('credited_minor')} was credited. {left}"
    if new["credited_minor"] < old["credited_minor"]:
        return "Credit removed in Xero", f"{say('credited_minor')} was taken off. {left}"
    return "Changed in Xero", left
