"""Indexes for the invoice list: the few payments, write-backs and tries that are not at rest."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.core import db

ID = "2026-11-22T09:20:00:00000b"
VERSION = "1.38.0"
DESCRIPTION = "Indexes for the invoice list"

SQL = """
CREATE INDEX payment_moving ON payment (merchant, invoice) WHERE state = 'processing';
CREATE INDEX write_back_moving ON write_back (merchant, state, invoice) WHERE state IN ('intended', 'sending', 'unknown', 'parked');
CREATE INDEX attempt_changed ON attempt (merchant, changed_at);
CREATE INDEX payment_paid ON payment (merchant, paid_at);
CREATE INDEX mail_invoice ON mail (invoice);
CREATE INDEX invoice_contact ON invoice (merchant, contact_id);
"""


async def forwards() -> MigrationManager:
    """Add the indexes."""
    manager = MigrationManager(migration_id=ID, app_name="app", description=DESCRIPTION)

    async def run() -> None:
        await db.ENGINE.run_ddl_script(SQL)

    manager.add_raw(run)
    return manager
