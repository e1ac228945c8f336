"""A transaction whose COMMIT is issued explicitly: an error there is told apart from all others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
