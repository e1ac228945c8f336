from collections.abc import Sequence
from typing import Any, ClassVar

import django.db.models.deletion
import uuid_utils.compat
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

import iocash.db.clock
from iocash.db.grants import Grant

WRITTEN_ONCE = """
CREATE FUNCTION bank_row_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of the bank is written once, and never removed'
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END
$$;
CREATE TRIGGER bank_statement_file_is_written_once
    BEFORE UPDATE OR DELETE ON wallets_bankstatementfile
    FOR EACH ROW EXECUTE FUNCTION bank_row_is_written_once();
CREATE TRIGGER bank_statement_is_written_once
    BEFORE UPDATE OR DELETE ON wallets_bankstatement
    FOR EACH ROW EXECUTE FUNCTION bank_row_is_written_once();
CREATE TRIGGER bank_outcome_is_written_once
    BEFORE UPDATE OR DELETE ON wallets_bankoutcome
    FOR EACH ROW EXECUTE FUNCTION bank_row_is_written_once();
CREATE TRIGGER safeguarding_report_is_written_once
    BEFORE UPDATE OR DELETE ON wallets_safeguardingreport
    FOR EACH ROW EXECUTE FUNCTION bank_row_is_written_once();
CREATE TRIGGER safeguarding_signature_is_written_once
    BEFORE UPDATE OR DELETE ON wallets_safeguardingsignature
    FOR EACH ROW EXECUTE FUNCTION bank_row_is_written_once();

CREATE FUNCTION bank_line_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a bank line is never removed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_line_is_never_removed';
    END IF;
    IF (to_jsonb(NEW) - '{confirmed_by_id,is_open,reason}'::text[])
       IS DISTINCT FROM (to_jsonb(OLD) - '{confirmed_by_id,is_open,reason}'::text[])
       OR OLD.confirmed_by_id IS DISTINCT FROM NEW.confirmed_by_id
          AND OLD.confirmed_by_id IS NOT NULL
    THEN
        RAISE EXCEPTION 'a bank line is written once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_line_is_written_once';
    END IF;
    IF NEW.is_open <> OLD.is_open AND (
        NEW.is_open OR NOT EXISTS (SELECT FROM wallets_bankoutcome WHERE line_id = NEW.id)
    ) THEN
        RAISE EXCEPTION 'a bank line is closed when it has an outcome'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_line_is_closed_by_its_outcome';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER bank_line_is_written_once
    BEFORE UPDATE OR DELETE ON wallets_bankline
    FOR EACH ROW EXECUTE FUNCTION bank_line_is_written_once();

CREATE FUNCTION bank_decision_is_answered_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a decision about a bank line is never removed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_decision_is_never_removed';
    END IF;
    IF (to_jsonb(NEW) - '{answered_at,answered_by,is_approved}'::text[])
       IS DISTINCT FROM (to_jsonb(OLD) - '{answered_at,answered_by,is_approved}'::text[])
       OR OLD.answered_at IS NOT NULL
    THEN
        RAISE EXCEPTION 'a decision about a bank line is answered once, and not changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_decision_is_answered_once';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER bank_decision_is_answered_once
    BEFORE UPDATE OR DELETE ON wallets_bankdecision
    FOR EACH ROW EXECUTE FUNCTION bank_decision_is_answered_once();

CREATE FUNCTION bank_outcome_is_decided_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.decision_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM wallets_bankdecision AS decision
        WHERE decision.id = NEW.decision_id AND decision.is_approved
          AND decision.line_id = NEW.line_id
          AND decision.pair_id IS NOT DISTINCT FROM NEW.pair_id
          AND decision.wallet_id IS NOT DISTINCT FROM NEW.wallet_id
          AND NEW.movement_id = coalesce(decision.movement_id, NEW.movement_id) IS NOT FALSE
          AND NEW.status = CASE decision.kind
              WHEN 'ASSIGN' THEN 'ASSIGNED' WHEN 'SPLIT' THEN 'SPLIT'
              WHEN 'RETURN' THEN 'RETURNED' WHEN 'SAME' THEN 'SAME' ELSE 'IGNORED' END
    ) THEN
        RAISE EXCEPTION 'a decision about a bank line needs a second person'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_outcome_is_decided_by_two';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER bank_outcome_is_decided_by_two
    BEFORE INSERT ON wallets_bankoutcome
    FOR EACH ROW EXECUTE FUNCTION bank_outcome_is_decided_by_two();

CREATE FUNCTION bank_upload_is_answered_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an uploaded file is never removed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_upload_is_never_removed';
    END IF;
    IF (NEW.id, NEW.kind, NEW.name, NEW.content, NEW.sha256, NEW.uploaded_by, NEW.uploaded_at)
       IS DISTINCT FROM
       (OLD.id, OLD.kind, OLD.name, OLD.content, OLD.sha256, OLD.uploaded_by, OLD.uploaded_at)
       OR OLD.answered_at IS NOT NULL
    THEN
        RAISE EXCEPTION 'an uploaded file is released or refused once, and not changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_upload_is_answered_once';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER bank_upload_is_answered_once
    BEFORE UPDATE OR DELETE ON wallets_bankupload
    FOR EACH ROW EXECUTE FUNCTION bank_upload_is_answered_once();

CREATE FUNCTION bank_import_is_released_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.upload_id IS NULL AND NEW.actor LIKE 'system:%' OR EXISTS (
        SELECT FROM wallets_bankupload AS upload
        WHERE upload.id = NEW.upload_id AND upload.is_released
          AND upload.sha256 = NEW.sha256 AND upload.answered_by = NEW.actor
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a file that staff upload is imported when a second person has released it'
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END
$$;
CREATE TRIGGER bank_statement_file_is_released_by_two
    BEFORE INSERT ON wallets_bankstatementfile
    FOR EACH ROW EXECUTE FUNCTION bank_import_is_released_by_two();
CREATE TRIGGER bank_report_is_released_by_two
    BEFORE INSERT ON wallets_bankreport
    FOR EACH ROW EXECUTE FUNCTION bank_import_is_released_by_two();
CREATE TRIGGER bank_report_is_written_once
    BEFORE UPDATE OR DELETE ON wallets_bankreport
    FOR EACH ROW EXECUTE FUNCTION bank_row_is_written_once();
"""
NOT_WRITTEN_ONCE = """
DROP TRIGGER bank_report_is_written_once ON wallets_bankreport;
DROP TRIGGER bank_report_is_released_by_two ON wallets_bankreport;
DROP TRIGGER bank_statement_file_is_released_by_two ON wallets_bankstatementfile;
DROP FUNCTION bank_import_is_released_by_two();
DROP TRIGGER bank_upload_is_answered_once ON wallets_bankupload;
DROP FUNCTION bank_upload_is_answered_once();
DROP TRIGGER bank_outcome_is_decided_by_two ON wallets_bankoutcome;
DROP FUNCTION bank_outcome_is_decided_by_two();
DROP TRIGGER bank_decision_is_answered_once ON wallets_bankdecision;
DROP FUNCTION bank_decision_is_answered_once();
DROP TRIGGER bank_line_is_written_once ON wallets_bankline;
DROP FUNCTION bank_line_is_written_once();
DROP TRIGGER safeguarding_signature_is_written_once ON wallets_safeguardingsignature;
DROP TRIGGER safeguarding_report_is_written_once ON wallets_safeguardingreport;
DROP TRIGGER bank_outcome_is_written_once ON wallets_bankoutcome;
DROP TRIGGER bank_statement_is_written_once ON wallets_bankstatement;
DROP TRIGGER bank_statement_file_is_written_once ON wallets_bankstatementfile;
DROP FUNCTION bank_row_is_written_once();
"""

