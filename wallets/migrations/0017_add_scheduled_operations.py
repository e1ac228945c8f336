from collections.abc import Sequence
from typing import Any, ClassVar

import django.db.models.deletion
import uuid_utils.compat
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

import iocash.db.clock
from iocash.db.grants import Grant

FOREIGN_KEYS = """
ALTER TABLE wallets_scheduledoperation
    ADD CONSTRAINT schedule_has_its_wallets_client_and_currency
        FOREIGN KEY (client_id, wallet_id, currency)
        REFERENCES wallets_wallet (client_id, id, currency),
    ADD CONSTRAINT schedule_has_its_targets_client_and_currency
        FOREIGN KEY (client_id, target_id, currency)
        REFERENCES wallets_wallet (client_id, id, currency),
    ADD CONSTRAINT schedule_has_its_watched_wallets_client_and_currency
        FOREIGN KEY (client_id, watched_id, currency)
        REFERENCES wallets_wallet (client_id, id, currency),
    ADD CONSTRAINT schedule_pays_an_account_of_its_wallet
        FOREIGN KEY (client_id, wallet_id, account_id)
        REFERENCES wallets_externalaccount (client_id, wallet_id, id);
ALTER TABLE wallets_scheduledrun
    ADD CONSTRAINT run_is_of_a_schedule_of_its_wallet
        FOREIGN KEY (client_id, wallet_id, schedule_id)
        REFERENCES wallets_scheduledoperation (client_id, wallet_id, id);
"""
NO_FOREIGN_KEYS = """
ALTER TABLE wallets_scheduledrun DROP CONSTRAINT run_is_of_a_schedule_of_its_wallet;
ALTER TABLE wallets_scheduledoperation
    DROP CONSTRAINT schedule_has_its_wallets_client_and_currency,
    DROP CONSTRAINT schedule_has_its_targets_client_and_currency,
    DROP CONSTRAINT schedule_has_its_watched_wallets_client_and_currency,
    DROP CONSTRAINT schedule_pays_an_account_of_its_wallet;
"""

# Between two runs the row changes in place (HOT) where its page has room.
ROOM = "ALTER TABLE wallets_scheduledoperation SET (fillfactor = 70);"
NO_ROOM = "ALTER TABLE wallets_scheduledoperation RESET (fillfactor);"

# The texts of the scheduled operations of an erased wallet go, and those of operations that pay it.
LABELS = """
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
    WHERE (wallet_id = erased OR target_id = erased) AND salt IS NOT NULL;%s
    UPDATE users_key SET salt = NULL
    WHERE salt IS NOT NULL AND made_id IN (
        SELECT erased
        UNION ALL SELECT id FROM wallets_externalaccount WHERE wallet_id = erased
        UNION ALL SELECT id FROM wallets_hold WHERE wallet_id = erased OR target_id = erased%s
    );
END
$$;
"""
ERASED = """
    UPDATE wallets_scheduledoperation
    SET alias = '', concept = '', iban = '', next_at = NULL, taken_until = NULL,
        status = CASE status WHEN 'COMPLETED' THEN status ELSE 'CANCELLED' END
    WHERE wallet_id = erased;
    UPDATE wallets_scheduledoperation SET alias = '', concept = '' WHERE target_id = erased;"""
NAMED = """
        UNION ALL
        SELECT id FROM wallets_scheduledoperation WHERE wallet_id = erased OR target_id = erased"""

READ = ("wallets.view_scheduledoperation", "wallets.view_scheduledrun")
WORK = (*READ, "wallets.change_scheduledoperation")
GROUPS = {"viewer": READ, "operator": WORK, "reviewer": READ, "supervisor": WORK}


def make_groups(apps: Any, schema_editor: Any) -> None:
    """Django makes permissions only after all migrations, so they are made here first."""
    alias = schema_editor.connection.alias
    for label in ("users", "wallets"):
        config = apps.get_app_config(label)
        models_module, config.models_module = getattr(config, "models_module", None), True
        create_permissions(config, apps=apps, verbosity=0, using=alias)
        config.models_module = models_module
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name__in=GROUPS):
        group.permissions.add(*found(apps, alias, GROUPS[group.name]))


def take_back(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name__in=GROUPS):
        group.permissions.remove(*found(apps, alias, WORK))


