"""Faults of a row are counted apart from its turns."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.core import db

ID = "2026-11-22T10:10:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Count faults"

SQL = """
ALTER TABLE inbox ADD COLUMN IF NOT EXISTS faults integer NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN IF NOT EXISTS faults integer NOT NULL DEFAULT 0;
ALTER TABLE write_back ADD COLUMN IF NOT EXISTS faults integer NOT NULL DEFAULT 0;
"""


async def forwards() -> MigrationManager:
    """Add the columns."""
    manager = MigrationManager(migration_id=ID, app_name="app", description=DESCRIPTION)

    async def run() -> None:
        await db.ENGINE.run_ddl_script(SQL)

    manager.add_raw(run)
    return manager
