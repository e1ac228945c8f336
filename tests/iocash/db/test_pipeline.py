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
from iocash.db.transactions import durable, fetch, fetch_each
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


def test_each_is_answered_by_itself(pipeline):
    one = pipeline.ask("SELECT %s::int + 1, %s::text", [1, "Alice"])
    none = pipeline.ask("SELECT 1 WHERE false")
    many = pipeline.ask("SELECT generate_series(1, 3)")
    pipeline.send()
    assert (one.rows, none.rows, many.rows) == ([(2, "Alice")], [], [(1,), (2,), (3,)])
    assert many.tag == "SELECT 3"


def test_nothing_is_answered_before_it_was_sent(pipeline):
    answer = pipeline.ask("SELECT 1")
    assert (answer.rows, answer.tag) == ([], "")


def test_nothing_asked_is_nothing_sent(pipeline, raw):
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
def test_a_value_comes_back_as_it_went(type_, value):
    assert fetch(f"SELECT %s::{type_}", [value]) == [(value,)]


def test_json_comes_as_text_as_fields_want_it():
    [(text,)] = fetch("SELECT %s::jsonb", ['{"order": "1"}'])
    assert json.loads(text) == {"order": "1"}


def test_a_percent_sign_is_written_twice():
    assert fetch("SELECT 'a' LIKE '%%', %s::int %% 2", [3]) == [(True, 1)]


def test_a_text_with_nul_is_refused_and_not_cut_short(pipeline):
    with pytest.raises(psycopg.DataError):
        pipeline.ask("SELECT %s::text", ["Alice\0Bob"])
    pipeline.send()
    assert fetch("SELECT 1", []) == [(1,)]


def test_much_goes_and_comes():
    """More than what the sockets hold."""
    long = "x" * 5_000_000
    [[(back,)], lines] = fetch_each(
        ("SELECT %s::text", [long]),
        ("SELECT repeat('y', 100), n FROM generate_series(1, %s) AS n", [50_000]),
    )
    assert back == long
    assert len(lines) == 50_000


def test_each_sees_what_was_done_before_its_turn():
    name = str(uuid.uuid4())
    found = fetch_each(
        ("SELECT count(*) FROM users_client WHERE name = %s", [name]),
        (f"{INSERT} (gen_random_uuid(), %s, 'ACTIVE', now())", [name]),
        ("SELECT count(*) FROM users_client WHERE name = %s", [name]),
    )
    assert found == [[(0,)], [], [(1,)]]


# --- Prepared ------------------------------------------------------------------------------------


def test_a_statement_is_prepared_once_for_each_connection(raw):
    for _ in range(2):
        fetch_each((LATE, []), (LATE, []))
    assert prepared(raw, LATE) == 1


def test_behind_a_pooler_nothing_is_prepared(raw):
    raw.prepare_threshold = None
    assert fetch_each((LATE, []), (LATE, [])) == [[("never seen before",)]] * 2
    assert prepared(raw, LATE) == 0


def test_what_was_skipped_was_not_prepared_and_is_the_next_time(raw):
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


def test_those_after_one_that_fails_are_skipped(pipeline, raw):
    first, wrong, last = map(pipeline.ask, ["SELECT 1", "SELECT 1 / 0", "SELECT 2"])
    with pytest.raises(psycopg.errors.DivisionByZero):
        pipeline.send()
    assert first.rows == [(1,)]
    assert last.rows == []
    assert [each.tag for each in (first, wrong, last)] == ["SELECT 1", "", ""]
    assert not raw.closed
    assert fetch("SELECT 3", []) == [(3,)]


def test_a_statement_that_cannot_be_understood_fails_as_well(pipeline):
    wrong = pipeline.ask("SELECT nothing")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        pipeline.send()
    assert not wrong.tag


