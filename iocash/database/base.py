"""A connection that was idle is known to be well by its silence."""

from __future__ import annotations

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Asks the server whether it is there only when there is a reason to doubt it.

    Django asks with a statement before the first of each request. But a server that ended a
    connection has said so: then there is something to read on a connection where nothing was
    asked.
    """

    def is_usable(self) -> bool:
        return self.is_silent() or super().is_usable()

    def is_silent(self) -> bool:
        """Tell whether nothing has come, not even the end, since the last answer."""
        if self.errors_occurred or self.connection is None or self.connection.closed:
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0)
