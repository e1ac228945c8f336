"""Several statements in one trip: what they answer, and what is known when they fail."""

from __future__ import annotations

import json
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from types import FrameType
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, InternalError, OperationalError, connection, transaction
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

import iocash.db.pipeline
from iocash.db.pipeline import Pipeline, Silent
from iocash.db.transactions import fetch, fetch_each, pipelined_transaction, single_transaction
from users.models import Client

pytestmark = pytest.mark.django_db(transaction=True)

PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE statement = $$%s$$"
INSERT = "INSERT INTO users_client (id, name, status, created_at) VALUES"
LATE = "SELECT 'never seen before'"


@pytest.fixture
def raw():
    """A connection of one's own, without anything prepared."""
    connection.close()
    connection.ensure_connection()
    yield connection.connection
    connection.close()


@pytest.fixture
def pipeline(raw):
    return Pipeline(raw)


def prepared(raw: psycopg.Connection[Any], statement: str) -> int:
    [(number,)] = raw.execute(PREPARED % statement).fetchall()
    return int(number)


# --- What they answer ----------------------------------------------------------------------------


def test_each_statement_gets_its_own_answer(pipeline):
    one = pipeline.ask("SELECT %s::int + 1, %s::text", [1, "Alice"])
    none = pipeline.ask("SELECT 1 WHERE false")
    many = pipeline.ask("SELECT generate_series(1, 3)")
    pipeline.send()
    assert (one.rows, none.rows, many.rows) == ([(2, "Alice")], [], [(1,), (2,), (3,)])
    assert many.tag == "SELECT 3"


def test_answer_is_empty_before_sending(pipeline):
    answer = pipeline.ask("SELECT 1")
    assert (answer.rows, answer.tag) == ([], "")


