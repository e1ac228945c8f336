from typing import ClassVar

from django.db import migrations

# What a user has is of the user's client.
FOREIGN_KEYS = """
ALTER TABLE users_otp ADD CONSTRAINT otp_is_of_the_users_client
    FOREIGN KEY (client_id, user_id) REFERENCES users_user (client_id, id);
ALTER TABLE users_kycdocument ADD CONSTRAINT kyc_document_is_of_the_users_client
    FOREIGN KEY (client_id, user_id) REFERENCES users_user (client_id, id);
ALTER TABLE users_access ADD CONSTRAINT access_is_of_the_users_client
    FOREIGN KEY (client_id, user_id) REFERENCES users_user (client_id, id);
"""

NO_FOREIGN_KEYS = """
ALTER TABLE users_otp DROP CONSTRAINT otp_is_of_the_users_client;
ALTER TABLE users_kycdocument DROP CONSTRAINT kyc_document_is_of_the_users_client;
ALTER TABLE users_access DROP CONSTRAINT access_is_of_the_users_client;
"""

# Erases the salts of the keys of a closed user. Runs as the owner: the serving role may not change
# keys.
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
NOT_FORGET = "DROP FUNCTION users_forget_keys;"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("users", "0001_initial")]

    operations: ClassVar = [
        migrations.RunSQL(FOREIGN_KEYS, NO_FOREIGN_KEYS),
        migrations.RunSQL(FORGET, NOT_FORGET),
    ]
