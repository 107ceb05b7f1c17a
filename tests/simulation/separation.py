"""Merchants are strangers: no row, no call and no entry of one ever concerns another."""

import re
from collections.abc import Iterator

from app.core import db
from tests.simulation.story import Story

# Whatever names something that has a merchant of its own names one of the same merchant.
_TIES = (
    ("invoice", "connection", "connection"),
    ("pay_link", "invoice", "invoice"),
    ("attempt", "invoice", "invoice"),
    ("payment", "invoice", "invoice"),
    ("payment", "connection", "connection"),
    ("payment", "attempt", "attempt"),
    ("refund", "payment", "payment"),
    ("write_back", "connection", "connection"),
    ("write_back", "invoice", "invoice"),
    ("write_back", "payment", "payment"),
    ("write_back", "payout", "payout"),
    ("ledger_transaction", "payment", "payment"),
    ("happening", "invoice", "invoice"),
)
_STRAY = " UNION ALL ".join(
    f"SELECT '{of} ' || a.id || ' of another merchant than its {name}' AS what FROM {of} a JOIN {table} b ON b.id = a.{name} "
    "WHERE a.merchant <> b.merchant"
    for of, name, table in _TIES
)
_LINES = """
SELECT 'payout line ' || l.id || ' of another merchant than its payment' AS what FROM payout_line l
JOIN payout o ON o.id = l.payout JOIN payment p ON p.id = l.payment WHERE o.merchant <> p.merchant
"""
_ACCOUNTS = " UNION ".join(
    f"SELECT DISTINCT '{table}' AS what, merchant, stripe_account_id FROM {table} WHERE stripe_account_id IS NOT NULL"
    for table in ("attempt", "payment", "payout", "stripe_account")
)
_REFERENCES = "SELECT w.reference, c.xero_tenant_id FROM write_back w JOIN connection c ON c.id = w.connection"
_NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[a-z]{2,}_[A-Za-z0-9_]{8,}")


async def wrong(story: Story) -> list[str]:
    """Every row, call and entry that concerns two merchants; empty when they are strangers to each other."""
    found = [row["what"] for row in await db.fetch(f"{_STRAY} UNION ALL {_LINES}")]
    holders = {row["id"]: row["metadata"].get("merchant") for row in story.house.rows("stripe.v2.core.account")}
    found += [
        f"{row['what']} of a merchant on another's account {row['stripe_account_id']}"
        for row in await db.fetch(_ACCOUNTS)
        if holders.get(row["stripe_account_id"]) != str(row["merchant"])
    ]
    tenants = {row["reference"]: row["xero_tenant_id"] for row in await db.fetch(_REFERENCES)}
    found += [
        f"{there['reference']} stands in another merchant's organisation"
        for kind in ("payment", "banktransaction", "banktransfer", "creditnote")
        for there in story.house.rows(f"xero.{kind}")
        if tenants.get(there.get("reference"), there["tenant"]) != there["tenant"]
    ]
    return [*found, *_calls(story), *story.trespasses]


def _calls(story: Story) -> Iterator[str]:
    """Each call on somebody's behalf names only what is theirs."""
    owners, merchants = _owners(story), _merchants(story)
    for caller, said in story.house.wire.calls:
        for name in _NAME.findall(said):
            owner = owners.get(name, caller)
            if merchants.get(owner, owner) != merchants.get(caller, caller):
                yield f"a call for {caller} names {name} of {owner}: {said[:200]}"


def _merchants(story: Story) -> dict[str, str]:
    """Whose each tenant and each account is."""
    accounts = {row["id"]: row["metadata"].get("merchant", "") for row in story.house.rows("stripe.v2.core.account")}
    return accounts | {shop.tenant: str(shop.merchant_id) for shop in story.house.shops}


def _owners(story: Story) -> dict[str, str]:
    """Under which tenant or account each thing at the platforms is, by its id."""
    found: dict[str, str] = {}
    for kind, rows in story.house.world.store._kinds.items():
        owner = "tenant" if kind.startswith("xero.") else "_account" if kind.startswith("stripe.") else ""
        if owner:
            found |= {id: row[owner] for id, row in rows.items() if row.get(owner)}
    return found
