"""Connections that end with their thread, give up a silent server, and notice a pooler."""

from __future__ import annotations

import select
from threading import local
from typing import Any, ClassVar, TypeVar

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base
from psycopg import errors
from psycopg.abc import PQGen

KEPT = local()
"""What each thread keeps until it ends: its connections."""


T = TypeVar("T")


class Patient(psycopg.Connection[Any]):
    """Waits `patience` seconds for an answer, and then closes itself; None: as long as it takes.

    PostgreSQL's own timeouts need a PostgreSQL that runs. This one also ends the wait for a server
    that was frozen, or for a network that loses everything.
    """

    patience: float | None = None

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for what `gen` asked the server.

        Raises:
            psycopg.OperationalError: no answer came in time; the connection is closed.
        """
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except errors._WaitTimeout as error:
            self.close()
            words = f"the database did not answer within {self.patience:g} s"
            raise psycopg.OperationalError(words) from error


class Kept:
    """Closes a connection when its thread ends.

    Servers end threads that were idle, and Django keeps connections where only the garbage
    collector finds them, some day: until then PostgreSQL would run out of room.
    """

    def __init__(self, wrapper: DatabaseWrapper, connection: Any) -> None:
        self.wrapper = wrapper
        self.connection = connection

    def __del__(self) -> None:
        self.connection.close()


class DatabaseWrapper(base.DatabaseWrapper):
    """Asks the server whether it is there only when there is a reason to doubt it.

    Django asks with a statement before the first of each request. But a server that ended a
    connection has said so: then there is something to read on a connection where nothing was
    asked.
    """

    patience: ClassVar[float | None] = None
    """Seconds that a statement may take; set where requests are served. Commands have no hurry."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.__class__ = Patient
        connection.patience = self.patience
        vars(KEPT)[self.alias] = Kept(self, connection)
        prepares = conn_params.get("prepare_threshold") is not None
        if settings.PREPARED_STATEMENTS == "auto" and prepares and is_pooled(connection):
            self.keep_no_state(connection)
        return connection

    def keep_no_state(self, connection: Patient) -> None:
        """Leave nothing in a server's session: the next statement may meet another session."""
        connection.prepare_threshold = None
        self.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True

    def is_usable(self) -> bool:
        return self.is_silent() or super().is_usable()

    def is_silent(self) -> bool:
        """Return whether nothing has come, not even the end, since the last answer."""
        if self.errors_occurred or self.connection is None or self.connection.closed:
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0)


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """Return whether a pooler answers: it hands out numbers of its own, for cancelling.

    The connection is new: it has no transaction.
    """
    connection.autocommit = True
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.autocommit = False
    return row is None or row[0] != connection.info.backend_pid


def renew(**kwargs: Any) -> None:
    """At both ends of a request, close those of the thread's connections that broke.

    Django's `close_old_connections` and `reset_queries`, for connections that are open: theirs
    look for each that there may be, where every thread and task has its own.
    """
    for kept in vars(KEPT).values():
        kept.wrapper.queries_log.clear()
        kept.wrapper.close_if_unusable_or_obsolete()
