"""Sends several statements in one trip to PostgreSQL.

psycopg's own pipeline writes to the socket once for each statement, which takes four times as long.
Here libpq gets all statements and sends them at once. After a failed statement, PostgreSQL skips
the rest.

Only two answers prove anything: a statement's tag proves that it was executed; an ERROR, followed
by the ReadyForQuery of a failed transaction, proves that the rest was skipped. A FATAL proves
nothing: a connection pooler may send it while PostgreSQL still executes COMMIT.
"""

from __future__ import annotations

import re
import select
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import count
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import psycopg
from django.conf import settings
from psycopg import abc
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.types.string import TextLoader

from iocash import traces

Connection = psycopg.Connection[Any]
Row = tuple[Any, ...]

BEGIN, COMMIT, ROLLBACK = "BEGIN", "COMMIT", "ROLLBACK"

PREPARED: WeakKeyDictionary[Connection, set[bytes]] = WeakKeyDictionary()
"""The names of the prepared statements of each connection."""


class Loading(NamedTuple):
    """psycopg's loaders, but JSON stays text, because Django's fields parse it."""

    adapters: AdaptersMap
    connection: None = None


LOADING = Loading(AdaptersMap(psycopg.adapters))
LOADING.adapters.register_loader("jsonb", TextLoader)


class Silent(psycopg.OperationalError):
    """The database did not answer in time; the connection is closed."""


class Answer:
    """A statement; after its execution also its `tag` and its rows."""

    __slots__ = ("is_prepared", "rows", "statement", "tag", "values")

    def __init__(
        self, statement: str, values: Sequence[bytes | None] = (), *, is_prepared: bool = False
    ) -> None:
        self.statement, self.values, self.is_prepared = statement, values, is_prepared
        self.rows: list[Row] = []
        self.tag = ""

    def load(self, result: PGresult, loader: abc.Transformer) -> None:
        self.tag = (result.command_status or b"").decode()
        if result.ntuples:
            loader.set_pgresult(result)
            self.rows = loader.load_rows(0, result.ntuples, tuple)


class Pipeline:
    """The statements to send to a connection in one trip.

    `until` is the deadline on the monotonic clock; without it each trip may take DATABASE_PATIENCE
    seconds.
    """

    def __init__(self, connection: Connection, *, until: float | None = None) -> None:
        self.connection = connection
        self.until = until
        self.asked: list[Answer] = []
        self.is_undone = False
        """Whether the last trip provably changed nothing.

        Nothing was sent, or the server sent ERROR and then reported a failed transaction.
        """

    def ask(
        self,
        statement: str,
        values: Sequence[Any] = (),
        is_prepared: bool = True,
    ) -> Answer:
        """Add a statement, with %s as placeholders.

        The server prepares it once for each connection, unless it is one of very many.

        Raises:
            DataError: a text contains NUL, which PostgreSQL does not support.
        """
        is_prepared = is_prepared and statement not in {BEGIN, COMMIT}
        answer = Answer(statement, [text(value) for value in values], is_prepared=is_prepared)
        self.asked.append(answer)
        return answer

    @traces.spanned("trip")
    def send(self) -> None:
        """Send all statements, and wait for the answers.

        Like psycopg, it begins a transaction first, unless the connection is in autocommit mode.

        Raises:
            psycopg.Error: the error of the first failed statement, or the connection is lost and
                was closed.
            Silent: the database did not answer in time; the connection is closed.
        """
        asked, self.asked = self.asked, []
        if not asked:
            return
        pgconn = self.connection.pgconn
        if not self.connection.autocommit and pgconn.transaction_status == TransactionStatus.IDLE:
            asked.insert(0, Answer(BEGIN))
        self.is_undone = True
        try:
            pgconn.enter_pipeline_mode()
            self.is_undone = False  # from here on libpq may send
            awaited = [*enqueue(self.connection, asked)]
            pgconn.pipeline_sync()
            until = self.until or time.monotonic() + settings.DATABASE_PATIENCE
            error = self.read(awaited, results(pgconn, until))
        except BaseException:
            self.connection.close()
            raise
        self.is_undone = bool(error) and pgconn.transaction_status == TransactionStatus.INERROR
        try:
            pgconn.exit_pipeline_mode()
        except psycopg.OperationalError:  # the server is shutting down, but has answered everything
            self.connection.close()
        if error:
            raise error

    def read(
        self, awaited: Sequence[tuple[Answer, bytes]], found: Iterator[PGresult]
    ) -> psycopg.Error | None:
        """Read all results. Returns the first error; the statements after it were skipped.

        Raises:
            psycopg.Error: the connection is lost. Unanswered statements may still be executed.
        """
        loader = Transformer(LOADING)
        for answer, name in awaited:
            result = next(found)
            if result.status == ExecStatus.FATAL_ERROR:
                error = error_from_result(result)
                if error.diag.severity_nonlocalized != "ERROR":
                    raise error
                while next(found).status != ExecStatus.PIPELINE_SYNC:
                    pass
                return error
            if name:
                PREPARED[self.connection].add(name)
            else:
                answer.load(result, loader)
        next(found)
        return None


