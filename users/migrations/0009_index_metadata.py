from typing import ClassVar

import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("users", "0008_add_identity_verifications_and_terms")]

    operations: ClassVar = [
        migrations.AddIndex(
            model_name="user",
            index=django.contrib.postgres.indexes.GinIndex(
                condition=models.Q(("metadata__isnull", False)),
                fields=["metadata"],
                name="user_of_pairs",
                opclasses=["jsonb_path_ops"],
            ),
        ),
    ]
