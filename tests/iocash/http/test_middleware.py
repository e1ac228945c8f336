"""The outermost middleware: ids, the errors of the API, and one line in the log per request."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

import pytest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.test import Client
from django.urls import path, re_path
from rest_framework.request import Request
from rest_framework.response import Response

from iocash.http import problems, views
from iocash.http.operations import operation

handler500 = "iocash.http.problems.server_error"


class Hello(views.PublicView):
    @operation()
    def get(self, request: Request) -> Response:
        request._request.client_id = "client-1"  # type: ignore[attr-defined]
        return Response({"requestId": request._request.request_id})  # type: ignore[attr-defined]


def redirected(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect("/elsewhere")


def foreign(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<h1>Bad</h1>", status=int(request.GET["status"]))


def crashing(request: HttpRequest) -> HttpResponse:
    raise ValueError("secret")


urlpatterns = [
    path("api/hello/<path:rest>", Hello.as_view()),
    path("api/hello", Hello.as_view()),
    path("api/redirected", redirected),
    path("api/foreign", foreign),
    path("api/crashing", crashing),
    path("web", crashing),
    re_path("", problems.unknown_path),
]

pytestmark = pytest.mark.urls(__name__)


def get(at: str = "/api/hello", **headers: Any) -> Any:
    return Client(raise_request_exception=False).get(at, **headers)


# Request ids


@pytest.mark.parametrize(
    "given_id", ["a", "0198-x_y.z", "A" * 64, "01980000-0000-7000-8000-000000000001"]
)
def test_well_formed_request_id_is_kept(given_id: str) -> None:
    answer = get(HTTP_X_REQUEST_ID=given_id)
    assert answer["X-Request-Id"] == answer.json()["requestId"] == given_id


@pytest.mark.parametrize("given_id", ["", " ", "A" * 65, "a b", "a\tb", "ñ", "{x}", "a,b", "a\n"])
def test_malformed_request_id_is_replaced(given_id: str) -> None:
    answer = get(HTTP_X_REQUEST_ID=given_id)
    assert UUID(answer["X-Request-Id"]).version == 7
    assert answer["X-Request-Id"] == answer.json()["requestId"]


@pytest.mark.parametrize("at", ["/api/nothing", "/nothing", "/web", "/api/crashing"])
def test_every_answer_has_a_request_id(at: str) -> None:
    answer = get(at)
    assert answer["X-Request-Id"] == answer.json()["requestId"]


# The API answers as the API


def test_api_answers_are_not_cached() -> None:
    assert get()["Cache-Control"] == "no-store"
    assert get("/api/nothing")["Cache-Control"] == "no-store"


@pytest.mark.parametrize("debug", [True, False])
def test_crash_of_a_plain_view_gets_json(debug: bool, settings: Any) -> None:
    settings.DEBUG = debug
    answer = get("/api/crashing")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("status", "answered", "code"),
    [
        (404, 404, "not_found"),
        (400, 400, "invalid_header"),
        (405, 400, "invalid_header"),
        (500, 500, "internal_error"),
        (502, 500, "internal_error"),
    ],
)
def test_foreign_error_answer_is_replaced_by_a_problem(
    status: int, answered: int, code: str
) -> None:
    answer = get(f"/api/foreign?status={status}")
    assert (answer.status_code, answer.json()["code"]) == (answered, code)


def test_api_never_redirects() -> None:
    answer = get("/api/redirected")
    assert answer.status_code == 400
    assert "Location" not in answer


def test_api_never_answers_304() -> None:
    etag = get().get("ETag", '"x"')
    answer = get(HTTP_IF_NONE_MATCH=etag, HTTP_IF_MODIFIED_SINCE="Fri, 01 Jan 2100 00:00:00 GMT")
    assert answer.status_code == 200


@pytest.mark.parametrize("at", ["/api/hello", "/api", "/livez", "/api/nothing"])
@pytest.mark.parametrize("host", ["evil.example", "a b", "[::1", "testserver:x"])
@pytest.mark.parametrize("debug", [True, False])
def test_unknown_host_is_refused_in_json(
    at: str, host: str, debug: bool, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DEBUG = debug
    answer = get(at, HTTP_HOST=host)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_host")
    assert host not in answer.text
    assert all(record.levelno == logging.INFO for record in caplog.records)


def test_head_is_get_without_a_body() -> None:
    answer = Client().head("/api/hello")
    assert (answer.status_code, answer.content) == (200, b"")


def test_options_names_the_methods() -> None:
    answer = Client().options("/api/hello")
    assert (answer.status_code, answer["Allow"]) == (200, "GET, HEAD, OPTIONS")
    assert answer.json() == {"methods": ["GET", "HEAD", "OPTIONS"]}


# The log


def line(caplog: pytest.LogCaptureFixture) -> Any:
    (record,) = (record for record in caplog.records if record.name == "iocash.access")
    return record


def test_request_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        answer = get("/api/hello", HTTP_X_REQUEST_ID="abc")
    record = line(caplog)
    assert (record.requestId, record.client, record.method) == ("abc", "client-1", "GET")
    assert (record.path, record.status) == ("/api/hello", 200)
    assert 0 <= record.durationMs < 60_000
    assert record.getMessage().startswith("GET /api/hello 200 ")
    assert answer.status_code == 200


def test_access_line_has_the_error_code(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        get("/api/nothing")
    assert (line(caplog).status, line(caplog).code) == (404, "not_found")


def test_access_line_has_no_code_when_nothing_failed(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        get("/api/hello")
    assert line(caplog).code is None


def test_log_contains_no_query_key_or_body(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        Client().post(
            "/api/hello?userName=alice",
            {"otp": "123456"},
            content_type="application/json",
            HTTP_AUTHORIZATION="Bearer secret-key",
        )
    said = " ".join(str(vars(record)) for record in caplog.records if record.name != "asyncio")
    assert not [word for word in ("alice", "123456", "secret-key") if word in said]


def test_path_can_not_forge_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        get("/api/hello/a%0AINFO%20forged")
    assert line(caplog).path == "/api/hello/a%0AINFO%20forged"
    assert "\n" not in line(caplog).getMessage()


@pytest.mark.parametrize("at", ["/api/nothing", "/nothing", "/api/hello?x=1"])
def test_refusal_is_not_logged_as_a_warning(at: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert get(at).status_code in {400, 404}
    assert {record.levelname for record in caplog.records} == {"INFO"}


def test_crash_is_logged_once_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    get("/api/crashing", HTTP_X_REQUEST_ID="abc")
    (record,) = (record for record in caplog.records if record.levelno >= logging.WARNING)
    assert (record.name, vars(record)["requestId"]) == ("iocash.http.problems", "abc")
    assert record.exc_info
    assert record.exc_info[0] is ValueError


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "given",
    [f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00", f"01-{TRACE}-{SPAN}-01-what-comes-later"],
)
def test_log_line_has_the_trace_of_the_caller(given: str, caplog: Any) -> None:
    caplog.set_level("INFO", "iocash.access")
    assert get(HTTP_TRACEPARENT=given).status_code == 200
    assert caplog.records[-1].traceId == TRACE


@pytest.mark.parametrize(
    "given",
    [
        "",
        TRACE,
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01more",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_malformed_trace_is_ignored(given: str, caplog: Any) -> None:
    caplog.set_level("INFO", "iocash.access")
    assert get(HTTP_TRACEPARENT=given).status_code == 200
    assert not hasattr(caplog.records[-1], "traceId")
