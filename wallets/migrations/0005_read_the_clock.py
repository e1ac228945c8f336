from typing import ClassVar

from django.db import migrations, models

from iocash.db.clock import Now


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0004_add_clock_and_sandbox"),
        ("wallets", "0004_grant_what_serving_needs"),
    ]

    operations: ClassVar = [
        migrations.AlterField(
            model_name="audit",
            name="finished_at",
            field=models.DateTimeField(db_default=Now()),
        ),
        migrations.AlterField(
            model_name="externalaccount",
            name="created_at",
            field=models.DateTimeField(db_default=Now(), editable=False),
        ),
        migrations.AlterField(
            model_name="wallet",
            name="created_at",
            field=models.DateTimeField(db_default=Now(), editable=False),
        ),
    ]
