"""Who was forgotten stays forgotten at Stripe's next word, too: a refund or a dispute reads the payment's charge again."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.core import db

ID = "2026-11-22T13:20:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Payments of erased contacts stay without an address"

SQL = """
CREATE FUNCTION keep_erased_payer() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF NEW.customer_email <> '' AND EXISTS (
      SELECT 1 FROM invoice i JOIN erased_contact e ON e.connection = i.connection AND e.contact_id = i.contact_id
      WHERE i.id = NEW.invoice AND NEW.created_at <= e.erased_at) THEN
    NEW.customer_email := '';
  END IF;
  RETURN NEW;
END $body$;
CREATE TRIGGER keep_erased_payer BEFORE UPDATE OF customer_email ON payment
  FOR EACH ROW EXECUTE FUNCTION keep_erased_payer();
"""


async def forwards() -> MigrationManager:
    """Add the trigger."""
    manager = MigrationManager(migration_id=ID, app_name="app", description=DESCRIPTION)

    async def run() -> None:
        await db.ENGINE.run_ddl_script(SQL)

    manager.add_raw(run)
    return manager
