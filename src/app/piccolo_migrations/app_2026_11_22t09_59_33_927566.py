"""What Piccolo's columns cannot say of the trail: one chain for each merchant, append-only; one open breach for each fact."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.core import db

ID = "2026-11-22T09:59:33:927566"
VERSION = "1.38.0"
DESCRIPTION = "Guards of the trail"

SQL = """
-- Two writers cannot both be the next: a chain never forks.
ALTER TABLE audit ADD CONSTRAINT audit_chain UNIQUE (merchant, number);
ALTER TABLE repair ADD CONSTRAINT repair_once UNIQUE (merchant, source, day_on);
CREATE UNIQUE INDEX breach_open ON breach (kind, subject) WHERE cleared_at IS NULL;

CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN RAISE EXCEPTION 'The audit trail is append-only.' USING ERRCODE = 'check_violation'; END $body$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit
  FOR EACH ROW EXECUTE FUNCTION audit_append_only();
"""


async def forwards() -> MigrationManager:
    """Add keys and guards."""
    manager = MigrationManager(migration_id=ID, app_name="app", description=DESCRIPTION)

    async def run() -> None:
        await db.ENGINE.run_ddl_script(SQL)

    manager.add_raw(run)
    return manager
