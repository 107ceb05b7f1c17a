"""What Piccolo's columns cannot say: unique pairs, partial indexes, and an append-only, balanced ledger."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from app.core import db

ID = "2026-11-22T09:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Keys, indexes and guards"

SQL = """
ALTER TABLE member ADD CONSTRAINT member_once UNIQUE (merchant, app_user);
ALTER TABLE account_choice ADD CONSTRAINT account_choice_once UNIQUE (connection, kind, currency);
ALTER TABLE invoice ADD CONSTRAINT invoice_once UNIQUE (connection, xero_invoice_id);
ALTER TABLE payment ADD CONSTRAINT payment_once UNIQUE (stripe_account_id, stripe_payment_intent_id);
ALTER TABLE write_back ADD CONSTRAINT write_back_once UNIQUE (payment, kind);
ALTER TABLE inbox ADD CONSTRAINT inbox_once UNIQUE (source, account, event_id);
ALTER TABLE job ADD CONSTRAINT job_once UNIQUE (kind, subject);
ALTER TABLE ledger_transaction ADD CONSTRAINT ledger_once UNIQUE (source, external_id, kind);
-- One live claim to an organisation, whoever connects it.
CREATE UNIQUE INDEX connection_tenant_live ON connection (xero_tenant_id) WHERE state <> 'disconnected';
-- One live checkout session for an invoice.
CREATE UNIQUE INDEX attempt_one_open ON attempt (invoice) WHERE state IN ('created', 'open');
CREATE INDEX attempt_expiring ON attempt (expires_at) WHERE state IN ('created', 'open');
CREATE INDEX invoice_list ON invoice (merchant, due_on, id);
CREATE INDEX invoice_open ON invoice (merchant, status, due_on);
CREATE INDEX invoice_number ON invoice (connection, number);
CREATE INDEX payment_list ON payment (merchant, created_at DESC);
CREATE INDEX happening_list ON happening (invoice, at DESC);
CREATE INDEX write_back_attention ON write_back (merchant, state) WHERE state IN ('parked', 'unknown');
CREATE INDEX inbox_due ON inbox (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX job_due ON job (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX write_back_due ON write_back (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX xero_permit_tenant ON xero_permit (xero_tenant_id, expires_at);
CREATE INDEX pay_link_previous ON pay_link (previous_hash) WHERE previous_hash <> '';
CREATE INDEX payment_of_invoice ON payment (invoice, created_at);
CREATE INDEX payment_moving ON payment (merchant, invoice) WHERE state = 'processing';
CREATE INDEX payment_paid ON payment (merchant, paid_at);
CREATE INDEX write_back_moving ON write_back (merchant, state, invoice)
  WHERE state IN ('intended', 'sending', 'unknown', 'parked');
CREATE INDEX attempt_changed ON attempt (merchant, changed_at);
CREATE INDEX mail_invoice ON mail (invoice);
CREATE INDEX invoice_contact ON invoice (merchant, contact_id);

CREATE FUNCTION job_touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN NEW.changed_at := now(); RETURN NEW; END $body$;
CREATE TRIGGER job_touch BEFORE UPDATE ON job FOR EACH ROW EXECUTE FUNCTION job_touch();

CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN RAISE EXCEPTION 'The ledger is append-only; write a reversal instead.' USING ERRCODE = 'check_violation'; END $body$;
CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON ledger_entry
  FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_transaction_append_only BEFORE UPDATE OR DELETE ON ledger_transaction
  FOR EACH ROW EXECUTE FUNCTION ledger_append_only();

CREATE FUNCTION ledger_balanced() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF EXISTS (SELECT 1 FROM ledger_entry WHERE ledger_transaction = NEW.ledger_transaction
             GROUP BY currency HAVING sum(amount_minor) <> 0) THEN
    RAISE EXCEPTION 'Ledger transaction % does not balance.', NEW.ledger_transaction USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $body$;
CREATE CONSTRAINT TRIGGER ledger_balanced AFTER INSERT ON ledger_entry DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION ledger_balanced();

-- Two writers cannot both be the next: a chain never forks.
ALTER TABLE audit ADD CONSTRAINT audit_chain UNIQUE (merchant, number);
ALTER TABLE repair ADD CONSTRAINT repair_once UNIQUE (merchant, source, day_on);
CREATE UNIQUE INDEX breach_open ON breach (kind, subject) WHERE cleared_at IS NULL;

CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN RAISE EXCEPTION 'The audit trail is append-only.' USING ERRCODE = 'check_violation'; END $body$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit
  FOR EACH ROW EXECUTE FUNCTION audit_append_only();

ALTER TABLE payout ADD CONSTRAINT payout_once UNIQUE (stripe_account_id, stripe_payout_id);
ALTER TABLE payout_line ADD CONSTRAINT payout_line_once UNIQUE (payout, balance_transaction_id);
-- A write is of a payment (and its invoice) or of a payout, once for each kind; UNIQUE (payment, kind) stands as before.
ALTER TABLE write_back ADD CONSTRAINT write_back_once_of_payout UNIQUE (payout, kind);
ALTER TABLE write_back ADD CONSTRAINT write_back_of_one
  CHECK (CASE WHEN payout IS NULL THEN payment IS NOT NULL AND invoice IS NOT NULL ELSE payment IS NULL AND invoice IS NULL END);
CREATE INDEX payout_list ON payout (merchant, arrives_on DESC, id);
"""


async def forwards() -> MigrationManager:
    """Add keys, indexes and guards."""
    manager = MigrationManager(migration_id=ID, app_name="app", description=DESCRIPTION)

    async def run() -> None:
        await db.ENGINE.run_ddl_script(SQL)

    manager.add_raw(run)
    return manager
