from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from iocash.db.grants import Grant


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0011_search_users"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.BinaryField(max_length=32)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "permissions": [("give_roles", "Can give members of staff any role")],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("member", "digest"), name="recovery_code_is_stored_once"
                    )
                ],
            },
        ),
        Grant("SELECT, INSERT, DELETE, UPDATE (used_at)", "users_recoverycode"),
        migrations.AddIndex(
            model_name="access",
            index=models.Index(fields=["actor", "created_at"], name="access_by_actor"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("actor__startswith", "staff:")),
                fields=["actor", "created_at"],
                name="event_by_staff",
            ),
        ),
    ]
