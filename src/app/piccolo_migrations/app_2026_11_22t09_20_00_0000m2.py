"""Whether the merchant is told by mail when a payment cannot be recorded."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.core import db

ID = "2026-11-22T09:20:00:0000m2"
VERSION = "1.38.0"
DESCRIPTION = "Mail on trouble"

SQL = "ALTER TABLE merchant ADD COLUMN mail_on_trouble boolean NOT NULL DEFAULT true"


async def forwards() -> MigrationManager:
    """Add the column."""
    manager = MigrationManager(migration_id=ID, app_name="app", description=DESCRIPTION)

    async def run() -> None:
        await db.ENGINE.run_ddl_script(SQL)

    manager.add_raw(run)
    return manager
