"""A connection that was idle is known to be well by its silence; it ends with its thread."""

from __future__ import annotations

import select
from threading import local
from typing import Any

from django.db.backends.postgresql import base

KEPT = local()
"""What each thread keeps until it ends: its connections."""


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

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        vars(KEPT)[self.alias] = Kept(self, connection)
        return connection

    def is_usable(self) -> bool:
        return self.is_silent() or super().is_usable()

    def is_silent(self) -> bool:
        """Tell whether nothing has come, not even the end, since the last answer."""
        if self.errors_occurred or self.connection is None or self.connection.closed:
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0)


def renew(**kwargs: Any) -> None:
    """At both ends of a request, close those of the thread's connections that broke.

    Django's `close_old_connections` and `reset_queries`, for connections that are open: theirs
    look for each that there may be, where every thread and task has its own.
    """
    for kept in vars(KEPT).values():
        kept.wrapper.queries_log.clear()
        kept.wrapper.close_if_unusable_or_obsolete()
