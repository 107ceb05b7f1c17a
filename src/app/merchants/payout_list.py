"""Payouts, and what is in one of them to the last penny: templates/app/payouts and templates/app/payout."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from app.books import payouts
from app.books.intents_requests import part_of
from app.core import db
from app.core.errors import NotFound
from app.core.money import Money
from app.merchants.invoice_list import pages
from app.merchants.places import home
from app.merchants.troubles import failures

Row = Mapping[str, Any]

_PAGE = """
SELECT o.*, w.state AS written FROM payout o
LEFT JOIN write_back w ON w.payout = o.id AND w.kind = 'transfer'
WHERE o.merchant = $1 ORDER BY o.arrives_on DESC, o.created_at DESC, o.id
"""
_LINES = """
SELECT l.*, p.amount_minor AS paid_minor, p.settled_minor, p.connection, i.id AS invoice, i.number, i.contact_name
FROM payout_line l LEFT JOIN payment p ON p.id = l.payment
LEFT JOIN invoice i ON i.id = p.invoice WHERE l.payout = $1 ORDER BY l.at, l.id
"""
_WRITTEN = "SELECT state FROM write_back WHERE payout = $1 AND kind = 'transfer'"
_STATES = {
    "pending": ("processing", "On its way to your bank"),
    "in_transit": ("processing", "On its way to your bank"),
    "paid": ("paid", "In your bank"),
    "failed": ("failed", "Sent back by the bank"),
    "canceled": ("void", "Cancelled"),
}
_IN_XERO = {
    "intended": "waiting",
    "sending": "waiting",
    "unknown": "waiting",
    "confirmed": "recorded",
    "parked": "failed",
}
# Stripe's types of movements; what is in none of these is named as other.
_PAYMENTS = frozenset({"charge", "payment"})
_REFUNDS = frozenset({"refund", "payment_refund", "refund_failure", "payment_failure_refund", "payment_reversal"})
_FEES = frozenset({"stripe_fee", "stripe_fx_fee", "tax_fee", "application_fee", "payment_network_cost"})
_RETURNED = frozenset({"payout", "payout_failure", "payout_cancel"})
_DISPUTE = ("dp_", "du_")
WORDS = {
    "payments": "Payments",
    "fees": "Stripe’s fees",
    "refunds": "Refunds",
    "exchange": "Exchange differences",
    "disputes": "Disputes",
    "returned": "Earlier payouts",
    "other": "Other movements in Stripe",
}


async def listed(merchant_id: UUID, page: int) -> dict[str, Any]:
    """The list's context, without the frame."""
    place = await home(merchant_id)
    pager = pages(await db.fetch_value("SELECT count(*) FROM payout WHERE merchant = $1", merchant_id), page)
    rows = await db.fetch(f"{_PAGE} {pager.window}", merchant_id)
    return {
        "now": place.now,
        "page": pager.page,
        "pager": pager,
        "rows": [_payout(row, row["written"]) for row in rows],
    }


async def explained(merchant_id: UUID, payout_id: UUID) -> dict[str, Any]:
    """One payout's context, without the frame. Raises NotFound for a stranger's."""
    row = await payouts.one(merchant_id, payout_id)
    if row is None:
        raise NotFound("No such payout.")
    place = await home(merchant_id)
    lines = [line for line in await db.fetch(_LINES, payout_id) if not _own(row, line)]
    sums = sum_up(lines)
    amount = Money(row["amount_minor"], row["currency"])
    shown = [
        SimpleNamespace(words=WORDS[name], amount=Money(sums[name], row["currency"])) for name in WORDS if sums[name]
    ]
    return {
        "now": place.now,
        "payout": _payout(row, await db.fetch_value(_WRITTEN, payout_id)),
        "failures": await failures(merchant_id, payout_id=payout_id),
        "shares": await _shares(merchant_id, lines, row["currency"]),
        "sums": shown,
        "residue": Money(amount.minor - sum(sums.values()), row["currency"]),
        "lines": [_line(line, place.local(line["at"])) for line in lines],
    }


async def _shares(merchant_id: UUID, lines: Iterable[Row], currency: str) -> list[SimpleNamespace]:
    """What of it belongs to which organisation, where it is several."""
    sums: defaultdict[UUID, int] = defaultdict(int)
    for line in lines:
        if line["connection"]:
            sums[line["connection"]] += line["net_minor"]
    if len(sums) < 2:
        return []
    rows = await db.fetch("SELECT id, name FROM connection WHERE merchant = $1 ORDER BY name, id", merchant_id)
    return [
        SimpleNamespace(organisation=row["name"], amount=Money(sums[row["id"]], currency))
        for row in rows
        if row["id"] in sums
    ]


def sum_up(lines: Iterable[Row]) -> dict[str, int]:
    """Minor units by kind of movement; together they are what Stripe's lines come to, whatever they are."""
    sums = dict.fromkeys(WORDS, 0)
    for line in lines:
        rate = _rate(line)
        sums[group(line)] += line["gross_minor"] - rate
        sums["exchange"] += rate
        sums["fees"] -= line["fee_minor"]
    return sums


def _rate(line: Row) -> int:
    """How much more or less a refund moved than it would have at the rate of its payment."""
    if group(line) != "refunds" or line["source_minor"] is None or line["settled_minor"] is None:
        return 0
    gross: int = line["gross_minor"]
    return gross - part_of(line["settled_minor"], line["source_minor"], line["paid_minor"])


def group(line: Row) -> str:
    """Under which heading a movement counts."""
    kind: str = line["kind"]
    if kind in _PAYMENTS:
        return "payments"
    if kind in _REFUNDS:
        return "refunds"
    if kind in _FEES:
        return "fees"
    if kind in _RETURNED:
        return "returned"
    return "disputes" if line["source_id"].startswith(_DISPUTE) else "other"


def _own(payout: Row, line: Row) -> bool:
    return bool(line["kind"] == "payout" and line["source_id"] == payout["stripe_payout_id"])


def _payout(row: Row, written: str | None) -> SimpleNamespace:
    status, words = _STATES[row["state"]]
    return SimpleNamespace(
        id=str(row["id"]),
        stripe_id=row["stripe_payout_id"],
        amount=Money(row["amount_minor"], row["currency"]),
        arrives=row["arrives_on"],
        status=status,
        words=words,
        failure=row["failure"],
        automatic=row["automatic"],
        explained=row["explained_at"] is not None,
        xero=_IN_XERO.get(written or "", ""),
    )


def _line(line: Row, at: Any) -> SimpleNamespace:
    return SimpleNamespace(
        at=at,
        words=WORDS[group(line)] if group(line) != "payments" else "Payment",
        description=line["description"],
        invoice_id=str(line["invoice"] or ""),
        invoice_number=line["number"] or "",
        customer=line["contact_name"] or "",
        gross=Money(line["gross_minor"], line["currency"]),
        fee=Money(-line["fee_minor"], line["currency"]),
        net=Money(line["net_minor"], line["currency"]),
    )
