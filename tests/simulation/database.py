"""PostgreSQL in a simulation: real, but its `now()` is the simulator's and its state can be set back in milliseconds.

The product asks Python's clock (`core.clock`, which has a seam) and SQL's `now()`; both must agree, or leases and due
times would drift apart. So a schema `sim` stands first on the search path with `now()`, `clock_timestamp()` and
`gen_random_uuid()` of its own: every statement of the product finds them without being touched, and PostgreSQL plans them
as it plans its own (STABLE). They read a file that holds the time, so that telling it costs no round trip; within a
transaction it stands still, because no time passes there. Moving due times instead would test other rows than the product
writes; an offset in the product would be code for tests in production.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import asyncpg

from app.core import db
from tests.simulation.scheduler import ACTOR, PowerCut, Scheduler

_SCHEMA = """
CREATE SCHEMA sim;
CREATE SCHEMA base;
CREATE SEQUENCE sim.ids;
CREATE FUNCTION sim.now() RETURNS timestamptz LANGUAGE sql STABLE AS
  $$ SELECT pg_catalog.pg_read_file('CLOCK')::pg_catalog.timestamptz $$;
CREATE FUNCTION sim.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
  $$ SELECT pg_catalog.pg_read_file('CLOCK')::pg_catalog.timestamptz $$;
CREATE FUNCTION sim.gen_random_uuid() RETURNS uuid LANGUAGE sql VOLATILE AS
  $$ SELECT pg_catalog.md5('sim ' || pg_catalog.nextval('sim.ids'))::pg_catalog.uuid $$;
DO $body$ DECLARE one record; BEGIN
  FOR one IN SELECT c.oid::regclass AS owner, a.attname, pg_get_expr(d.adbin, d.adrelid) AS what
    FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum
    WHERE c.relnamespace = 'public'::regnamespace LOOP
    IF one.what ~ 'now\\(\\)|CURRENT_TIMESTAMP|clock_timestamp' THEN
      EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT sim.now()', one.owner, one.attname);
    ELSIF one.what ~ 'gen_random_uuid|uuid_generate' THEN
      EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT sim.gen_random_uuid()', one.owner, one.attname);
    END IF;
  END LOOP;
  FOR one IN SELECT oid::regclass AS owner FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
    EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = false)', one.owner);
  END LOOP;
  EXECUTE format('ALTER DATABASE %I SET search_path = sim, public, pg_catalog', current_database());
END $body$;
"""
_TABLES = """
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY c.relname
"""
_USED = """
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
AND pg_relation_size(c.oid) > 0 ORDER BY c.relname
"""
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY sequencename"


class Wired(asyncpg.Connection):  # type: ignore[misc]  # asyncpg is published without types
    """A connection whose every transaction is a point of the scheduler; before each statement PostgreSQL is told the time."""

    database: "Database"

    async def fetch(self, query: str, *args: Any, **more: Any) -> Any:
        return await self._through(query, super().fetch(query, *args, **more))

    async def fetchrow(self, query: str, *args: Any, **more: Any) -> Any:
        return await self._through(query, super().fetchrow(query, *args, **more))

    async def fetchval(self, query: str, *args: Any, **more: Any) -> Any:
        return await self._through(query, super().fetchval(query, *args, **more))

    async def execute(self, query: str, *args: Any, **more: Any) -> Any:
        return await self._through(query, super().execute(query, *args, **more))

    async def executemany(self, command: str, args: Any, **more: Any) -> Any:
        return await self._through(command, super().executemany(command, args, **more))

    async def _through(self, query: str, call: Any) -> Any:
        try:
            await self._wait(query)
            self.database.tell_time()
            with self.database.scheduler.on_the_wire():
                return await call
        finally:
            call.close()

    async def _wait(self, query: str) -> None:
        actor = ACTOR.get()
        if actor is None:
            return
        if actor.cut:
            if not query.startswith("ROLLBACK"):  # PostgreSQL rolls back by itself when a process is gone
                raise PowerCut(query)
        elif not self.is_in_transaction():
            await self.database.scheduler.point(" ".join(query.split())[:60])


class Database:
    """The product's database, as it stood when `keep` was called and whenever `back` is."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self._folder = Path(tempfile.mkdtemp(prefix="payportal-clock-"))
        self._folder.chmod(0o755)  # PostgreSQL may be another user
        self._clock = os.open(self._folder / "now", os.O_CREAT | os.O_RDWR, 0o644)
        self._told = -1

    def close(self) -> None:
        """The clock is gone."""
        os.close(self._clock)
        shutil.rmtree(self._folder, ignore_errors=True)

    def tell_time(self) -> None:
        """From now on `now()` is the loop's."""
        micros = self.scheduler.loop.micros
        if self._told != micros:
            self._told = micros
            os.pwrite(self._clock, f"{self.scheduler.loop.now():%Y-%m-%d %H:%M:%S.%f}+00".encode(), 0)

    async def open(self, url: str, connections: int = 12) -> None:
        """Prepare the (migrated) database and open the product's pool on it, every connection at once."""
        self.tell_time()
        plain = await asyncpg.connect(url)
        await plain.execute(_SCHEMA.replace("CLOCK", str(self._folder / "now")))
        await plain.close()
        Wired.database = self
        db.ENGINE.config = {
            "dsn": url,
            "connection_class": Wired,
            "max_inactive_connection_lifetime": 0,
            "max_queries": 1_000_000_000,
        }
        await db.open_pool(connections)
        pool = db.ENGINE.pool
        assert pool is not None
        held = [await pool.acquire() for _ in range(connections)]
        for one in held:
            await pool.release(one)

    async def keep(self) -> None:
        """Remember how everything is now."""
        self._names = [row["relname"] for row in await db.fetch(_TABLES)]
        for name in self._names:
            await db.fetch(f'VACUUM public."{name}"')  # the planner is to know as much in the first life as in the last
            await db.fetch(f'CREATE TABLE base."{name}" AS SELECT * FROM public."{name}" ORDER BY 1')
        filled = [name for name in self._names if await db.fetch_value(f'SELECT 1 FROM public."{name}" LIMIT 1')]
        self._fill = "".join(
            f'INSERT INTO public."{name}" OVERRIDING SYSTEM VALUE SELECT * FROM base."{name}";' for name in filled
        )
        self._numbers = "".join(
            f"SELECT setval('public.\"{row['sequencename']}\"', {row['last_value'] or 1}, {bool(row['last_value'])});"
            for row in await db.fetch(_SEQUENCES)
        )

    async def back(self, seed: int) -> None:
        """Everything as it was kept; ids that PostgreSQL makes follow from the seed.

        Deleted and vacuumed, which also cuts the files: rows lie in the same order in every life, and it is faster than
        to truncate them all.
        """
        delete = "".join(f'DELETE FROM public."{name}";' for name in self._names)
        numbers = f"{self._numbers} SELECT setval('sim.ids', {seed % 10**9 * 1_000_000 + 1})"
        pool = db.ENGINE.pool
        assert pool is not None
        async with pool.acquire() as connection:
            await connection.execute(f"SET session_replication_role = replica; {delete}")
            used = ", ".join(f'public."{row["relname"]}"' for row in await connection.fetch(_USED))
            await connection.execute(f"VACUUM {used}")
            await connection.execute(f"{self._fill} SET session_replication_role = origin; {numbers}")
