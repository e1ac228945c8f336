from typing import ClassVar

import django.db.models.deletion
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

import iocash.db.clock
from iocash.db.grants import Grant

ERASURE = """
CREATE FUNCTION wallets_erase_statement_files(erased uuid)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    own uuid[] := ARRAY(SELECT id FROM wallets_wallet WHERE user_id = erased);
BEGIN
    -- The user's own files: their content goes, and so do the salts of their keys.
    UPDATE wallets_statementfile
    SET status = 'EXPIRED', content = NULL, sha256 = NULL, lease = NULL, leased_until = NULL
    WHERE wallet_id = ANY(own) AND status <> 'EXPIRED';
    UPDATE users_key SET salt = NULL
    WHERE salt IS NOT NULL AND made_id IN (
        SELECT id FROM wallets_statementfile WHERE wallet_id = ANY(own));
    -- The files of those who paid the user or were paid: they are made again, without the texts.
    UPDATE wallets_statementfile
    SET status = 'PENDING', content = NULL, sha256 = NULL, attempts = 0,
        lease = NULL, leased_until = NULL
    WHERE status IN ('READY', 'PENDING') AND wallet_id IN (
        SELECT counterparty_id FROM wallets_movement
        WHERE wallet_id = ANY(own) AND counterparty_id IS NOT NULL);
END
$$;
REVOKE ALL ON FUNCTION wallets_erase_statement_files FROM PUBLIC;
"""
ALLOW = f'GRANT EXECUTE ON FUNCTION wallets_erase_statement_files TO "{settings.DATABASE_ROLE}";'
UNDO = "DROP FUNCTION wallets_erase_statement_files(uuid);"


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0019_encrypt_secrets_and_keep_a_column"),
        ("wallets", "0018_add_alerts"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="StatementFile",
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
                    "format",
                    models.CharField(
                        choices=[("PDF", "PDF"), ("CSV", "CSV"), ("CAMT_053", "camt.053")],
                        max_length=8,
                    ),
                ),
                ("language", models.CharField(max_length=10)),
                ("starts_at", models.DateTimeField(help_text="Included.")),
                ("ends_at", models.DateTimeField(help_text="Not included.")),
                ("movements", models.PositiveIntegerField(help_text="How many are in the period.")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("PENDING", "Pending"),
                            ("READY", "Ready"),
                            ("FAILED", "Failed"),
                            ("EXPIRED", "Expired"),
                        ],
                        default="PENDING",
                        max_length=7,
                    ),
                ),
                ("content", models.BinaryField(null=True)),
                ("sha256", models.BinaryField(max_length=32, null=True)),
                (
                    "closing_head",
                    models.BinaryField(
                        help_text="The head of the chain when the period ends.",
                        max_length=32,
                        null=True,
                    ),
                ),
                ("actor", models.CharField(max_length=60)),
                (
                    "created_at",
                    models.DateTimeField(db_default=iocash.db.clock.Now(), editable=False),
                ),
                ("attempts", models.PositiveSmallIntegerField(db_default=0)),
                ("lease", models.UUIDField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="users.client",
                    ),
                ),
                (
                    "wallet",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="wallets.wallet",
                    ),
                ),
            ],
            options={
                "verbose_name": "statement file",
                "verbose_name_plural": "statement files",
                "indexes": [
                    models.Index(fields=["wallet", "id"], name="statement_file_of_wallet"),
                    models.Index(
                        condition=models.Q(("status", "PENDING")),
                        fields=["created_at"],
                        name="statement_file_pending",
                    ),
                    models.Index(
                        condition=models.Q(("status", "EXPIRED"), _negated=True),
                        fields=["created_at"],
                        name="statement_file_kept",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("format__in", ["PDF", "CSV", "CAMT_053"])),
                        name="statement_file_format_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["PENDING", "READY", "FAILED", "EXPIRED"])
                        ),
                        name="statement_file_status_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("starts_at__lt", models.F("ends_at"))),
                        name="statement_file_period_is_not_empty",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("content__isnull", False),
                                ("sha256__isnull", False),
                                ("status", "READY"),
                            ),
                            models.Q(
                                models.Q(("status", "READY"), _negated=True),
                                ("content", None),
                                ("sha256", None),
                            ),
                            _connector="OR",
                        ),
                        name="statement_file_has_a_content_while_it_is_ready",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lease", None), ("leased_until", None)),
                            models.Q(
                                ("lease__isnull", False),
                                ("leased_until__isnull", False),
                                ("status", "PENDING"),
                            ),
                            _connector="OR",
                        ),
                        name="statement_file_is_leased_only_while_it_is_pending",
                    ),
                ],
            },
        ),
        Grant(
            "SELECT, INSERT, UPDATE (attempts, closing_head, content, lease, leased_until, sha256,"
            " status)",
            "wallets_statementfile",
        ),
        migrations.RunSQL(ERASURE, UNDO),
        migrations.RunSQL(ALLOW, migrations.RunSQL.noop),
    ]
