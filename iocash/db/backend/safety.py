"""The PostgreSQL settings that the safety of money depends on, as the serving role sees them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from django.conf import settings

from iocash.db.transactions import fetch

QUESTION = """
    SELECT pg_is_in_recovery(),
           current_setting('transaction_read_only') = 'on',
           current_setting('synchronous_commit') = 'off',
           current_setting('fsync') = 'off',
           current_setting('full_page_writes') = 'off',
           extract(epoch FROM current_setting('lock_timeout')::interval)::float8,
           extract(epoch FROM current_setting('statement_timeout')::interval)::float8,
           extract(epoch FROM
                   current_setting('idle_in_transaction_session_timeout')::interval)::float8,
           extract(epoch FROM clock_timestamp())::float8
"""

Question = Callable[[], Iterator[str]]
"""Yields a sentence for each thing that is wrong in the database."""

ASKED_ONCE: Final[list[Question]] = []
"""Questions of the apps that take long. A process asks each until nothing is wrong."""


class Session(NamedTuple):
    """The settings of the serving role's session; timeouts are in seconds, 0 is no timeout."""

    is_standby: bool
    is_read_only: bool
    commits_early: bool
    lacks_fsync: bool
    tears_pages: bool
    lock_timeout: float
    statement_timeout: float
    idle_timeout: float
    clock: float
    """The real time of the database's machine, in seconds since 1970."""


def read_session() -> Session:
    return Session(*fetch(QUESTION, ())[0])


def not_writable(found: Session) -> Iterator[str]:
    """Yield why the database can't be written; on a standby that is normal."""
    if found.is_standby:
        yield "The database is a standby; it takes no changes."
    elif found.is_read_only:
        yield "The database is read-only."


def unsafe(found: Session) -> Iterator[str]:
    """Yield one sentence for each setting that is unsafe for money."""
    if found.commits_early:
        yield "synchronous_commit is off: a crash loses acknowledged payments."
    if found.lacks_fsync:
        yield "fsync is off: a power failure can destroy the database."
    if found.tears_pages:
        yield "full_page_writes is off: a power failure can destroy the database."
    yield from unbounded(found)
    apart, tolerance = found.clock - time.time(), settings.CLOCK_TOLERANCE
    if tolerance and abs(apart) > tolerance:
        yield f"The database's clock is {apart:.0f} s ahead of this server's (negative: behind)."


def unbounded(found: Session) -> Iterator[str]:
    patience = settings.DATABASE_PATIENCE
    if not 0 < found.statement_timeout < patience:
        yield f"The role's statement_timeout must be above 0 and below {patience:g} s."
    if not 0 < found.lock_timeout < patience:
        yield f"The role's lock_timeout must be above 0 and below {patience:g} s."
    if not found.idle_timeout:
        yield "The role has no idle_in_transaction_session_timeout."


def wrong_rows() -> Iterator[str]:
    """Yield what the apps find wrong; not again in this process once they find nothing."""
    for question in [*ASKED_ONCE]:
        found = [*question()]
        yield from found
        if not found:
            ASKED_ONCE.remove(question)
