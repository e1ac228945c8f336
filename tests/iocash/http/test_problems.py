"""From any exception to the one error body."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from django.core import exceptions as core
from django.core.signals import got_request_exception
from django.db import (
    OperationalError,
)
from django.http import Http404
from django.http.request import UnreadablePostError
from django.test import Client, RequestFactory
from rest_framework import exceptions as drf

from iocash import errors
from iocash.errors import FieldError
from iocash.http import problems
from tests.support.raising import answer_to

pytestmark = pytest.mark.urls("tests.support.raising")


# The body


def test_refusal_has_the_rfc_9457_members_and_a_code() -> None:
    answer = answer_to(errors.NotFound(), HTTP_X_REQUEST_ID="abc")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == {
        "type": "http://testserver/api/docs/errors#not_found",
        "status": 404,
        "code": "not_found",
        "title": "Not found",
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
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith('Bearer realm="ioCash"')


def test_challenge_names_the_error_and_the_scope() -> None:
    def challenge(exc: Exception) -> str | None:
        found: str | None = answer_to(exc).headers.get("WWW-Authenticate")
        return found

    wrong = 'Bearer realm="ioCash", error="invalid_token"'
    narrow = 'Bearer realm="ioCash", error="insufficient_scope", scope="users:read"'
    assert challenge(errors.NotAuthenticated()) == 'Bearer realm="ioCash"'
    assert challenge(errors.CredentialsExpired()) == wrong
    assert challenge(errors.CredentialsRevoked()) == wrong
    assert challenge(errors.InsufficientScope(scope="users:read")) == narrow
    assert challenge(errors.ClientSuspended()) is None
    assert challenge(errors.PermissionDenied()) is None


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
