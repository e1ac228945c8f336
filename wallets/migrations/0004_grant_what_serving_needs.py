from typing import ClassVar

from django.conf import settings
from django.db import migrations

from iocash.db.grants import Grant

ERASURE = f'GRANT EXECUTE ON FUNCTION wallets_erase_texts TO "{settings.DATABASE_ROLE}";'
NUMBERS = f"""
REVOKE ALL ON SEQUENCE wallets_iban_number FROM "{settings.DATABASE_ROLE}";
GRANT USAGE ON SEQUENCE wallets_iban_number TO "{settings.DATABASE_ROLE}";
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("wallets", "0003_make_groups_of_staff"),
        ("users", "0003_grant_what_serving_needs"),
    ]

    operations: ClassVar = [
        Grant("SELECT, INSERT", "wallets_audit"),
        Grant(
            "SELECT, INSERT, UPDATE (status, alias, iban, dlt_address, dlt_network, metadata, "
            "balance, held, received, next_expiry, seq, head, settled_at)",
            "wallets_wallet",
        ),
        Grant(
            "SELECT, INSERT, UPDATE (status, sent_at, reason, seq, balance_after, "
            "received_after, settled_at, digest)",
            "wallets_movement",
        ),
        Grant("SELECT, INSERT, UPDATE (status, remaining, expires_at, ended_at)", "wallets_hold"),
        Grant("SELECT, INSERT, UPDATE (status)", "wallets_externalaccount"),
        migrations.RunSQL(ERASURE, migrations.RunSQL.noop),
        migrations.RunSQL(NUMBERS, migrations.RunSQL.noop),
    ]
