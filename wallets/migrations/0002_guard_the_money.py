from typing import ClassVar

from django.conf import settings
from django.db import migrations

from iocash.db.grants import Grant

FOREIGN_KEYS = """
ALTER TABLE wallets_wallet
    ADD CONSTRAINT wallet_is_of_its_users_client
        FOREIGN KEY (client_id, user_id) REFERENCES users_user (client_id, id);
ALTER TABLE wallets_movement
    ADD CONSTRAINT movement_has_its_wallets_client_and_currency
        FOREIGN KEY (client_id, wallet_id, currency)
        REFERENCES wallets_wallet (client_id, id, currency),
    ADD CONSTRAINT movement_has_its_counterpartys_client_and_currency
        FOREIGN KEY (client_id, counterparty_id, currency)
        REFERENCES wallets_wallet (client_id, id, currency);
ALTER TABLE wallets_hold
    ADD CONSTRAINT hold_has_its_wallets_client_and_currency
        FOREIGN KEY (client_id, wallet_id, currency)
        REFERENCES wallets_wallet (client_id, id, currency),
    ADD CONSTRAINT hold_has_its_targets_client_and_currency
        FOREIGN KEY (client_id, target_id, currency)
        REFERENCES wallets_wallet (client_id, id, currency);
"""

NO_FOREIGN_KEYS = """
ALTER TABLE wallets_hold
    DROP CONSTRAINT hold_has_its_wallets_client_and_currency,
    DROP CONSTRAINT hold_has_its_targets_client_and_currency;
ALTER TABLE wallets_movement
    DROP CONSTRAINT movement_has_its_wallets_client_and_currency,
    DROP CONSTRAINT movement_has_its_counterpartys_client_and_currency;
ALTER TABLE wallets_wallet DROP CONSTRAINT wallet_is_of_its_users_client;
"""

# A wallet's row changes with every movement: the free space lets it change in place (HOT).
ROOM = "ALTER TABLE wallets_wallet SET (fillfactor = 60);"
NO_ROOM = "ALTER TABLE wallets_wallet RESET (fillfactor);"

WRITTEN_ONCE = """
CREATE FUNCTION movement_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a movement is never removed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_is_never_removed';
    END IF;
    IF (NEW.id, NEW.client_id, NEW.wallet_id, NEW.operation_id, NEW.type, NEW.amount,
        NEW.currency, NEW.counterparty_id, NEW.hold_id, NEW.reversal_of_id, NEW.created_at,
        NEW.details_digest)
       IS DISTINCT FROM
       (OLD.id, OLD.client_id, OLD.wallet_id, OLD.operation_id, OLD.type, OLD.amount,
        OLD.currency, OLD.counterparty_id, OLD.hold_id, OLD.reversal_of_id, OLD.created_at,
        OLD.details_digest)
    THEN
        RAISE EXCEPTION 'a movement is written once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_is_written_once';
    END IF;
    IF OLD.status <> 'PENDING' AND
       ((NEW.status, NEW.seq, NEW.balance_after, NEW.received_after, NEW.settled_at, NEW.digest)
        IS DISTINCT FROM
        (OLD.status, OLD.seq, OLD.balance_after, OLD.received_after, OLD.settled_at, OLD.digest)
        OR NEW.reason <> OLD.reason
           AND (NEW.reason <> '' OR OLD.salt IS NULL OR NEW.salt IS NOT NULL))
    THEN
        RAISE EXCEPTION 'a movement is settled at most once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_is_settled_once';
    END IF;
    IF NEW.sent_at IS DISTINCT FROM OLD.sent_at
       AND (OLD.sent_at IS NOT NULL OR OLD.status <> 'PENDING')
    THEN
        RAISE EXCEPTION 'a movement is sent at most once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_is_sent_once';
    END IF;
    IF (NEW.concept, NEW.iban, NEW.metadata, NEW.salt)
       IS DISTINCT FROM (OLD.concept, OLD.iban, OLD.metadata, OLD.salt)
       AND num_nonnulls(NEW.concept, NEW.iban, NEW.metadata, NEW.salt) > 0
    THEN
        RAISE EXCEPTION 'the texts of a movement are erased together, and never changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_texts_are_only_erased';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER movement_is_written_once
    BEFORE UPDATE OR DELETE ON wallets_movement
    FOR EACH ROW EXECUTE FUNCTION movement_is_written_once();
"""

NOT_WRITTEN_ONCE = """
DROP TRIGGER movement_is_written_once ON wallets_movement;
DROP FUNCTION movement_is_written_once();
"""

HELD_ONCE = """
CREATE FUNCTION hold_is_placed_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a hold is never removed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_is_never_removed';
    END IF;
    IF (NEW.id, NEW.client_id, NEW.wallet_id, NEW.target_id, NEW.currency, NEW.amount,
        NEW.created_at)
       IS DISTINCT FROM
       (OLD.id, OLD.client_id, OLD.wallet_id, OLD.target_id, OLD.currency, OLD.amount,
        OLD.created_at)
    THEN
        RAISE EXCEPTION 'a hold is placed once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_is_placed_once';
    END IF;
    IF OLD.status <> 'OPEN' AND
       (NEW.status, NEW.remaining, NEW.expires_at, NEW.ended_at)
       IS DISTINCT FROM
       (OLD.status, OLD.remaining, OLD.expires_at, OLD.ended_at)
    THEN
        RAISE EXCEPTION 'a hold ends once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_ends_once';
    END IF;
    IF NEW.remaining > OLD.remaining THEN
        RAISE EXCEPTION 'a hold never grows'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_never_grows';
    END IF;
    IF (NEW.concept, NEW.metadata) IS DISTINCT FROM (OLD.concept, OLD.metadata)
       AND num_nonnulls(NEW.concept, NEW.metadata) > 0
    THEN
        RAISE EXCEPTION 'the texts of a hold are erased together, and never changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_texts_are_only_erased';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER hold_is_placed_once
    BEFORE UPDATE OR DELETE ON wallets_hold
    FOR EACH ROW EXECUTE FUNCTION hold_is_placed_once();
"""

