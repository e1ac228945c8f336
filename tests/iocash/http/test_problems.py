"""From any exception to the one error body."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from django.core import exceptions as core
from django.core.signals import got_request_exception
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.test import Client, RequestFactory
from django.urls import path, re_path
from rest_framework import exceptions as drf
from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors
from iocash.errors import FieldError
from iocash.http import problems, views

handler400 = "iocash.http.problems.bad_request"
handler403 = "iocash.http.problems.permission_denied"
handler404 = "iocash.http.problems.not_found"
handler500 = "iocash.http.problems.server_error"

raised: Exception = Exception()


class Raising(views.Public):
    def get(self, request: Request) -> Response:
        raise raised

    def post(self, request: Request) -> Response:
        raise raised


def web(request: HttpRequest) -> HttpResponse:
    raise raised


urlpatterns = [
    path("api/raising", Raising.as_view()),
    path("admin/page", web),
    path("page", web),
    re_path("", problems.unknown_path),
]

pytestmark = pytest.mark.urls(__name__)


def answer_to(exc: Exception, at: str = "/api/raising", **headers: Any) -> Any:
    global raised  # noqa: PLW0603  # what the view above raises
    raised = exc
    return Client(raise_request_exception=False).get(at, **headers)


# The body


def test_refusal_has_the_rfc_9457_members_and_a_code() -> None:
    answer = answer_to(errors.NotFound(), HTTP_X_REQUEST_ID="abc")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == {
        "type": "http://testserver/api/docs/errors#not_found",
        "status": 404,
        "code": "not_found",
        "title": "Not Found",
        "detail": "The resource does not exist.",
        "instance": "/api/raising",
        "requestId": "abc",
    }


def test_conflict_contains_its_facts() -> None:
    facts = {"wallet_id": "w", "available": "3.00", "required": "4.00", "currency": "EUR"}
    answer = answer_to(errors.InsufficientFunds(**facts))
    assert answer.status_code == 409
    assert answer.json()["detail"] == "Insufficient funds: 4.00 EUR requested, 3.00 EUR available."
    assert answer.json()["conflict"] == {
        "walletId": "w",
        "available": "3.00",
        "required": "4.00",
        "currency": "EUR",
    }


def test_facts_are_camel_case_at_any_depth() -> None:
    facts = {"items": [{"wallet_id": "w", "left_over": [{"a_b": 1}]}], "retry_at": None}
    assert problems.camelized(facts) == {
        "items": [{"walletId": "w", "leftOver": [{"aB": 1}]}],
        "retryAt": None,
    }


def test_facts_format_times_as_answers_do() -> None:
    at = datetime(2026, 1, 31, 12, 0, 0, 5_000, timezone(timedelta(hours=2)))
    answer = answer_to(errors.OtpTooSoon(retry_at=at))
    assert answer.json()["conflict"] == {"retryAt": "2026-01-31T10:00:00.005Z"}


def test_conflict_without_facts_has_an_empty_object() -> None:
    assert answer_to(errors.AlreadyVerified()).json()["conflict"] == {}


def test_wrong_fields_are_listed() -> None:
    wrong = [FieldError("iban.accountNumber", "invalid", "No."), FieldError("a", "blank", "Yes.")]
    answer = answer_to(errors.InvalidFields(*wrong))
    assert answer.json()["errors"] == [
        {"field": "iban.accountNumber", "code": "invalid", "detail": "No."},
        {"field": "a", "code": "blank", "detail": "Yes."},
    ]
    assert "conflict" not in answer.json()


@pytest.mark.parametrize("kind", errors.REGISTRY.values(), ids=errors.REGISTRY)
def test_every_registered_error_can_be_answered(kind: type[errors.Refused]) -> None:
    request = RequestFactory().get("/api/x")
    refused = kind.__new__(kind)
    Exception.__init__(refused)
    refused.facts, refused.words = {}, "Words."
    if isinstance(refused, errors.InvalidFields):
        refused.errors = ()
    answer = problems.answer(refused, request)
    assert answer.status_code == kind.status


# The headers


@pytest.mark.parametrize(
    "exc",
    [
        errors.NotAuthenticated(),
        errors.InvalidCredentials(),
        errors.CredentialsExpired(),
        drf.NotAuthenticated(),
        drf.AuthenticationFailed(),
    ],
)
def test_unauthorized_answer_has_the_www_authenticate_header(exc: Exception) -> None:
    answer = answer_to(exc)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_unavailable_answer_has_the_retry_after_header() -> None:
    assert answer_to(errors.LockTimeout())["Retry-After"] == "1"
    assert answer_to(errors.DatabaseUnavailable())["Retry-After"] == "2"


@pytest.mark.parametrize("method", ["DELETE", "TRACE", "PROPFIND", "PATCH", "NONSENSE"])
def test_wrong_method_gets_400_with_the_allow_header(method: str) -> None:
    answer = Client().generic(method, "/api/raising")
    assert (answer.status_code, answer["Allow"]) == (400, "GET, POST, HEAD, OPTIONS")
    assert answer.json()["code"] == "method_not_allowed"
    assert answer.json()["detail"] == f"The method {method} is not allowed for this path."


# What the frameworks raise


@pytest.mark.parametrize(
    ("exc", "status", "code"),
    [
        (drf.ParseError("Bad."), 400, "invalid_json"),
        (drf.MethodNotAllowed("DELETE"), 400, "method_not_allowed"),
        (drf.NotAcceptable(), 400, "not_acceptable"),
        (drf.UnsupportedMediaType("text/xml"), 400, "unsupported_media_type"),
        (core.RequestDataTooBig(), 400, "body_too_large"),
        (core.TooManyFieldsSent(), 400, "invalid_parameters"),
        (core.SuspiciousOperation("x"), 400, "invalid_header"),
        (core.BadRequest("x"), 400, "invalid_header"),
        (core.DisallowedHost("x"), 400, "invalid_host"),
        (UnreadablePostError("x"), 400, "body_interrupted"),
        (drf.NotAuthenticated(), 401, "not_authenticated"),
        (drf.AuthenticationFailed(), 401, "invalid_credentials"),
        (drf.PermissionDenied(), 403, "permission_denied"),
        (drf.PermissionDenied("CSRF Failed: CSRF token missing."), 403, "csrf_failed"),
        (core.PermissionDenied(), 403, "permission_denied"),
        (Http404(), 404, "not_found"),
        (drf.NotFound(), 404, "not_found"),
        (core.ObjectDoesNotExist(), 404, "not_found"),
        (drf.Throttled(), 503, "rate_limited"),
        (ZeroDivisionError("secret"), 500, "internal_error"),
        (drf.APIException("secret"), 500, "internal_error"),
        (KeyError("secret"), 500, "internal_error"),
        (RecursionError("secret"), 500, "internal_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
@pytest.mark.parametrize("debug", [True, False])
def test_exception_is_answered_with_its_code(
    exc: Exception, status: int, code: str, debug: bool, settings: Any
) -> None:
    settings.DEBUG = debug
    answer = answer_to(exc)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "secret" not in answer.text


def flat(detail: Any) -> list[tuple[str, str]]:
    answer = answer_to(drf.ValidationError(detail))
    return [(error["field"], error["code"]) for error in answer.json()["errors"]]


def test_nested_details_become_paths() -> None:
    bad = drf.ErrorDetail("Bad.", "min_value")
    assert flat({"iban": {"accountNumber": [bad]}}) == [("iban.accountNumber", "min_value")]
    assert flat({"movements": {3: {"amount": [bad]}}}) == [("movements[3].amount", "min_value")]
    assert flat({"movements": [{}, {"amount": "x"}]}) == [("movements[1].amount", "invalid")]
    assert flat({"": [bad]}) == [("", "min_value")]
    assert flat({"iban": {"": ["x"]}}) == [("iban", "invalid")]
    assert flat("x") == [("", "invalid")]


def test_django_validation_error_is_flattened() -> None:
    exc = core.ValidationError({"alias": [core.ValidationError("No %(a)s.", "bad", {"a": 1})]})
    assert answer_to(exc).json()["errors"] == [{"field": "alias", "code": "bad", "detail": "No 1."}]


# What the database raises


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


# Crashes


def test_crash_is_logged_with_its_traceback_and_signalled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[Any] = []

    def listen(**kwargs: Any) -> None:
        heard.append(kwargs["request"].path)

    got_request_exception.connect(listen)
    try:
        answer_to(ZeroDivisionError("secret"), HTTP_X_REQUEST_ID="abc")
    finally:
        got_request_exception.disconnect(listen)
    (record,) = (record for record in caplog.records if record.levelno >= logging.WARNING)
    assert (record.name, vars(record)["requestId"]) == ("iocash.http.problems", "abc")
    assert "ZeroDivisionError" in (record.exc_text or caplog.text)
    assert heard == ["/api/raising"]


# Paths that nobody serves, and web pages

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("at", ["/api", "/api/", "/api/v1/x", "/livez/x", "/readyzz", "//api/v1"])
@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_unknown_path_gets_json(at: str, debug: bool, method: str, settings: Any) -> None:
    settings.DEBUG = debug
    answer = Client(enforce_csrf_checks=True).generic(method, at)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("debug", [True, False])
def test_asterisk_path_gets_json(debug: bool, settings: Any) -> None:
    settings.DEBUG = debug
    answer = Client().options("*")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_browser_gets_json_for_an_unknown_api_path() -> None:
    assert answer_to(Http404(), "/api/nothing", HTTP_ACCEPT=BROWSER).json()["status"] == 404


@pytest.mark.parametrize("debug", [True, False])
def test_browser_gets_html_for_an_unknown_path_outside_the_api(debug: bool, settings: Any) -> None:
    settings.DEBUG = debug
    answer = answer_to(Http404(), "/nothing", HTTP_ACCEPT=BROWSER)
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert answer.templates[0].name == "refused.html"
    assert "The resource does not exist." in answer.text


@pytest.mark.parametrize(
    ("exc", "status"),
    [
        (Http404(), 404),
        (core.PermissionDenied(), 403),
        (core.SuspiciousOperation(), 400),
        (ZeroDivisionError("secret"), 500),
    ],
)
@pytest.mark.parametrize(
    ("at", "accept", "page"),
    [("/page", "*/*", False), ("/page", BROWSER, True), ("/admin/page", "*/*", True)],
)
def test_django_error_handlers_return_html_or_json(
    exc: Exception, status: int, at: str, accept: str, page: bool, settings: Any
) -> None:
    settings.DEBUG = False
    answer = answer_to(exc, at, HTTP_ACCEPT=accept)
    assert answer.status_code == status
    assert answer["Content-Type"].startswith("text/html") is page
    assert "secret" not in answer.text


def test_csrf_failure_returns_html_or_json() -> None:
    request = RequestFactory().post("/admin/page")
    assert problems.csrf_failure(request, "x")["Content-Type"].startswith("text/html")
    request = RequestFactory().post("/api/x")
    answer = problems.csrf_failure(request, "x")
    assert (answer.status_code, b"csrf_failed" in answer.content) == (403, True)


def test_html_page_gets_503_with_retry_after_when_the_database_is_unavailable() -> None:
    answer = answer_to(OperationalError("gone"), at="/admin/page", HTTP_ACCEPT="text/html")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert answer["Content-Type"].startswith("text/html")
    assert b"database_unavailable" in answer.content
