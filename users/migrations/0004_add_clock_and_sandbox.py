from typing import ClassVar

from django.conf import settings
from django.db import migrations, models

from iocash.db.clock import Now
from iocash.db.grants import Grant

# Simple SQL functions: PostgreSQL puts their bodies into the calling statement, so they cost
# nothing. A sandbox replaces them (users/models/sandbox.py).
CLOCK = f"""
CREATE FUNCTION iocash_clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT pg_catalog.clock_timestamp()';
CREATE FUNCTION iocash_now() RETURNS timestamptz LANGUAGE sql STABLE AS
    'SELECT pg_catalog.statement_timestamp()';
GRANT EXECUTE ON FUNCTION iocash_clock, iocash_now TO "{settings.DATABASE_ROLE}";
"""
NO_CLOCK = "DROP FUNCTION iocash_clock, iocash_now;"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("users", "0003_grant_what_serving_needs")]

    operations: ClassVar = [
        migrations.RunSQL(CLOCK, NO_CLOCK),
        migrations.AlterField(
            model_name="access",
            name="created_at",
            field=models.DateTimeField(db_default=Now(), editable=False),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="created_at",
            field=models.DateTimeField(db_default=Now(), editable=False),
        ),
        migrations.AlterField(
            model_name="client",
            name="created_at",
            field=models.DateTimeField(db_default=Now(), editable=False),
        ),
        migrations.AlterField(
            model_name="event",
            name="created_at",
            field=models.DateTimeField(db_default=Now()),
        ),
        migrations.AlterField(
            model_name="key",
            name="created_at",
            field=models.DateTimeField(db_default=Now()),
        ),
        migrations.AlterField(
            model_name="kycdocument",
            name="created_at",
            field=models.DateTimeField(db_default=Now(), editable=False),
        ),
        migrations.AlterField(
            model_name="signingkey",
            name="created_at",
            field=models.DateTimeField(db_default=Now(), editable=False),
        ),
        migrations.AlterField(
            model_name="user",
            name="created_at",
            field=models.DateTimeField(db_default=Now(), editable=False),
        ),
        migrations.CreateModel(
            name="Sandbox",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("clock_offset", models.DurationField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=Now(), editable=False),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="database_is_one_sandbox_at_most"
                    )
                ],
            },
        ),
        Grant("SELECT, UPDATE (clock_offset)", "users_sandbox"),
    ]
