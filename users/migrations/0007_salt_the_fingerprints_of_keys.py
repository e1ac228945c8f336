from typing import ClassVar

from django.conf import settings
from django.db import migrations, models

# The salts of the keys that made the user, or what the user has shown. Runs as the owner: what
# serves may change no key.
FORGET = """
CREATE FUNCTION users_forget_keys(erased uuid)
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
REVOKE ALL ON FUNCTION users_forget_keys FROM PUBLIC;
"""
SERVED = f'GRANT EXECUTE ON FUNCTION users_forget_keys TO "{settings.DATABASE_ROLE}";'
NOT_FORGET = "DROP FUNCTION users_forget_keys;"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("users", "0006_index_what_staff_search_by")]

    operations: ClassVar = [
        migrations.AddField("key", "salt", models.BinaryField(max_length=16, null=True)),
        migrations.AddIndex("key", models.Index(fields=["made_id"], name="key_of_made")),
        migrations.RunSQL(FORGET, NOT_FORGET),
        migrations.RunSQL(SERVED, migrations.RunSQL.noop),
    ]
