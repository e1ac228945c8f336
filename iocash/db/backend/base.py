"""Connections that close with their thread, time out, and detect a pooler."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Any, ClassVar, TypeVar

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base
from psycopg import errors
from psycopg.abc import PQGen

KEPT = local()
"""The connections of each thread, by their aliases and groups."""


T = TypeVar("T")


class Patient(psycopg.Connection[Any]):
    """Closes itself after waiting `patience` seconds for an answer; None is no limit.

    PostgreSQL's own timeouts need a running server. This one also works if the server is frozen or
    the network drops all packets.
    """

    patience: float | None = None

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for the answer to `gen`.

        Raises:
            psycopg.OperationalError: there was no answer in time; the connection is closed.
        """
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except errors._WaitTimeout as error:
            self.close()
            words = f"the database did not answer within {self.patience:g} s"
            raise psycopg.OperationalError(words) from error


class Kept:
    """Closes a connection when its thread ends.

    Servers end idle threads, and Django leaves their connections to the garbage collector. Before
    it runs, PostgreSQL could run out of connections.
    """

    def __init__(self, wrapper: DatabaseWrapper, connection: Any) -> None:
        self.wrapper = wrapper
        self.connection = connection

    def __del__(self) -> None:
        self.connection.close()


class DatabaseWrapper(base.DatabaseWrapper):
    """Checks a connection by looking at its socket, without a query.

    Django sends a query before the first one of each request. But a server that closes a connection
    sends a message: the socket of an idle connection is then readable.
    """

    patience: ClassVar[float | None] = None
    """The time limit of a statement in seconds; set by the web server only, not by commands."""

    group = ""
    """The group of clients whose database it is; blank: the group of the process."""

    haste: float | None = None
    """A lower limit, while `impatient` is used."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self.haste is not None:
            conn_params = conn_params | {"connect_timeout": int(self.haste)}
        connection = super().get_new_connection(conn_params)
        connection.__class__ = Patient
        connection.patience = self.patience if self.haste is None else self.haste
        vars(KEPT)[f"{self.alias} {self.group}"] = Kept(self, connection)
        prepares = conn_params.get("prepare_threshold") is not None
        if settings.PREPARED_STATEMENTS == "auto" and prepares and is_pooled(connection):
            self.keep_no_state(connection)
        return connection

    def keep_no_state(self, connection: Patient) -> None:
        """Keep no state in the server's session: the next statement may run in another session."""
        connection.prepare_threshold = None
        self.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True

    def is_usable(self) -> bool:
        return self.is_silent() or super().is_usable()

    def is_silent(self) -> bool:
        """Return whether the socket has received nothing since the last answer."""
        if self.errors_occurred or self.connection is None or self.connection.closed:
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0)


@contextmanager
def impatient(here: DatabaseWrapper, seconds: float) -> Iterator[None]:
    """Wait no longer than so many seconds, two or more, for a connection and for each answer."""
    try:
        here.haste = seconds
        if here.connection is not None:
            here.connection.patience = seconds
        yield
    finally:
        here.haste = None
        if here.connection is not None:
            here.connection.patience = here.patience


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """Return whether the connection goes through a pooler, which reports process ids of its own.

    The connection is new, without a transaction.
    """
    connection.autocommit = True
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.autocommit = False
    return row is None or row[0] != connection.info.backend_pid


def renew(**kwargs: Any) -> None:
    """Close the broken connections of this thread, at the start and the end of a request.

    It replaces Django's `close_old_connections` and `reset_queries`, which look up every
    configured connection; this one visits open connections only.
    """
    for kept in vars(KEPT).values():
        kept.wrapper.queries_log.clear()
        kept.wrapper.close_if_unusable_or_obsolete()
