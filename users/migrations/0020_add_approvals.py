from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import iocash.db.clock
import users.models.ids
from iocash.db.grants import Grant

GUARDS = """
CREATE FUNCTION users_guard_approvals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an approval is never removed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_is_never_removed';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'ASKED' THEN
            RAISE EXCEPTION 'an approval begins as asked'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_begins_as_asked';
        END IF;
        IF NOT EXISTS (SELECT FROM auth_user WHERE id = NEW.asked_by_id AND is_staff) THEN
            RAISE EXCEPTION 'members of staff ask for approvals'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_is_between_staff';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.kind, NEW.client_id, NEW.user_id, NEW.subject, NEW.subject_id, NEW.currency,
        NEW.amount, NEW.payload, NEW.asked_by_id, NEW.asked_at, NEW.expires_at)
       IS DISTINCT FROM
       (OLD.id, OLD.kind, OLD.client_id, OLD.user_id, OLD.subject, OLD.subject_id, OLD.currency,
        OLD.amount, OLD.payload, OLD.asked_by_id, OLD.asked_at, OLD.expires_at) THEN
        RAISE EXCEPTION 'what was asked never changes'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_is_never_edited';
    END IF;
    IF OLD.state <> 'ASKED'
       AND (NEW.state, NEW.code, NEW.decided_by_id, NEW.decided_at, NEW.made_id)
           IS DISTINCT FROM
           (OLD.state, OLD.code, OLD.decided_by_id, OLD.decided_at, OLD.made_id) THEN
        RAISE EXCEPTION 'an approval is decided once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_is_decided_once';
    END IF;
    IF OLD.state = 'ASKED' AND NEW.decided_by_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM auth_user WHERE id = NEW.decided_by_id AND is_staff AND is_active
    ) THEN
        RAISE EXCEPTION 'active members of staff decide'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_is_between_staff';
    END IF;
    IF ((NEW.texts, NEW.facts, NEW.reason) IS DISTINCT FROM (OLD.texts, OLD.facts, OLD.reason)
        OR OLD.state <> 'ASKED' AND NEW.decision <> OLD.decision)
       AND NOT (NEW.texts IS NULL AND NEW.facts IS NULL AND NEW.reason = '' AND NEW.decision = ''
                AND EXISTS (SELECT FROM users_user
                            WHERE id = NEW.user_id AND status = 'UNSUBSCRIBED')) THEN
        RAISE EXCEPTION 'the texts of an approval are only erased, with their user'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_texts_are_only_erased';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER approvals_are_guarded
    BEFORE INSERT OR UPDATE OR DELETE ON users_approval
    FOR EACH ROW EXECUTE FUNCTION users_guard_approvals();

CREATE FUNCTION users_guard_thresholds() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before record;
BEGIN
    SELECT version, amount INTO before FROM users_threshold
    WHERE kind = NEW.kind AND currency = NEW.currency AND version < NEW.version
    ORDER BY version DESC LIMIT 1;
    IF NEW.version <> coalesce(before.version, 0) + 1 THEN
        RAISE EXCEPTION 'versions of a threshold follow one another'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'threshold_versions_have_no_gaps';
    END IF;
    IF NEW.amount > coalesce(before.amount, 0) AND NOT EXISTS (
        SELECT FROM users_approval
        WHERE id = NEW.approval_id AND kind = 'RAISE_THRESHOLD' AND state = 'APPROVED'
          AND payload ->> 'kind' = NEW.kind AND currency = NEW.currency AND amount = NEW.amount
    ) THEN
        RAISE EXCEPTION 'two people raise a threshold'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'threshold_is_raised_by_two_people';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER thresholds_are_guarded
    AFTER INSERT ON users_threshold DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION users_guard_thresholds();
CREATE FUNCTION users_thresholds_are_never_edited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of a threshold is never edited'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'threshold_is_never_edited';
END
$$;
CREATE TRIGGER thresholds_are_never_edited
    BEFORE UPDATE OR DELETE ON users_threshold
    FOR EACH ROW EXECUTE FUNCTION users_thresholds_are_never_edited();
"""
NO_GUARDS = """
DROP TRIGGER thresholds_are_never_edited ON users_threshold;
DROP FUNCTION users_thresholds_are_never_edited;
DROP TRIGGER thresholds_are_guarded ON users_threshold;
DROP FUNCTION users_guard_thresholds;
DROP TRIGGER approvals_are_guarded ON users_approval;
DROP FUNCTION users_guard_approvals;
"""

