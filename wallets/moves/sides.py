"""A group as a move sees it: a connection as the owner of its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import psycopg
from django.db import OperationalError

SETTINGS: Final = """
    SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = 0;
    SET TIME ZONE 'UTC'; SET datestyle = 'ISO, YMD'; SET bytea_output = 'hex';
    SET intervalstyle = 'postgres'; SET extra_float_digits = 1; SET jit = off;
    SET search_path = public; SET application_name = 'iocash move_client'
"""
SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
LOWEST_RUNNING: Final = """
    SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint & 4294967295)::text
"""
LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended('iocash.move_client ' || %s, 0))"

Values = Mapping[str, Any] | Sequence[Any] | None


class MoveRefused(Exception):
    """The move can't begin, or can't go on. The text says what to do."""


class TryAgain(MoveRefused):
    """The move can't end now. What was copied is kept for the next run."""


class Superseded(MoveRefused):
    """Another run has taken over the move, or it was taken back."""

    def __init__(self) -> None:
        super().__init__("Another run has taken over this move.")


class GroupSide:
    """One of the two groups of a move. Two connections: one for writes, one for snapshots."""

    def __init__(self, name: str, opened: Callable[[], psycopg.Connection[Any]]) -> None:
        self.name = name
        self.opened = opened
        self.raw = self.connect()
        self.reader = self.connect()

    def connect(self) -> psycopg.Connection[Any]:
        try:
            raw = self.opened()
            raw.autocommit = True
            raw.execute(SETTINGS)
        except (psycopg.OperationalError, OperationalError) as error:
            raise MoveRefused(f"The group {self.name} can't be reached: {error}") from None
        return raw

    def close(self) -> None:
        """Close both connections, whatever state they are in."""
        self.raw.close()
        self.reader.close()

    def ask(self, statement: str, values: Values = None) -> list[tuple[Any, ...]]:
        """Execute a statement on the connection for writes; return its rows."""
        return rows_answered(self.raw, statement, values)

    def first(self, statement: str, values: Values = None) -> tuple[Any, ...] | None:
        found = self.ask(statement, values)
        return found[0] if found else None

    def change(self, statement: str, values: Values = None) -> int:
        """Execute a statement that writes; return the number of rows."""
        return self.raw.execute(statement.encode(), values).rowcount

    @contextmanager
    def writing(self, move_id: UUID) -> Iterator[None]:
        """A transaction that may write rows of a client that is not active here."""
        with self.raw.transaction():
            self.ask("SELECT set_config('iocash.move', %s, true)", [str(move_id)])
            yield

    @contextmanager
    def snapshot(self) -> Iterator[str]:
        """A snapshot on the connection for it; yields the lowest number that was running."""
        with self.reader.transaction():
            rows_answered(self.reader, SNAPSHOT)
            ((lowest,),) = rows_answered(self.reader, LOWEST_RUNNING)
            yield lowest

    def reconnect(self) -> None:
        """Connect again if the connection for writes was lost."""
        if self.raw.closed:
            self.raw = self.connect()

    def lock(self, client_id: UUID) -> None:
        """Keep other moves of the client out, as long as this connection is open.

        Raises:
            MoveRefused: another process moves it.
        """
        if self.first(LOCK, [str(client_id)]) != (True,):
            raise MoveRefused("Another process is moving this client now.")


def rows_answered(
    raw: psycopg.Connection[Any], statement: str, values: Values = None
) -> list[tuple[Any, ...]]:
    cursor = raw.execute(statement.encode(), values)
    result = cursor.pgresult
    has_rows = result is not None and result.status == psycopg.pq.ExecStatus.TUPLES_OK
    return cursor.fetchall() if has_rows else []