def enqueue(connection: Connection, asked: Sequence[Answer]) -> Iterator[tuple[Answer, bytes]]:
    """Queue statements in libpq; yield the statement of each expected result.

    The name is that of the statement to prepare, or empty for an execution.
    """
    pgconn = connection.pgconn
    prepared = {*PREPARED.setdefault(connection, set())}
    for answer in asked:
        name, sql = numbered(answer.statement)
        if connection.prepare_threshold is None or not answer.is_prepared:
            pgconn.send_query_params(sql, answer.values)
        else:
            if name not in prepared:
                pgconn.send_prepare(name, sql)
                prepared.add(name)
                yield answer, name
            pgconn.send_query_prepared(name, answer.values)
        yield answer, b""


def results(pgconn: PGconn, until: float) -> Iterator[PGresult]:
    """Send the queued statements, and yield each result when it arrives.

    Other threads run while it waits; libpq's own wait would block them.

    Raises:
        Silent: a result did not arrive until `until`, on the monotonic clock.
        psycopg.OperationalError: the connection is lost.
    """
    waiting = select.poll()
    waiting.register(pgconn.socket, select.POLLIN | select.POLLOUT)
    while pgconn.flush():
        if wait(waiting, until) & select.POLLIN:
            pgconn.consume_input()
    waiting.modify(pgconn.socket, select.POLLIN)
    while True:
        while pgconn.is_busy():
            wait(waiting, until)
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            raise psycopg.OperationalError("the connection is lost")
        yield result
        if result.status != ExecStatus.PIPELINE_SYNC:
            pgconn.get_result()  # the end of this statement's results; it never blocks


def wait(waiting: select.poll, until: float) -> int:
    """Wait until the socket is ready. Returns the poll events.

    Raises:
        Silent: it was not ready until `until`, on the monotonic clock.
    """
    ready = waiting.poll(max(0.0, until - time.monotonic()) * 1000)
    if not ready:
        raise Silent("the database does not answer")
    return ready[0][1]


@lru_cache(maxsize=2_000)
def numbered(statement: str) -> tuple[bytes, bytes]:
    """The name of a statement, and its SQL with PostgreSQL's placeholders: $1, $2, …"""
    numbers = count(1)
    sql = re.sub("%[%s]", lambda one: f"${next(numbers)}" if one[0] == "%s" else "%", statement)
    return b"iocash_" + sha256(sql.encode()).hexdigest()[:32].encode(), sql.encode()


def text(value: Any) -> bytes | None:
    """Encode a value as PostgreSQL's text format."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return f"\\x{value.hex()}".encode()
    written = str(value).encode()
    if b"\0" in written:
        raise psycopg.DataError("PostgreSQL does not support NUL in texts")
    return written
