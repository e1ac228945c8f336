from typing import ClassVar

from django.conf import settings
from django.db import migrations, models

GRANT = f'GRANT UPDATE (alert_below) ON wallets_wallet TO "{settings.DATABASE_ROLE}";'
REVOKE = f'REVOKE UPDATE (alert_below) ON wallets_wallet FROM "{settings.DATABASE_ROLE}";'


class Migration(migrations.Migration):
    dependencies: ClassVar = [("wallets", "0017_add_scheduled_operations")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="wallet",
            name="alert_below",
            field=models.BigIntegerField(
                blank=True,
                editable=False,
                help_text="An event tells when the balance falls below it; minor units.",
                null=True,
            ),
        ),
        migrations.AddConstraint(
            model_name="wallet",
            constraint=models.CheckConstraint(
                condition=models.Q(("alert_below", None), ("alert_below__gt", 0), _connector="OR"),
                name="wallet_alert_is_above_zero",
            ),
        ),
        migrations.RunSQL(GRANT, REVOKE),
    ]
