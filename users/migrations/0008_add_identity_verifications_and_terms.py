from typing import ClassVar

import django.db.models.deletion
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

from iocash.db.clock import Now
from iocash.db.grants import Grant

FOREIGN_KEYS = """
ALTER TABLE users_identityverification
    ADD CONSTRAINT identity_verification_is_of_the_users_client
        FOREIGN KEY (client_id, user_id) REFERENCES users_user (client_id, id);
ALTER TABLE users_termssignature
    ADD CONSTRAINT terms_signature_is_of_the_users_client
        FOREIGN KEY (client_id, user_id) REFERENCES users_user (client_id, id),
    ADD CONSTRAINT terms_signature_has_the_hash_of_its_terms
        FOREIGN KEY (terms_id, sha256) REFERENCES users_terms (id, sha256);
"""
NO_FOREIGN_KEYS = """
ALTER TABLE users_termssignature
    DROP CONSTRAINT terms_signature_is_of_the_users_client,
    DROP CONSTRAINT terms_signature_has_the_hash_of_its_terms;
ALTER TABLE users_identityverification
    DROP CONSTRAINT identity_verification_is_of_the_users_client;
"""

GUARDS = """
CREATE FUNCTION users_terms_are_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'terms are written once'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'terms_are_written_once';
END
$$;
CREATE TRIGGER terms_are_written_once BEFORE UPDATE OR DELETE ON users_terms
    FOR EACH ROW EXECUTE FUNCTION users_terms_are_written_once();

CREATE FUNCTION users_terms_signature_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a signature of the terms is written once'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'terms_signature_is_written_once';
END
$$;
CREATE TRIGGER terms_signature_is_written_once BEFORE UPDATE OR DELETE ON users_termssignature
    FOR EACH ROW EXECUTE FUNCTION users_terms_signature_is_written_once();

CREATE FUNCTION users_identity_verification_is_decided_once() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an identity verification is never removed'
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'identity_verification_is_never_removed';
    END IF;
    IF (NEW.id, NEW.client_id, NEW.user_id, NEW.provider, NEW.created_at, NEW.expires_at)
       IS DISTINCT FROM
       (OLD.id, OLD.client_id, OLD.user_id, OLD.provider, OLD.created_at, OLD.expires_at)
       OR OLD.status <> 'PENDING' AND (NEW.status, NEW.reason, NEW.decided_at)
          IS DISTINCT FROM (OLD.status, OLD.reason, OLD.decided_at)
    THEN
        RAISE EXCEPTION 'an identity verification is decided once'
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'identity_verification_is_decided_once';
    END IF;
    IF (NEW.reference, NEW.url, NEW.success_url, NEW.failure_url, NEW.names)
       IS DISTINCT FROM (OLD.reference, OLD.url, OLD.success_url, OLD.failure_url, OLD.names)
       AND ROW (NEW.reference, NEW.url, NEW.success_url, NEW.failure_url, NEW.names)
           IS DISTINCT FROM ROW ('', '', '', '', NULL::bytea)
    THEN
        RAISE EXCEPTION 'the texts of an identity verification are erased together'
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'identity_verification_texts_are_only_erased';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER identity_verification_is_decided_once
    BEFORE UPDATE OR DELETE ON users_identityverification
    FOR EACH ROW EXECUTE FUNCTION users_identity_verification_is_decided_once();
"""
NO_GUARDS = """
DROP TRIGGER identity_verification_is_decided_once ON users_identityverification;
DROP FUNCTION users_identity_verification_is_decided_once;
DROP TRIGGER terms_signature_is_written_once ON users_termssignature;
DROP FUNCTION users_terms_signature_is_written_once;
DROP TRIGGER terms_are_written_once ON users_terms;
DROP FUNCTION users_terms_are_written_once;
"""

# Also erases the salts of the keys that started a verification or signed the terms.
FORGET = """
CREATE OR REPLACE FUNCTION users_forget_keys(erased uuid)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM users_user WHERE id = erased AND status = 'UNSUBSCRIBED') THEN
        RAISE EXCEPTION 'only who has ended is erased'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'user_is_erased_after_its_end';
    END IF;
    UPDATE users_key SET salt = NULL
    WHERE salt IS NOT NULL AND made_id IN (
        SELECT erased
        UNION ALL
        SELECT (data ->> 'id')::uuid FROM users_event
        WHERE subject_id = erased AND kind = 'user.evidence_sent'
        UNION ALL SELECT id FROM users_identityverification WHERE user_id = erased
        UNION ALL SELECT id FROM users_termssignature WHERE user_id = erased
    );
END
$$;
"""
FORGET_BEFORE = """
CREATE OR REPLACE FUNCTION users_forget_keys(erased uuid)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM users_user WHERE id = erased AND status = 'UNSUBSCRIBED') THEN
        RAISE EXCEPTION 'only who has ended is erased'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'user_is_erased_after_its_end';
    END IF;
    UPDATE users_key SET salt = NULL
    WHERE salt IS NOT NULL AND made_id IN (
        SELECT erased
        UNION ALL
        SELECT (data ->> 'id')::uuid FROM users_event
        WHERE subject_id = erased AND kind = 'user.evidence_sent'
    );
END
$$;
"""

