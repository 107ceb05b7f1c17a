"""The oracle: what the sandbox knows of Stripe's charges and Xero's payments, compared without asking the product."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx

from tests.chaos.fleet import Fleet

Sale = tuple[str, int]  # the invoice's number and the amount in minor units: no two sales of a run share both


@dataclass(frozen=True)
class Verdict:
    """Succeeded charges, those without a live payment in Xero, payments beyond one for each, and complaints of our books."""

    payments: int
    lost: int
    doubled: int
    books: list[str]


def judge(fleet: Fleet) -> Verdict:
    """Compare. A charge is told apart by its invoice and its amount, which is different for every sale."""
    known = _truth(fleet)
    charged, recorded = _charged(known), _recorded(known)
    lost = sum(max(count - recorded[sale], 0) for sale, count in charged.items())
    doubled = sum(max(count - charged[sale], 0) for sale, count in recorded.items())
    return Verdict(charged.total(), lost, doubled, _books(fleet, charged.total()))


def _truth(fleet: Fleet) -> dict[str, Any]:
    """What really happened at Xero and Stripe; of ten thousand payments that is long."""
    found: dict[str, Any] = httpx.get(f"{fleet.sandbox.url}/_truth", timeout=600).raise_for_status().json()
    return found


def _charged(known: dict[str, Any]) -> Counter[Sale]:
    intents = {one["id"]: one for one in known["stripe"]["payment_intents"]}
    good = [one for one in known["stripe"]["charges"] if one["status"] == "succeeded" and one["paid"]]
    return Counter((intents[one["payment_intent"]]["metadata"]["invoice"], one["amount"]) for one in good)


def _recorded(known: dict[str, Any]) -> Counter[Sale]:
    live = [one for one in known["xero"]["payments"] if one["app"] and one["status"] == "AUTHORISED"]
    return Counter((one["invoice_number"], one["amount"]) for one in live)


_BOOKS = {
    "payments that are not succeeded": "SELECT count(*) AS n FROM payment WHERE state <> 'succeeded'",
    "payments that are not written": "SELECT count(*) AS n FROM write_back WHERE kind = 'payment' AND state <> 'confirmed'",
    "rows put aside": "SELECT sum(n) AS n FROM (SELECT count(*) AS n FROM inbox WHERE dead_at IS NOT NULL UNION ALL "
    "SELECT count(*) FROM write_back WHERE dead_at IS NOT NULL UNION ALL SELECT count(*) FROM job WHERE dead_at IS NOT NULL) x",
    "ledger transactions that do not balance": "SELECT count(*) AS n FROM (SELECT ledger_transaction FROM ledger_entry "
    "GROUP BY ledger_transaction, currency HAVING sum(amount_minor) <> 0) x",
    "payments the ledger does not show in Xero": "SELECT count(*) AS n FROM payment p WHERE p.amount_minor <> "
    "COALESCE((SELECT -sum(e.amount_minor) FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.ledger_transaction "
    "WHERE t.payment = p.id AND e.account = 'applied_in_xero'), 0)",
}


_WAITING = """
SELECT state, reason, count(*) AS n FROM write_back WHERE kind = 'payment' AND state <> 'confirmed' GROUP BY 1, 2
"""


def _acknowledged(fleet: Fleet) -> set[str]:
    """Stripe's events that somebody answered with 200: each must have a row, whatever was killed since."""
    url = f"{fleet.sandbox.url}/_webhooks"
    rows = httpx.get(url, params={"channel": "stripe"}, timeout=600).raise_for_status().json()
    return {row["meta"]["event"] for row in rows if row["state"] == "delivered"}


def _books(fleet: Fleet, charges: int) -> list[str]:
    found = [f"{fleet.sql(sql)[0]['n'] or 0} {what}" for what, sql in _BOOKS.items()]
    found += [f"{row['n']} {row['state']} {row['reason']}" for row in fleet.sql(_WAITING)]
    ours = fleet.sql("SELECT count(*) AS n FROM payment")[0]["n"]
    stored = {row["event_id"] for row in fleet.sql("SELECT event_id FROM inbox WHERE source = 'stripe'")}
    found.append(f"{len(_acknowledged(fleet) - stored)} events answered with 200 and not stored")
    return [text for text in found if not text.startswith("0 ")] + (
        [f"{ours} payments for {charges} charges"] if ours != charges else []
    )


def quiet(fleet: Fleet) -> bool:
    """Whether nothing is under way any more: every charge is ours, every write is certain, no event waits."""
    open_rows = fleet.sql(
        "SELECT (SELECT count(*) FROM inbox WHERE next_at IS NOT NULL) "
        "+ (SELECT count(*) FROM write_back WHERE next_at IS NOT NULL) AS n, (SELECT count(*) FROM payment) AS payments"
    )[0]
    return not open_rows["n"] and open_rows["payments"] == _charged(_truth(fleet)).total()
