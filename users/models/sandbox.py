"""A sandbox: a database for tests and trials, whose clock can be advanced."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db import connection, connections, models, transaction
from django.db.models import F, Q

from iocash.db.clock import Now
from iocash.db.sandbox import note_sandbox
from users.models.clients import Client

MAKE: Final = """
CREATE OR REPLACE FUNCTION iocash_clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT pg_catalog.clock_timestamp() + (SELECT clock_offset FROM public.users_sandbox)';
CREATE OR REPLACE FUNCTION iocash_now() RETURNS timestamptz LANGUAGE sql STABLE AS
    'SELECT pg_catalog.statement_timestamp() + (SELECT clock_offset FROM public.users_sandbox)';
"""
"""Only the owner of the functions can run this; the serving role is not the owner."""


class Sandbox(models.Model):
    """The one row of a sandbox's database; other databases have none."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    clock_offset = models.DurationField()
    """How far the clock is ahead of the real one; negative: behind it."""
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="database_is_one_sandbox_at_most"),
        ]

    def __str__(self) -> str:
        return f"sandbox, clock {self.clock_offset}"


def make_sandbox(*, clock_offset: timedelta = timedelta(0), using: str = "owner") -> None:
    """Make a sandbox of an empty database, for ever; one that is a sandbox stays as it is.

    `using` is the connection of the role that owns the functions.

    Raises:
        ValueError: the database has clients, so it may be used for real money.
        ProgrammingError: the role does not own the functions.
    """
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("LOCK TABLE users_client IN SHARE MODE")
        if Sandbox.objects.using(using).exists():
            return
        if Client.objects.using(using).exists():
            raise ValueError("The database has clients. Only an empty one can become a sandbox.")
        Sandbox.objects.using(using).create(clock_offset=clock_offset)
        cursor.execute(MAKE)
    note_sandbox(None)


def advance_clock(by: timedelta) -> None:
    """Advance the clock of a sandbox. Its row is locked until the transaction ends.

    Raises:
        ValueError: it would go back, or the database is no sandbox.
    """
    if by <= timedelta(0):
        raise ValueError("The clock of a sandbox can only be advanced.")
    if not Sandbox.objects.update(clock_offset=F("clock_offset") + by):
        raise ValueError("The database is not a sandbox.")


ADVANCE: Final = """
    UPDATE users_sandbox
    SET clock_offset = greatest(clock_offset, %s - pg_catalog.clock_timestamp())
"""
"""The clock that is past the instant already stays as it is."""


def advance_clock_to(instant: datetime) -> None:
    """Advance the clock of the sandbox to an instant, unless it is past it."""
    with connection.cursor() as cursor:
        cursor.execute(ADVANCE, [instant])
