from importlib import import_module
from typing import ClassVar

from django.conf import settings
from django.db import migrations

# The texts of a closed user's wallet go, and the salts of the keys of all orders that name it; at
# most so many movements at a time, from the place that the last call reached; nothing is reached
# when that was the last. The ledger stays whole. The other leg of a payment has the same texts and
# may have the key, so both go. Runs as the owner: what serves may erase nothing else, and nobody
# else.
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
    UPDATE wallets_hold SET concept = NULL, metadata = NULL
    WHERE (wallet_id = erased OR target_id = erased)
      AND (concept IS NOT NULL OR metadata IS NOT NULL);
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
SERVED = f'GRANT EXECUTE ON FUNCTION wallets_erase_texts TO "{settings.DATABASE_ROLE}";'
NO_ERASURE = "DROP FUNCTION wallets_erase_texts; DROP FUNCTION wallets_erase_labels;"


BEFORE = import_module("wallets.migrations.0002_guard_the_money").ERASURE


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("wallets", "0004_index_what_lists_filter_by"),
        ("users", "0007_salt_the_fingerprints_of_keys"),
    ]

    operations: ClassVar = [
        migrations.RunSQL("DROP FUNCTION wallets_erase_texts;", BEFORE),
        migrations.RunSQL(ERASURE, NO_ERASURE),
        migrations.RunSQL(SERVED, migrations.RunSQL.noop),
    ]
