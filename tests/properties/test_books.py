"""Whatever Stripe does with a merchant's money, the books come out even, and every payout is explained to the last unit."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.books import ledger, payouts
from app.clients.stripe_wire import LineView
from app.core import db
from app.core.money import from_stripe
from app.merchants import payout_list
from tests.properties.lives import Life, Sale
from tests.rooms.shelf import ACCOUNT, Row, Shelf

EVENTS = 100_000
Payout = tuple[dict[str, Any], list[LineView], bool]


@pytest.fixture(scope="module", autouse=True)
async def database(database_url: str) -> AsyncIterator[None]:
    db.configure(database_url)
    await db.open_pool(2, statement_timeout_ms=60_000)
    yield
    await db.close_pool()


async def life(rng: Random) -> tuple[Shelf, Life]:
    shelf = await Shelf().open()
    of = {
        "merchant": shelf.merchant,
        "connection": shelf.connection,
        "invoice": shelf.invoice,
        "stripe_account_id": ACCOUNT,
    }
    return shelf, Life(rng, shelf.merchant, of)


async def store(rows: Sequence[dict[str, Any]]) -> None:
    """Payments as they are when all was heard."""
    if rows:
        names = list(rows[0])
        uuids = {"id", "merchant", "connection", "invoice"}
        kinds = [
            "uuid"
            if name in uuids
            else "bigint"
            if name.endswith("_minor")
            else "timestamptz"
            if name == "paid_at"
            else "text"
            for name in names
        ]
        arrays = ", ".join(f"${at}::{kind}[]" for at, kind in enumerate(kinds, start=1))
        sql = f"INSERT INTO payment ({', '.join(names)}) SELECT * FROM unnest({arrays})"
        await db.fetch(sql, *([row[name] for row in rows] for name in names))


async def tell(sale: Sale, row: Row) -> None:
    """What was heard of a sale, in its order, into the ledger."""
    known = dict(row) | {"settlement_currency": ""}
    for what, said in sale.told:
        if what == "disputed":
            await ledger.disputed(known, said[0], returned=said[1])
        else:
            await getattr(ledger, what)(known, *said)
        if what == "settled":
            known["settlement_currency"] = row["settlement_currency"]


async def explain(shelf: Shelf, payout: Payout) -> UUID:
    """The payout, its lines and, where the bank sent it back, its return."""
    row, lines, back = payout
    stored = await shelf.payout(
        row["amount_minor"], row["currency"], stripe_payout_id=row["stripe_payout_id"], state="paid"
    )
    await ledger.paid_out(stored)
    await payouts._explain(stored, lines)
    if back:
        await ledger.paid_out(stored, returned=True)
    found: UUID = stored["id"]
    return found


def summed(lines: Sequence[LineView]) -> tuple[int, int]:
    """What the lines come to, and their fees, in our units; the payout's own line is not among them."""
    rest = lines[1:]
    return sum(from_stripe(one.net, one.currency).minor for one in rest), sum(
        from_stripe(one.fee, one.currency).minor for one in rest
    )


async def hold(shelf: Shelf, lived: Life, explained: Sequence[tuple[UUID, Payout]]) -> None:
    """The books against what was lived: nothing is left in the balance, in any currency, and no payout has a residue."""
    rows = await db.fetch(
        "SELECT account, currency, sum(amount_minor)::bigint AS minor FROM ledger_entry e JOIN ledger_transaction t "
        "ON t.id = e.ledger_transaction WHERE t.merchant = $1 GROUP BY 1, 2",
        shelf.merchant,
    )
    held: Counter[tuple[str, str]] = Counter({(row["account"], row["currency"]): row["minor"] for row in rows})
    assert {} == {name: minor for name, minor in held.items() if name[0] == ledger.CLEARING and minor}
    for name in {*held, *lived.books}:
        account, currency = name
        if account == "received":
            assert lived.books[name] == -held[ledger.UNAPPLIED, currency]
        elif account not in {ledger.CONVERSION, ledger.UNAPPLIED}:
            assert (name, lived.books[name]) == (name, held[name])
    for currency in {currency for _, currency in held}:
        assert 0 == sum(minor for (_, of), minor in held.items() if of == currency)
    for payout_id, (row, lines, _) in explained:
        page = await payout_list.explained(shelf.merchant, payout_id)
        net, fees = summed(lines)
        assert (0, net) == (page["residue"].minor, row["amount_minor"]) == (0, page["payout"].amount.minor)
        shown = {one.words: one.amount.minor for one in page["sums"]}
        assert net == sum(shown.values())
        assert len(lines) - 1 == len(page["lines"])
        in_words = sum(one.gross.minor for one in page["lines"] if one.words == "Payment")
        assert in_words == shown.get("Payments", 0)
        assert fees == -sum(one.fee.minor for one in page["lines"])


@given(st.integers(1, 2**32))
@settings(max_examples=12)
async def test_any_short_life_comes_out_even(seed):
    """Sales, refunds in parts, disputes, bounces and payouts that return, in any order and currency, one fact at a time."""
    shelf, lived = await life(Random(seed))
    explained = []
    for happened in lived.live(40):
        if isinstance(happened, Sale):
            await store([happened.row])
            await tell(happened, happened.row)
        else:
            explained.append((await explain(shelf, happened), happened))
    assert explained
    await hold(shelf, lived, explained)


class Gathered:
    """The ledger's own functions, with their facts gathered to be written together: what they ask of it is added up here."""

    def __init__(self) -> None:
        self.entries: list[ledger.Entry] = []
        self._kinds: Counter[tuple[Any, str]] = Counter()
        self._held: dict[Any, Counter[tuple[str, str]]] = {}

    async def record(self, fact: ledger.Fact, sides: Sequence[ledger.Side]) -> bool:
        self.entries.append((fact, sides))
        self._kinds[fact.payment_id, fact.kind] += 1
        held = self._held.setdefault(fact.payment_id, Counter())
        for account, money in sides:
            held[account, money.currency] += money.minor
        return True

    async def next_id(self, payment_id: UUID, kind: str, origin: str) -> str:
        return f"{origin}:{self._kinds[payment_id, kind] + 1}"

    async def balances(self, payment_id: UUID) -> dict[tuple[str, str], int]:
        return dict(self._held.get(payment_id, {}))


@pytest.mark.timeout(600)
async def test_a_hundred_thousand_events_leave_no_residue(monkeypatch: pytest.MonkeyPatch):
    """100,000 movements of a balance in four currencies, paid in nine: each payout is explained, and nothing is left over."""
    shelf, lived = await life(Random(2026))
    sales: list[Sale] = []
    paid_out: list[Payout] = []
    for happened in lived.live(EVENTS):
        if isinstance(happened, Sale):
            sales.append(happened)
        else:
            paid_out.append(happened)
    assert lived.events >= EVENTS
    gathered = Gathered()
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "record", gathered.record)
        patched.setattr(ledger, "_next_id", gathered.next_id)
        patched.setattr(ledger, "balances", gathered.balances)
        for sale in sales:
            await tell(sale, sale.row)
    for start in range(0, len(sales), 5000):
        await store([sale.row for sale in sales[start : start + 5000]])
    for start in range(0, len(gathered.entries), 5000):
        part = gathered.entries[start : start + 5000]
        assert len(part) == await ledger.record_all(part)
    await db.fetch("ANALYZE")  # so much at once is more than PostgreSQL expects
    explained = [(await explain(shelf, payout), payout) for payout in paid_out]
    assert EVENTS <= sum(len(lines) for _, lines, _ in paid_out)
    await hold(shelf, lived, explained)
