from typing import Any, ClassVar

import django.contrib.postgres.fields
from django.db import migrations, models

from users.sealing import Seal

SEAL = Seal("users.webhooks")

# Processes of 0.1.0 select this column of events while they run beside those of 0.2.0. 0016 has
# dropped it. It is empty, no model has it, and 0.3.0 drops it.
ADD = "ALTER TABLE users_event ADD transaction_id xid8"
DROP = "ALTER TABLE users_event DROP transaction_id"


def stored(apps: Any, schema_editor: Any) -> Any:
    """The endpoints, over the connection that has altered their table."""
    alias = schema_editor.connection.alias
    return apps.get_model("users", "WebhookEndpoint").objects.using(alias)


def encrypt(apps: Any, schema_editor: Any) -> None:
    endpoints = stored(apps, schema_editor)
    for pk, secrets in endpoints.values_list("pk", "secrets"):
        sealed = [SEAL.close(secret).decode() for secret in secrets]
        endpoints.filter(pk=pk).update(secrets=sealed)


def decrypt(apps: Any, schema_editor: Any) -> None:
    endpoints = stored(apps, schema_editor)
    for pk, sealed in endpoints.values_list("pk", "secrets"):
        endpoints.filter(pk=pk).update(secrets=[SEAL.open(each) for each in sealed])


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0018_add_webhooks"),
    ]

    operations: ClassVar = [
        migrations.RunSQL(ADD, DROP),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="secrets",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=200),
                help_text="Encrypted; the first is the newest.",
                size=None,
            ),
        ),
        migrations.RunPython(encrypt, decrypt),
    ]
