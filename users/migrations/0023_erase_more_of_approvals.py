from importlib import import_module
from typing import Any, ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

earlier: Any = import_module("users.migrations.0020_add_approvals")

# A request is erased with its user, or with the other party of its payment. A decided request for a
# new member of staff forgets the person's name and e-mail address.
GUARDS = """
CREATE OR REPLACE FUNCTION users_guard_approvals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    forgets boolean := TG_OP = 'UPDATE' AND OLD.kind = 'ADD_MEMBER'
        AND OLD.state = 'ASKED' AND NEW.state <> 'ASKED';
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
    IF (NEW.id, NEW.kind, NEW.client_id, NEW.user_id, NEW.counterparty_id, NEW.subject,
        NEW.subject_id, NEW.currency, NEW.amount, NEW.asked_by_id, NEW.asked_at, NEW.expires_at)
       IS DISTINCT FROM
       (OLD.id, OLD.kind, OLD.client_id, OLD.user_id, OLD.counterparty_id, OLD.subject,
        OLD.subject_id, OLD.currency, OLD.amount, OLD.asked_by_id, OLD.asked_at, OLD.expires_at)
       OR NEW.payload IS DISTINCT FROM OLD.payload
       AND NOT (forgets AND NEW.payload = OLD.payload - '{first_name,last_name,email}'::text[])
    THEN
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
    IF ((NEW.texts, NEW.reason) IS DISTINCT FROM (OLD.texts, OLD.reason)
        OR NEW.facts IS DISTINCT FROM OLD.facts
        AND NOT (forgets AND NEW.facts IS NOT DISTINCT FROM (
            SELECT jsonb_agg(fact ORDER BY number)
            FROM jsonb_array_elements(OLD.facts) WITH ORDINALITY AS listed (fact, number)
            WHERE fact ->> 0 NOT IN ('name', 'email')
        ))
        OR OLD.state <> 'ASKED' AND NEW.decision <> OLD.decision)
       AND NOT (NEW.texts IS NULL AND NEW.facts IS NULL AND NEW.reason = '' AND NEW.decision = ''
                AND EXISTS (SELECT FROM users_user
                            WHERE id IN (NEW.user_id, NEW.counterparty_id)
                              AND status = 'UNSUBSCRIBED')) THEN
        RAISE EXCEPTION 'the texts of an approval are only erased, with their user'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_texts_are_only_erased';
    END IF;
    RETURN NEW;
END
$$;
"""
BEFORE = earlier.GUARDS.partition("CREATE TRIGGER")[0].replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
FOREIGN_KEY = """
ALTER TABLE users_approval
    ADD CONSTRAINT approval_is_of_the_counterpartys_client
        FOREIGN KEY (client_id, counterparty_id) REFERENCES users_user (client_id, id);
"""
NO_FOREIGN_KEY = (
    "ALTER TABLE users_approval DROP CONSTRAINT approval_is_of_the_counterpartys_client;"
)
ROLE = settings.DATABASE_ROLE
GRANT = f'GRANT UPDATE (payload) ON users_approval TO "{ROLE}";'
REVOKE = f'REVOKE UPDATE (payload) ON users_approval FROM "{ROLE}";'


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0022_note_when_the_source_changes"),
    ]

    operations: ClassVar = [
        migrations.AddField(
            model_name="approval",
            name="counterparty",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="users.user",
            ),
        ),
        migrations.AddIndex(
            model_name="approval",
            index=models.Index(
                condition=models.Q(("counterparty__isnull", False)),
                fields=["counterparty", "id"],
                name="approval_of_counterparty",
            ),
        ),
        migrations.RunSQL(FOREIGN_KEY, NO_FOREIGN_KEY),
        migrations.RunSQL(GUARDS, BEFORE),
        migrations.RunSQL(GRANT, REVOKE),
    ]
