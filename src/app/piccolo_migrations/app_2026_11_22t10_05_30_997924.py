"""What Piccolo's columns cannot say of refunds and payouts: what exists once, and whose a write to Xero is."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.core import db

ID = "2026-11-22T10:05:30:997924"
VERSION = "1.38.0"
DESCRIPTION = "Keys of refunds and payouts"

SQL = """
ALTER TABLE payout ADD CONSTRAINT payout_once UNIQUE (stripe_account_id, stripe_payout_id);
ALTER TABLE payout_line ADD CONSTRAINT payout_line_once UNIQUE (payout, balance_transaction_id);
-- A write is of a payment (and its invoice) or of a payout, once for each kind; UNIQUE (payment, kind) stands as before.
ALTER TABLE write_back ADD CONSTRAINT write_back_once_of_payout UNIQUE (payout, kind);
ALTER TABLE write_back ADD CONSTRAINT write_back_of_one
  CHECK (CASE WHEN payout IS NULL THEN payment IS NOT NULL AND invoice IS NOT NULL ELSE payment IS NULL AND invoice IS NULL END);
CREATE INDEX payout_list ON payout (merchant, arrives_on DESC, id);
"""


async def forwards() -> MigrationManager:
    """Add the keys."""
    manager = MigrationManager(migration_id=ID, app_name="app", description=DESCRIPTION)

    async def run() -> None:
        await db.ENGINE.run_ddl_script(SQL)

    manager.add_raw(run)
    return manager
