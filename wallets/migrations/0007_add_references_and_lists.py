from importlib import import_module
from typing import Any, ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

earlier: Any = import_module("wallets.migrations.0006_date_changes_and_name_holders")

# Adds to what the role may do; `Grant` would revoke what it does not name.
GRANT = f"""
GRANT UPDATE (ended_at) ON wallets_movement TO "{settings.DATABASE_ROLE}";
GRANT UPDATE (metadata) ON wallets_externalaccount TO "{settings.DATABASE_ROLE}";
"""
REVOKE = f"""
REVOKE UPDATE (ended_at) ON wallets_movement FROM "{settings.DATABASE_ROLE}";
REVOKE UPDATE (metadata) ON wallets_externalaccount FROM "{settings.DATABASE_ROLE}";
"""

# The functions of 0006, and what this migration adds: a reference is a personal text, a cash-out
# goes to one account for ever, and what has ended keeps its end.
GUARDS = """
CREATE OR REPLACE FUNCTION movement_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a movement is never removed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_is_never_removed';
    END IF;
    IF (NEW.id, NEW.client_id, NEW.wallet_id, NEW.operation_id, NEW.type, NEW.amount,
        NEW.currency, NEW.counterparty_id, NEW.hold_id, NEW.reversal_of_id,
        NEW.external_account_id, NEW.created_at, NEW.details_digest)
       IS DISTINCT FROM
       (OLD.id, OLD.client_id, OLD.wallet_id, OLD.operation_id, OLD.type, OLD.amount,
        OLD.currency, OLD.counterparty_id, OLD.hold_id, OLD.reversal_of_id,
        OLD.external_account_id, OLD.created_at, OLD.details_digest)
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
         NEW.ended_at, NEW.updated_at, NEW.digest)
        IS DISTINCT FROM
        (OLD.status, OLD.seq, OLD.balance_after, OLD.received_after, OLD.settled_at,
         OLD.ended_at, OLD.updated_at, OLD.digest)
        OR NEW.reason <> OLD.reason
           AND (NEW.reason <> '' OR OLD.salt IS NULL OR NEW.salt IS NOT NULL))
    THEN
        RAISE EXCEPTION 'a movement is settled at most once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_is_settled_once';
    END IF;
    IF NEW.ended_at IS NOT NULL AND NEW.status NOT IN ('ERROR', 'CANCELLED') THEN
        RAISE EXCEPTION 'only a cash-out that failed has an end'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_end_is_of_a_failed_one';
    END IF;
    IF NEW.sent_at IS DISTINCT FROM OLD.sent_at
       AND (OLD.sent_at IS NOT NULL OR OLD.status <> 'PENDING')
    THEN
        RAISE EXCEPTION 'a movement is sent at most once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_is_sent_once';
    END IF;
    IF (NEW.concept, NEW.iban, NEW.holder_name, NEW.metadata, NEW.reference, NEW.salt)
       IS DISTINCT FROM
       (OLD.concept, OLD.iban, OLD.holder_name, OLD.metadata, OLD.reference, OLD.salt)
       AND num_nonnulls(NEW.concept, NEW.iban, NEW.holder_name, NEW.metadata, NEW.reference,
           NEW.salt) > 0
    THEN
        RAISE EXCEPTION 'the texts of a movement are erased together, and never changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_texts_are_only_erased';
    END IF;
    RETURN NEW;
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
    IF (NEW.concept, NEW.metadata, NEW.reference, NEW.salt)
       IS DISTINCT FROM (OLD.concept, OLD.metadata, OLD.reference, OLD.salt)
       AND num_nonnulls(NEW.concept, NEW.metadata, NEW.reference, NEW.salt) > 0
    THEN
        RAISE EXCEPTION 'the texts of a hold are erased together, and never changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_texts_are_only_erased';
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
    SET concept = NULL, iban = NULL, holder_name = NULL, metadata = NULL, reference = NULL,
        salt = NULL, reason = ''
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
    UPDATE wallets_externalaccount
    SET status = 'REMOVED', alias = '', iban = '', holder_name = '', metadata = NULL
    WHERE wallet_id = erased;
    UPDATE wallets_hold SET concept = NULL, metadata = NULL, reference = NULL, salt = NULL
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

ACCOUNTS = """
ALTER TABLE wallets_movement ADD CONSTRAINT movement_goes_to_an_account_of_its_wallet
    FOREIGN KEY (client_id, wallet_id, external_account_id)
    REFERENCES wallets_externalaccount (client_id, wallet_id, id);
