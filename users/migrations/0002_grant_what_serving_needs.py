from typing import ClassVar

from django.db import migrations

from iocash.db.grants import Grant


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("sessions", "0001_initial"),
    ]

    operations: ClassVar = [
        migrations.RunSQL(
            """
            ALTER TABLE users_otp ADD CONSTRAINT otp_is_of_the_users_client
                FOREIGN KEY (client_id, user_id) REFERENCES users_user (client_id, id);
            ALTER TABLE users_kycdocument ADD CONSTRAINT kyc_document_is_of_the_users_client
                FOREIGN KEY (client_id, user_id) REFERENCES users_user (client_id, id);
            ALTER TABLE users_access ADD CONSTRAINT access_is_of_the_users_client
                FOREIGN KEY (client_id, user_id) REFERENCES users_user (client_id, id);
            """,
            """
            ALTER TABLE users_otp DROP CONSTRAINT otp_is_of_the_users_client;
            ALTER TABLE users_kycdocument DROP CONSTRAINT kyc_document_is_of_the_users_client;
            ALTER TABLE users_access DROP CONSTRAINT access_is_of_the_users_client;
            """,
        ),
        Grant(
            "SELECT, INSERT, UPDATE, DELETE",
            "auth_user",
            "auth_group",
            "auth_user_groups",
            "auth_group_permissions",
            "auth_user_user_permissions",
            "django_session",
        ),
        Grant("SELECT, INSERT", "django_admin_log", "users_key", "users_event", "users_access"),
        Grant("SELECT", "auth_permission", "django_content_type", "django_migrations"),
        Grant("SELECT, INSERT, UPDATE (name, status)", "users_client"),
        Grant(
            "SELECT, INSERT, UPDATE (label, expires_at, revoked_at)",
            "users_apikey",
            "users_signingkey",
        ),
        Grant(
            "SELECT, INSERT, DELETE, UPDATE (digest, tries, sent_at, expires_at)",
            "users_otp",
        ),
        Grant(
            "SELECT, INSERT, DELETE, UPDATE (status, reviewed_at, reviewed_by, reason)",
            "users_kycdocument",
        ),
        Grant(
            "SELECT, INSERT, UPDATE (status, user_name, first_name, last_name, company_name, "
            "email, mobile_phone, unverified_phone, dlt_address, dlt_network, kyc_level, "
            "kyc_until, unsubscribed_at, erased_at)",
            "users_user",
        ),
    ]
