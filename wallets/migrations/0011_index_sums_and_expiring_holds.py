from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("wallets", "0010_index_aliases")]

    operations: ClassVar = [
        migrations.AddIndex(
            model_name="movement",
            index=models.Index(
                condition=models.Q(("counterparty__isnull", True), ("status", "SUCCESS")),
                fields=["settled_at"],
                include=("currency", "amount"),
                name="movement_crossing_sums",
            ),
        ),
        migrations.RemoveIndex(model_name="movement", name="movement_crossing"),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                condition=models.Q(("status", "OPEN")),
                fields=["expires_at"],
                name="hold_expiring",
            ),
        ),
    ]