def found(apps: Any, alias: str, names: Sequence[str]) -> list[Any]:
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    return [
        permissions.get(content_type__app_label=label, codename=codename)
        for label, codename in (name.split(".") for name in names)
    ]


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0017_add_duty_states"),
        ("wallets", "0016_add_freezes"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="ScheduledOperation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("ACTIVE", "Active"),
                            ("PAUSED", "Paused"),
                            ("CANCELLED", "Cancelled"),
                            ("COMPLETED", "Completed"),
                        ],
                        default="ACTIVE",
                        max_length=9,
                    ),
                ),
                ("alias", models.CharField(blank=True, max_length=100)),
                ("concept", models.CharField(blank=True, max_length=140)),
                ("currency", models.CharField(max_length=3)),
                (
                    "amount",
                    models.BigIntegerField(help_text="Of each run, in minor units.", null=True),
                ),
                (
                    "receiver",
                    models.CharField(
                        choices=[
                            ("WALLET", "Wallet"),
                            ("EXTERNAL_BANK_ACCOUNT", "External Bank Account"),
                        ],
                        max_length=21,
                    ),
                ),
                ("iban", models.CharField(blank=True, max_length=34)),
                ("start_date", models.DateField(null=True)),
                (
                    "frequency",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("ONCE", "Once"),
                            ("DAILY", "Daily"),
                            ("WEEKLY", "Weekly"),
                            ("MONTHLY", "Monthly"),
                            ("YEARLY", "Yearly"),
                        ],
                        max_length=7,
                    ),
                ),
                ("count", models.IntegerField(help_text="The number of runs.", null=True)),
                (
                    "end_date",
                    models.DateField(help_text="The last possible date of a run.", null=True),
                ),
                ("time_zone", models.CharField(max_length=64)),
                (
                    "missed_runs",
                    models.CharField(
                        choices=[("LATEST", "Latest"), ("ALL", "All")],
                        default="LATEST",
                        max_length=6,
                    ),
                ),
                (
                    "retry_until",
                    models.CharField(
                        blank=True, help_text="Local time, on the date of a run.", max_length=5
                    ),
                ),
                (
                    "trigger",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("BALANCE_BELOW", "Balance Below"),
                            ("BALANCE_ABOVE", "Balance Above"),
                        ],
                        max_length=13,
                    ),
                ),
                ("threshold", models.BigIntegerField(help_text="In minor units.", null=True)),
                ("counted_on", models.DateField(null=True)),
                ("counted", models.IntegerField(default=0)),
                ("next_number", models.IntegerField(default=1)),
                ("next_at", models.DateTimeField(null=True)),
                ("taken_until", models.DateTimeField(null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=iocash.db.clock.Now(), editable=False),
                ),
                (
                    "updated_at",
                    models.DateTimeField(db_default=iocash.db.clock.Now(), editable=False),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="wallets.externalaccount",
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="users.client",
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="wallets.wallet",
                    ),
                ),
                (
                    "wallet",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="wallets.wallet",
                    ),
                ),
                (
                    "watched",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="wallets.wallet",
                    ),
                ),
            ],
            options={
                "verbose_name": "scheduled operation",
                "verbose_name_plural": "scheduled operations",
            },
        ),
        migrations.CreateModel(
            name="ScheduledRun",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("number", models.IntegerField()),
                ("due_date", models.DateField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("PENDING", "Pending"),
                            ("SUCCESS", "Success"),
                            ("FAILED", "Failed"),
                            ("SKIPPED", "Skipped"),
                        ],
                        max_length=7,
                    ),
                ),
                ("code", models.CharField(blank=True, max_length=40)),
                ("currency", models.CharField(max_length=3)),
                ("amount", models.BigIntegerField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=iocash.db.clock.Now(), editable=False),
                ),
                (
                    "updated_at",
                    models.DateTimeField(db_default=iocash.db.clock.Now(), editable=False),
                ),
                (
                    "client",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="users.client",
                    ),
                ),
                (
                    "movement",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="wallets.movement",
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="wallets.scheduledoperation",
                    ),
                ),
                (
                    "wallet",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="wallets.wallet",
                    ),
                ),
            ],
            options={
                "verbose_name": "scheduled run",
                "verbose_name_plural": "scheduled runs",
            },
        ),
        migrations.AddIndex(
            model_name="scheduledoperation",
            index=models.Index(fields=["wallet", "created_at", "id"], name="schedule_page"),
        ),
        migrations.AddIndex(
            model_name="scheduledoperation",
            index=models.Index(
                condition=models.Q(("status__in", ["ACTIVE", "PAUSED"]), ("trigger", "")),
                fields=["next_at"],
                name="schedule_due",
            ),
        ),
        migrations.AddIndex(
            model_name="scheduledoperation",
            index=models.Index(
                condition=models.Q(("iban", ""), _negated=True),
                fields=["iban"],
                name="schedule_of_iban",
            ),
        ),
        migrations.AddIndex(
            model_name="scheduledoperation",
            index=models.Index(
                condition=models.Q(("status", "ACTIVE"), models.Q(("trigger", ""), _negated=True)),
                fields=["next_at"],
                name="schedule_watching",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledoperation",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0), ("amount__isnull", True), _connector="OR"),
                name="schedule_amount_is_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledoperation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("amount__isnull", False),
                        ("frequency__in", ["ONCE", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
                        ("start_date__isnull", False),
                        ("threshold__isnull", True),
                        ("trigger", ""),
                        ("watched__isnull", True),
                    ),
                    models.Q(
                        ("count__isnull", True),
                        ("end_date__isnull", True),
                        ("frequency", ""),
                        ("retry_until", ""),
                        ("start_date__isnull", True),
                        ("threshold__gte", 0),
                        ("threshold__isnull", False),
                        ("trigger__in", ["BALANCE_BELOW", "BALANCE_ABOVE"]),
                        ("watched__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="schedule_has_dates_or_a_trigger",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledoperation",
            constraint=models.CheckConstraint(
                condition=models.Q(("missed_runs__in", ["LATEST", "ALL"])),
                name="schedule_missed_runs_are_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledoperation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("account__isnull", True),
                        ("iban", ""),
                        ("receiver", "WALLET"),
                        ("target__isnull", False),
                    ),
                    models.Q(
                        ("account__isnull", True),
                        ("receiver", "EXTERNAL_BANK_ACCOUNT"),
                        ("target__isnull", True),
                    ),
                    models.Q(
                        ("iban", ""),
                        ("receiver", "EXTERNAL_BANK_ACCOUNT"),
                        ("target__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="schedule_has_one_receiver",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledoperation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("target__isnull", True),
                    models.Q(("target", models.F("wallet")), _negated=True),
                    _connector="OR",
                ),
                name="schedule_target_is_another_wallet",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledoperation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("count__isnull", True), ("end_date__isnull", True)),
                    models.Q(
                        ("count__gt", 0), ("count__isnull", False), ("end_date__isnull", True)
                    ),
                    models.Q(
                        ("count__isnull", True),
                        ("end_date__gte", models.F("start_date")),
                        ("end_date__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="schedule_has_one_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledoperation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("next_at__isnull", False), ("status__in", ["ACTIVE", "PAUSED"])),
                    models.Q(("next_at__isnull", True), ("status__in", ["CANCELLED", "COMPLETED"])),
                    _connector="OR",
                ),
                name="schedule_is_due_while_it_goes_on",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledoperation",
            constraint=models.CheckConstraint(
                condition=models.Q(("next_number__gt", 0)), name="schedule_counts_from_1"
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledoperation",
            constraint=models.UniqueConstraint(
                fields=("client", "wallet", "id"), name="schedule_is_of_one_wallet"
            ),
        ),
        migrations.AddIndex(
            model_name="scheduledrun",
            index=models.Index(fields=["schedule", "created_at", "id"], name="run_page"),
        ),
        migrations.AddIndex(
            model_name="scheduledrun",
            index=models.Index(
                condition=models.Q(("status", "FAILED")),
                fields=["created_at", "id"],
                name="run_failed",
            ),
        ),
        migrations.AddIndex(
            model_name="scheduledrun",
            index=models.Index(
                condition=models.Q(("movement__isnull", False)),
                fields=["movement"],
                name="run_of_movement",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledrun",
            constraint=models.UniqueConstraint(
                fields=("client", "schedule", "number"), name="run_is_made_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("code", ""),
                        ("movement__isnull", False),
                        ("status__in", ["PENDING", "SUCCESS"]),
                    ),
                    models.Q(
                        ("movement__isnull", True),
                        ("status__in", ["FAILED", "SKIPPED"]),
                        models.Q(("code", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="run_has_a_movement_or_a_code",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gt", 0)), name="run_is_counted_from_1"
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="run_amount_is_positive"
            ),
        ),
        migrations.RunSQL(FOREIGN_KEYS, NO_FOREIGN_KEYS),
        migrations.RunSQL(ROOM, NO_ROOM),
        migrations.RunSQL(LABELS % (ERASED, NAMED), LABELS % ("", "")),
        migrations.RunPython(make_groups, take_back),
        Grant(
            "SELECT, INSERT, UPDATE (status, alias, concept, amount, counted_on, counted,"
            " next_number, next_at, taken_until, updated_at)",
            "wallets_scheduledoperation",
        ),
        Grant("SELECT, INSERT", "wallets_scheduledrun"),
    ]
