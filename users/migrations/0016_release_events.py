from typing import ClassVar

from django.db import migrations, models

from iocash.db.grants import Grant

# The kinds as callers read them: what a user sends to be reviewed is a KYC document.
RENAME = """
UPDATE users_event SET kind = replace(kind, 'user.evidence_', 'user.kyc_document_')
WHERE kind LIKE 'user.evidence\\_%';
"""
RENAME_BACK = """
UPDATE users_event SET kind = replace(kind, 'user.kyc_document_', 'user.evidence_')
WHERE kind LIKE 'user.kyc\\_document\\_%';
"""

# The salts of the keys of a closed user; the same as before with the new name of a kind.
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
        WHERE subject_id = erased AND kind = '{sent}'
        UNION ALL SELECT id FROM users_identityverification WHERE user_id = erased
        UNION ALL SELECT id FROM users_termssignature WHERE user_id = erased
    );
END
$$;
"""
SENT, SENT_BEFORE = "user.kyc_document_sent", "user.evidence_sent"


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0015_add_tasks_and_digests"),
    ]

    operations: ClassVar = [
        migrations.RemoveField(model_name="event", name="transaction_id"),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["client", "position"], name="event_of_client"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["id"], name="event_by_id"),
        ),
        migrations.AddField(
            model_name="barrier",
            name="released_position",
            field=models.BigIntegerField(
                db_default=0, help_text="Every event up to it is visible."
            ),
        ),
        migrations.AddField(
            model_name="barrier",
            name="barrier_position",
            field=models.BigIntegerField(db_default=0, help_text="The next release of events."),
        ),
        migrations.AddConstraint(
            model_name="barrier",
            constraint=models.CheckConstraint(
                condition=models.Q(("released_position__lte", models.F("barrier_position"))),
                name="barrier_position_is_not_before_its_release",
            ),
        ),
        migrations.RunSQL(RENAME, RENAME_BACK),
        migrations.RunSQL(FORGET.format(sent=SENT), FORGET.format(sent=SENT_BEFORE)),
        Grant(
            "SELECT, UPDATE (released_at, released_position, barrier_at, barrier_position,"
            " barrier_xid)",
            "users_barrier",
        ),
        Grant("SELECT", "SEQUENCE users_event_position_seq"),
    ]