def test_error_in_a_transaction_proves_that_nothing_was_done(raw):
    raw.autocommit = False
    pipeline = Pipeline(raw)
    pipeline.ask("SELECT 1 / 0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        pipeline.send()
    assert pipeline.is_undone
    raw.rollback()
    raw.autocommit = True


def test_nothing_is_sent_on_a_closed_connection(pipeline, raw):
    pipeline.ask("SELECT 1")
    raw.close()
    with pytest.raises(psycopg.OperationalError):
        pipeline.send()
    assert pipeline.is_undone


def test_silent_server_is_waited_for_until_the_deadline(raw):
    pipeline, backend = Pipeline(raw, until=time.monotonic() + 0.05), raw.info.backend_pid
    pipeline.ask("SELECT pg_sleep(60)")
    with pytest.raises(Silent):
        pipeline.send()
    assert raw.closed
    assert not pipeline.is_undone
    connection.close()
    assert fetch("SELECT pg_terminate_backend(%s, 10000)", [backend]) == [(True,)]


def test_together_they_are_done_or_not(raw):
    values = f"(gen_random_uuid(), '{uuid.uuid4()}', 'ACTIVE', now())"
    with pytest.raises(psycopg.errors.DivisionByZero):
        ask(raw, f"{INSERT} {values}", "SELECT 1 / 0")
    assert not Client.objects.exists()


def test_the_error_tells_what_was_wrong(raw):
    with pytest.raises(psycopg.errors.NotNullViolation) as caught:
        ask(raw, "INSERT INTO users_client (id) VALUES (gen_random_uuid())")
    assert caught.value.diag.column_name == "name"


# --- Transactions --------------------------------------------------------------------------------


def test_a_connection_that_commits_by_itself_opens_no_transaction(raw):
    ask(raw, "SELECT 1")
    assert raw.info.transaction_status == TransactionStatus.IDLE


def test_any_other_opens_one(raw):
    connection.set_autocommit(False)
    ask(raw, "SELECT 1")
    assert raw.info.transaction_status == TransactionStatus.INTRANS
    ask(raw, "SELECT 2")
    connection.rollback()
    connection.set_autocommit(True)


def test_what_is_left_in_the_pipeline_goes_with_commit():
    with durable() as pipeline:
        answer = pipeline.ask("SELECT 1")
        assert not answer.tag
    assert answer.rows == [(1,)]


def test_and_before_the_savepoint_ends():
    with transaction.atomic():
        with durable() as pipeline:
            answer = pipeline.ask("SELECT 1")
        assert answer.rows == [(1,)]


def test_an_error_that_was_passed_over_is_not_taken_for_a_commit():
    """PostgreSQL answers COMMIT with ROLLBACK then, and calls it no error."""

    @durable()
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


def test_fatal_error_proves_nothing_about_the_rest(pipeline, raw):
    """A pooler says it of its own, while PostgreSQL goes on."""
    first, end, last = map(pipeline.ask, ["SELECT 1", END, "SELECT 2"])
    with pytest.raises(psycopg.errors.AdminShutdown):
        pipeline.send()
    assert [each.tag for each in (first, end, last)] == ["SELECT 1", "", ""]
    assert not pipeline.is_undone
    assert raw.closed


def test_who_was_ended_before_commit_has_done_nothing_and_knows():

    def create_and_end() -> None:
        with durable() as pipeline:
            Client.objects.create(name="Example")
            pipeline.ask(END)

    with pytest.raises(OperationalError, match="administrator"):
        create_and_end()
    assert connection.get_autocommit()
    assert not Client.objects.exists()


def test_an_error_that_is_not_the_servers_tells_nothing(pipeline, raw):
    """It is libpq's own, of a connection that is lost."""
    first, last = map(pipeline.ask, ["SELECT 1", "SELECT 2"])
    lost = raw.pgconn.make_empty_result(ExecStatus.FATAL_ERROR)
    with pytest.raises(psycopg.Error):
        pipeline.read([(first, b""), (last, b"")], iter([lost]))
    assert (first.tag, last.tag, pipeline.is_undone) == ("", "", False)


def test_who_is_ended_after_commit_has_done_it_and_what_waited_for_that_is_done(raw, monkeypatch):
    """The connection is lost when all is answered, and only its end is missing."""
    find, told = iocash.db.pipeline.results, []

    def end_afterwards(pgconn: PGconn, until: float) -> Iterator[PGresult]:
        tags = []
        for result in find(pgconn, until):
            tags.append(result.command_status)
            if result.status == ExecStatus.PIPELINE_SYNC and b"COMMIT" in tags:
                raw.pgconn.finish()
            yield result

    with durable(), transaction.atomic():
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


def test_who_is_interrupted_while_waiting_closes_the_connection(pipeline, raw):
    """What still comes belongs to nobody."""

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
