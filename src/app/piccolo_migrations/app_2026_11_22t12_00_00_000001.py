"""What is looked for often in tables that only grow: each look goes to a small partial index, however long the table is."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.core import db

ID = "2026-11-22T12:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Indexes for long tables"

SQL = """
CREATE INDEX write_back_of_invoice ON write_back (invoice, kind) WHERE invoice IS NOT NULL;
-- What was put aside: the health page counts it, a person clears it.
CREATE INDEX inbox_put_aside ON inbox (dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX job_put_aside ON job (dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX write_back_put_aside ON write_back (dead_at) WHERE dead_at IS NOT NULL;
-- What house-keeping has still to forget.
CREATE INDEX inbox_unforgotten ON inbox (received_at) WHERE substring(body FROM 1 FOR 7) <> 'sha256:';
CREATE INDEX mail_unforgotten ON mail (sent_at) WHERE text <> '' OR html <> '';
CREATE INDEX job_ended ON job (changed_at) WHERE next_at IS NULL AND dead_at IS NULL;
"""


async def forwards() -> MigrationManager:
    """Add the indexes."""
    manager = MigrationManager(migration_id=ID, app_name="app", description=DESCRIPTION)

    async def run() -> None:
        await db.ENGINE.run_ddl_script(SQL)

    manager.add_raw(run)
    return manager
