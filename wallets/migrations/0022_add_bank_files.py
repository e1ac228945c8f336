from collections.abc import Sequence
from typing import Any, ClassVar

import django.db.models.deletion
import uuid_utils.compat
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

import iocash.db.clock
from iocash.db.grants import Grant

GRANT = f'GRANT UPDATE (bank_file_id) ON wallets_movement TO "{settings.DATABASE_ROLE}";'
REVOKE = f'REVOKE UPDATE (bank_file_id) ON wallets_movement FROM "{settings.DATABASE_ROLE}";'

WRITTEN_ONCE = """
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
%s    RETURN NEW;
END
$$;
"""
ONE_FILE = """
    IF NEW.bank_file_id IS DISTINCT FROM OLD.bank_file_id
       AND (OLD.status <> 'PENDING' OR NEW.status <> 'PENDING'
            OR OLD.sent_at IS NOT NULL OR NEW.sent_at IS NOT NULL
            OR (OLD.bank_file_id IS NOT NULL AND NEW.bank_file_id IS NOT NULL))
    THEN
        RAISE EXCEPTION 'a cash-out is in one file at a time, until it is sent'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_is_in_one_file';
    END IF;
"""

BUILT_ONCE = """
CREATE FUNCTION bank_file_is_built_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a bank file is never removed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_file_is_never_removed';
    END IF;
    IF (NEW.id, NEW.message_id, NEW.account_id, NEW.currency, NEW.execution_date, NEW.count,
        NEW.control_sum, NEW.sha256, NEW.created_by, NEW.created_at)
       IS DISTINCT FROM
       (OLD.id, OLD.message_id, OLD.account_id, OLD.currency, OLD.execution_date, OLD.count,
        OLD.control_sum, OLD.sha256, OLD.created_by, OLD.created_at)
       OR NEW.content IS DISTINCT FROM OLD.content
          AND (NEW.content IS NOT NULL OR OLD.state IN ('BUILT', 'APPROVED'))
    THEN
        RAISE EXCEPTION 'a bank file is built once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_file_is_built_once';
    END IF;
    IF (OLD.approved_by <> '' AND
        (NEW.approved_by, NEW.approved_at) IS DISTINCT FROM (OLD.approved_by, OLD.approved_at))
       OR (OLD.sent_by <> '' AND
           (NEW.sent_by, NEW.sent_at) IS DISTINCT FROM (OLD.sent_by, OLD.sent_at))
    THEN
        RAISE EXCEPTION 'a bank file is approved and sent once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_file_is_approved_once';
    END IF;
    IF NEW.state <> OLD.state AND (
        OLD.state IN ('DISCARDED', 'REJECTED')
        OR NEW.state = 'BUILT'
        OR (NEW.state = 'DISCARDED' AND OLD.state <> 'BUILT')
        OR (NEW.state = 'APPROVED' AND OLD.state <> 'BUILT')
        OR (NEW.state = 'SENT' AND OLD.state <> 'APPROVED')
        OR (OLD.state = 'PARTIALLY_ACCEPTED' AND NEW.state = 'ACCEPTED'))
    THEN
        RAISE EXCEPTION 'a bank file never goes back'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_file_never_goes_back';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER bank_file_is_built_once
    BEFORE UPDATE OR DELETE ON wallets_bankfile
    FOR EACH ROW EXECUTE FUNCTION bank_file_is_built_once();
"""
NOT_BUILT_ONCE = """
DROP TRIGGER bank_file_is_built_once ON wallets_bankfile;
DROP FUNCTION bank_file_is_built_once();
"""

# The content of a file quotes all its payees, so it goes with the first of them that is erased.
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
    WHERE (wallet_id = erased OR target_id = erased) AND salt IS NOT NULL;
    UPDATE wallets_scheduledoperation
    SET alias = '', concept = '', iban = '', next_at = NULL, taken_until = NULL,
        status = CASE status WHEN 'COMPLETED' THEN status ELSE 'CANCELLED' END
    WHERE wallet_id = erased;
    UPDATE wallets_scheduledoperation SET alias = '', concept = '' WHERE target_id = erased;%s
    UPDATE users_key SET salt = NULL
    WHERE salt IS NOT NULL AND made_id IN (
        SELECT erased
        UNION ALL SELECT id FROM wallets_externalaccount WHERE wallet_id = erased
        UNION ALL SELECT id FROM wallets_hold WHERE wallet_id = erased OR target_id = erased
        UNION ALL
        SELECT id FROM wallets_scheduledoperation WHERE wallet_id = erased OR target_id = erased
    );
