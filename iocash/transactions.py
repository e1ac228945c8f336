"""A transaction whose COMMIT is issued explicitly: an error there is told apart from all others.

And what statements have in common that are sent often: they are prepared, and take rows as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from iocash import errors


@contextmanager
def durable() -> Iterator[None]:
    """Own a transaction: all of it, committed when the block ends, or nothing.

    Inside an open transaction it is a savepoint of that one, which decides.

    Raises:
        OutcomeUnknown: the connection broke at COMMIT; it may have been done.
    """
    if connection.in_atomic_block:
        with transaction.atomic():
            yield
        return
    connection.set_autocommit(False)
    try:
        yield
        commit()
    except BaseException:
        undo()
        raise
    connection.set_autocommit(True)


def commit() -> None:
    """Commit; an error here is not known to have undone anything, unless the server says so."""
    try:
        connection.commit()
    except (OperationalError, InterfaceError) as error:
        connection.close()
        raise errors.OutcomeUnknown() from error


def undo() -> None:
    """Roll back what was begun; a connection on which that fails is of no more use."""
    if connection.connection is None:
        return
    try:
        connection.rollback()
        connection.set_autocommit(True)
    except (DatabaseError, InterfaceError):
        connection.close()


def fetch(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Ask one question, its values apart, so that the server prepares it once."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return psycopg.Cursor(connection.connection).execute(statement, values).fetchall()


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
