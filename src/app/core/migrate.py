"""Run the migrations, once, however many processes ask for it at the same time."""

import contextlib
import io
from collections.abc import Iterable

from piccolo.apps.migrations.commands.forwards import run_forwards

from app.core import db

_LOCK = 7_206_011  # any number, the same everywhere


class MigrationFailed(Exception):
    """The database could not be brought up to date; the text is Piccolo's own."""


async def migrate(guards: Iterable[str] = ()) -> None:
    """Bring the configured database up to date; a second process waits for the first. Raises MigrationFailed.

    `guards` is SQL that may run any number of times (the triggers made from the state machines).
    """
    guard = await db.ENGINE.get_new_connection()
    try:
        await guard.execute("SET statement_timeout = 0; SET lock_timeout = 0")
        await guard.execute("SELECT pg_advisory_lock($1)", _LOCK)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            result = await run_forwards("all")
        if not result.success:
            raise MigrationFailed(result.message or said.getvalue())
        for script in guards:
            await guard.execute(script)
    finally:
        await guard.close()
