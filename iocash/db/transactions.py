"""Transactions that send COMMIT themselves and report its real outcome.

Also helpers to send frequent statements and to encode rows as JSON.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import orjson
import psycopg
from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    OperationalError,
    connection,
    connections,
    transaction,
)

from iocash import errors
from iocash.db import outcome, replica
from iocash.db.outcome import CommitOutcome, Mark, Witness
from iocash.db.pipeline import COMMIT, Connection, Pipeline, Row
from iocash.db.replica import Written

log = logging.getLogger(__name__)

Found = TypeVar("Found")
Statement = tuple[str, Sequence[Any]] | tuple[str, Sequence[Any], bool]
"""SQL, its values, and whether to prepare it; see `Pipeline.ask`."""


class Transaction:
    """A transaction that sends COMMIT itself, and the known facts about its outcome.

    `before_asking` is called once before the outcome is queried, which can take ten seconds.
    """

    def __init__(self, before_asking: Callable[[], object] = lambda: None) -> None:
        self.before_asking = before_asking
        self.mark: Mark | None = None
        self.at: datetime | None = None
        """The time by the database's clock, read after the transaction had its number."""
        self.witness: Witness | None = None
        self.is_idle = False
        """Whether nothing was written, so that COMMIT changes nothing."""
        self.is_undone = True
        """Whether provably nothing was committed; true until COMMIT is sent."""

    def commit(self, pipeline: Pipeline) -> None:
        """Send the remaining statements and COMMIT.

        An answered COMMIT is a success, whatever fails afterwards. Without an answer, the outcome
        is queried, unless the server has reported that the transaction had failed before.

        Raises:
            OutcomeUnknown: the outcome can't be found; the changes may be committed.
            Exception: nothing was changed.
        """
        if not (self.mark or self.is_idle):
            is_dated = settings.DATABASE_REPLICA_URL
            asked = pipeline.ask(outcome.READ_DATED_MARK if is_dated else outcome.READ_MARK)
            pipeline.send()
            xid, timeline, started, *at = asked.rows[0]
            self.mark = Mark.of_row(xid, timeline, started, pipeline=pipeline)
            self.at = at[0] if at else None
            self.is_idle = self.mark.xid is None  # no statement wrote or locked a row
        done = pipeline.ask(COMMIT)
        self.is_undone = False
        try:
            pipeline.send()
        except Exception as error:
            if done.tag != COMMIT and not self.is_done(pipeline, error):
                raise
        else:
            self.is_undone = done.tag != COMMIT
            if self.is_undone:
                raise psycopg.InternalError("a statement failed; the transaction was rolled back")

    @property
    def written(self) -> Written | None:
        """What was committed, for `X-Write-Token`; None: nothing."""
        xid = self.mark.xid if self.mark else None
        if self.is_undone or self.at is None or xid is None:
            return None
        return Written(self.at, int(xid))

    def is_done(self, pipeline: Pipeline, error: Exception) -> bool:
        """Return whether a COMMIT without an answer was executed.

        Raises:
            OutcomeUnknown: the outcome can't be found.
        """
        if pipeline.is_undone or self.is_idle:
            self.is_undone = True
            return False
        try:
            self.before_asking()
            found = (
                outcome.find_out(self.mark, self.witness, connect)
                if self.mark
                else CommitOutcome.UNKNOWN
            )
        except Exception as other:
            raise errors.OutcomeUnknown() from other
        if found is CommitOutcome.UNKNOWN:
            raise errors.OutcomeUnknown() from error
        self.is_undone = found is CommitOutcome.ROLLED_BACK
        return not self.is_undone


def connect() -> Connection:
    """Open a second connection, in autocommit mode, to this thread's database.

    It prepares no statements, so it needn't check for a pooler: a pooler without a server accepts
    connections, and that check would then take too long.
    """
    other = connection.copy("outcome")
    given = {**other.get_connection_params(), "connect_timeout": 2, "prepare_threshold": None}
    opened: Connection = other.get_new_connection(given)
    opened.autocommit = True
    return opened


@contextmanager
def single_transaction() -> Iterator[None]:
    """Run the block's queries in one transaction, which is committed when the block ends.

    Unlike Django's `atomic`, it does not treat a COMMIT without an answer as a rollback. Inside an
    `atomic` block, or another `single_transaction`, it is a savepoint, and the outer transaction
    decides.

    Raises:
        Inconsistent: a `pipelined_transaction` is open, without an `atomic` block inside it.
        OutcomeUnknown: the connection was lost at COMMIT, and the outcome can't be found.
        Exception: any other; nothing was changed.
    """
    with pipelined_transaction(), transaction.atomic():
        yield