def test_empty_pipeline_sends_nothing(pipeline, raw):
    raw.close()
    pipeline.send()


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("text", "100 % of Bob's \\ \" 'ñ' 😀"),
        ("text", None),
        ("text", ""),
        ("uuid", uuid.uuid4()),
        ("bigint", -(2**63)),
        ("boolean", True),
        ("boolean", False),
        ("bytea", b"\x00\xff'\\"),
        ("bytea", b""),
        ("date", date(2028, 2, 29)),
        ("timestamptz", datetime(2028, 2, 29, 23, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_value_is_returned_unchanged(type_, value):
    assert fetch(f"SELECT %s::{type_}", [value]) == [(value,)]


def test_json_is_returned_as_text():
    [(text,)] = fetch("SELECT %s::jsonb", ['{"order": "1"}'])
    assert json.loads(text) == {"order": "1"}


def test_percent_sign_is_escaped_by_doubling():
    assert fetch("SELECT 'a' LIKE '%%', %s::int %% 2", [3]) == [(True, 1)]


def test_text_with_nul_is_refused(pipeline):
    with pytest.raises(psycopg.DataError):
        pipeline.ask("SELECT %s::text", ["Alice\0Bob"])
    pipeline.send()
    assert fetch("SELECT 1", []) == [(1,)]


def test_large_statements_and_answers_pass():
    """Both are larger than the socket buffers."""
    long = "x" * 5_000_000
    [[(back,)], lines] = fetch_each(
        ("SELECT %s::text", [long]),
        ("SELECT repeat('y', 100), n FROM generate_series(1, %s) AS n", [50_000]),
    )
    assert back == long
    assert len(lines) == 50_000


def test_statement_sees_the_changes_of_earlier_ones():
    name = str(uuid.uuid4())
    found = fetch_each(
        ("SELECT count(*) FROM users_client WHERE name = %s", [name]),
        (f"{INSERT} (gen_random_uuid(), %s, 'ACTIVE', now())", [name]),
        ("SELECT count(*) FROM users_client WHERE name = %s", [name]),
    )
    assert found == [[(0,)], [], [(1,)]]


# --- Prepared ------------------------------------------------------------------------------------


def test_statement_is_prepared_once_for_each_connection(raw):
    for _ in range(2):
        fetch_each((LATE, []), (LATE, []))
    assert prepared(raw, LATE) == 1


def test_no_statement_is_prepared_behind_a_pooler(raw):
    raw.prepare_threshold = None
    assert fetch_each((LATE, []), (LATE, [])) == [[("never seen before",)]] * 2
    assert prepared(raw, LATE) == 0


def test_skipped_statement_is_prepared_at_its_next_use(raw):
    with pytest.raises(psycopg.errors.DivisionByZero):
        ask(raw, "SELECT 1 / 0", LATE)
    assert prepared(raw, LATE) == 0
    assert fetch(LATE, []) == [("never seen before",)]
    assert prepared(raw, LATE) == 1


def ask(raw: psycopg.Connection[Any], *statements: str) -> None:
    pipeline = Pipeline(raw)
    for statement in statements:
        pipeline.ask(statement)
    pipeline.send()


# --- When one fails ------------------------------------------------------------------------------


def test_statements_after_a_failed_one_are_skipped(pipeline, raw):
    first, wrong, last = map(pipeline.ask, ["SELECT 1", "SELECT 1 / 0", "SELECT 2"])
    with pytest.raises(psycopg.errors.DivisionByZero):
        pipeline.send()
    assert first.rows == [(1,)]
    assert last.rows == []
    assert [each.tag for each in (first, wrong, last)] == ["SELECT 1", "", ""]
    assert not raw.closed
    assert fetch("SELECT 3", []) == [(3,)]


def test_invalid_statement_raises(pipeline):
    wrong = pipeline.ask("SELECT nothing")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        pipeline.send()
    assert not wrong.tag


def test_error_in_a_transaction_proves_the_rollback(raw):
    raw.autocommit = False
    pipeline = Pipeline(raw)
    pipeline.ask("SELECT 1 / 0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        pipeline.send()
    assert pipeline.is_undone
    raw.rollback()
    raw.autocommit = True


def test_closed_connection_raises_and_sends_nothing(pipeline, raw):
    pipeline.ask("SELECT 1")
    raw.close()
    with pytest.raises(psycopg.OperationalError):
        pipeline.send()
    assert pipeline.is_undone


def test_silent_server_raises_at_the_deadline(raw):
    pipeline, backend = Pipeline(raw, until=time.monotonic() + 0.05), raw.info.backend_pid
    pipeline.ask("SELECT pg_sleep(60)")
    with pytest.raises(Silent):
        pipeline.send()
    assert raw.closed
    assert not pipeline.is_undone
    connection.close()
    assert fetch("SELECT pg_terminate_backend(%s, 10000)", [backend]) == [(True,)]


def test_statements_of_one_pipeline_are_atomic(raw):
    values = f"(gen_random_uuid(), '{uuid.uuid4()}', 'ACTIVE', now())"
    with pytest.raises(psycopg.errors.DivisionByZero):
        ask(raw, f"{INSERT} {values}", "SELECT 1 / 0")
    assert not Client.objects.exists()


def test_error_contains_the_servers_diagnostics(raw):
    with pytest.raises(psycopg.errors.NotNullViolation) as caught:
        ask(raw, "INSERT INTO users_client (id) VALUES (gen_random_uuid())")
    assert caught.value.diag.column_name == "name"


# --- Transactions --------------------------------------------------------------------------------


def test_autocommit_connection_opens_no_transaction(raw):
    ask(raw, "SELECT 1")
    assert raw.info.transaction_status == TransactionStatus.IDLE


def test_connection_without_autocommit_opens_a_transaction(raw):
    connection.set_autocommit(False)
    ask(raw, "SELECT 1")
    assert raw.info.transaction_status == TransactionStatus.INTRANS
    ask(raw, "SELECT 2")
    connection.rollback()
    connection.set_autocommit(True)


def test_pending_statements_are_sent_with_commit():
    with pipelined_transaction() as pipeline:
        answer = pipeline.ask("SELECT 1")
        assert not answer.tag
    assert answer.rows == [(1,)]


def test_pending_statements_are_sent_before_the_savepoint_is_released():
    with transaction.atomic():
        with pipelined_transaction() as pipeline:
            answer = pipeline.ask("SELECT 1")
        assert answer.rows == [(1,)]


def test_suppressed_error_raises_at_commit():
    """PostgreSQL then answers COMMIT with ROLLBACK and reports no error."""

    @pipelined_transaction()
    def fail_and_go_on() -> None:
        Client.objects.create(name="Example")
        with suppress(DatabaseError):
            fetch("SELECT 1 / 0", [])

    with pytest.raises(InternalError, match="aborted"):
        fail_and_go_on()
    assert connection.get_autocommit()
    assert not Client.objects.exists()


# --- Lost connections ----------------------------------------------------------------------------

END = "SELECT pg_terminate_backend(pg_backend_pid())"


def test_fatal_error_proves_nothing_about_later_statements(pipeline, raw):
    """A pooler may send it by itself while PostgreSQL continues."""
    first, end, last = map(pipeline.ask, ["SELECT 1", END, "SELECT 2"])
    with pytest.raises(psycopg.errors.AdminShutdown):
        pipeline.send()
    assert [each.tag for each in (first, end, last)] == ["SELECT 1", "", ""]
    assert not pipeline.is_undone
    assert raw.closed


def test_connection_ended_before_commit_raises_and_changes_nothing():

    def create_and_end() -> None:
        with pipelined_transaction() as pipeline:
            Client.objects.create(name="Example")
            pipeline.ask(END)

    with pytest.raises(OperationalError, match="administrator"):
        create_and_end()
    assert connection.get_autocommit()
    assert not Client.objects.exists()


def test_client_side_error_proves_nothing(pipeline, raw):
    """libpq creates such an error when a connection is lost."""
    first, last = map(pipeline.ask, ["SELECT 1", "SELECT 2"])
    lost = raw.pgconn.make_empty_result(ExecStatus.FATAL_ERROR)
    with pytest.raises(psycopg.Error):
        pipeline.read([(first, b""), (last, b"")], iter([lost]))
    assert (first.tag, last.tag, pipeline.is_undone) == ("", "", False)


def test_on_commit_hooks_run_when_the_connection_ends_after_commit(raw, monkeypatch):
    """The connection is lost after the last answer, before the end of the pipeline."""
    find, told = iocash.db.pipeline.results, []

    def end_afterwards(pgconn: PGconn, until: float) -> Iterator[PGresult]:
        tags = []
        for result in find(pgconn, until):
            tags.append(result.command_status)
            if result.status == ExecStatus.PIPELINE_SYNC and b"COMMIT" in tags:
                raw.pgconn.finish()
            yield result

    with single_transaction():
        Client.objects.create(name="Example")
        transaction.on_commit(lambda: told.append("Example"))
        monkeypatch.setattr(iocash.db.pipeline, "results", end_afterwards)
    monkeypatch.undo()
    assert told == ["Example"]
    assert raw.closed
    assert connection.get_autocommit()
    assert Client.objects.exists()


class Interrupted(BaseException):
    """Somebody wants the process to do something else."""


def test_interruption_while_waiting_closes_the_connection(pipeline, raw):
    """Late answers would be read as those of the next request."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    backend = raw.info.backend_pid
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    pipeline.ask("SELECT pg_sleep(60)")
    try:
        with pytest.raises(Interrupted):
            pipeline.send()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert raw.closed
    connection.close()
    assert fetch("SELECT pg_terminate_backend(%s)", [backend]) == [(True,)]
