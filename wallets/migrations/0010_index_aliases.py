from typing import ClassVar

from django.contrib.postgres.indexes import OpClass
from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("wallets", "0009_index_metadata"),
        ("users", "0011_search_users"),
    ]

    operations: ClassVar = [
        migrations.AddIndex(
            model_name="wallet",
            index=models.Index(
                OpClass(Lower("alias"), name="text_pattern_ops"),
                condition=models.Q(("alias", ""), _negated=True),
                name="wallet_of_beginning_of_alias",
            ),
        ),
    ]
