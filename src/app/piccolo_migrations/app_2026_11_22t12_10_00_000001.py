"""Notes every change of money for the next check, and keeps the environment's row alone."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.core import db

ID = "2026-11-22T12:10:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Changes are noted for the next check"

SQL = """
ALTER TABLE environment ADD CONSTRAINT environment_alone CHECK (id = 1);

-- Whoever changes a payment, its ledger or its write to Xero, by whatever way: the next check looks at it.
CREATE FUNCTION touch_payment() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN INSERT INTO touched (payment) VALUES (NEW.id); RETURN NULL; END $body$;
CREATE TRIGGER touch_payment AFTER INSERT OR UPDATE OF amount_minor, refunded_minor, state, currency ON payment
  FOR EACH ROW EXECUTE FUNCTION touch_payment();

CREATE FUNCTION touch_ledger() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN INSERT INTO touched (payment, entry) VALUES (NEW.payment, NEW.id); RETURN NULL; END $body$;
CREATE TRIGGER touch_ledger AFTER INSERT ON ledger_transaction FOR EACH ROW EXECUTE FUNCTION touch_ledger();

CREATE FUNCTION touch_write_back() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN INSERT INTO touched (payment) VALUES (NEW.payment); RETURN NULL; END $body$;
CREATE TRIGGER touch_write_back_new AFTER INSERT ON write_back FOR EACH ROW
  WHEN (NEW.state = 'confirmed' AND NEW.payment IS NOT NULL) EXECUTE FUNCTION touch_write_back();
CREATE TRIGGER touch_write_back AFTER UPDATE OF state, amount_minor ON write_back FOR EACH ROW
  WHEN ('confirmed' IN (OLD.state, NEW.state) AND NEW.payment IS NOT NULL) EXECUTE FUNCTION touch_write_back();
"""


async def forwards() -> MigrationManager:
    """Add the triggers."""
    manager = MigrationManager(migration_id=ID, app_name="app", description=DESCRIPTION)

    async def run() -> None:
        await db.ENGINE.run_ddl_script(SQL)

    manager.add_raw(run)
    return manager
