"""One row a day for each organisation's use of Xero; and who was forgotten stays forgotten, whoever writes the invoice."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.core import db

ID = "2026-11-22T12:20:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Use by day once; erased contacts stay erased"

SQL = """
ALTER TABLE xero_usage ADD CONSTRAINT xero_usage_once UNIQUE (xero_tenant_id, day_on);
ALTER TABLE erased_contact ADD CONSTRAINT erased_contact_once UNIQUE (connection, contact_id);

-- Xero may go on telling us the name: what was issued until the customer asked to be forgotten is kept without it.
CREATE FUNCTION keep_erased() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF EXISTS (SELECT 1 FROM erased_contact e WHERE e.connection = NEW.connection AND e.contact_id = NEW.contact_id
             AND COALESCE(NEW.issued_on, NEW.created_at::date) <= e.erased_at::date) THEN
    NEW.contact_name := 'Erased contact';
    NEW.contact_email := '';
    NEW.reference := '';
    NEW.content := '{}';
  END IF;
  RETURN NEW;
END $body$;
CREATE TRIGGER keep_erased BEFORE INSERT OR UPDATE OF contact_id, contact_name, contact_email, reference, content ON invoice
  FOR EACH ROW EXECUTE FUNCTION keep_erased();
"""


async def forwards() -> MigrationManager:
    """Add the keys and the trigger."""
    manager = MigrationManager(migration_id=ID, app_name="app", description=DESCRIPTION)

    async def run() -> None:
        await db.ENGINE.run_ddl_script(SQL)

    manager.add_raw(run)
    return manager
