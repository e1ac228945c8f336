"""Whether the database is a sandbox: for tests and trials. It never changes, so it is asked once.

A process asks until the answer is certain. A database without clients is not a sandbox yet, and can
still become one (`users.models.sandbox`).
"""

from __future__ import annotations

import time
from typing import Final

from django.db import DatabaseError, InterfaceError

from iocash.db.groups import ByGroup
from iocash.db.transactions import fetch

QUESTION: Final = "SELECT iocash_is_sandbox()"
FORCED: Final = "sandbox:refuse:"
"""With a code behind it, a text that asks a sandbox for a refusal."""
PAUSE: Final = 5.0
"""Seconds before `is_known_sandbox` asks a database again that did not answer."""


class Known:
    """What this process knows of a database."""

    is_sandbox: bool | None = None
    """None: it is not certain yet."""
    failed_at: float | None = None
    """When the database last did not answer; a time of `time.monotonic`."""


KNOWN: Final = ByGroup(Known)


def note_sandbox(is_sandbox: bool | None) -> None:
    """Note what the database is; None: it is to be asked again."""
    known = KNOWN.here
    known.is_sandbox, known.failed_at = is_sandbox, None


def is_sandbox() -> bool:
    """Whether the database is a sandbox; one trip in the life of a process.

    Raises:
        DatabaseError: the database can't be asked, and was not before.
    """
    known = KNOWN.here
    if known.is_sandbox is None:
        note_sandbox(fetch(QUESTION, ())[0][0])
    return bool(known.is_sandbox)


def is_known_sandbox() -> bool:
    """Whether the database is known to be a sandbox. Without an answer of the database it is not.

    A database that does not answer is asked again after PAUSE seconds.
    """
    known = KNOWN.here
    if known.failed_at is not None and time.monotonic() - known.failed_at < PAUSE:
        return False
    try:
        return is_sandbox()
    except (DatabaseError, InterfaceError):
        known.failed_at = time.monotonic()
        return False
