from typing import ClassVar

from django.db import migrations, models

from iocash.db.grants import Grant


class Migration(migrations.Migration):
    dependencies: ClassVar = [("wallets", "0027_erase_what_banks_say")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="audit",
            name="proof",
            field=models.JSONField(null=True),
        ),
        migrations.CreateModel(
            name="AuditProgress",
            fields=[
                ("name", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("state", models.JSONField()),
            ],
            options={"verbose_name": "unfinished audit"},
        ),
        Grant("SELECT, INSERT, UPDATE (state), DELETE", "wallets_auditprogress"),
    ]
