"""Finds out whether a transaction was committed when COMMIT got no answer.

A transaction records two facts before COMMIT. Its *witness* is a row that it wrote, with an id that
it chose: if another connection sees the row, the transaction was committed. Its *mark* is its
transaction number with the cluster and timeline that assigned it. If there is no row, and the same
cluster on the same timeline reports the number as aborted, the transaction was rolled back. It was
also rolled back if there is no row and that cluster was restarted on that timeline, because its
backend has ended. Start times are compared for equality only, because clocks can be set back.

The number alone is no proof: each cluster has its own numbers, and after a promotion the same
number can belong to another transaction.
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

from iocash.db import groups
from iocash.db.pipeline import Connection, Pipeline, Row

log = logging.getLogger(__name__)

LONGEST: Final = 10.0
"""Seconds for which the outcome is queried. Together with the time in the queue and a trip that
timed out, this is less than the usual 30 seconds of proxies."""

MARK: Final = """
    pg_current_xact_id_if_assigned()::text, left(pg_walfile_name(pg_current_wal_lsn()), 8),
    pg_postmaster_start_time()
"""
"""The columns of a mark. A transaction has a number after it has locked or written a row."""
READ_MARK: Final = f"SELECT {MARK}"
READ_DATED_MARK: Final = f"SELECT {MARK}, iocash_clock()"
"""With the time, for `X-Write-Token`."""
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
"""A commit that returns when the synchronous standbys have all earlier commits."""

SYSTEMS: dict[tuple[str, datetime], int] = {}
"""The cluster of each server, by the group of clients and the server's start time."""


class Witness(NamedTuple):
    """A query that returns a row if the transaction was committed."""

    statement: str
    values: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """The number of a transaction; `xid` is None if nothing was written or locked."""

    xid: str | None
    timeline: str
    system: int
    started: datetime

    @classmethod
    def of_row(
        cls, xid: str | None, timeline: str, started: datetime, *, pipeline: Pipeline
    ) -> Mark:
        """Build a mark from the columns of `MARK`; query the cluster of a server only once.

        The pipeline is empty, and its transaction is open.
        """
        server = groups.current(), started
        if server not in SYSTEMS:
            asked = pipeline.ask(READ_SYSTEM)
            pipeline.send()
            (SYSTEMS[server],) = asked.rows[0]
        return cls(xid, timeline, SYSTEMS[server], started)


class CommitOutcome(Enum):
    """The outcome of a transaction whose COMMIT got no answer."""

    COMMITTED = auto()
    ROLLED_BACK = auto()
    UNKNOWN = auto()


class ServerFacts(NamedTuple):
    """Facts about the server that answers the query."""

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

    `connect` opens a new connection in autocommit mode, or raises psycopg.Error.
    """
    until = time.monotonic() + LONGEST
    outcome = None
    for pause in inquiry_pauses():
        try:
            with closing(connect()) as connection:
                outcome = ask_once(Inquiry(connection, until), mark, witness)
        except (psycopg.Error, DatabaseError, OSError) as error:
            log.info("transaction %s: outcome not readable: %s", mark.xid, type(error).__name__)
        if outcome or time.monotonic() + pause > until:
            break
        time.sleep(pause)
    outcome = outcome or CommitOutcome.UNKNOWN
    log.warning("transaction %s: COMMIT got no answer; outcome: %s", mark.xid, outcome.name)
    return outcome


def inquiry_pauses() -> Iterator[float]:
    """From milliseconds to half a second, and jittered: many may ask at once."""
    pause = 0.02
    while True:
        yield random.uniform(0.5, 1.0) * pause  # noqa: S311
        pause = min(pause * 1.5, 0.5)


class Inquiry(NamedTuple):
    """A connection for single queries, with a deadline on the monotonic clock."""

    connection: Connection
    until: float

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        pipeline = Pipeline(self.connection, until=self.until)
        answer = pipeline.ask(statement, values)
        pipeline.send()
        return answer.rows


def ask_once(question: Inquiry, mark: Mark, witness: Witness | None) -> CommitOutcome | None:
    """Ask once; None: the outcome is not known yet.

    The row is queried before the status, so an aborted transaction has no row.
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
    """The row exists. With synchronous standbys, wait until they have it too."""
    if server.has_standbys:
        question.rows(WRITE_A_LITTLE)
    return CommitOutcome.COMMITTED


def status(question: Inquiry, mark: Mark) -> str | None:
    """The status of the transaction number; None if PostgreSQL does not know it."""
    try:
        return question.rows(READ_STATUS, [mark.xid])[0][0] if mark.xid else None
    except psycopg.DataError:  # this cluster has not assigned the number yet
        return None


def of_status(status: str | None, witness: Witness | None) -> CommitOutcome | None:
    """The outcome by the transaction number, if there is no row."""
    if status == "aborted":
        return CommitOutcome.ROLLED_BACK
    if status == "in progress" or (status == "committed" and witness):
        return None  # committed after the row was queried; the next query sees it
    return CommitOutcome.UNKNOWN
