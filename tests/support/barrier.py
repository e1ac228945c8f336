"""The barrier of the tests' database, to which lists from old to new are read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.db import connection

NEVER, ALWAYS = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
PUT: Final = """
    INSERT INTO users_barrier
        (id, released_at, barrier_at, released_position, barrier_position, barrier_xid)
    VALUES (1, %s, %s, %s, %s, '0')
    ON CONFLICT (id) DO UPDATE SET released_at = excluded.released_at,
        barrier_at = excluded.barrier_at, released_position = excluded.released_position,
        barrier_position = excluded.barrier_position, barrier_xid = excluded.barrier_xid
"""


def put(released_at: datetime) -> None:
    """Release what was created before an instant, and all events or none; it may have no row."""
    position = 0 if released_at == NEVER else 2**62
    with connection.cursor() as cursor:
        cursor.execute(PUT, [released_at, released_at, position, position])


def put_position(position: int) -> None:
    """Release all times, and the events up to a position."""
    with connection.cursor() as cursor:
        cursor.execute(PUT, [ALWAYS, ALWAYS, position, position])