# Adds to what the role may do; `Grant` would revoke what it does not name.
GRANT = f'GRANT UPDATE (about) ON users_otp TO "{settings.DATABASE_ROLE}";'
REVOKE = f'REVOKE UPDATE (about) ON users_otp FROM "{settings.DATABASE_ROLE}";'


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0007_add_metadata_and_search"),
    ]

    operations: ClassVar = [
        migrations.AddField(
            model_name="otp",
            name="about",
            field=models.CharField(
                blank=True,
                db_default="",
                help_text="The terms that it signs; empty: it verifies the number.",
                max_length=36,
            ),
        ),
        migrations.CreateModel(
            name="Terms",
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
                ("version", models.PositiveIntegerField(unique=True)),
                ("content", models.BinaryField()),
                ("size", models.PositiveIntegerField(help_text="Bytes.")),
                ("sha256", models.BinaryField(max_length=32)),
                ("published_by", models.CharField(max_length=60)),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
            ],
            options={
                "verbose_name": "terms",
                "verbose_name_plural": "terms",
                "constraints": [
                    models.CheckConstraint(
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
                        name="terms_have_the_hash_of_their_content",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "size",
                                models.Func(
                                    models.F("content"),
                                    function="octet_length",
                                    output_field=models.IntegerField(),
                                ),
                            ),
                            ("size__gte", 1),
                        ),
                        name="terms_have_the_size_of_their_content",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("version__gte", 1)), name="terms_are_numbered_from_one"
                    ),
                    models.UniqueConstraint(fields=("id", "sha256"), name="terms_have_one_hash"),
                ],
            },
        ),
        migrations.CreateModel(
            name="IdentityVerification",
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
                ("provider", models.CharField(max_length=20)),
                (
                    "reference",
                    models.CharField(
                        blank=True, help_text="The provider's own id.", max_length=100
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("PENDING", "Pending"),
                            ("APPROVED", "Approved"),
                            ("REJECTED", "Rejected"),
                            ("EXPIRED", "Expired"),
                        ],
                        default="PENDING",
                        max_length=8,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True, help_text="The provider's code for a rejection.", max_length=40
                    ),
                ),
                (
                    "url",
                    models.CharField(
                        blank=True, help_text="Where the user is verified.", max_length=2000
                    ),
                ),
                ("success_url", models.CharField(blank=True, max_length=2000)),
                ("failure_url", models.CharField(blank=True, max_length=2000)),
                (
                    "names",
                    models.BinaryField(
                        help_text="A keyed digest of the names that the provider got.",
                        max_length=32,
                        null=True,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                ("expires_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
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
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="users.user",
                    ),
                ),
            ],
            options={
                "verbose_name": "identity verification",
                "indexes": [
                    models.Index(fields=["user", "id"], name="identity_verification_of_user")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["PENDING", "APPROVED", "REJECTED", "EXPIRED"])
                        ),
                        name="identity_verification_status_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("decided_at", None), ("status", "PENDING")),
                            models.Q(
                                models.Q(("status", "PENDING"), _negated=True),
                                ("decided_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="identity_verification_decision_has_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("created_at"))),
                        name="identity_verification_ends_after_its_beginning",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "PENDING")),
                        fields=("client", "user"),
                        name="identity_verification_is_pending_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("reference", ""), _negated=True),
                        fields=("provider", "reference"),
                        name="identity_verification_reference_is_used_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TermsSignature",
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
                ("sha256", models.BinaryField(help_text="Of the terms.", max_length=32)),
                (
                    "otp_id",
                    models.UUIDField(
                        help_text="The one-time password; of the user and its number."
                    ),
                ),
                (
                    "otp_sent_at",
                    models.DateTimeField(help_text="When the one-time password was sent."),
                ),
                ("signed_at", models.DateTimeField(help_text="When it was verified.")),
                ("actor", models.CharField(max_length=60)),
                ("request_id", models.CharField(blank=True, max_length=64)),
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
                    "terms",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="users.terms",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="users.user",
                    ),
                ),
            ],
            options={
                "verbose_name": "signature of the terms",
                "verbose_name_plural": "signatures of the terms",
                "indexes": [models.Index(fields=["user", "id"], name="terms_signature_of_user")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("client", "user", "terms"), name="terms_are_signed_once_by_a_user"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("signed_at__gte", models.F("otp_sent_at"))),
                        name="terms_signature_follows_its_otp",
                    ),
                ],
            },
        ),
        migrations.RunSQL(FOREIGN_KEYS, NO_FOREIGN_KEYS),
        migrations.RunSQL(GUARDS, NO_GUARDS),
        migrations.RunSQL(FORGET, FORGET_BEFORE),
        migrations.RunSQL(GRANT, REVOKE),
        Grant("SELECT, INSERT", "users_terms", "users_termssignature"),
        Grant(
            "SELECT, INSERT, UPDATE (status, reason, decided_at, reference, url, success_url, "
            "failure_url, names)",
            "users_identityverification",
        ),
    ]
