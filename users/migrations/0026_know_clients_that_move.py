"""Two statuses of clients that are moved to another group: MOVING and MOVED."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("users", "0025_store_traces_and_archives_of_events")]

    operations: ClassVar = [
        migrations.RemoveConstraint(model_name="client", name="client_status_is_known"),
        migrations.AlterField(
            model_name="client",
            name="status",
            field=models.CharField(
                choices=[
                    ("ACTIVE", "Active"),
                    ("SUSPENDED", "Suspended"),
                    ("MOVING", "Moving"),
                    ("MOVED", "Moved"),
                ],
                default="ACTIVE",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="client",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["ACTIVE", "SUSPENDED", "MOVING", "MOVED"])),
                name="client_status_is_known",
            ),
        ),
    ]
