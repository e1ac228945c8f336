"""A test database with the keys that Citus needs, or on a real Citus."""

from __future__ import annotations

import os

from django.core.management import call_command
from django.db import connection

from wallets.management.commands.distribute import planned

VARIABLE = "DISTRIBUTED"
KEYS, CITUS = "keys", "citus"


def convert() -> None:
    """Change the database of the tests as the environment variable says; usually not at all.

    `keys`: all that is plain PostgreSQL in `manage.py distribute`. `citus`: the command itself.
    """
    wanted = os.environ.get(VARIABLE)
    if wanted == KEYS:
        plan = planned()
        with connection.cursor() as cursor:
            cursor.execute("; ".join([*plan.dropped, *plan.keys, *plan.foreign_keys]))
    if wanted == CITUS:
        with connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS citus")
        call_command("distribute")
