from typing import ClassVar

from django.conf import settings
from django.db import migrations, models

import users.models.events
from iocash.db.clock import CreationTime
from iocash.db.grants import Grant

# CASE evaluates its condition first: it assigns the number of the transaction.
CREATION_TIME = f"""
CREATE FUNCTION iocash_creation_time() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT CASE WHEN pg_catalog.pg_current_xact_id() IS NOT NULL THEN public.iocash_clock() END';
GRANT EXECUTE ON FUNCTION iocash_creation_time TO "{settings.DATABASE_ROLE}";
"""
NO_CREATION_TIME = "DROP FUNCTION iocash_creation_time;"

# Nothing is released: transactions that began before may still create rows.
ONE_ROW = """
INSERT INTO users_barrier (id, released_at, barrier_at, barrier_xid)
VALUES (1, '1970-01-01Z', '1970-01-01Z', '0');
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("users", "0004_add_clock_and_sandbox")]

    operations: ClassVar = [
        migrations.RunSQL(CREATION_TIME, NO_CREATION_TIME),
        migrations.AlterField(
            model_name="user",
            name="created_at",
            field=models.DateTimeField(db_default=CreationTime(), editable=False),
        ),
        migrations.CreateModel(
            name="Barrier",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                (
                    "released_at",
                    models.DateTimeField(help_text="Every row that was created before is visible."),
                ),
                ("barrier_at", models.DateTimeField(help_text="The next release.")),
                (
                    "barrier_xid",
                    users.models.events.TransactionId(
                        help_text="All transactions that may create a row before the barrier have "
                        "lower numbers."
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="barrier_is_one_row"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("released_at__lte", models.F("barrier_at"))),
                        name="barrier_is_not_before_its_release",
                    ),
                ],
            },
        ),
        migrations.RunSQL(ONE_ROW, migrations.RunSQL.noop),
        Grant("SELECT, UPDATE (released_at, barrier_at, barrier_xid)", "users_barrier"),
    ]
