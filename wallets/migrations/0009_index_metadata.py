from typing import ClassVar

import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("wallets", "0008_let_staff_read_verifications_and_terms")]

    operations: ClassVar = [
        migrations.AddIndex(
            model_name="externalaccount",
            index=django.contrib.postgres.indexes.GinIndex(
                condition=models.Q(("metadata__isnull", False)),
                fields=["metadata"],
                name="external_account_of_pairs",
                opclasses=["jsonb_path_ops"],
            ),
        ),
        migrations.AddIndex(
            model_name="wallet",
            index=django.contrib.postgres.indexes.GinIndex(
                condition=models.Q(("metadata__isnull", False)),
                fields=["metadata"],
                name="wallet_of_pairs",
                opclasses=["jsonb_path_ops"],
            ),
        ),
    ]
