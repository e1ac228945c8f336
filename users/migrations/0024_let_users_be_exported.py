"""A permission to export everything that is kept about a user, and its entry in the access log."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("users", "0023_erase_more_of_approvals")]

    operations: ClassVar = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "permissions": [
                    ("block_user", "Can block and unblock users"),
                    ("erase_user", "Can erase users' personal data"),
                    ("export_user", "Can export everything that is kept about a user"),
                ]
            },
        ),
        migrations.AlterField(
            model_name="access",
            name="what",
            field=models.CharField(
                choices=[
                    ("REVIEW", "review page"),
                    ("BLOCK", "block"),
                    ("DOCUMENT", "document"),
                    ("EXPORT", "export"),
                ],
                max_length=8,
            ),
        ),
    ]
