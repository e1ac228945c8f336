"""Where reads go: to the primary or, while a request is read from the replica, to the replica.

A request is read from the replica by declaration only: `reads_replica` of its operation, or of its
page of the back office. `CURRENT` is the one place where that is looked up. Queries through the
ORM find it by the router of DATABASE_ROUTERS; SQL of our own takes `connection()`. Everything else
uses the primary: writes, decisions, and who is calling.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import DateTimeField, Func

from iocash.db import groups

ALIAS: Final = "replica"


class UnfitReplica(Exception):
    """The replica must not answer this request; the primary does."""


class ReplicaSource(Protocol):
    """A replica from which a request is read."""

    horizon: datetime | None
    """Everything that was created before it is there; None: nothing was read yet."""

    def fetch(self, *questions: tuple[Any, ...]) -> list[list[Any]]:
        """Execute queries in one trip, with one snapshot."""

    def open(self) -> Any:
        """Return the connection, in a transaction with one snapshot."""


CURRENT: Final[ContextVar[ReplicaSource | None]] = ContextVar("replica", default=None)
"""The replica from which this thread reads; None: it reads from the primary."""


def is_configured() -> bool:
    """Return whether there is a replica of this thread's group of clients: home alone has one."""
    return ALIAS in settings.DATABASES and groups.current() == groups.HOME


def current_source() -> ReplicaSource | None:
    """Return the replica from which this thread reads; None while it is in another group."""
    source = CURRENT.get()
    return source if source is not None and groups.current() == groups.HOME else None


def is_read() -> bool:
    """Return whether this thread reads from the replica."""
    return current_source() is not None


def connection() -> Any:
    """Return the connection for a query of our own that only reads.

    Raises:
        UnfitReplica: the replica can't be used.
    """
    source = current_source()
    return connections[DEFAULT_DB_ALIAS] if source is None else source.open()


class ReleasedAt(Func):
    """The time before which a database has everything; see `users.models.barrier`."""

    template = "(SELECT released_at FROM users_barrier)"
    output_field = DateTimeField()


# --- What was written ----------------------------------------------------------------------------


class Written(NamedTuple):
    """A committed transaction: when it read the clock, and its number.

    The clock was read after the transaction had its number, and no row of it has a later time.
    """

    at: datetime
    xid: int


WRITES: Final = threading.local()


def forget_writes() -> None:
    """Begin a request of this thread."""
    WRITES.last = None


def note_write(written: Written | None) -> None:
    """Record what was committed for the request of this thread."""
    if written:
        WRITES.last = written


def last_write() -> Written | None:
    """Return the last transaction that was committed for the request of this thread."""
    last: Written | None = getattr(WRITES, "last", None)
    return last