FOREIGN_KEY = """
ALTER TABLE users_approval
    ADD CONSTRAINT approval_is_of_the_users_client
        FOREIGN KEY (client_id, user_id) REFERENCES users_user (client_id, id);
"""
NO_FOREIGN_KEY = "ALTER TABLE users_approval DROP CONSTRAINT approval_is_of_the_users_client;"
ROLE = settings.DATABASE_ROLE
GRANT = f"""
GRANT UPDATE (scopes) ON users_apikey TO "{ROLE}";
GRANT UPDATE (scopes) ON users_signingkey TO "{ROLE}";
"""
REVOKE = f"""
REVOKE UPDATE (scopes) ON users_apikey FROM "{ROLE}";
REVOKE UPDATE (scopes) ON users_signingkey FROM "{ROLE}";
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0019_encrypt_secrets_and_keep_a_column"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Approval",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=users.models.ids.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                ("subject", models.CharField(max_length=10)),
                ("subject_id", models.CharField(blank=True, max_length=36)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("amount", models.BigIntegerField(null=True)),
                ("payload", models.JSONField()),
                ("texts", models.JSONField(null=True)),
                ("facts", models.JSONField(null=True)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("asked_at", models.DateTimeField(db_default=iocash.db.clock.Now())),
                ("expires_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("ASKED", "Waiting"),
                            ("APPROVED", "Approved"),
                            ("REFUSED", "Refused"),
                            ("WITHDRAWN", "Withdrawn"),
                            ("EXPIRED", "Expired"),
                            ("FAILED", "Failed"),
                        ],
                        default="ASKED",
                        max_length=9,
                    ),
                ),
                ("code", models.CharField(blank=True, max_length=60)),
                ("decided_at", models.DateTimeField(null=True)),
                ("decision", models.CharField(blank=True, max_length=500)),
                ("made_id", models.UUIDField(null=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="users.client",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="users.user",
                    ),
                ),
            ],
            options={
                "verbose_name": "approval",
                "verbose_name_plural": "approvals",
            },
        ),
        migrations.CreateModel(
            name="Threshold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                ("currency", models.CharField(max_length=3)),
                ("version", models.PositiveIntegerField()),
                ("amount", models.BigIntegerField()),
                ("reason", models.CharField(max_length=500)),
                (
                    "created_at",
                    models.DateTimeField(db_default=iocash.db.clock.Now(), editable=False),
                ),
                (
                    "approval",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="users.approval",
                    ),
                ),
                (
                    "set_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "threshold",
                "verbose_name_plural": "thresholds",
            },
        ),
        migrations.AddIndex(
            model_name="approval",
            index=models.Index(
                condition=models.Q(("state", "ASKED")),
                fields=["expires_at", "id"],
                name="approval_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="approval",
            index=models.Index(fields=["asked_by", "asked_at"], name="approval_of_asker"),
        ),
        migrations.AddIndex(
            model_name="approval",
            index=models.Index(
                condition=models.Q(("decided_by__isnull", False)),
                fields=["decided_by", "decided_at"],
                name="approval_of_decider",
            ),
        ),
        migrations.AddIndex(
            model_name="approval",
            index=models.Index(fields=["subject_id", "id"], name="approval_about_subject"),
        ),
        migrations.AddIndex(
            model_name="approval",
            index=models.Index(fields=["user", "id"], name="approval_of_user"),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decided_by", None),
                    ("state", "WITHDRAWN"),
                    models.Q(("decided_by", models.F("asked_by")), _negated=True),
                    _connector="OR",
                ),
                name="approval_is_decided_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "WITHDRAWN"), _negated=True),
                    models.Q(("decided_by", models.F("asked_by")), ("decided_by__isnull", False)),
                    _connector="OR",
                ),
                name="approval_is_withdrawn_by_its_asker",
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("code", ""),
                        ("decided_at", None),
                        ("decided_by", None),
                        ("made_id", None),
                        ("state", "ASKED"),
                    ),
                    models.Q(
                        ("code", ""),
                        ("decided_at__isnull", False),
                        ("decided_by", None),
                        ("state", "EXPIRED"),
                        ("made_id", None),
                    ),
                    models.Q(
                        ("code", ""),
                        ("decided_at__isnull", False),
                        ("decided_by__isnull", False),
                        ("state", "APPROVED"),
                    ),
                    models.Q(
                        ("code", ""),
                        ("decided_by__isnull", False),
                        ("state__in", ["REFUSED", "WITHDRAWN"]),
                        ("decided_at__isnull", False),
                        ("made_id", None),
                    ),
                    models.Q(
                        ("decided_at__isnull", False),
                        ("decided_by__isnull", False),
                        ("state", "FAILED"),
                        ("made_id", None),
                        models.Q(("code", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="approval_state_is_consistent",
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount", None), ("currency", "")),
                    models.Q(
                        ("amount__gte", 0),
                        ("amount__isnull", False),
                        models.Q(("currency", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="approval_amount_has_a_currency",
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("reason", ""), _negated=True), ("texts", None), _connector="OR"
                ),
                name="approval_has_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gt", models.F("asked_at"))),
                name="approval_expires_after_it_was_asked",
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.UniqueConstraint(
                fields=("made_id",), name="approval_makes_one_movement"
            ),
        ),
        migrations.AddConstraint(
            model_name="threshold",
            constraint=models.UniqueConstraint(
                fields=("kind", "currency", "version"), name="threshold_version_is_there_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="threshold",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gte", 0), ("version__gte", 1)),
                name="threshold_is_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="threshold",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="threshold_has_a_reason"
            ),
        ),
        migrations.RunSQL(FOREIGN_KEY, NO_FOREIGN_KEY),
        migrations.RunSQL(GUARDS, NO_GUARDS),
        Grant(
            "SELECT, INSERT, UPDATE (state, code, decided_by_id, decided_at, decision, made_id,"
            " texts, facts, reason)",
            "users_approval",
        ),
        Grant("SELECT, INSERT", "users_threshold"),
        migrations.RunSQL(GRANT, REVOKE),
    ]
