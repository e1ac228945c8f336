"""What a caller is answered when the database raises."""

from __future__ import annotations

import logging

import psycopg
import pytest
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.test import RequestFactory

from iocash import errors
from iocash.http import problems
from tests.support.raising import answer_to

pytestmark = pytest.mark.urls("tests.support.raising")


def wrapped(state: str | None, kind: type[Exception] = OperationalError) -> Exception:
    exc = kind("secret words of the database")
    cause = psycopg.OperationalError("secret")
    cause.sqlstate = state
    exc.__cause__ = cause
    return exc


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("55P03", "lock_timeout"),
        ("57014", "statement_timeout"),
        ("40001", "database_unavailable"),
        ("40P01", "database_unavailable"),
        ("25006", "database_unavailable"),
        ("53300", "database_unavailable"),
        ("57P01", "database_unavailable"),
        ("57P03", "database_unavailable"),
        ("08006", "database_unavailable"),
        (None, "database_unavailable"),
    ],
)
def test_unavailable_database_gets_503(
    state: str | None, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = answer_to(wrapped(state))
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert "secret" not in answer.text
    assert all(record.levelno < logging.ERROR for record in caplog.records)


@pytest.mark.django_db(transaction=True)
def test_error_behind_a_503_is_logged_with_the_request_id(caplog: pytest.LogCaptureFixture) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '1ms'")
        with pytest.raises(OperationalError) as raised:
            cursor.execute("SELECT pg_sleep(10), 'Alice'")
        transaction.set_rollback(True)
    answer = answer_to(raised.value, HTTP_X_REQUEST_ID="abc")
    (record,) = (record for record in caplog.records if record.name == "iocash.logs")
    facts = vars(record)
    assert (facts["requestId"], facts["code"]) == ("abc", answer.json()["code"])
    assert (facts["sqlstate"], facts["error"]) == ("57014", "QueryCanceled")
    said = "statement_timeout: canceling statement due to statement timeout"
    assert record.getMessage() == said


def test_error_behind_an_unknown_outcome_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise errors.OutcomeUnknown() from psycopg.OperationalError("the connection is lost")
    except errors.OutcomeUnknown as unknown:
        answer_to(unknown)
    (record,) = (record for record in caplog.records if record.name == "iocash.logs")
    assert record.getMessage() == "outcome_unknown: the connection is lost"


def test_error_on_a_page_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    answer = answer_to(wrapped("57P01"), "/admin/page", HTTP_X_REQUEST_ID="abc")
    (record,) = (record for record in caplog.records if record.name == "iocash.logs")
    assert (answer.status_code, vars(record)["requestId"]) == (503, "abc")
    assert vars(record)["sqlstate"] == "57P01"


@pytest.mark.parametrize(
    "exc", [psycopg.OperationalError("secret"), psycopg.InterfaceError("secret"), InterfaceError()]
)
def test_connection_error_anywhere_gets_503(exc: Exception) -> None:
    assert answer_to(exc).json()["code"] == "database_unavailable"


@pytest.mark.parametrize(("state", "kind"), [("22001", DataError), ("23505", IntegrityError)])
def test_wrong_sql_statement_gets_500(state: str, kind: type[Exception]) -> None:
    assert answer_to(wrapped(state, kind)).json()["code"] == "internal_error"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("state", "closed"), [("57P01", True), ("25006", True), ("55P03", False)])
def test_unusable_connection_is_closed(state: str, closed: bool) -> None:
    connection.ensure_connection()
    problems.refusal(wrapped(state), RequestFactory().get("/api/x"))
    assert (connection.connection is None) is closed
