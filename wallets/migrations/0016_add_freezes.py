from importlib import import_module
from typing import Any, ClassVar

import django.db.models.deletion
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

earlier: Any = import_module("wallets.migrations.0007_add_references_and_lists")

# A freeze keeps its case, and has a reason of its lifting: written once, and erased.
GUARDS = """
CREATE OR REPLACE FUNCTION hold_is_placed_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a hold is never removed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_is_never_removed';
    END IF;
    IF (NEW.id, NEW.client_id, NEW.wallet_id, NEW.target_id, NEW.case_id, NEW.currency,
        NEW.amount, NEW.created_at, NEW.details_digest, NEW.digest)
       IS DISTINCT FROM
       (OLD.id, OLD.client_id, OLD.wallet_id, OLD.target_id, OLD.case_id, OLD.currency,
        OLD.amount, OLD.created_at, OLD.details_digest, OLD.digest)
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
       AND num_nonnulls(NEW.concept, NEW.metadata, NEW.reference, NEW.salt, NEW.reason) > 0
    THEN
        RAISE EXCEPTION 'the texts of a hold are erased together, and never changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_texts_are_only_erased';
    END IF;
    IF NEW.reason IS DISTINCT FROM OLD.reason
       AND NOT (OLD.status = 'OPEN' AND NEW.status <> 'OPEN')
       AND num_nonnulls(NEW.reason, NEW.salt) > 0
    THEN
        RAISE EXCEPTION 'the reason is written when the hold ends, and erased with its texts'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_texts_are_only_erased';
    END IF;
    RETURN NEW;
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
    UPDATE wallets_hold
    SET concept = NULL, metadata = NULL, reference = NULL, salt = NULL, reason = NULL
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
GRANT = f'GRANT UPDATE (reason) ON wallets_hold TO "{settings.DATABASE_ROLE}";'
REVOKE = f'REVOKE UPDATE (reason) ON wallets_hold FROM "{settings.DATABASE_ROLE}";'


def let_supervisors_freeze(apps: Any, schema_editor: Any) -> None:
    """Django makes permissions only after all migrations, so they are made here first."""
    alias = schema_editor.connection.alias
    config = apps.get_app_config("wallets")
    models_module, config.models_module = getattr(config, "models_module", None), True
    create_permissions(config, apps=apps, verbosity=0, using=alias)
    config.models_module = models_module
    for group in supervisors(apps, alias):
        group.permissions.add(*permissions(apps, alias))


def take_back(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    for group in supervisors(apps, alias):
        group.permissions.remove(*permissions(apps, alias))


def supervisors(apps: Any, alias: str) -> Any:
    return apps.get_model("auth", "Group").objects.using(alias).filter(name="supervisor")


def permissions(apps: Any, alias: str) -> Any:
    found = apps.get_model("auth", "Permission").objects.using(alias)
    return found.filter(content_type__app_label="wallets", codename="freeze_amount")


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0016_release_events"),
        ("wallets", "0015_add_dormancy_notices"),
    ]

    operations: ClassVar = [
        migrations.AlterModelOptions(
            name="hold",
            options={
                "permissions": [
                    ("release_hold", "Can release holds"),
                    ("freeze_amount", "Can freeze amounts and lift freezes"),
                ]
            },
        ),
        migrations.AddField(
            model_name="hold",
            name="case",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="users.case",
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="reason",
            field=models.CharField(max_length=140, null=True),
        ),
        migrations.AlterField(
            model_name="hold",
            name="target",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="wallets.wallet",
            ),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                condition=models.Q(("case__isnull", False)),
                fields=["case", "id"],
                name="hold_of_case",
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("case", None), ("reason", None), ("target__isnull", False)),
                    models.Q(
                        ("case__isnull", False),
                        ("details_digest__isnull", False),
                        ("expires_at", None),
                        ("metadata__isnull", True),
                        ("reference", None),
                        ("target", None),
                    ),
                    _connector="OR",
                ),
                name="hold_has_a_target_or_is_a_freeze",
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("target__isnull", False),
                    models.Q(
                        ("concept__isnull", False),
                        ("reason", None),
                        ("remaining", models.F("amount")),
                        ("status", "OPEN"),
                    ),
                    models.Q(
                        ("concept__isnull", False),
                        ("reason__isnull", False),
                        ("status", "RELEASED"),
                    ),
                    models.Q(
                        ("concept", None),
                        ("reason", None),
                        ("salt", None),
                        ("status", "RELEASED"),
                    ),
                    _connector="OR",
                ),
                name="hold_freeze_is_lifted_as_a_whole_with_a_reason",
            ),
        ),
        migrations.RunSQL(GUARDS, earlier.GUARDS),
        migrations.RunSQL(GRANT, REVOKE),
        migrations.RunPython(let_supervisors_freeze, take_back),
    ]
