"""Advisory locks of values without a row: phone numbers, identity documents, terms, numbers."""

from __future__ import annotations

from typing import Final

from django.db import connection

PHONES: Final = 1
IDENTITIES: Final = 2
TERMS: Final = 3
ENDPOINTS: Final = 4
STAFF: Final = 5


def lock_value(kind: int, digest: bytes) -> None:
    """Let nobody else take this lock until the transaction ends. It is an advisory lock.

    Lock a user before the value. Two values may share a lock; then one waits for the other.
    """
    number = int.from_bytes(digest[:4], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [kind, number])
