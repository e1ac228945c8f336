from typing import ClassVar

from django.conf import settings
from django.db import migrations, models

from iocash.db.clock import Now

TABLES = "wallets_wallet, wallets_movement, wallets_hold, wallets_externalaccount"

# Adds to what the role may do; `Grant` would revoke what it does not name.
GRANT = f'GRANT UPDATE (updated_at) ON {TABLES} TO "{settings.DATABASE_ROLE}";'
REVOKE = f'REVOKE UPDATE (updated_at) ON {TABLES} FROM "{settings.DATABASE_ROLE}";'


# The name of a holder is a personal text, as the concept is: written once, and erased. What has
# ended is not updated.
GUARDS = """
CREATE OR REPLACE FUNCTION movement_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
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
       ((NEW.status, NEW.seq, NEW.balance_after, NEW.received_after, NEW.settled_at,
         NEW.updated_at, NEW.digest)
        IS DISTINCT FROM
        (OLD.status, OLD.seq, OLD.balance_after, OLD.received_after, OLD.settled_at,
         OLD.updated_at, OLD.digest)
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
    IF (NEW.concept, NEW.iban, NEW.holder_name, NEW.metadata, NEW.salt)
       IS DISTINCT FROM (OLD.concept, OLD.iban, OLD.holder_name, OLD.metadata, OLD.salt)
       AND num_nonnulls(NEW.concept, NEW.iban, NEW.holder_name, NEW.metadata, NEW.salt) > 0
    THEN
        RAISE EXCEPTION 'the texts of a movement are erased together, and never changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_texts_are_only_erased';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION wallets_erase_texts(
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
    SET concept = NULL, iban = NULL, holder_name = NULL, metadata = NULL, salt = NULL, reason = ''
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

CREATE OR REPLACE FUNCTION wallets_erase_labels(erased uuid)
RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE wallets_wallet SET alias = '', dlt_address = '', dlt_network = '', metadata = NULL
    WHERE id = erased;
    UPDATE wallets_externalaccount SET status = 'REMOVED', alias = '', iban = '', holder_name = ''
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

CREATE OR REPLACE FUNCTION hold_is_placed_once() RETURNS trigger LANGUAGE plpgsql AS $$
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
       (NEW.status, NEW.remaining, NEW.expires_at, NEW.ended_at, NEW.updated_at)
       IS DISTINCT FROM
       (OLD.status, OLD.remaining, OLD.expires_at, OLD.ended_at, OLD.updated_at)
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
"""
GUARDS_BEFORE = """
CREATE OR REPLACE FUNCTION movement_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION wallets_erase_texts(
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

CREATE OR REPLACE FUNCTION wallets_erase_labels(erased uuid)
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

CREATE OR REPLACE FUNCTION hold_is_placed_once() RETURNS trigger LANGUAGE plpgsql AS $$
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
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("wallets", "0005_read_the_clock")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="externalaccount",
            name="updated_at",
            field=models.DateTimeField(db_default=Now(), editable=False),
        ),
        migrations.AddField(
            model_name="hold",
            name="updated_at",
            field=models.DateTimeField(db_default=Now()),
        ),
        migrations.AddField(
            model_name="movement",
            name="updated_at",
            field=models.DateTimeField(
                null=True, help_text="Last change; null for what was settled at once."
            ),
        ),
        migrations.AddField(
            model_name="wallet",
            name="updated_at",
            field=models.DateTimeField(
                db_default=Now(),
                editable=False,
                help_text="Last change of what the ETag covers.",
            ),
        ),
        migrations.RunSQL(GRANT, REVOKE),
        migrations.AddField(
            model_name="externalaccount",
            name="holder_name",
            field=models.CharField(blank=True, db_default="", max_length=70),
        ),
        migrations.AddField(
            model_name="movement",
            name="holder_name",
            field=models.CharField(
                help_text="Who holds the bank account of a cash-out.", max_length=70, null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="movement",
            constraint=models.CheckConstraint(
                condition=models.Q(("holder_name", None), ("iban__isnull", False), _connector="OR"),
                name="movement_holder_has_an_iban",
            ),
        ),
        migrations.RunSQL(GUARDS, GUARDS_BEFORE),
    ]
