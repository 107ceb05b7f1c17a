"""Every edge of every machine can be walked, and PostgreSQL refuses every other one."""

import itertools
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from app.books.machines import ALL
from app.core import db, states
from app.core.states import Machine

EDGES = [
    pytest.param(machine, edge, id=f"{machine.table}: {edge.source} to {edge.target}")
    for machine in ALL
    for edge in machine.edges
]


@pytest.fixture(scope="module")
async def rows(database_url: str) -> AsyncIterator[dict[str, object]]:
    """One row of each table that has a machine, by table."""
    db.configure(database_url)
    await db.open_pool(2)
    try:
        yield await _one_of_each()
    finally:
        await db.close_pool()


async def _one_of_each() -> dict[str, object]:
    merchant, connection, invoice, attempt, payment = (uuid4() for _ in range(5))
    await db.fetch("INSERT INTO merchant (id) VALUES ($1)", merchant)
    await db.fetch("INSERT INTO connection (id, merchant) VALUES ($1, $2)", connection, merchant)
    await db.fetch("INSERT INTO invoice (id, merchant, connection) VALUES ($1, $2, $3)", invoice, merchant, connection)
    await db.fetch(
        "INSERT INTO attempt (id, merchant, invoice, expires_at) VALUES ($1, $2, $3, now())", attempt, merchant, invoice
    )
    await db.fetch(
        "INSERT INTO payment (id, merchant, connection, invoice, attempt) VALUES ($1, $2, $3, $4, $5)",
        payment, merchant, connection, invoice, attempt,
    )  # fmt: skip
    write_back = await db.fetch_value(
        "INSERT INTO write_back (merchant, connection, invoice, payment, kind, reference) "
        "VALUES ($1, $2, $3, $4, 'payment', 'Payportal X') RETURNING id",
        merchant, connection, invoice, payment,
    )  # fmt: skip
    refund, payout = uuid4(), uuid4()
    await db.fetch("INSERT INTO payout (id, merchant) VALUES ($1, $2)", payout, merchant)
    await db.fetch("INSERT INTO refund (id, merchant, payment) VALUES ($1, $2, $3)", refund, merchant, payment)
    return {"attempt": attempt, "payment": payment, "write_back": write_back, "refund": refund, "payout": payout}


async def put(machine: Machine, row_id: object, state: str) -> None:
    """Bring the row into a state, past the guard."""
    await db.fetch(f"ALTER TABLE {machine.table} DISABLE TRIGGER guard_{machine.table}_state")
    await db.fetch(f"UPDATE {machine.table} SET state = $2 WHERE id = $1", row_id, state)
    await db.fetch(f"ALTER TABLE {machine.table} ENABLE TRIGGER guard_{machine.table}_state")


@pytest.mark.parametrize(("machine", "edge"), EDGES)
async def test_every_edge_can_be_walked(rows, machine, edge):
    """An edge of the table is allowed, once: the second walker finds the row moved."""
    row_id = rows[machine.table]
    await put(machine, row_id, edge.source)
    assert await states.move(machine, row_id, edge.target, (edge.source,))
    assert edge.target == await db.fetch_value(f"SELECT state FROM {machine.table} WHERE id = $1", row_id)
    assert not await states.move(machine, row_id, edge.target, (edge.source,))


@pytest.mark.parametrize("machine", ALL, ids=lambda machine: machine.table)
async def test_postgresql_refuses_every_other_edge(rows, machine):
    """Whatever code says, the database lets a row go only where the table does."""
    row_id, allowed = rows[machine.table], {(edge.source, edge.target) for edge in machine.edges}
    for source, target in itertools.permutations(machine.states, 2):
        await put(machine, row_id, source)
        change = db.fetch(f"UPDATE {machine.table} SET state = $2 WHERE id = $1", row_id, target)
        if (source, target) in allowed:
            await change
        else:
            with pytest.raises(asyncpg.CheckViolationError):
                await change


@pytest.mark.parametrize("machine", ALL, ids=lambda machine: machine.table)
def test_every_state_is_reached(machine):
    """No state stands apart: each can be reached from the first one."""
    reached, known = {machine.start}, 0
    while len(reached) != known:
        known = len(reached)
        reached |= {edge.target for edge in machine.edges if edge.source in reached}
    assert set(machine.states) == reached
