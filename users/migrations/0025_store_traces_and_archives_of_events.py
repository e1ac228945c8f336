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
        migrations.AddField(
            model_name="barrier",
            name="archived_position",
            field=models.BigIntegerField(
                db_default=0, help_text="Events up to it are in an archive; some only there."
            ),
        ),
        migrations.AddField(
            model_name="barrier",
            name="archived_until",
            field=models.DateTimeField(
                help_text="All of them were created before this time.", null=True
            ),
        ),
    ]
