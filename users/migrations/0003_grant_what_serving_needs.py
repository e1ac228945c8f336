from typing import ClassVar

from django.conf import settings
from django.db import migrations

from iocash.db.grants import Grant

FORGET = f'GRANT EXECUTE ON FUNCTION users_forget_keys TO "{settings.DATABASE_ROLE}";'


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0002_guard_users"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("axes", "0010_accessattemptexpiration"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("otp_totp", "0003_add_timestamps"),
        ("sessions", "0001_initial"),
    ]

    operations: ClassVar = [
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
        Grant(
            "SELECT, INSERT, UPDATE, DELETE",
            "axes_accessattempt",
            "axes_accessattemptexpiration",
            "axes_accessfailurelog",
            "axes_accesslog",
            "otp_totp_totpdevice",
        ),
        Grant(
            "SELECT, INSERT, DELETE, UPDATE (asked, asked_at, sent, sent_at, tries)",
            "users_phoneuse",
        ),
        migrations.RunSQL(FORGET, migrations.RunSQL.noop),
    ]
