"""A transaction whose COMMIT is issued explicitly: an error there is told apart from all others.

And what statements have in common that are sent often: they take rows as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import psycopg
from django.db import DatabaseError, InterfaceError, connection, transaction

from iocash import errors
from iocash.pipeline import COMMIT, Pipeline, Row


@contextmanager
def durable() -> Iterator[Pipeline]:
    """Own a transaction: all of it, committed when the block ends, or nothing.

    Inside an open transaction it is a savepoint of that one, which decides. What the block leaves
    in the pipeline is sent with COMMIT, in one trip.

    Raises:
        OutcomeUnknown: the connection broke at COMMIT; it may have been done.
    """
    if connection.in_atomic_block:
        with transaction.atomic(), connection.wrap_database_errors:
            pipeline = Pipeline(connection.connection)
            yield pipeline
            pipeline.send()
        return
    connection.set_autocommit(False)
    try:
        with connection.wrap_database_errors:
            pipeline = Pipeline(connection.connection)
            yield pipeline
            commit(pipeline)
    except BaseException:
        undo()
        raise
    go_on()


def commit(pipeline: Pipeline) -> None:
    """Commit, and send what is left before; only a server that says so has not done it.

    Raises:
        OutcomeUnknown: the connection is lost, and nobody knows.
        psycopg.Error: nothing was done.
    """
    done = pipeline.ask(COMMIT)
    try:
        pipeline.send()
    except psycopg.Error as error:
        if done.is_known:
            raise
        connection.close()
        raise errors.OutcomeUnknown() from error
    if done.tag != COMMIT:
        raise psycopg.InternalError("an error before COMMIT was passed over: all was undone")


def go_on() -> None:
    """Have Django do what it does after COMMIT; that a connection is lost undoes nothing now."""
    try:
        connection.commit()
        connection.set_autocommit(True)
    except (DatabaseError, InterfaceError):
        connection.run_and_clear_commit_hooks()
        connection.close()


def undo() -> None:
    """Roll back what was begun; a connection on which that fails is of no more use."""
    if connection.connection is None:
        return
    try:
        connection.rollback()
        connection.set_autocommit(True)
    except (DatabaseError, InterfaceError):
        connection.close()


def fetch(statement: str, values: Sequence[Any]) -> list[Row]:
    """Ask one question, which the server prepares once for each connection."""
    return fetch_each((statement, values))[0]


def fetch_each(*questions: tuple[str, Sequence[Any]]) -> list[list[Row]]:
    """Ask several, in one trip; each sees what was committed before its own turn."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        pipeline = Pipeline(connection.connection)
        answers = [pipeline.ask(*question) for question in questions]
        pipeline.send()
    return [answer.rows for answer in answers]


def as_rows(things: Iterable[Any]) -> str:
    """Write dataclasses or dicts as the JSON that `json_to_recordset` reads.

    One text costs far less than an array for each column, on both sides.
    """
    return orjson.dumps([*things], _bytea).decode()


def _bytea(value: Any) -> str:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError(f"{type(value).__name__} is no column")


def as_array(ids: Iterable[Any]) -> str:
    """Write ids or numbers as the array that PostgreSQL reads."""
    return f"{{{','.join(map(str, ids))}}}"