END
$$;
"""
ERASED = """
    UPDATE wallets_bankpayment SET information = '' WHERE wallet_id = erased;
    UPDATE wallets_bankfile SET content = NULL
    WHERE content IS NOT NULL AND state NOT IN ('BUILT', 'APPROVED') AND id IN (
        SELECT file_id FROM wallets_bankpayment WHERE wallet_id = erased
    );"""

VIEW = ("wallets.view_bankfile",)
WORK = (*VIEW, "wallets.add_bankfile", "wallets.send_bankfile")
APPROVE = (*WORK, "wallets.approve_bankfile", "wallets.add_bankreport")
GROUPS = {"viewer": VIEW, "operator": WORK, "supervisor": APPROVE}


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
        group.permissions.remove(*found(apps, alias, APPROVE))


def found(apps: Any, alias: str, names: Sequence[str]) -> list[Any]:
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    return [
        permissions.get(content_type__app_label=label, codename=codename)
        for label, codename in (name.split(".") for name in names)
    ]


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0021_add_source_of_cash_ins"),
        ("wallets", "0021_add_bank_accounts"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="BankFile",
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
                ("message_id", models.CharField(max_length=35, verbose_name="message id")),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                ("execution_date", models.DateField(verbose_name="execution date")),
                ("count", models.PositiveIntegerField(verbose_name="payments")),
                ("control_sum", models.BigIntegerField(verbose_name="control sum")),
                ("sha256", models.BinaryField(max_length=32)),
                ("content", models.BinaryField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("BUILT", "Waits for approval"),
                            ("APPROVED", "Approved"),
                            ("SENT", "Sent"),
                            ("ACCEPTED", "Accepted"),
                            ("PARTIALLY_ACCEPTED", "Partially accepted"),
                            ("REJECTED", "Rejected"),
                            ("DISCARDED", "Discarded"),
                        ],
                        default="BUILT",
                        max_length=18,
                        verbose_name="state",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=140, verbose_name="reason")),
                ("created_by", models.CharField(max_length=60)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=iocash.db.clock.Now(), editable=False, verbose_name="built"
                    ),
                ),
                ("approved_by", models.CharField(blank=True, max_length=60)),
                ("approved_at", models.DateTimeField(null=True, verbose_name="approved")),
                (
                    "placed_at",
                    models.DateTimeField(
                        help_text="When it was put beside the folder of the bank, to be moved into it.",
                        null=True,
                    ),
                ),
                ("sent_by", models.CharField(blank=True, max_length=60)),
                ("sent_at", models.DateTimeField(null=True, verbose_name="sent")),
                ("discarded_by", models.CharField(blank=True, max_length=60)),
                (
                    "ended_at",
                    models.DateTimeField(
                        help_text="Time of the last answer, or of the end.", null=True
                    ),
                ),
            ],
            options={
                "verbose_name": "bank file",
                "verbose_name_plural": "bank files",
                "permissions": [
                    ("approve_bankfile", "Can approve bank files that somebody else has built"),
                    ("send_bankfile", "Can take approved bank files to the bank"),
                ],
            },
        ),
        migrations.CreateModel(
            name="BankPayment",
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
                ("number", models.PositiveIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("amount", models.BigIntegerField()),
                ("status", models.CharField(blank=True, max_length=4, verbose_name="status")),
                (
                    "reason_code",
                    models.CharField(blank=True, max_length=35, verbose_name="reason code"),
                ),
                (
                    "information",
                    models.CharField(blank=True, max_length=210, verbose_name="information"),
                ),
                (
                    "verification",
                    models.CharField(
                        blank=True, max_length=4, verbose_name="verification of payee"
                    ),
                ),
                ("conflict", models.CharField(blank=True, max_length=40)),
                ("answered_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "payment of a bank file",
                "verbose_name_plural": "payments of bank files",
            },
        ),
        migrations.CreateModel(
            name="BankReport",
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
                ("message_id", models.CharField(max_length=35, verbose_name="message id")),
                ("content", models.BinaryField()),
                ("sha256", models.BinaryField(max_length=32)),
                ("status", models.CharField(blank=True, max_length=4, verbose_name="status")),
                (
                    "reason_code",
                    models.CharField(blank=True, max_length=35, verbose_name="reason code"),
                ),
                ("settled", models.PositiveIntegerField(verbose_name="settled")),
                ("rejected", models.PositiveIntegerField(verbose_name="rejected")),
                ("noted", models.PositiveIntegerField(verbose_name="noted")),
                ("conflicts", models.PositiveIntegerField(verbose_name="contradictions")),
                ("actor", models.CharField(max_length=60)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=iocash.db.clock.Now(), editable=False, verbose_name="imported"
                    ),
                ),
            ],
            options={
                "verbose_name": "answer of the bank",
                "verbose_name_plural": "answers of the bank",
            },
        ),
        migrations.RemoveConstraint(
            model_name="movement",
            name="movement_reversal_to_outside_goes_out",
        ),
        migrations.AddField(
            model_name="bankfile",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="files",
                to="wallets.bankaccount",
                verbose_name="pays from",
            ),
        ),
        migrations.AddField(
            model_name="movement",
            name="bank_file",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                help_text="The file for the bank that has this cash-out.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="wallets.bankfile",
            ),
        ),
        migrations.AddConstraint(
            model_name="movement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("counterparty", None), ("type", "REVERSAL"), _negated=True),
                    models.Q(("amount__lt", 0), ("iban", None)),
                    models.Q(("amount__gt", 0), ("iban__isnull", False)),
                    models.Q(("details_digest__isnull", False), ("salt", None)),
                    _connector="OR",
                ),
                name="movement_reversal_from_outside_has_an_iban_unless_erased",
            ),
        ),
        migrations.AddConstraint(
            model_name="movement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("bank_file", None),
                    models.Q(("status", "PENDING"), ("type", "CASH_OUT")),
                    models.Q(("sent_at__isnull", False), ("type", "CASH_OUT")),
                    _connector="OR",
                ),
                name="movement_only_a_cash_out_is_in_a_file",
            ),
        ),
        migrations.AddField(
            model_name="bankpayment",
            name="client",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="users.client",
            ),
        ),
        migrations.AddField(
            model_name="bankpayment",
            name="file",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payments",
                to="wallets.bankfile",
            ),
        ),
        migrations.AddField(
            model_name="bankpayment",
            name="movement",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="wallets.movement",
            ),
        ),
        migrations.AddField(
            model_name="bankpayment",
            name="wallet",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="wallets.wallet",
            ),
        ),
        migrations.AddField(
            model_name="bankreport",
            name="file",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reports",
                to="wallets.bankfile",
            ),
        ),
        migrations.AddIndex(
            model_name="bankfile",
            index=models.Index(
                condition=models.Q(("state__in", ["BUILT", "APPROVED"])),
                fields=["id"],
                name="bank_file_unsent",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.UniqueConstraint(
                fields=("message_id",), name="bank_file_has_its_own_message_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.CheckConstraint(
                condition=models.Q(("created_by__regex", "^staff:[0-9]+$")),
                name="bank_file_is_built_by_staff",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_by", ""),
                    models.Q(
                        ("approved_by__regex", "^staff:[0-9]+$"),
                        models.Q(("approved_by", models.F("created_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="bank_file_is_approved_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("approved_at", None),
                        ("approved_by", ""),
                        ("state__in", ["BUILT", "DISCARDED"]),
                    ),
                    models.Q(
                        models.Q(("state__in", ["BUILT", "DISCARDED"]), _negated=True),
                        models.Q(("approved_by", ""), _negated=True),
                        ("approved_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="bank_file_is_approved_before_it_is_sent",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("sent_at", None),
                        ("sent_by", ""),
                        ("state__in", ["BUILT", "DISCARDED", "APPROVED"]),
                    ),
                    models.Q(
                        ("state__in", ["SENT", "ACCEPTED", "PARTIALLY_ACCEPTED", "REJECTED"]),
                        models.Q(("sent_by", ""), _negated=True),
                        ("sent_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="bank_file_is_sent_before_it_is_answered",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("state", "DISCARDED"),
                        models.Q(("reason", ""), _negated=True),
                        models.Q(("discarded_by", ""), _negated=True),
                    ),
                    models.Q(models.Q(("state", "DISCARDED"), _negated=True), ("discarded_by", "")),
                    _connector="OR",
                ),
                name="bank_file_is_discarded_with_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.CheckConstraint(
                condition=models.Q(("control_sum__gt", 0), ("count__gt", 0)),
                name="bank_file_has_payments",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("content", None),
                    (
                        "sha256",
                        models.Func(
                            models.F("content"),
                            function="sha256",
                            output_field=models.BinaryField(),
                        ),
                    ),
                    _connector="OR",
                ),
                name="bank_file_has_its_hash",
            ),
        ),
        migrations.AddIndex(
            model_name="bankpayment",
            index=models.Index(fields=["movement"], name="bank_payment_of_movement"),
        ),
        migrations.AddIndex(
            model_name="bankpayment",
            index=models.Index(fields=["wallet"], name="bank_payment_of_wallet"),
        ),
        migrations.AddConstraint(
            model_name="bankpayment",
            constraint=models.UniqueConstraint(
                fields=("file", "movement"), name="bank_payment_is_once_in_its_file"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankpayment",
            constraint=models.UniqueConstraint(
                fields=("file", "number"), name="bank_payment_has_its_own_number"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankpayment",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="bank_payment_is_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankreport",
            constraint=models.UniqueConstraint(
                fields=("file", "sha256"), name="bank_report_is_imported_once"
            ),
        ),
        migrations.AddIndex(
            model_name="movement",
            index=models.Index(
                condition=models.Q(("bank_file__isnull", False)),
                fields=["id"],
                name="movement_in_a_file",
            ),
        ),
        migrations.RunSQL(WRITTEN_ONCE % ONE_FILE, WRITTEN_ONCE % ""),
        migrations.RunSQL(BUILT_ONCE, NOT_BUILT_ONCE),
        migrations.RunSQL(LABELS % ERASED, LABELS % ""),
        migrations.RunSQL(GRANT, REVOKE),
        Grant(
            "SELECT, INSERT, UPDATE (state, reason, approved_by, approved_at, placed_at, sent_by,"
            " sent_at, discarded_by, ended_at)",
            "wallets_bankfile",
        ),
        Grant(
            "SELECT, INSERT, UPDATE (status, reason_code, information, verification, conflict,"
            " answered_at)",
            "wallets_bankpayment",
        ),
        Grant("SELECT, INSERT", "wallets_bankreport"),
        migrations.RunPython(make_groups, take_back),
    ]
