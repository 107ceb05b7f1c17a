"""Each refund of a payment once, and one credit note and its refund in Xero for each of them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.core import db

ID = "2026-11-22T15:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Refunds of Stripe once; writes for each of them"

SQL = """
ALTER TABLE stripe_refund ADD CONSTRAINT stripe_refund_once UNIQUE (payment, stripe_refund_id);
ALTER TABLE write_back ADD CONSTRAINT write_back_once_of_refund UNIQUE (payment, kind, stripe_refund_id);
ALTER TABLE write_back DROP CONSTRAINT write_back_once;
"""


async def forwards() -> MigrationManager:
    """Add the keys."""
    manager = MigrationManager(migration_id=ID, app_name="app", description=DESCRIPTION)

    async def run() -> None:
        await db.ENGINE.run_ddl_script(SQL)

    manager.add_raw(run)
    return manager
