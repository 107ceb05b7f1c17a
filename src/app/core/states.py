"""State machines as data: a table of allowed edges, applied by compare-and-set, guarded by a trigger in PostgreSQL."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.core import db


@dataclass(frozen=True, slots=True)
class Edge:
    """One allowed change and what brings it about; a forced correction is an edge of its own."""

    source: str
    target: str
    event: str
    forced: bool = False


# Told of every forced correction, in its transaction: the table, the row as it is now, and the edge.
Witness = Callable[[str, Any, Edge], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Machine:
    """All allowed edges of one table's `state` column."""

    table: str
    start: str
    edges: tuple[Edge, ...]
    witness: Witness | None = None

    @property
    def states(self) -> list[str]:
        """Every state, in the order the edges name them."""
        return list(dict.fromkeys([self.start, *(name for edge in self.edges for name in (edge.source, edge.target))]))

    def sources(self, target: str) -> list[str]:
        """From which states `target` may be reached."""
        return [edge.source for edge in self.edges if edge.target == target]

    def edge(self, source: str, target: str) -> Edge | None:
        """The edge between two states, if there is one."""
        return next((edge for edge in self.edges if (edge.source, edge.target) == (source, target)), None)

    def ends(self) -> list[str]:
        """States that nothing leaves."""
        left = {edge.source for edge in self.edges}
        return [state for state in self.states if state not in left]


async def move(machine: Machine, row_id: UUID | int, target: str, sources: Iterable[str] = (), **also: Any) -> bool:
    """Compare-and-set `state`; True when we did it, False when the row is in no state that leads there.

    `sources` narrows the allowed ones; `also` sets further columns in the same UPDATE (names from code, never from input).
    """
    allowed = [state for state in machine.sources(target) if not sources or state in set(sources)]
    columns = "".join(f", {name} = ${at}" for at, name in enumerate(also, start=4))
    sql = (
        f"UPDATE {machine.table} SET state = $2{columns} WHERE id = $1 AND state = ANY($3) "
        # what the statement began with: the state that is left
        f"RETURNING *, (SELECT state FROM {machine.table} before WHERE before.id = $1) AS was"
    )
    async with db.transaction():
        row = await db.fetch_row(sql, row_id, target, allowed, *also.values())
        edge = machine.edge(row["was"], target) if row else None
        if machine.witness and edge and edge.forced:
            await machine.witness(machine.table, row, edge)
    return row is not None


def guard_sql(machine: Machine) -> str:
    """SQL that makes PostgreSQL refuse any edge that the table does not allow."""
    pairs = ", ".join(f"('{edge.source}','{edge.target}')" for edge in machine.edges)
    name = f"guard_{machine.table}_state"
    return f"""
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.state IS DISTINCT FROM OLD.state AND (OLD.state, NEW.state) NOT IN ({pairs}) THEN
    RAISE EXCEPTION '{machine.table}: % may not become %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $body$;
DROP TRIGGER IF EXISTS {name} ON {machine.table};
CREATE TRIGGER {name} BEFORE UPDATE OF state ON {machine.table} FOR EACH ROW EXECUTE FUNCTION {name}();
"""


def render(machines: Iterable[Machine]) -> str:
    """All machines as Markdown, for docs/states.md."""
    parts = ["# State machines\n\nRendered from the code by `make docs`; PostgreSQL refuses every other edge.\n"]
    for machine in machines:
        rows = "\n".join(
            f"| {edge.source} | {edge.target} | {edge.event}{' (forced)' if edge.forced else ''} |"
            for edge in machine.edges
        )
        ends = ", ".join(machine.ends()) or "none"
        parts.append(
            f"## {machine.table}\n\nStarts as `{machine.start}`; ends: {ends}.\n\n| from | to | when |\n|---|---|---|\n{rows}\n"
        )
    return "\n".join(parts)