NOT_HELD_ONCE = """
DROP TRIGGER hold_is_placed_once ON wallets_hold;
DROP FUNCTION hold_is_placed_once();
"""

REMOVED_ONCE = """
CREATE FUNCTION external_account_is_removed_for_ever() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'REMOVED' AND NEW.status <> 'REMOVED'
       OR (NEW.id, NEW.client_id, NEW.wallet_id) IS DISTINCT FROM
          (OLD.id, OLD.client_id, OLD.wallet_id)
    THEN
        RAISE EXCEPTION 'an external account is removed for ever, and stays where it is'
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'external_account_is_removed_for_ever';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER external_account_is_removed_for_ever
    BEFORE UPDATE ON wallets_externalaccount
    FOR EACH ROW EXECUTE FUNCTION external_account_is_removed_for_ever();
"""

NOT_REMOVED_ONCE = """
DROP TRIGGER external_account_is_removed_for_ever ON wallets_externalaccount;
DROP FUNCTION external_account_is_removed_for_ever();
"""

# The texts of who has ended go, at most so many movements at a time; the ledger stays whole. The
# other leg of a payment says the same, so it is erased too. Runs as the owner: what serves may
# erase nothing else, and nobody else.
ERASURE = """
CREATE FUNCTION wallets_erase_texts(erased uuid, since timestamptz, most integer)
RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    reached timestamptz;
BEGIN
    IF NOT EXISTS (
        SELECT FROM wallets_wallet AS wallet JOIN users_user AS owner ON owner.id = wallet.user_id
        WHERE wallet.id = erased AND owner.status = 'UNSUBSCRIBED'
    ) THEN
        RAISE EXCEPTION 'only who has ended is erased'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'user_is_erased_after_its_end';
    END IF;
    UPDATE wallets_wallet SET alias = '', dlt_address = '', dlt_network = '', metadata = NULL
    WHERE id = erased;
    UPDATE wallets_externalaccount SET status = 'REMOVED', alias = '', iban = ''
    WHERE wallet_id = erased;
    UPDATE wallets_hold SET concept = NULL, metadata = NULL
    WHERE (wallet_id = erased OR target_id = erased)
      AND (concept IS NOT NULL OR metadata IS NOT NULL);
    WITH own AS (
        SELECT id, operation_id, wallet_id, counterparty_id, created_at FROM wallets_movement
        WHERE wallet_id = erased AND created_at >= since AND salt IS NOT NULL
        ORDER BY created_at LIMIT most
    ), gone AS (
        UPDATE wallets_movement
        SET concept = NULL, iban = NULL, metadata = NULL, salt = NULL, reason = ''
        WHERE id IN (
            SELECT id FROM own
            UNION ALL
            SELECT mirror.id FROM own JOIN wallets_movement AS mirror USING (operation_id)
            WHERE mirror.wallet_id = own.counterparty_id AND mirror.counterparty_id = own.wallet_id
              AND mirror.created_at = own.created_at
        )
    )
    SELECT max(created_at) INTO reached FROM own;
    RETURN reached;
END
$$;
REVOKE ALL ON FUNCTION wallets_erase_texts FROM PUBLIC;
"""
SERVED = f'GRANT EXECUTE ON FUNCTION wallets_erase_texts TO "{settings.DATABASE_ROLE}";'
NO_ERASURE = "DROP FUNCTION wallets_erase_texts;"

# The numbers of IBANs. A number that was drawn and not used is lost, and never comes again.
NUMBERS = f"""
CREATE SEQUENCE wallets_iban_number;
REVOKE ALL ON SEQUENCE wallets_iban_number FROM "{settings.DATABASE_ROLE}";
GRANT USAGE ON SEQUENCE wallets_iban_number TO "{settings.DATABASE_ROLE}";
"""
NO_NUMBERS = "DROP SEQUENCE wallets_iban_number;"


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("wallets", "0001_initial"),
        ("users", "0002_grant_what_serving_needs"),
    ]

    operations: ClassVar = [
        migrations.RunSQL(FOREIGN_KEYS, NO_FOREIGN_KEYS),
        migrations.RunSQL(ROOM, NO_ROOM),
        migrations.RunSQL(WRITTEN_ONCE, NOT_WRITTEN_ONCE),
        migrations.RunSQL(HELD_ONCE, NOT_HELD_ONCE),
        migrations.RunSQL(REMOVED_ONCE, NOT_REMOVED_ONCE),
        migrations.RunSQL(NUMBERS, NO_NUMBERS),
        migrations.RunSQL(ERASURE, NO_ERASURE),
        migrations.RunSQL(SERVED, migrations.RunSQL.noop),
        Grant("SELECT, INSERT", "wallets_audit"),
        Grant(
            "SELECT, INSERT, UPDATE (status, alias, iban, dlt_address, dlt_network, metadata, "
            "balance, held, received, next_expiry, seq, head, settled_at)",
            "wallets_wallet",
        ),
        Grant(
            "SELECT, INSERT, UPDATE (status, sent_at, reason, seq, balance_after, "
            "received_after, settled_at, digest)",
            "wallets_movement",
        ),
        Grant("SELECT, INSERT, UPDATE (status, remaining, expires_at, ended_at)", "wallets_hold"),
        Grant("SELECT, INSERT, UPDATE (status)", "wallets_externalaccount"),
    ]
