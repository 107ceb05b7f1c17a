"""The machinery of state machines, on a machine and a table of the test's own: what moves, what is told, what is drawn."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from app.core import db, states
from app.core.states import Edge, Machine

EDGES = (
    Edge("new", "open", "somebody looks"),
    Edge("new", "shut", "nobody looks"),
    Edge("open", "shut", "done"),
    Edge("shut", "open", "opened again", forced=True),
    Edge("open", "lost", "gone"),
)
THING = Machine("thing", "new", EDGES)


@pytest.fixture(scope="module", autouse=True)
async def table(database_url: str) -> AsyncIterator[None]:
    """A table with a state, guarded."""
    db.configure(database_url)
    await db.open_pool(2)
    await db.ENGINE.run_ddl_script(
        "CREATE TABLE thing (id bigint PRIMARY KEY, state text NOT NULL DEFAULT 'new', why text, many int)"
    )
    for _ in range(2):  # a second time as well: it is brought up to date with every migration
        await db.ENGINE.run_ddl_script(states.guard_sql(THING))
    try:
        yield
    finally:
        await db.close_pool()


async def made(row_id: int, state: str = "new") -> int:
    await db.fetch("INSERT INTO thing (id, state) VALUES ($1, $2)", row_id, state)
    return row_id


async def row(row_id: int) -> tuple[Any, ...]:
    found = await db.fetch_row("SELECT state, why, many FROM thing WHERE id = $1", row_id)
    assert found is not None
    return found["state"], found["why"], found["many"]


def test_a_machine_knows_its_states():
    """States come in the order the edges name them; an edge is found by its two ends; what nothing leaves is an end."""
    assert ["new", "open", "shut", "lost"] == THING.states
    assert (["new", "shut"], ["new", "open"], []) == (
        THING.sources("open"),
        THING.sources("shut"),
        THING.sources("new"),
    )
    assert EDGES[2] == THING.edge("open", "shut")
    assert THING.edge("lost", "open") is None
    assert THING.edge("new", "lost") is None
    assert ["lost"] == THING.ends()


async def test_a_row_moves_along_an_edge_with_its_columns():
    """The state and whatever is said with it change in one go."""
    one = await made(1)
    assert await states.move(THING, one, "open", why="looked", many=3)
    assert ("open", "looked", 3) == await row(one)
    assert await states.move(THING, one, "shut", why="done")
    assert ("shut", "done", 3) == await row(one)


async def test_a_row_moves_only_from_where_it_may():
    """Not along an edge that is not there, not from a state that was not meant, and not another row."""
    one, other = await made(11), await made(12)
    assert not await states.move(THING, one, "lost", why="no")
    assert not await states.move(THING, one, "open", ("shut",), why="no")
    assert ("new", None, None) == await row(one)
    assert await states.move(THING, one, "open", ("new", "shut"))
    assert not await states.move(THING, one, "open")
    assert ("new", None, None) == await row(other)
    assert not await states.move(THING, 99, "open")


async def test_a_forced_correction_has_a_witness():
    """The witness of a forced edge hears the table, the row as it is by now and the edge; of other edges it hears nothing."""
    heard: list[tuple[str, Any, Edge]] = []

    async def witness(table: str, changed: Any, edge: Edge) -> None:
        heard.append((table, (changed["id"], changed["state"], changed["why"]), edge))

    watched = Machine("thing", "new", EDGES, witness)
    one = await made(21)
    assert await states.move(watched, one, "shut")
    assert [] == heard
    assert await states.move(watched, one, "open", why="again")
    assert not await states.move(watched, one, "open", ("shut",))
    assert [("thing", (one, "open", "again"), EDGES[3])] == heard


async def test_what_the_witness_refuses_is_undone():
    """A forced correction that cannot be noted does not happen."""

    async def witness(table: str, changed: Any, edge: Edge) -> None:
        raise ValueError

    one = await made(31, "shut")
    with pytest.raises(ValueError):  # noqa: PT011 - any will do
        await states.move(Machine("thing", "new", EDGES, witness), one, "open")
    assert ("shut", None, None) == await row(one)


async def test_the_guard_names_what_it_refuses():
    """PostgreSQL refuses an edge that is not in the table, in words; other columns may change as they like."""
    one = await made(41)
    await db.fetch("UPDATE thing SET why = 'x', state = 'new' WHERE id = $1", one)
    with pytest.raises(asyncpg.CheckViolationError, match=r"^thing: new may not become lost$"):
        await db.fetch("UPDATE thing SET state = 'lost' WHERE id = $1", one)
    assert ("new", "x", None) == await row(one)
    triggers = await db.fetch("SELECT tgname FROM pg_trigger WHERE tgrelid = 'thing'::regclass")
    assert ["guard_thing_state"] == [trigger["tgname"] for trigger in triggers]


def test_machines_are_drawn():
    """The page of states, letter by letter: it stands in the documentation."""
    circle = Machine("circle", "on", (Edge("on", "off", "pressed"), Edge("off", "on", "pressed", forced=True)))
    fork = Machine("fork", "a", (Edge("a", "b", "left"), Edge("a", "c", "right")))
    assert """# State machines

Rendered from the code by `make docs`; PostgreSQL refuses every other edge.

## circle

Starts as `on`; ends: none.

| from | to | when |
|---|---|---|
| on | off | pressed |
| off | on | pressed (forced) |

## fork

Starts as `a`; ends: b, c.

| from | to | when |
|---|---|---|
| a | b | left |
| a | c | right |
""" == states.render([circle, fork])
