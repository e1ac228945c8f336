#!/usr/bin/env python3
"""Django's command line for ioCash."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError, ProgrammingError

UNDEFINED_TABLE = "42P01"

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iocash.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"ioCash can't start: {error}")
    except (OperationalError, ProgrammingError) as error:
        state = getattr(error.__cause__, "sqlstate", None)
        if "--traceback" in sys.argv or state not in {None, UNDEFINED_TABLE}:
            raise
        if state:
            sys.exit("The database has no tables. Run manage.py migrate first.")
        sys.exit(f"{str(error).strip()}\nCheck that the database is running.")
