"""The time of users and money: the database's clock, by two SQL functions.

No other clock dates what users and their money do, so that the clock of a sandbox moves all of it
together (`users.models.Sandbox`). Keys, tokens, sessions, throttling and logs use the real time.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from django.db.models import DateField, DateTimeField, Func

from iocash.db import replica


class Now(Func):
    """The time at which the statement began: for defaults, and conditions on indexed columns."""

    function = "iocash_now"
    output_field = DateTimeField()


class CreationTime(Func):
    """The time, read after the transaction has its number: for the creation of rows in lists.

    The barrier (`users.models.barrier`) needs this order. Posting needs no such default: its locks
    assign the number before it reads the clock.
    """

    function = "iocash_creation_time"
    output_field = DateTimeField()


class Today(Func):
    """The day in UTC at which the statement began, for conditions on indexed columns."""

    template = "(iocash_now() AT TIME ZONE 'UTC')::date"
    output_field = DateField()


READ_NOW: Final = "SELECT iocash_clock()"


def now() -> datetime:
    """Return the present time of the database's clock; one trip.

    On the replica it is the horizon: what was created later may be missing there.
    """
    source, here = replica.current_source(), replica.connection()
    if source and source.horizon:
        return source.horizon
    with here.cursor() as cursor:
        cursor.execute(READ_NOW)
        instant: datetime = cursor.fetchone()[0]
    return instant


def today() -> date:
    """Return the present day in UTC by the database's clock; one trip."""
    return now().date()
