"""A replaced pay link remembers the hash before, so that the old address can say that it has expired."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.core import db

ID = "2026-11-22T09:11:00:00000n"
VERSION = "1.38.0"
DESCRIPTION = "Expired pay links"

SQL = """
ALTER TABLE pay_link ADD COLUMN previous_hash text NOT NULL DEFAULT '';
CREATE INDEX pay_link_previous ON pay_link (previous_hash) WHERE previous_hash <> '';
CREATE INDEX receipt_payment ON payment (invoice, created_at);
"""


async def forwards() -> MigrationManager:
    """Add the column."""
    manager = MigrationManager(migration_id=ID, app_name="app", description=DESCRIPTION)

    async def run() -> None:
        await db.ENGINE.run_ddl_script(SQL)

    manager.add_raw(run)
    return manager
