from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("users", "0024_let_users_be_exported")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="event",
            name="trace",
            field=models.CharField(max_length=55, null=True),
        ),
    ]
