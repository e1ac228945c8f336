from typing import ClassVar

from django.db import migrations, models

# Beside what the first of them did: the digest of a movement changes only when it settles.
WRITTEN_ONCE = """
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
"""

# The digests and the salt of a hold are guarded as those of a movement are.
HELD_ONCE = """
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

# The salt of a hold's texts goes with them.
ERASURE = """
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
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("wallets", "0005_erase_the_salts_of_keys")]

    operations: ClassVar = [
        migrations.AddField("hold", "salt", models.BinaryField(max_length=16, null=True)),
        migrations.AddField("hold", "details_digest", models.BinaryField(max_length=32, null=True)),
        migrations.AddField(
            "hold", "digest", models.BinaryField(max_length=32, default=b""), preserve_default=False
        ),
        migrations.AddConstraint(
            "hold",
            models.CheckConstraint(
                name="hold_details_have_a_salt",
                condition=models.Q(salt__isnull=False, details_digest__isnull=False)
                | models.Q(salt=None, concept=None, metadata__isnull=True),
            ),
        ),
        migrations.RemoveConstraint("movement", "movement_success_is_settled"),
        migrations.AddConstraint(
            "movement",
            models.CheckConstraint(
                name="movement_success_is_settled",
                condition=models.Q(
                    status="SUCCESS",
                    seq__isnull=False,
                    seq__gte=1,
                    balance_after__isnull=False,
                    balance_after__gte=0,
                    received_after__isnull=False,
                    received_after__gte=models.F("balance_after"),
                    settled_at__isnull=False,
                )
                | (
                    ~models.Q(status="SUCCESS")
                    & models.Q(seq=None, balance_after=None, received_after=None, settled_at=None)
                ),
            ),
        ),
        migrations.AlterField("movement", "digest", models.BinaryField(max_length=32)),
        migrations.RunSQL(WRITTEN_ONCE),
        migrations.RunSQL(HELD_ONCE),
        migrations.RunSQL(ERASURE),
    ]
