from typing import ClassVar

from django.conf import settings
from django.db import migrations, models

from iocash.db.clock import Now

TABLES = "wallets_wallet, wallets_movement, wallets_hold, wallets_externalaccount"

# Adds to what the role may do; `Grant` would revoke what it does not name.
GRANT = f'GRANT UPDATE (updated_at) ON {TABLES} TO "{settings.DATABASE_ROLE}";'
REVOKE = f'REVOKE UPDATE (updated_at) ON {TABLES} FROM "{settings.DATABASE_ROLE}";'


class Migration(migrations.Migration):
    dependencies: ClassVar = [("wallets", "0005_read_the_clock")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="externalaccount",
            name="updated_at",
            field=models.DateTimeField(db_default=Now(), editable=False),
        ),
        migrations.AddField(
            model_name="hold",
            name="updated_at",
            field=models.DateTimeField(db_default=Now()),
        ),
        migrations.AddField(
            model_name="movement",
            name="updated_at",
            field=models.DateTimeField(
                null=True, help_text="Last change; null for what was settled at once."
            ),
        ),
        migrations.AddField(
            model_name="wallet",
            name="updated_at",
            field=models.DateTimeField(
                db_default=Now(),
                editable=False,
                help_text="Last change of what the ETag covers.",
            ),
        ),
        migrations.RunSQL(GRANT, REVOKE),
    ]
