"""A sandbox for a test: the clock of its database can be moved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from iocash.db import clock
from iocash.db.sandbox import note_sandbox
from users.models import Sandbox
from users.models.sandbox import MAKE

END: Final = """
    CREATE OR REPLACE FUNCTION iocash_clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS
        'SELECT pg_catalog.clock_timestamp()';
    CREATE OR REPLACE FUNCTION iocash_now() RETURNS timestamptz LANGUAGE sql STABLE AS
        'SELECT pg_catalog.statement_timestamp()';
    DELETE FROM users_sandbox;
"""


@contextmanager
def unguarded() -> Iterator[Any]:
    """A cursor for what the triggers refuse: the role of the tests owns the table."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE users_sandbox DISABLE TRIGGER USER")
        yield cursor
        cursor.execute("ALTER TABLE users_sandbox ENABLE TRIGGER USER")


def make(clock_offset: timedelta = timedelta(0)) -> None:
    """Make a sandbox of a database that may have clients already."""
    with unguarded() as cursor:
        Sandbox.objects.create(clock_offset=clock_offset)
        cursor.execute(MAKE)
    note_sandbox(True)


@contextmanager
def made(clock_offset: timedelta = timedelta(0)) -> Iterator[None]:
    """A sandbox until the end of the test, also in tests whose transactions are committed."""
    make(clock_offset)
    try:
        yield
    finally:
        if not connection.in_atomic_block:
            with unguarded() as cursor:
                cursor.execute(END)
        note_sandbox(False)


def set_clock(instant: datetime) -> None:
    """Set the clock to any instant, also to a past one."""
    real = clock.now() - Sandbox.objects.get().clock_offset
    with unguarded():
        Sandbox.objects.update(clock_offset=instant - real)
