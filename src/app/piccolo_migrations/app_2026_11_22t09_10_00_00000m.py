"""What a merchant's connected account is made from: the frozen request with its key, and who the contact person is."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.core import db

ID = "2026-11-22T09:10:00:00000m"
VERSION = "1.38.0"
DESCRIPTION = "Connected account requests and contact details"

SQL = """
ALTER TABLE merchant ADD COLUMN contact_family_name text NOT NULL DEFAULT '';
ALTER TABLE merchant ADD COLUMN website text NOT NULL DEFAULT '';
-- The row stands before Stripe has given the account its id.
ALTER TABLE stripe_account ALTER COLUMN stripe_account_id DROP NOT NULL;
ALTER TABLE stripe_account ALTER COLUMN stripe_account_id SET DEFAULT NULL;
ALTER TABLE stripe_account ADD COLUMN request text NOT NULL DEFAULT '';
ALTER TABLE stripe_account ADD COLUMN idempotency_key text NOT NULL DEFAULT '';
"""


async def forwards() -> MigrationManager:
    """Add the columns."""
    manager = MigrationManager(migration_id=ID, app_name="app", description=DESCRIPTION)

    async def run() -> None:
        await db.ENGINE.run_ddl_script(SQL)

    manager.add_raw(run)
    return manager
