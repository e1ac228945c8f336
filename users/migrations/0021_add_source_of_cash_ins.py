from typing import ClassVar

from django.conf import settings
from django.db import migrations, models

GRANT = f'GRANT UPDATE (cash_ins) ON users_client TO "{settings.DATABASE_ROLE}";'
REVOKE = f'REVOKE UPDATE (cash_ins) ON users_client FROM "{settings.DATABASE_ROLE}";'


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0020_add_approvals"),
    ]

    operations: ClassVar = [
        migrations.AddField(
            model_name="client",
            name="cash_ins",
            field=models.CharField(
                choices=[("API", "Api"), ("BANK", "Bank")],
                db_default="API",
                default="API",
                help_text="API: the client orders cash-ins. BANK: statements of the bank bring them.",
                max_length=4,
                verbose_name="source of cash-ins",
            ),
        ),
        migrations.AddConstraint(
            model_name="client",
            constraint=models.CheckConstraint(
                condition=models.Q(("cash_ins__in", ["API", "BANK"])),
                name="client_cash_ins_are_known",
            ),
        ),
        migrations.RunSQL(GRANT, REVOKE),
    ]