@contextmanager
def pipelined_transaction(own: Transaction | None = None) -> Iterator[Pipeline]:
    """Open a transaction whose last statements are sent with COMMIT, in one trip.

    The block leaves these statements in the pipeline. Afterwards `own` has the outcome. Inside an
    `atomic` block it is a savepoint, and the outer transaction decides.

    Raises:
        Inconsistent: such a transaction is already open, without an `atomic` block inside it.
        OutcomeUnknown: the connection was lost at COMMIT, and the outcome can't be found.
        Exception: any other; nothing was changed.
    """
    here: Any = connections[DEFAULT_DB_ALIAS]  # `connection` would look it up at each attribute
    if here.in_atomic_block:
        with transaction.atomic(), here.wrap_database_errors:
            pipeline = Pipeline(here.connection)
            yield pipeline
            pipeline.send()
        return
    if getattr(here, "own_transaction", None):
        raise errors.Inconsistent("its COMMIT would commit the outer transaction")
    own = own or Transaction()
    here.own_transaction = own
    try:
        here.set_autocommit(False)
        with here.wrap_database_errors:
            pipeline = Pipeline(here.connection)
            yield pipeline
            own.commit(pipeline)
    except BaseException:
        roll_back(here)
        raise
    finally:
        here.own_transaction = None
    if settings.DATABASE_REPLICA_URL:
        replica.note_write(own.written)
    after_commit(here)


def note_witness(witness: Witness) -> None:
    """Record the row that proves the commit of this thread's transaction."""
    own: Transaction | None = getattr(connection, "own_transaction", None)
    if own:
        own.witness = witness


def after_commit(here: Any) -> None:
    """Set the connection to autocommit, and run the `on_commit` hooks.

    Django's own `commit` can't be used, because the transaction has already ended. The change is
    committed, so no error is raised: a lost connection is closed, and the error of a hook is
    logged, as with `robust=True`.
    """
    hooks, here.run_on_commit = here.run_on_commit, []
    try:
        here.errors_occurred = False
        here.set_autocommit(True)
    except (DatabaseError, InterfaceError):
        here.close()
    for _, hook, _ in hooks:
        try:
            hook()
        except Exception:
            log.exception("a hook after COMMIT failed")


def roll_back(here: Any) -> None:
    """Roll back; close the connection if that fails.

    An `atomic` block whose SAVEPOINT failed on a broken connection was entered but is never left.
    Its state is reset here; otherwise the thread would stay in it.
    """
    here.in_atomic_block = here.needs_rollback = False
    here.closed_in_transaction = False
    here.savepoint_ids, here.atomic_blocks = [], []
    if here.connection is None:
        return
    try:
        here.rollback()
        here.set_autocommit(True)
    except (DatabaseError, InterfaceError):
        here.close()


def read_back(read: Callable[[], Found]) -> Found:
    """Read a result after its commit; retry if the connection is lost.

    Raises:
        OutcomeUnknown: it could not be read within `outcome.LONGEST` seconds.
    """
    until, pauses = time.monotonic() + outcome.LONGEST, outcome.inquiry_pauses()
    while True:
        try:
            return read()
        except (OperationalError, InterfaceError) as error:
            connection.close()
            if time.monotonic() > until:
                raise errors.OutcomeUnknown() from error
            time.sleep(next(pauses))


def fetch(statement: str, values: Sequence[Any]) -> list[Row]:
    """Execute one query, which the server prepares once per connection."""
    return fetch_each((statement, values))[0]


def fetch_each(*questions: Statement) -> list[list[Row]]:
    """Execute several queries in one trip; each has its own snapshot."""
    here = connections[DEFAULT_DB_ALIAS]
    here.close_if_health_check_failed()
    here.ensure_connection()
    with here.wrap_database_errors:
        pipeline = Pipeline(here.connection)
        answers = [pipeline.ask(*question) for question in questions]
        pipeline.send()
    return [answer.rows for answer in answers]


def as_rows(objects: Iterable[Any]) -> str:
    """Encode dataclasses or dicts as JSON for `json_to_recordset`.

    One text is much cheaper than an array for each column, in Python and in PostgreSQL.
    """
    return orjson.dumps([*objects], _bytea).decode()


def from_json(columns: Mapping[str, str]) -> str:
    """Return what follows INSERT INTO: the columns, and a query for their values.

    The query takes the text of `as_rows`. `columns` are types by attributes; the dotted ones are
    texts of a dataclass within the row, and the column has the name after the dot.
    """
    names, values, read = [], [], {}
    for attribute, type_ in columns.items():
        outer, _, inner = attribute.partition(".")
        names.append(inner or outer)
        values.append(f"new.{outer} ->> '{inner}'" if inner else outer)
        read[outer] = "json" if inner else type_
    record = ", ".join(f"{name} {type_}" for name, type_ in read.items())
    return (
        f"({', '.join(names)}) SELECT {', '.join(values)}"  # noqa: S608
        f" FROM json_to_recordset(%s) AS new ({record})"
    )


def _bytea(value: Any) -> str:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError(f"{type(value).__name__} can't be stored in a column")


def as_array(ids: Iterable[Any]) -> str:
    """Encode ids, numbers or IBANs as a PostgreSQL array.

    Like JSON it allows elements in double quotes, but it supports only two of JSON's escapes.
    """
    return f"{{{orjson.dumps([*ids]).decode()[1:-1]}}}"
