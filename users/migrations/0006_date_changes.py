from typing import ClassVar

from django.conf import settings
from django.db import migrations, models

# Adds to what the role may do; `Grant` would revoke what it does not name.
GRANT = f'GRANT UPDATE (updated_at) ON users_user TO "{settings.DATABASE_ROLE}";'
REVOKE = f'REVOKE UPDATE (updated_at) ON users_user FROM "{settings.DATABASE_ROLE}";'


class Migration(migrations.Migration):
    dependencies: ClassVar = [("users", "0005_add_barrier")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="user",
            name="updated_at",
            field=models.DateTimeField(
                null=True,
                editable=False,
                help_text="Last change of what the ETag covers; null: none since its creation.",
            ),
        ),
        migrations.RunSQL(GRANT, REVOKE),
    ]
