from typing import ClassVar

from django.conf import settings
from django.db import migrations, models

from iocash.db.clock import Now

# Adds to what the role may do; `Grant` would revoke what it does not name.
GRANT = f'GRANT UPDATE (updated_at) ON users_user TO "{settings.DATABASE_ROLE}";'
REVOKE = f'REVOKE UPDATE (updated_at) ON users_user FROM "{settings.DATABASE_ROLE}";'


class Migration(migrations.Migration):
    dependencies: ClassVar = [("users", "0004_add_clock_and_sandbox")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="user",
            name="updated_at",
            field=models.DateTimeField(
                db_default=Now(),
                editable=False,
                help_text="Last change of what the ETag covers.",
            ),
        ),
        migrations.RunSQL(GRANT, REVOKE),
    ]
