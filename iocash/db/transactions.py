"""Transactions that send COMMIT themselves, and report its real outcome.

Also helpers for statements that are sent often: how to send them, and how to write rows as JSON.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import orjson
import psycopg
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
from iocash.db import outcome
from iocash.db.outcome import CommitOutcome, Mark, Witness
from iocash.db.pipeline import COMMIT, Connection, Pipeline, Row

log = logging.getLogger(__name__)

Found = TypeVar("Found")


class Transaction:
    """A transaction that sends COMMIT itself, and what is known of its outcome.

    `before_asking` is called, once, before an outcome is asked for: that can take ten seconds.
    """

    def __init__(self, before_asking: Callable[[], object] = lambda: None) -> None:
        self.before_asking = before_asking
        self.mark: Mark | None = None
        self.witness: Witness | None = None
        self.is_idle = False
        """Whether nothing was written that anybody was promised: COMMIT can do nothing then."""
        self.is_undone = True
        """Whether nothing was done, provably: until COMMIT is sent, that is so."""

    def commit(self, pipeline: Pipeline) -> None:
        """Commit, and send what is left before.

        An answered COMMIT is done, whatever breaks afterwards. If no answer comes, the outcome is
        asked for, unless the server has said that the transaction had failed before.

        Raises:
            OutcomeUnknown: it may have been done; the outcome can't be found.
            Exception: nothing was done.
        """
        if not (self.mark or self.is_idle):
            asked = pipeline.ask(outcome.READ_MARK)
            pipeline.send()
            self.mark = Mark.of_row(*asked.rows[0], pipeline=pipeline)
            self.is_idle = self.mark.xid is None  # all was sent, and it needed no number
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
                raise psycopg.InternalError("an error was passed over; all was undone")

    def is_done(self, pipeline: Pipeline, error: Exception) -> bool:
        """Return whether a COMMIT without an answer was done.

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
    """Open another connection to the database of this thread's; it commits by itself.

    It prepares nothing, so nobody need find out whether a pooler answers: a pooler whose server is
    gone lets everybody in, and the first statement would wait for longer than there is time.
    """
    other = connection.copy("outcome")
    given = {**other.get_connection_params(), "connect_timeout": 2, "prepare_threshold": None}
    opened: Connection = other.get_new_connection(given)
    opened.autocommit = True
    return opened


@contextmanager
def single_transaction() -> Iterator[None]:
    """Run the block's queries in one transaction, which is committed when the block ends.

    It differs from Django's `atomic` in one respect: a COMMIT that was not answered is not taken
    for a rollback. Inside an `atomic` block, or another `single_transaction`, it is a savepoint:
    the transaction around it decides.

    Raises:
        Inconsistent: a `pipelined_transaction` is open, and no `atomic` block inside it.
        OutcomeUnknown: the connection broke at COMMIT, and the outcome can't be found.
        Exception: any other; nothing was done.
    """
    with pipelined_transaction(), transaction.atomic():
        yield


@contextmanager
def pipelined_transaction(own: Transaction | None = None) -> Iterator[Pipeline]:
    """Open a transaction whose last statements are sent with COMMIT, in one trip.

    The block leaves these statements in the pipeline. `own` knows the outcome afterwards. Inside an
    `atomic` block of Django's it is a savepoint: the transaction around it decides.

    Raises:
        Inconsistent: such a transaction is open already, and no `atomic` block inside it.
        OutcomeUnknown: the connection broke at COMMIT, and the outcome can't be found.
        Exception: any other; nothing was done.
    """
    here: Any = connections[DEFAULT_DB_ALIAS]  # looked up once: `connection` does so at each name
    if here.in_atomic_block:
        with transaction.atomic(), here.wrap_database_errors:
            pipeline = Pipeline(here.connection)
            yield pipeline
            pipeline.send()
        return
    if getattr(here, "own_transaction", None):
        raise errors.Inconsistent("its COMMIT would be that of the transaction around it")
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
    after_commit(here)


def note_witness(witness: Witness) -> None:
    """Note a row that this thread's transaction writes, to look for if COMMIT is not answered."""
    own: Transaction | None = getattr(connection, "own_transaction", None)
    if own:
        own.witness = witness


def after_commit(here: Any) -> None:
    """Set the connection to autocommit, and run the `on_commit` hooks.

    The transaction has ended: Django's own `commit` would only find that out. The change is
    committed, so nothing that fails now is raised: a lost connection is closed, and the error of a
    hook is logged, as if the hook had been registered with `robust=True`.
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

    A block of Django's whose SAVEPOINT met a broken connection was entered, and is never left: it
    ends here too, or the thread would be in it for ever.
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
    """Read what was just committed. Where the connection breaks meanwhile, it is tried again.

    Raises:
        OutcomeUnknown: it can't be read for as long as an outcome is asked for.
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
    """Ask one question, which the server prepares once for each connection."""
    return fetch_each((statement, values))[0]


def fetch_each(*questions: tuple[str, Sequence[Any]]) -> list[list[Row]]:
    """Ask several, in one trip; each sees what was committed before its own turn."""
    here = connections[DEFAULT_DB_ALIAS]
    here.close_if_health_check_failed()
    here.ensure_connection()
    with here.wrap_database_errors:
        pipeline = Pipeline(here.connection)
        answers = [pipeline.ask(*question) for question in questions]
        pipeline.send()
    return [answer.rows for answer in answers]


def as_rows(things: Iterable[Any]) -> str:
    """Write dataclasses or dicts as the JSON that `json_to_recordset` reads.

    One text costs far less than an array for each column, on both sides.
    """
    return orjson.dumps([*things], _bytea).decode()


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
    raise TypeError(f"{type(value).__name__} is no column")


def as_array(ids: Iterable[Any]) -> str:
    """Write ids, numbers or IBANs as the array that PostgreSQL reads.

    Its elements may stand in double quotes, as in JSON; but of JSON's escapes it knows two only.
    """
    return f"{{{orjson.dumps([*ids]).decode()[1:-1]}}}"
