"""Several statements in one trip to PostgreSQL: sent together, answered together.

psycopg has a pipeline as well, but it goes to the socket once for each statement, and PostgreSQL
is woken for each: that takes four times as long. Here libpq is given all statements and sends them
at once. PostgreSQL skips those after one that fails.

Only two answers prove anything about a statement: its own tag, that it was done; and an ERROR, when
the ReadyForQuery of a failed transaction follows, that the rest was skipped. A FATAL proves
nothing: a connection pooler says it of its own, while PostgreSQL goes on to COMMIT.
"""

from __future__ import annotations

import re
import select
import time
from collections.abc import Iterator, Sequence
from functools import cache
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

Connection = psycopg.Connection[Any]
Row = tuple[Any, ...]

BEGIN, COMMIT = "BEGIN", "COMMIT"

PREPARED: WeakKeyDictionary[Connection, set[bytes]] = WeakKeyDictionary()
"""The names of what each connection has prepared."""


class Loading(NamedTuple):
    """How columns are read: as psycopg does it, but JSON stays text, as Django's fields want it."""

    adapters: AdaptersMap
    connection: None = None


LOADING = Loading(AdaptersMap(psycopg.adapters))
LOADING.adapters.register_loader("jsonb", TextLoader)


class Silent(psycopg.OperationalError):
    """The database has said nothing for as long as it is waited for; the connection is closed."""


class Answer:
    """A statement; and once PostgreSQL has done it, its `tag` and what it returned."""

    __slots__ = ("rows", "statement", "tag", "values")

    def __init__(self, statement: str, values: Sequence[bytes | None] = ()) -> None:
        self.statement, self.values = statement, values
        self.rows: list[Row] = []
        self.tag = ""

    def take(self, result: PGresult, loader: abc.Transformer) -> None:
        self.tag = (result.command_status or b"").decode()
        if result.ntuples:
            loader.set_pgresult(result)
            self.rows = loader.load_rows(0, result.ntuples, tuple)


class Pipeline:
    """The statements that go to a connection in one trip.

    `until` is the instant of the monotonic clock at which no answer is waited for any more; without
    it each trip may take DATABASE_PATIENCE seconds.
    """

    def __init__(self, connection: Connection, *, until: float | None = None) -> None:
        self.connection = connection
        self.until = until
        self.asked: list[Answer] = []
        self.is_undone = False
        """Whether the last trip is proved to have done nothing that lasts.

        Nothing was sent, or the server said ERROR, and then that its transaction has failed.
        """

    def ask(self, statement: str, values: Sequence[Any] = ()) -> Answer:
        """Add a statement, with %s where its values go.

        Raises:
            DataError: a text holds NUL, which PostgreSQL's do not.
        """
        answer = Answer(statement, [text(value) for value in values])
        self.asked.append(answer)
        return answer

    def send(self) -> None:
        """Send what was asked, and wait for the answers.

        As psycopg does, it begins a transaction first, unless the connection commits by itself.

        Raises:
            psycopg.Error: what the first statement that failed has met, or that the connection is
                lost; then it is closed.
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
            awaited = [*give(self.connection, asked)]
            pgconn.pipeline_sync()
            until = self.until or time.monotonic() + settings.DATABASE_PATIENCE
            error = self.read(awaited, results(pgconn, until))
        except BaseException:
            self.connection.close()
            raise
        self.is_undone = bool(error) and pgconn.transaction_status == TransactionStatus.INERROR
        try:
            pgconn.exit_pipeline_mode()
        except psycopg.OperationalError:  # the server ends; but it has answered everything
            self.connection.close()
        if error:
            raise error

    def read(
        self, awaited: Sequence[tuple[Answer, bytes]], found: Iterator[PGresult]
    ) -> psycopg.Error | None:
        """Read all results; after the first that is an error, the others have nothing to say.

        Raises:
            psycopg.Error: the connection is lost. What was not answered may be done, or yet be.
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
                answer.take(result, loader)
        next(found)
        return None


def give(connection: Connection, asked: Sequence[Answer]) -> Iterator[tuple[Answer, bytes]]:
    """Give statements to libpq; yield each result to come: its statement, the name to prepare."""
    pgconn = connection.pgconn
    prepared = {*PREPARED.setdefault(connection, set())}
    for answer in asked:
        name, sql = numbered(answer.statement)
        if connection.prepare_threshold is None or answer.statement in {BEGIN, COMMIT}:
            pgconn.send_query_params(sql, answer.values)
        else:
            if name not in prepared:
                pgconn.send_prepare(name, sql)
                prepared.add(name)
                yield answer, name
            pgconn.send_query_prepared(name, answer.values)
        yield answer, b""


def results(pgconn: PGconn, until: float) -> Iterator[PGresult]:
    """Send what libpq was given, and find each result when it has come.

    While it waits it lets other threads run; libpq itself would not.

    Raises:
        Silent: a result has not come when the monotonic clock says `until`.
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
            pgconn.get_result()  # the end of what this statement has to say: there at once


def wait(waiting: select.poll, until: float) -> int:
    """Wait until the socket is ready; return for what.

    Raises:
        Silent: it is not when the monotonic clock says `until`.
    """
    ready = waiting.poll(max(0.0, until - time.monotonic()) * 1000)
    if not ready:
        raise Silent("the database does not answer")
    return ready[0][1]


@cache
def numbered(statement: str) -> tuple[bytes, bytes]:
    """Name a statement, and write its placeholders as PostgreSQL does: $1, $2, …"""
    numbers = count(1)
    sql = re.sub("%[%s]", lambda one: f"${next(numbers)}" if one[0] == "%s" else "%", statement)
    return b"iocash_" + sha256(sql.encode()).hexdigest()[:32].encode(), sql.encode()


def text(value: Any) -> bytes | None:
    """Write a value as PostgreSQL reads it."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return f"\\x{value.hex()}".encode()
    written = str(value).encode()
    if b"\0" in written:
        raise psycopg.DataError("PostgreSQL's texts hold no NUL")
    return written