READ = (
    "wallets.view_bankstatement",
    "wallets.view_bankline",
    "wallets.view_bankdecision",
    "wallets.view_safeguardingreport",
    "wallets.view_bankupload",
)
WORK = (*READ, "wallets.import_statement", "wallets.add_bankdecision")
ANSWER = (
    *WORK,
    "wallets.answer_bankdecision",
    "wallets.add_safeguardingsignature",
    "wallets.release_bankupload",
)
GROUPS = {"viewer": READ, "operator": WORK, "supervisor": ANSWER, "administrator": READ}


def make_groups(apps: Any, schema_editor: Any) -> None:
    """Django makes permissions only after all migrations, so they are made here first."""
    alias = schema_editor.connection.alias
    config = apps.get_app_config("wallets")
    models_module, config.models_module = getattr(config, "models_module", None), True
    create_permissions(config, apps=apps, verbosity=0, using=alias)
    config.models_module = models_module
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name__in=GROUPS):
        group.permissions.add(*found(apps, alias, GROUPS[group.name]))


def take_back(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name__in=GROUPS):
        group.permissions.remove(*found(apps, alias, ANSWER))


def found(apps: Any, alias: str, names: Sequence[str]) -> list[Any]:
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    return [
        permissions.get(content_type__app_label=label, codename=codename)
        for label, codename in (name.split(".") for name in names)
    ]


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0021_add_source_of_cash_ins"),
        ("wallets", "0022_add_bank_files"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="BankDecision",
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("ASSIGN", "Assign to a wallet"),
                            ("SPLIT", "Split"),
                            ("RETURN", "Return to the payer"),
                            ("IGNORE", "Set apart"),
                            ("SAME", "The same as another line"),
                        ],
                        max_length=6,
                        verbose_name="decision",
                    ),
                ),
                ("amounts", models.JSONField(default=list)),
                ("reason", models.CharField(max_length=140, verbose_name="reason")),
                ("asked_by", models.CharField(max_length=60)),
                (
                    "asked_at",
                    models.DateTimeField(
                        db_default=iocash.db.clock.Now(), editable=False, verbose_name="asked"
                    ),
                ),
                ("answered_by", models.CharField(blank=True, max_length=60)),
                ("answered_at", models.DateTimeField(null=True, verbose_name="answered")),
                ("is_approved", models.BooleanField(null=True, verbose_name="approved")),
            ],
            options={
                "verbose_name": "decision about a bank line",
                "verbose_name_plural": "decisions about bank lines",
                "permissions": [("answer_bankdecision", "Can approve decisions about bank lines")],
            },
        ),
        migrations.CreateModel(
            name="BankLine",
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
                    "reference",
                    models.CharField(blank=True, max_length=70, verbose_name="bank's reference"),
                ),
                ("booking_date", models.DateField(verbose_name="booked")),
                ("value_date", models.DateField(null=True)),
                ("entry_amount", models.BigIntegerField()),
                (
                    "sign",
                    models.SmallIntegerField(
                        choices=[(1, "Credit"), (-1, "Debit")], verbose_name="sign"
                    ),
                ),
                ("index", models.PositiveIntegerField()),
                ("part", models.PositiveIntegerField(default=1)),
                ("amount", models.BigIntegerField(verbose_name="amount")),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                ("is_reversal", models.BooleanField(default=False)),
                ("is_return", models.BooleanField(default=False)),
                (
                    "end_to_end",
                    models.CharField(
                        blank=True, max_length=70, verbose_name="end-to-end reference"
                    ),
                ),
                ("payment", models.CharField(blank=True, max_length=70)),
                ("message", models.CharField(blank=True, max_length=70)),
                ("name", models.CharField(blank=True, max_length=140, verbose_name="other party")),
                ("iban", models.CharField(blank=True, max_length=34, verbose_name="IBAN")),
                ("target", models.CharField(blank=True, max_length=34)),
                (
                    "remittance",
                    models.CharField(blank=True, max_length=1000, verbose_name="remittance"),
                ),
                (
                    "text",
                    models.CharField(blank=True, max_length=1000, verbose_name="text of the bank"),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Not looked at yet"),
                            ("no_wallet", "It names no wallet of this account"),
                            ("several_wallets", "It names several wallets"),
                            ("no_cash_out", "It names no payment out of this account"),
                            ("other_amount", "The payment out has another amount"),
                            ("cash_out_not_sent", "The payment out was not sent to the bank"),
                            ("movement_not_pending", "The payment out was rejected or cancelled"),
                            ("returned", "A returned payment that names no payment out"),
                            ("no_cash_in", "No cash-in of the client has its reference and amount"),
                            ("reversed", "The bank has reversed an earlier entry"),
                            ("repeated", "The same entry is in a statement more than once"),
                            ("not_notified", "The statement has it, but no notification had it"),
                            ("undated", "The bank gives no date of its own for it"),
                            ("taken", "The movement belongs to another line"),
                            ("part", "A part of a line that was split"),
                            ("wallet_not_ready", "The wallet is blocked or closed"),
                            ("user_not_active", "The owner of the wallet is blocked or closed"),
                            ("limit_exceeded", "A limit of the owner would be exceeded"),
                            ("insufficient_funds", "The wallet has too little money"),
                            ("reversal_exceeded", "The payment out was returned before"),
                            ("refused", "The ledger has refused it"),
                        ],
                        max_length=40,
                        verbose_name="reason",
                    ),
                ),
                ("is_open", models.BooleanField(default=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=iocash.db.clock.Now(), editable=False, verbose_name="imported"
                    ),
                ),
            ],
            options={
                "verbose_name": "bank line",
                "verbose_name_plural": "bank lines",
            },
        ),
        migrations.CreateModel(
            name="BankOutcome",
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
                            ("MATCHED", "Matched"),
                            ("ASSIGNED", "Assigned"),
                            ("RETURNED", "Returned"),
                            ("IGNORED", "Set apart"),
                            ("SPLIT", "Split"),
                            ("SAME", "The same as another line"),
                        ],
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("decision_id", models.UUIDField(null=True)),
                ("reason", models.CharField(blank=True, max_length=140, verbose_name="reason")),
                ("actor", models.CharField(max_length=60)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=iocash.db.clock.Now(), editable=False, verbose_name="explained"
                    ),
                ),
            ],
            options={
                "verbose_name": "outcome of a bank line",
                "verbose_name_plural": "outcomes of bank lines",
            },
        ),
        migrations.CreateModel(
            name="BankStatement",
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
                ("place", models.PositiveIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("camt.052", "Report of the day (camt.052)"),
                            ("camt.053", "Statement (camt.053)"),
                            ("camt.054", "Notification (camt.054)"),
                        ],
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                ("version", models.CharField(blank=True, max_length=30)),
                (
                    "name",
                    models.CharField(blank=True, max_length=70, verbose_name="identification"),
                ),
                ("number", models.CharField(blank=True, max_length=18, verbose_name="number")),
                ("page", models.PositiveIntegerField(default=1)),
                ("is_last_page", models.BooleanField(default=True)),
                ("day", models.DateField(verbose_name="day")),
                ("start", models.DateField(null=True)),
                ("opening", models.BigIntegerField(null=True)),
                ("closing", models.BigIntegerField(null=True)),
                ("total", models.BigIntegerField()),
                ("entries", models.PositiveIntegerField(verbose_name="entries")),
                ("not_booked", models.PositiveIntegerField(default=0)),
                ("warnings", models.JSONField(default=list)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=iocash.db.clock.Now(), editable=False, verbose_name="imported"
                    ),
                ),
            ],
            options={
                "verbose_name": "bank statement",
                "verbose_name_plural": "bank statements",
                "permissions": [("import_statement", "Can upload statements of banks")],
            },
        ),
        migrations.CreateModel(
            name="BankStatementFile",
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
                ("name", models.CharField(max_length=200, verbose_name="file")),
                ("content", models.BinaryField()),
                ("sha256", models.BinaryField(max_length=32)),
                ("actor", models.CharField(max_length=60)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=iocash.db.clock.Now(), editable=False, verbose_name="received"
                    ),
                ),
            ],
            options={
                "verbose_name": "file of a bank",
                "verbose_name_plural": "files of banks",
            },
        ),
        migrations.CreateModel(
            name="SafeguardingReport",
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
                ("day", models.DateField(unique=True, verbose_name="day")),
                ("is_right", models.BooleanField(verbose_name="right")),
                ("content", models.TextField()),
                ("sha256", models.BinaryField(max_length=32)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=iocash.db.clock.Now(), editable=False, verbose_name="made"
                    ),
                ),
            ],
            options={
                "verbose_name": "safeguarding report",
                "verbose_name_plural": "safeguarding reports",
            },
        ),
        migrations.CreateModel(
            name="SafeguardingSignature",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("place", models.PositiveSmallIntegerField()),
                ("actor", models.CharField(max_length=60)),
                (
                    "created_at",
                    models.DateTimeField(db_default=iocash.db.clock.Now(), editable=False),
                ),
            ],
            options={
                "verbose_name": "signature of a safeguarding report",
                "verbose_name_plural": "signatures of safeguarding reports",
            },
        ),
        migrations.AddField(
            model_name="bankaccount",
            name="booked_by",
            field=models.CharField(
                choices=[
                    ("STATEMENT", "Statements (camt.053)"),
                    ("NOTIFICATION", "Notifications (camt.054), confirmed by statements"),
                ],
                default="STATEMENT",
                max_length=12,
                verbose_name="lines are booked by",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(("booked_by__in", ["STATEMENT", "NOTIFICATION"])),
                name="bank_account_booked_by_is_known",
            ),
        ),
        migrations.AddField(
            model_name="bankdecision",
            name="client",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="users.client",
            ),
        ),
        migrations.AddField(
            model_name="bankdecision",
            name="movement",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="wallets.movement",
            ),
        ),
        migrations.AddField(
            model_name="bankdecision",
            name="wallet",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="wallets.wallet",
            ),
        ),
        migrations.AddField(
            model_name="bankline",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="wallets.bankaccount",
                verbose_name="bank account",
            ),
        ),
        migrations.AddField(
            model_name="bankline",
            name="parent",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="parts",
                to="wallets.bankline",
            ),
        ),
        migrations.AddField(
            model_name="bankdecision",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="decisions",
                to="wallets.bankline",
                verbose_name="bank line",
            ),
        ),
        migrations.AddField(
            model_name="bankdecision",
            name="pair",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="wallets.bankline",
            ),
        ),
        migrations.AddField(
            model_name="bankoutcome",
            name="client",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="users.client",
            ),
        ),
        migrations.AddField(
            model_name="bankoutcome",
            name="line",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="outcomes",
                to="wallets.bankline",
            ),
        ),
        migrations.AddField(
            model_name="bankoutcome",
            name="movement",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="wallets.movement",
            ),
        ),
        migrations.AddField(
            model_name="bankoutcome",
            name="pair",
            field=models.ForeignKey(
                db_index=False,
                help_text="The line that this one returns, or is the same as.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="wallets.bankline",
            ),
        ),
        migrations.AddField(
            model_name="bankoutcome",
            name="wallet",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="wallets.wallet",
            ),
        ),
        migrations.AddField(
            model_name="bankstatement",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="statements",
                to="wallets.bankaccount",
                verbose_name="bank account",
            ),
        ),
        migrations.AddField(
            model_name="bankline",
            name="confirmed_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="wallets.bankstatement",
            ),
        ),
        migrations.AddField(
            model_name="bankline",
            name="statement",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="wallets.bankstatement",
                verbose_name="bank statement",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankstatementfile",
            constraint=models.UniqueConstraint(
                fields=("sha256",), name="bank_statement_file_is_stored_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankstatementfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "sha256",
                        models.Func(
                            models.F("content"),
                            function="sha256",
                            output_field=models.BinaryField(),
                        ),
                    )
                ),
                name="bank_statement_file_has_its_hash",
            ),
        ),
        migrations.AddField(
            model_name="bankstatement",
            name="file",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="statements",
                to="wallets.bankstatementfile",
            ),
        ),
        migrations.AddField(
            model_name="safeguardingsignature",
            name="report",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="signatures",
                to="wallets.safeguardingreport",
            ),
        ),
        migrations.AddIndex(
            model_name="bankdecision",
            index=models.Index(
                condition=models.Q(("answered_at", None)),
                fields=["asked_at", "id"],
                name="bank_decision_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankdecision",
            constraint=models.UniqueConstraint(
                condition=models.Q(("answered_at", None)),
                fields=("line",),
                name="bank_decision_is_asked_once_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankdecision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("asked_by__regex", "^staff:[0-9]+$"),
                    models.Q(
                        models.Q(("answered_at", None), ("answered_by", ""), ("is_approved", None)),
                        models.Q(
                            ("answered_at__isnull", False),
                            ("answered_by__regex", "^staff:[0-9]+$"),
                            ("is_approved__isnull", False),
                            models.Q(("answered_by", models.F("asked_by")), _negated=True),
                        ),
                        _connector="OR",
                    ),
                ),
                name="bank_decision_is_answered_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankdecision",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="bank_decision_has_a_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankdecision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("client__isnull", False),
                        ("kind", "ASSIGN"),
                        ("pair", None),
                        ("wallet__isnull", False),
                    ),
                    models.Q(("kind", "RETURN"), ("movement", None), ("wallet", None)),
                    models.Q(
                        ("kind", "SAME"),
                        ("movement", None),
                        ("pair__isnull", False),
                        ("wallet", None),
                    ),
                    models.Q(
                        ("kind__in", ["SPLIT", "IGNORE"]),
                        ("movement", None),
                        ("pair", None),
                        ("wallet", None),
                    ),
                    _connector="OR",
                ),
                name="bank_decision_has_what_its_kind_needs",
            ),
        ),
        migrations.AddIndex(
            model_name="bankoutcome",
            index=models.Index(
                condition=models.Q(("wallet__isnull", False)),
                fields=["wallet", "id"],
                name="bank_outcome_of_wallet",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankoutcome",
            constraint=models.UniqueConstraint(
                fields=("line",), name="bank_line_is_explained_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankoutcome",
            constraint=models.UniqueConstraint(
                condition=models.Q(("movement__isnull", False)),
                fields=("movement",),
                name="bank_outcome_names_a_movement_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankoutcome",
            constraint=models.UniqueConstraint(
                condition=models.Q(("pair__isnull", False)),
                fields=("pair", "status"),
                name="bank_outcome_returns_a_line_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankoutcome",
            constraint=models.UniqueConstraint(
                condition=models.Q(("decision_id__isnull", False)),
                fields=("decision_id",),
                name="bank_outcome_uses_a_decision_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankoutcome",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("client__isnull", False),
                        ("decision_id", None),
                        ("movement__isnull", False),
                        ("pair", None),
                        ("status", "MATCHED"),
                        ("wallet__isnull", False),
                    ),
                    models.Q(
                        ("client__isnull", False),
                        ("decision_id__isnull", False),
                        ("movement__isnull", False),
                        ("pair", None),
                        ("status", "ASSIGNED"),
                        ("wallet__isnull", False),
                    ),
                    models.Q(
                        ("client", None),
                        ("decision_id__isnull", False),
                        ("movement", None),
                        ("status__in", ["RETURNED", "IGNORED", "SPLIT", "SAME"]),
                        ("wallet", None),
                        models.Q(("reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="bank_outcome_has_what_its_state_needs",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankoutcome",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("pair", None), models.Q(("status", "SAME"), _negated=True)),
                    models.Q(
                        ("pair__isnull", False),
                        ("status__in", ["RETURNED", "SAME"]),
                        models.Q(("pair", models.F("line")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="bank_outcome_only_a_return_has_a_pair",
            ),
        ),
        migrations.AddIndex(
            model_name="bankline",
            index=models.Index(
                condition=models.Q(("is_open", True)),
                fields=["account", "booking_date", "id"],
                name="bank_line_open",
            ),
        ),
        migrations.AddIndex(
            model_name="bankline",
            index=models.Index(
                condition=models.Q(("is_open", True), ("reason", "")),
                fields=["account", "id"],
                name="bank_line_new",
            ),
        ),
        migrations.AddIndex(
            model_name="bankline",
            index=models.Index(
                fields=["account", "booking_date", "id"], name="bank_line_of_account"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankline",
            constraint=models.UniqueConstraint(
                condition=models.Q(("parent", None)),
                fields=(
                    "account",
                    "reference",
                    "booking_date",
                    "entry_amount",
                    "sign",
                    "index",
                    "part",
                ),
                name="bank_line_is_stored_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankline",
            constraint=models.UniqueConstraint(
                condition=models.Q(("parent__isnull", False)),
                fields=("parent", "part"),
                name="bank_line_has_each_part_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankline",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0), ("entry_amount__gte", models.F("amount"))),
                name="bank_line_amount_is_positive_and_of_its_entry",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankline",
            constraint=models.CheckConstraint(
                condition=models.Q(("sign__in", [1, -1])), name="bank_line_is_a_credit_or_a_debit"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankline",
            constraint=models.CheckConstraint(
                condition=models.Q(("part__gt", 0)), name="bank_line_parts_are_counted_from_1"
            ),
        ),
        migrations.AddIndex(
            model_name="bankstatement",
            index=models.Index(
                condition=models.Q(("kind", "camt.053")),
                fields=["account", "-day", "-page", "-created_at"],
                name="bank_statement_of_account",
            ),
        ),
        migrations.AddIndex(
            model_name="bankstatement",
            index=models.Index(fields=["-created_at", "-id"], name="bank_statement_page"),
        ),
        migrations.AddConstraint(
            model_name="bankstatement",
            constraint=models.UniqueConstraint(
                fields=("file", "place"), name="bank_statement_is_read_once_from_its_file"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankstatement",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["camt.052", "camt.053", "camt.054"])),
                name="bank_statement_kind_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="safeguardingsignature",
            constraint=models.UniqueConstraint(
                fields=("report", "actor"), name="safeguarding_is_signed_by_different_people"
            ),
        ),
        migrations.AddConstraint(
            model_name="safeguardingsignature",
            constraint=models.UniqueConstraint(
                fields=("report", "place"), name="safeguarding_has_each_signature_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="safeguardingsignature",
            constraint=models.CheckConstraint(
                condition=models.Q(("place__in", [1, 2])), name="safeguarding_has_two_signatures"
            ),
        ),
        migrations.AddConstraint(
            model_name="safeguardingsignature",
            constraint=models.CheckConstraint(
                condition=models.Q(("actor__regex", "^staff:[0-9]+$")),
                name="safeguarding_is_signed_by_staff",
            ),
        ),
        migrations.CreateModel(
            name="BankUpload",
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
                    "kind",
                    models.CharField(
                        choices=[("STATEMENT", "Statement"), ("ANSWER", "Answer to a bank file")],
                        max_length=9,
                        verbose_name="kind",
                    ),
                ),
                ("name", models.CharField(max_length=200, verbose_name="file")),
                ("content", models.BinaryField()),
                ("sha256", models.BinaryField(max_length=32)),
                ("uploaded_by", models.CharField(max_length=60)),
                (
                    "uploaded_at",
                    models.DateTimeField(
                        db_default=iocash.db.clock.Now(), editable=False, verbose_name="uploaded"
                    ),
                ),
                ("answered_by", models.CharField(blank=True, max_length=60)),
                ("answered_at", models.DateTimeField(null=True, verbose_name="answered")),
                ("is_released", models.BooleanField(null=True, verbose_name="released")),
            ],
            options={
                "verbose_name": "uploaded file",
                "verbose_name_plural": "uploaded files",
                "permissions": [
                    (
                        "release_bankupload",
                        "Can release files of the bank that somebody else has uploaded",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="bankupload",
            index=models.Index(
                condition=models.Q(("answered_at", None)),
                fields=["uploaded_at", "id"],
                name="bank_upload_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="bankupload",
            index=models.Index(fields=["-uploaded_at", "-id"], name="bank_upload_page"),
        ),
        migrations.AddConstraint(
            model_name="bankupload",
            constraint=models.UniqueConstraint(
                condition=models.Q(("answered_at", None)),
                fields=("kind", "sha256"),
                name="bank_upload_waits_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankupload",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["STATEMENT", "ANSWER"])),
                name="bank_upload_kind_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankupload",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "sha256",
                        models.Func(
                            models.F("content"),
                            function="sha256",
                            output_field=models.BinaryField(),
                        ),
                    )
                ),
                name="bank_upload_has_its_hash",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankupload",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("uploaded_by__regex", "^staff:[0-9]+$"),
                    models.Q(
                        models.Q(("answered_at", None), ("answered_by", ""), ("is_released", None)),
                        models.Q(
                            ("answered_at__isnull", False),
                            ("answered_by__regex", "^staff:[0-9]+$"),
                            ("is_released__isnull", False),
                            models.Q(("answered_by", models.F("uploaded_by")), _negated=True),
                        ),
                        _connector="OR",
                    ),
                ),
                name="bank_upload_is_released_by_another",
            ),
        ),
        migrations.AddField(
            model_name="bankreport",
            name="upload",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="wallets.bankupload",
            ),
        ),
        migrations.AddField(
            model_name="bankstatementfile",
            name="upload",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="wallets.bankupload",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankreport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "sha256",
                        models.Func(
                            models.F("content"),
                            function="sha256",
                            output_field=models.BinaryField(),
                        ),
                    )
                ),
                name="bank_report_has_its_hash",
            ),
        ),
        migrations.RunSQL(WRITTEN_ONCE, NOT_WRITTEN_ONCE),
        migrations.RunPython(make_groups, take_back),
        Grant(
            "SELECT, INSERT, UPDATE (bic, booked_by, closed_at, holder_name)", "wallets_bankaccount"
        ),
        Grant(
            "SELECT, INSERT",
            "wallets_bankstatementfile",
            "wallets_bankstatement",
            "wallets_bankoutcome",
            "wallets_safeguardingreport",
            "wallets_safeguardingsignature",
        ),
        Grant("SELECT, INSERT, UPDATE (confirmed_by_id, is_open, reason)", "wallets_bankline"),
        Grant(
            "SELECT, INSERT, UPDATE (answered_at, answered_by, is_approved)", "wallets_bankdecision"
        ),
        Grant(
            "SELECT, INSERT, UPDATE (answered_at, answered_by, is_released)", "wallets_bankupload"
        ),
    ]
