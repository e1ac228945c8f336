from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from iocash.db.grants import Grant


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0003_grant_what_logging_in_needs"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="PhoneUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.BinaryField(max_length=32)),
                ("day", models.DateField()),
                (
                    "asked",
                    models.PositiveSmallIntegerField(default=0, help_text="Requested codes."),
                ),
                ("asked_at", models.DateTimeField(null=True)),
                (
                    "sent",
                    models.PositiveSmallIntegerField(default=0, help_text="Delivered codes."),
                ),
                ("sent_at", models.DateTimeField(null=True)),
                (
                    "tries",
                    models.PositiveSmallIntegerField(default=0, help_text="Attempts."),
                ),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="users.client",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["day"], name="phone_use_of_day")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("number", "client", "day"),
                        name="phone_use_of_a_day_is_counted_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("asked__lte", 10), ("sent__lte", models.F("asked"))),
                        name="phone_use_sends_few_codes_a_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tries__lte", 15)), name="phone_use_has_few_tries_a_day"
                    ),
                ],
            },
        ),
        Grant(
            "SELECT, INSERT, DELETE, UPDATE (asked, asked_at, sent, sent_at, tries)",
            "users_phoneuse",
        ),
    ]