"""
NO_ACCOUNTS = """
ALTER TABLE wallets_movement DROP CONSTRAINT movement_goes_to_an_account_of_its_wallet;
"""

# Failed cash-outs did not store when they ended; their events did.
ENDS = """
UPDATE wallets_movement AS movement SET ended_at = event.created_at
FROM users_event AS event
WHERE movement.status IN ('ERROR', 'CANCELLED') AND event.subject_id = movement.id
  AND event.kind IN ('movement.error', 'movement.cancelled');
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0006_date_changes"),
        ("wallets", "0006_date_changes_and_name_holders"),
    ]

    operations: ClassVar = [
        migrations.RemoveConstraint(
            model_name="hold",
            name="hold_details_have_a_salt",
        ),
        migrations.RemoveConstraint(
            model_name="movement",
            name="movement_details_have_a_salt",
        ),
        migrations.RemoveIndex(
            model_name="hold",
            name="hold_of_target",
        ),
        migrations.AddField(
            model_name="externalaccount",
            name="metadata",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="hold",
            name="reference",
            field=models.CharField(max_length=64, null=True),
        ),
        migrations.AddField(
            model_name="movement",
            name="ended_at",
            field=models.DateTimeField(
                help_text="Time at which a cash-out was rejected or cancelled.", null=True
            ),
        ),
        migrations.AddField(
            model_name="movement",
            name="external_account",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                help_text="The external account to which a cash-out goes.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="wallets.externalaccount",
            ),
        ),
        migrations.AddField(
            model_name="movement",
            name="reference",
            field=models.CharField(max_length=64, null=True),
        ),
        migrations.AddIndex(
            model_name="externalaccount",
            index=models.Index(
                fields=["client", "created_at", "id"], name="external_account_of_client"
            ),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(fields=["client", "created_at", "id"], name="hold_of_client"),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(fields=["target", "created_at", "id"], name="hold_of_target_page"),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                condition=models.Q(("reference__isnull", False)),
                fields=["client", "reference", "created_at", "id"],
                name="hold_of_reference",
            ),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                condition=models.Q(("status", "OPEN")),
                fields=["client", "created_at", "id"],
                name="hold_open_of_client",
            ),
        ),
        migrations.AddIndex(
            model_name="movement",
            index=models.Index(fields=["client", "created_at", "id"], name="movement_of_client"),
        ),
        migrations.AddIndex(
            model_name="movement",
            index=models.Index(
                condition=models.Q(("reference__isnull", False)),
                fields=["client", "reference", "created_at", "id"],
                name="movement_of_reference",
            ),
        ),
        migrations.AddIndex(
            model_name="movement",
            index=models.Index(
                condition=models.Q(("iban__isnull", False)),
                fields=["client", "iban", "created_at", "id"],
                name="movement_of_clients_iban",
            ),
        ),
        migrations.AddIndex(
            model_name="movement",
            index=models.Index(
                condition=models.Q(("type", "TRANSFER"), _negated=True),
                fields=["client", "type", "created_at", "id"],
                name="movement_of_clients_type",
            ),
        ),
        migrations.AddIndex(
            model_name="movement",
            index=models.Index(
                condition=models.Q(("status", "SUCCESS"), _negated=True),
                fields=["client", "status", "created_at", "id"],
                name="movement_of_clients_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="externalaccount",
            constraint=models.UniqueConstraint(
                fields=("client", "wallet", "id"), name="external_account_is_of_one_wallet"
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("details_digest__isnull", False), ("salt__isnull", False)),
                    models.Q(
                        ("concept", None),
                        ("metadata__isnull", True),
                        ("reference", None),
                        ("salt", None),
                    ),
                    _connector="OR",
                ),
                name="hold_details_have_a_salt",
            ),
        ),
        migrations.AddConstraint(
            model_name="movement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("details_digest__isnull", False), ("salt__isnull", False)),
                    models.Q(
                        ("concept", None),
                        ("iban", None),
                        ("metadata__isnull", True),
                        ("reference", None),
                        ("salt", None),
                    ),
                    _connector="OR",
                ),
                name="movement_details_have_a_salt",
            ),
        ),
        migrations.AddConstraint(
            model_name="movement",
            constraint=models.CheckConstraint(
                name="movement_only_a_cash_out_has_an_account",
                condition=models.Q(external_account=None) | models.Q(type="CASH_OUT"),
            ),
        ),
        migrations.RunSQL(ACCOUNTS, NO_ACCOUNTS),
        migrations.RunSQL(ENDS, migrations.RunSQL.noop),
        migrations.RunSQL(GUARDS, earlier.GUARDS),
        migrations.RunSQL(GRANT, REVOKE),
    ]
