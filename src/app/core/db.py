"""The one engine: PostgreSQL through Piccolo and asyncpg, one pool per running event loop.

A pool belongs to one loop, and inside one process both the web's loop and Dramatiq's loop use the engine; so the pool is
looked up by the running loop. `transaction()` is the only way to open one: wake-ups asked for inside it go out after the
commit and never when it rolls back.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction

from app.core.errors import InTransaction

CONNECT_SECONDS = 10.0
SILENT_SECONDS = 5.0  # beyond a statement's own time: whoever says nothing for so long is not there

Wake = Callable[[], None]
Last = Callable[[], Awaitable[None]]
_wakes: ContextVar[list[Wake] | None] = ContextVar("wakes", default=None)
_lasts: ContextVar[list[tuple[str, Last]] | None] = ContextVar("lasts", default=None)


class SafeTransaction(PostgresTransaction):
    """Piccolo's transaction, which also gives its connection back when begin, commit or rollback fails or is cancelled."""

    async def __aenter__(self) -> PostgresTransaction:
        if self._parent is not None:
            return self._parent
        self.connection = await self.get_connection()  # type: ignore[no-untyped-call]  # Piccolo's are untyped
        try:
            self.transaction = self.connection.transaction()
            await self.begin()  # type: ignore[no-untyped-call]
        except BaseException:
            await self._give_back()
            raise
        self.context = self.engine.current_transaction.set(self)
        return self

    async def _give_back(self) -> None:
        if self.engine.pool:
            await self.engine.pool.release(self.connection)
        else:
            await self.connection.close()

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if self._parent:
            return exception is None
        try:
            await (self.rollback() if exception else self.commit())  # type: ignore[no-untyped-call]  # Piccolo's are untyped
        except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError):
            if exception is None:
                raise
        finally:
            self.engine.current_transaction.reset(self.context)
            await self._give_back()
        return exception is None


class Engine(PostgresEngine):
    """Piccolo's engine with one asyncpg pool for each running event loop."""

    def __init__(self) -> None:
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncpg.Pool] = WeakKeyDictionary()
        super().__init__(config={"database": "payportal"})

    async def check_version(self) -> None:
        """Piccolo would open a connection on import; we look at the version in `payportal doctor` instead."""

    async def prep_database(self) -> None:
        """No extensions are needed."""

    @property
    def pool(self) -> asyncpg.Pool | None:
        with suppress(RuntimeError):
            return self._pools.get(asyncio.get_running_loop())
        return None

    @pool.setter
    def pool(self, pool: asyncpg.Pool | None) -> None:
        if pool is not None:
            self._pools[asyncio.get_running_loop()] = pool
        else:
            with suppress(RuntimeError):
                self._pools.pop(asyncio.get_running_loop(), None)

    async def run_ddl_script(self, script: str) -> None:
        """Several statements at once, inside the open transaction if there is one (migrations)."""
        current = self.current_transaction.get()
        if current:
            await current.connection.execute(script)
            return
        connection = await self.get_new_connection()
        try:
            await connection.execute(script)
        finally:
            await connection.close()

    def transaction(self, allow_nested: bool = True) -> PostgresTransaction:
        return SafeTransaction(engine=self, allow_nested=allow_nested)


ENGINE = Engine()


def configure(dsn: str) -> None:
    """Point the process at a database; called once, by a door."""
    ENGINE.config = {"dsn": dsn}


async def open_pool(size: int = 10, statement_timeout_ms: int = 5_000) -> None:
    """Open the running loop's pool. Times out statements, lock waits and forgotten transactions.

    A statement that PostgreSQL should have ended long ago is given up here as well, with its connection: behind a network
    that has gone silent nobody else would tell.
    """
    await ENGINE.start_connection_pool(
        min_size=1,
        max_size=size,
        reset=_as_it_was,
        timeout=CONNECT_SECONDS,
        command_timeout=statement_timeout_ms / 1000 + SILENT_SECONDS,
        server_settings={
            "statement_timeout": str(statement_timeout_ms),
            "lock_timeout": "3000",
            "idle_in_transaction_session_timeout": "30000",
            "timezone": "UTC",
            "application_name": "payportal",
        },
    )


async def _as_it_was(_connection: object) -> None:
    """Nothing to reset: no code of ours leaves settings, cursors, locks or listeners on a pooled connection.

    asyncpg would otherwise spend a round trip on it after every statement.
    """


async def close_pool() -> None:
    """Close the running loop's pool, if it has one."""
    if ENGINE.pool:
        await ENGINE.close_connection_pool()


@asynccontextmanager
async def transaction() -> AsyncIterator[None]:
    """One database transaction; inside another it joins that one. Wake-ups go out after the commit."""
    if ENGINE.transaction_exists():
        yield
        return
    pending: list[Wake] = []
    lasts: list[tuple[str, Last]] = []
    token, lasts_token = _wakes.set(pending), _lasts.set(lasts)
    try:
        async with ENGINE.transaction():
            yield
            for _, last in sorted(lasts, key=lambda one: one[0]):
                await last()
    finally:
        _wakes.reset(token)
        _lasts.reset(lasts_token)
    for wake in pending:
        wake()


def after_commit(wake: Wake) -> None:
    """Call `wake` when the open transaction has committed; at once when none is open."""
    pending = _wakes.get()
    if pending is None:
        wake()
    else:
        pending.append(wake)


def before_commit(order: str, last: Last) -> None:
    """Do `last` as the transaction's last deed, in the order of `order` over all that were asked for.

    For locks that many transactions want: taken last and always in the same order, they are held briefly and never
    across each other. A transaction must be open.
    """
    lasts = _lasts.get()
    if lasts is None:
        raise RuntimeError("No transaction is open.")
    lasts.append((order, last))


def refuse_in_transaction(what: str) -> None:
    """Raise InTransaction when a transaction is open: no network call may hold a row."""
    if ENGINE.transaction_exists():
        raise InTransaction(f"{what} inside a database transaction")


async def fetch(sql: str, *args: Any) -> list[Any]:
    """Rows (asyncpg Records, read by column name) of one statement, inside the open transaction if there is one."""
    current = ENGINE.current_transaction.get()
    if current:
        return list(await current.connection.fetch(sql, *args))
    if ENGINE.pool is None:
        raise RuntimeError("The database pool of this event loop is not open.")
    return list(await ENGINE.pool.fetch(sql, *args))


async def fetch_row(sql: str, *args: Any) -> Any | None:
    """The first row, or None."""
    rows = await fetch(sql, *args)
    return rows[0] if rows else None


async def fetch_value(sql: str, *args: Any) -> Any:
    """The first column of the first row, or None."""
    row = await fetch_row(sql, *args)
    return row[0] if row else None
