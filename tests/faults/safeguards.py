"""Switches that take one safeguard out of the running product, for tests that must fail without it. Nothing ships them."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from app.books import payments
from app.books.writeback import paying, search
from app.core import db, inbox
from app.core.broker import Sweep
from tests.rooms.till import Till

_CONFLICT = re.compile(r"ON CONFLICT \([^)]*\) DO NOTHING")
_FREE = "(lease_until IS NULL OR lease_until < now())"


async def no_payment_key(till: Till, patch: pytest.MonkeyPatch) -> None:
    """One intent may become any number of payments."""
    await _drop_key("payment", "stripe_payment_intent_id")
    patch.setattr(payments, "_INSERT", _whatever_is_there(payments._INSERT))


async def no_inbox_key(till: Till, patch: pytest.MonkeyPatch) -> None:
    """One event may be stored any number of times."""
    await _drop_key("inbox", "event_id")
    patch.setattr(inbox, "_STORE", _whatever_is_there(inbox._STORE))


def _whatever_is_there(insert: str) -> str:
    """The same INSERT, without its clause about a row that is there already."""
    changed, found = _CONFLICT.subn("", insert)
    assert found == 1, insert
    return changed


async def no_search(till: Till, patch: pytest.MonkeyPatch) -> None:
    """Nobody looks whether Xero has it already: every payment counts as absent."""

    async def invoices_only(tenant: Any, items: Any) -> search.Seen:
        seen = search.Seen()
        await search._read_invoices(tenant, items, seen)
        return seen

    patch.setattr(paying, "look", invoices_only)


async def no_fencing(till: Till, patch: pytest.MonkeyPatch) -> None:
    """An old fencing number is as good as the newest, also at the last look before the first byte leaves."""
    last = "w.fence = held.fence AND w.state = 'sending' AND w.lease_until > now()"
    _rewrite(patch, lambda sql: sql.replace("AND fence = $2 ", "AND fence >= $2 ").replace(last, "true"))


async def no_lease(till: Till, patch: pytest.MonkeyPatch) -> None:
    """A held row may be taken by anybody."""
    _rewrite(patch, lambda sql: sql.replace(_FREE, "true"))


async def no_tenants(till: Till, patch: pytest.MonkeyPatch) -> None:
    """Whoever sends the id of a payment or of a write may act on it, whosever it is."""
    _rewrite(patch, lambda sql: sql.replace("AND merchant = $2", "AND $2::uuid IS NOT NULL"))


async def no_sweep(till: Till, patch: pytest.MonkeyPatch) -> None:
    """Nobody looks for rows that no message led to."""

    async def nothing(sweep: Sweep) -> None:
        return None

    patch.setattr(Sweep, "_round", nothing)


def _rewrite(patch: pytest.MonkeyPatch, change: Callable[[str], str]) -> None:
    """Change the SQL that is sent; a switch that finds nothing to change lets its check hold, and so its test fails."""
    fetch = db.fetch

    async def changed(sql: str, *args: Any) -> list[Any]:
        return await fetch(change(sql), *args)

    patch.setattr(db, "fetch", changed)


async def _drop_key(table: str, column: str) -> None:
    """Drop every unique key of the table that has the column in it."""
    rows = await db.fetch(
        "SELECT i.relname AS name, c.conname AS held FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid "
        "LEFT JOIN pg_constraint c ON c.conindid = x.indexrelid AND c.contype = 'u' "
        "WHERE x.indrelid = $1::regclass AND x.indisunique AND NOT x.indisprimary AND EXISTS (SELECT 1 FROM "
        "pg_attribute a WHERE a.attrelid = x.indrelid AND a.attnum = ANY(x.indkey) AND a.attname = $2)",
        table,
        column,
    )
    assert rows, f"{table} has no unique key on {column}"
    for row in rows:
        drop = f"ALTER TABLE {table} DROP CONSTRAINT {row['held']}" if row["held"] else f"DROP INDEX {row['name']}"
        await db.fetch(drop)
