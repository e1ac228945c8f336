"""What became of a COMMIT that was not answered: PostgreSQL is asked, on a new connection.

A transaction notes two things before COMMIT. Its *witness* is a row that it wrote, with an id that
it chose itself: where that row is, the transaction was committed. Its *mark* is its number, with
the cluster and the timeline that gave it: where no row is, and the same cluster on the same
timeline says that this number was aborted, it was rolled back. Where no row is on a server of that
cluster and timeline that was started again, it was rolled back too: its backend is gone. Starts are
only compared for equality, since a clock can be set back.

The number alone proves nothing. Each cluster counts for itself, and after a promotion the same
number can be another transaction's.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final, NamedTuple

import psycopg
from django.db import Error as DatabaseError

from iocash.db.pipeline import Connection, Pipeline, Row

log = logging.getLogger(__name__)

LONGEST: Final = 10.0
"""Seconds for which an outcome is asked for. With a trip that was waited for, and what an order
waits for in the queue, they are less than the 30 seconds that proxies wait."""

MARK: Final = """
    pg_current_xact_id_if_assigned()::text, left(pg_walfile_name(pg_current_wal_lsn()), 8),
    pg_postmaster_start_time()
"""
"""What a mark is read from, once locks or rows have had a number given to the transaction."""
READ_MARK: Final = f"SELECT {MARK}"
READ_SYSTEM: Final = "SELECT system_identifier FROM pg_control_system()"
READ_SERVER: Final = """
    SELECT pg_is_in_recovery(), pg_postmaster_start_time(), system_identifier,
           CASE WHEN NOT pg_is_in_recovery() THEN
               left(pg_walfile_name(pg_current_wal_lsn()), 8)
           END,
           current_setting('synchronous_standby_names') <> '',
           EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')
    FROM pg_control_system()
"""
READ_STATUS: Final = "SELECT pg_xact_status(%s::xid8)"
WRITE_A_LITTLE: Final = "SELECT pg_logical_emit_message(true, 'iocash', '')"
"""A commit of its own, which is answered when the standbys have all that came before it."""

SYSTEMS: dict[datetime, int] = {}
"""The cluster that each server belongs to, by the instant at which the server was started."""


class Witness(NamedTuple):
    """A question that has a row for its answer where a transaction was committed."""

    statement: str
    values: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """The number of a transaction; None: none was given, for nothing was written or locked."""

    xid: str | None
    timeline: str
    system: int
    started: datetime

    @classmethod
    def of_row(
        cls, xid: str | None, timeline: str, started: datetime, *, pipeline: Pipeline
    ) -> Mark:
        """Read what MARK selects; a server that is met for the first time is asked for its cluster.

        The pipeline is empty, and in the transaction.
        """
        if started not in SYSTEMS:
            asked = pipeline.ask(READ_SYSTEM)
            pipeline.send()
            (SYSTEMS[started],) = asked.rows[0]
        return cls(xid, timeline, SYSTEMS[started], started)


class CommitOutcome(Enum):
    """What became of a transaction whose COMMIT was not answered."""

    COMMITTED = auto()
    ROLLED_BACK = auto()
    UNKNOWN = auto()


class ServerFacts(NamedTuple):
    """The server that is asked."""

    is_in_recovery: bool
    started: datetime
    system: int
    timeline: str | None
    has_standbys: bool
    is_citus: bool


def find_out(
    mark: Mark, witness: Witness | None, connect: Callable[[], Connection]
) -> CommitOutcome:
    """Find the outcome of a transaction; ask for LONGEST seconds at most.

    `connect` opens a new connection, which commits by itself, or raises psycopg.Error.
    """
    until = time.monotonic() + LONGEST
    outcome = None
    for pause in inquiry_pauses():
        try:
            with closing(connect()) as connection:
                outcome = ask_once(Inquiry(connection, until), mark, witness)
        except (psycopg.Error, DatabaseError, OSError) as error:
            log.info("transaction %s: can't be asked for: %s", mark.xid, type(error).__name__)
        if outcome or time.monotonic() + pause > until:
            break
        time.sleep(pause)
    outcome = outcome or CommitOutcome.UNKNOWN
    log.warning("transaction %s: its COMMIT was not answered: %s", mark.xid, outcome.name)
    return outcome


def inquiry_pauses() -> Iterator[float]:
    """From milliseconds to half a second, and jittered: many may ask at once."""
    pause = 0.02
    while True:
        yield random.uniform(0.5, 1.0) * pause  # noqa: S311
        pause = min(pause * 1.5, 0.5)


class Inquiry(NamedTuple):
    """A connection that is asked one statement at a time, until an instant."""

    connection: Connection
    until: float

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        pipeline = Pipeline(self.connection, until=self.until)
        answer = pipeline.ask(statement, values)
        pipeline.send()
        return answer.rows


def ask_once(question: Inquiry, mark: Mark, witness: Witness | None) -> CommitOutcome | None:
    """Ask once; None: the outcome is not known yet.

    The row is looked for before the status is read: what is aborted then was never to be seen.
    """
    server = ServerFacts(*question.rows(READ_SERVER)[0])
    if server.is_in_recovery:
        return None
    if witness and question.rows(*witness):
        return confirmed(question, server)
    if server.is_citus or (server.system, server.timeline) != (mark.system, mark.timeline):
        return CommitOutcome.UNKNOWN
    if witness and server.started != mark.started:
        return CommitOutcome.ROLLED_BACK
    return of_status(status(question, mark), witness)


def confirmed(question: Inquiry, server: ServerFacts) -> CommitOutcome:
    """The row is there. With synchronous standbys, it must be known that they have it too."""
    if server.has_standbys:
        question.rows(WRITE_A_LITTLE)
    return CommitOutcome.COMMITTED


def status(question: Inquiry, mark: Mark) -> str | None:
    """What PostgreSQL says of the number; None: it does not know it, or does not say."""
    try:
        return question.rows(READ_STATUS, [mark.xid])[0][0] if mark.xid else None
    except psycopg.DataError:  # a number that this cluster has not given yet
        return None


def of_status(status: str | None, witness: Witness | None) -> CommitOutcome | None:
    """Judge by the number, where no row was seen."""
    if status == "aborted":
        return CommitOutcome.ROLLED_BACK
    if status == "in progress" or (status == "committed" and witness):
        return None  # the row will be seen, when it was committed after it was looked for
    return CommitOutcome.UNKNOWN
