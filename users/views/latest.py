"""The last event of each client, for requests that wait for the next one.

All waiting threads of a process share one look at the database. It writes nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final
from uuid import UUID

from django.db import connection

from iocash.db.groups import ByGroup
from iocash.http.waiting import MOST, PAUSE, close_connection
from users.models.barrier import State

MOST_OF_CLIENT: Final = MOST - 1
"""The most threads of a process that wait for events of one client: another one can wait too."""
READ: Final = """
    SELECT asked.id, event.position
    FROM unnest(%s::uuid[]) AS asked (id) CROSS JOIN LATERAL (
        SELECT position FROM users_event WHERE client_id = asked.id
        ORDER BY position DESC LIMIT 1
    ) AS event
"""


class Latest:
    """The positions of the last visible events, at most PAUSE seconds old."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.waiting: Counter[UUID | None] = Counter()
        self.found: dict[UUID | None, int] = {}
        self.read_at = 0.0

    @contextmanager
    def of(self, client_id: UUID | None) -> Iterator[bool]:
        """Read the events of a client too, while the block runs; None: those of all clients.

        The block gets whether it may wait: False if enough threads wait for this client.
        """
        with self.lock:
            self.waiting[client_id] += 1
            self.read_at = 0.0
            may_wait = self.waiting[client_id] <= MOST_OF_CLIENT
        try:
            yield may_wait
        finally:
            with self.lock:
                self.waiting[client_id] -= 1
                self.waiting += Counter()  # without the clients that nobody waits for

    def position(self, client_id: UUID | None) -> int:
        """The position of the client's last event; 0: there is none."""
        with self.lock:
            if time.monotonic() - self.read_at >= PAUSE:
                self.found = self.read()
                self.read_at = time.monotonic()
            return self.found.get(client_id, 0)

    def read(self) -> dict[UUID | None, int]:
        try:
            with connection.cursor() as cursor:
                cursor.execute(READ, [[each for each in self.waiting if each]])
                found: dict[UUID | None, int] = dict(cursor.fetchall())
            if None in self.waiting:
                found[None] = State.read().last_position
            return found
        finally:
            close_connection()


LATEST: Final = ByGroup(Latest)
