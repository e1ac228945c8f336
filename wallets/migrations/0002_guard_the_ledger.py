from typing import ClassVar

from django.db import migrations

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

# The row of a wallet changes with every movement: free space lets it change in place (HOT).
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
    IF OLD.digest IS DISTINCT FROM NEW.digest
       AND OLD.status = 'PENDING' AND NEW.status <> 'SUCCESS'
    THEN
        RAISE EXCEPTION 'the digest of a movement changes only when it settles'
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
        NEW.created_at, NEW.details_digest, NEW.digest)
       IS DISTINCT FROM
       (OLD.id, OLD.client_id, OLD.wallet_id, OLD.target_id, OLD.currency, OLD.amount,
        OLD.created_at, OLD.details_digest, OLD.digest)
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
    IF (NEW.concept, NEW.metadata, NEW.salt)
       IS DISTINCT FROM (OLD.concept, OLD.metadata, OLD.salt)
       AND num_nonnulls(NEW.concept, NEW.metadata, NEW.salt) > 0
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

# The numbers of IBANs. A number that was drawn and not used is lost, and never comes again.
NUMBERS = "CREATE SEQUENCE wallets_iban_number;"
NO_NUMBERS = "DROP SEQUENCE wallets_iban_number;"

# Erase the texts of a closed user's wallet, and the salts of the keys of all orders that name it.
# One call erases at most `most` movements, after the place that the last call reached; it returns
# no place when none are left. The other leg of a payment has the same texts, and may have the key:
# both are erased. The ledger stays complete. Runs as the owner: the serving role may erase nothing
# else, and only of closed users.
ERASURE = """
CREATE FUNCTION wallets_erase_texts(
    erased uuid, since timestamptz, after uuid, most integer,
    OUT reached_at timestamptz, OUT reached uuid
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    own uuid[];
    legs uuid[];
BEGIN
    IF NOT EXISTS (
        SELECT FROM wallets_wallet AS wallet JOIN users_user AS owner ON owner.id = wallet.user_id
        WHERE wallet.id = erased AND owner.status = 'UNSUBSCRIBED'
    ) THEN
        RAISE EXCEPTION 'only who has ended is erased'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'user_is_erased_after_its_end';
    END IF;
    IF after IS NULL THEN
        PERFORM wallets_erase_labels(erased);
    END IF;
    SELECT array_agg(id ORDER BY created_at, id) INTO own FROM (
        SELECT id, created_at FROM wallets_movement
        WHERE wallet_id = erased AND (after IS NULL OR (created_at, id) > (since, after))
        ORDER BY created_at, id LIMIT most
    ) AS next;
    SELECT array_agg(leg.id) INTO legs FROM (
        SELECT id FROM unnest(own) AS id
        UNION ALL
        SELECT mirror.id
        FROM unnest(own) AS leg_id
        JOIN wallets_movement AS leg ON leg.id = leg_id
        JOIN wallets_movement AS mirror ON mirror.operation_id = leg.operation_id
            AND mirror.wallet_id = leg.counterparty_id
            AND mirror.counterparty_id = leg.wallet_id
            AND mirror.created_at = leg.created_at
    ) AS leg;
    UPDATE wallets_movement
    SET concept = NULL, iban = NULL, metadata = NULL, salt = NULL, reason = ''
    WHERE id = ANY(legs) AND salt IS NOT NULL;
    UPDATE users_key SET salt = NULL
    WHERE salt IS NOT NULL AND made_id = ANY(
        legs || ARRAY(SELECT DISTINCT operation_id FROM wallets_movement WHERE id = ANY(own))
    );
    IF cardinality(own) = most THEN
        SELECT created_at, id INTO reached_at, reached FROM wallets_movement
        WHERE id = own[most];
    END IF;
END
$$;
REVOKE ALL ON FUNCTION wallets_erase_texts FROM PUBLIC;

CREATE FUNCTION wallets_erase_labels(erased uuid)
RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE wallets_wallet SET alias = '', dlt_address = '', dlt_network = '', metadata = NULL
    WHERE id = erased;
    UPDATE wallets_externalaccount SET status = 'REMOVED', alias = '', iban = ''
    WHERE wallet_id = erased;
    UPDATE wallets_hold SET concept = NULL, metadata = NULL, salt = NULL
    WHERE (wallet_id = erased OR target_id = erased) AND salt IS NOT NULL;
    UPDATE users_key SET salt = NULL
    WHERE salt IS NOT NULL AND made_id IN (
        SELECT erased
        UNION ALL SELECT id FROM wallets_externalaccount WHERE wallet_id = erased
        UNION ALL SELECT id FROM wallets_hold WHERE wallet_id = erased OR target_id = erased
    );
END
$$;
REVOKE ALL ON FUNCTION wallets_erase_labels FROM PUBLIC;
"""
NO_ERASURE = "DROP FUNCTION wallets_erase_texts; DROP FUNCTION wallets_erase_labels;"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("wallets", "0001_initial"), ("users", "0002_guard_users")]

    operations: ClassVar = [
        migrations.RunSQL(FOREIGN_KEYS, NO_FOREIGN_KEYS),
        migrations.RunSQL(ROOM, NO_ROOM),
        migrations.RunSQL(WRITTEN_ONCE, NOT_WRITTEN_ONCE),
        migrations.RunSQL(HELD_ONCE, NOT_HELD_ONCE),
        migrations.RunSQL(REMOVED_ONCE, NOT_REMOVED_ONCE),
        migrations.RunSQL(NUMBERS, NO_NUMBERS),
        migrations.RunSQL(ERASURE, NO_ERASURE),
    ]
