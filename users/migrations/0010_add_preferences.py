from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import users.models.preferences
from iocash.db.grants import Grant


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("users", "0009_index_metadata"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Preferences",
            fields=[
                (
                    "person",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="preferences",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        blank=True, help_text="Empty: the language of the browser.", max_length=10
                    ),
                ),
                (
                    "time_zone",
                    models.CharField(
                        default="UTC",
                        max_length=64,
                        validators=[users.models.preferences.require_time_zone],
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "preferences",
            },
        ),
        Grant("SELECT, INSERT, DELETE, UPDATE (language, time_zone)", "users_preferences"),
    ]
