"""What every view refuses before its handler runs, and the views that know no wallet."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID
from weakref import ref

import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client, RequestFactory
from django.urls import path, re_path
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors
from iocash.db.backend import safety
from iocash.http import fields, problems, views

ID = UUID("0198abcd-0000-7000-8000-000000000001")
JSON = "application/json"


class Key(BaseAuthentication):
    def authenticate(self, request: Request) -> Any:
        sent = request.META.get("HTTP_AUTHORIZATION")
        if sent is None:
            return None
        if sent != "Bearer good":
            raise errors.InvalidCredentials()
        return ("someone", sent)


class Scope(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        if request.auth is None:
            raise errors.NotAuthenticated()
        if request.method == "PUT":
            raise errors.InsufficientScope(scope="things:write")
        return True


class Order(fields.Serializer):
    concept = fields.Text(10)
    count = fields.Whole(1, 9, default=1)


class Careless(views.Public):
    def post(self, request: Request) -> Response:
        return Response({})


class Answer(fields.Serializer):
    concept = fields.Text(10, read_only=True)


class Query(fields.Serializer):
    kind = fields.Text(10, required=False)


class Things(views.View):
    authentication_classes = (Key,)
    permission_classes = (Scope,)
    serializer_class = Answer
    body_classes = {"POST": Order, "PATCH": Order}
    query_class = Query

    def get(self, request: Request) -> Response:
        return Response(self.query)

    def post(self, request: Request) -> Response:
        where = views.location(request, "thing", thing_id=ID)
        return views.Created(self.show(self.body()), where, headers={"X-Extra": "1"})

    def put(self, request: Request) -> Response:
        return Response({})

    def patch(self, request: Request) -> Response:
        return views.Accepted(self.body(), "http://testserver/x")


class Thing(Things):
    def get(self, request: Request, thing_id: UUID | None = None) -> Response:
        return Response({"id": str(thing_id)})


class Root(views.Root):
    authentication_classes = (Key,)
    permission_classes = (Scope,)


urlpatterns = [
    path("", views.home),
    path("livez", views.Livez.as_view()),
    path("readyz", views.Readyz.as_view()),
    path("api/careless", Careless.as_view()),
    path("api/things", Things.as_view(), name="things"),
    path("api/things/<uuid:thing_id>", Thing.as_view(), name="thing"),
    path("api/root", Root.as_view(lists={"things": "things"})),
    path("api/docs/errors", views.error_codes),
    re_path("", problems.unknown_path),
]

pytestmark = pytest.mark.urls(__name__)


def call(method: str = "GET", at: str = "/api/things", body: str = "", **headers: Any) -> Any:
    headers.setdefault("HTTP_AUTHORIZATION", "Bearer good")
    headers.setdefault("HTTP_ACCEPT", "*/*")
    return Client().generic(method, at, body, JSON, **headers)


# In this order: method, Accept, credentials, scope, query parameters, body


def test_method_is_checked_first() -> None:
    answer = call("DELETE", "/api/things?x=1", HTTP_AUTHORIZATION="Bearer bad", HTTP_ACCEPT="x/y")
    assert (answer.status_code, answer.json()["code"]) == (400, "method_not_allowed")
    assert answer["Allow"] == "GET, POST, PUT, PATCH, HEAD, OPTIONS"


def test_accept_header_is_checked_after_the_method() -> None:
    answer = call("PUT", "/api/things?x=1", HTTP_AUTHORIZATION="Bearer bad", HTTP_ACCEPT="x/y")
    assert answer.json()["code"] == "not_acceptable"


def test_credentials_are_checked_after_the_accept_header() -> None:
    answer = call("PUT", "/api/things?x=1", "nonsense", HTTP_AUTHORIZATION="Bearer bad")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
    answer = Client().put("/api/things?x=1", "nonsense", JSON)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_scope_is_checked_after_the_credentials() -> None:
    answer = call("PUT", "/api/things?x=1", "nonsense")
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


def test_query_is_checked_after_the_scope() -> None:
    answer = call("POST", "/api/things?kind=x", "nonsense")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameters")
    assert answer.json()["errors"][0]["code"] == "unknown_parameter"


def test_body_is_checked_after_the_query() -> None:
    assert call("POST", body="nonsense").json()["code"] == "invalid_json"
    assert call("POST", body='{"concept": 1}').json()["code"] == "invalid_fields"


def test_invalid_body_is_refused_when_the_handler_ignores_it() -> None:
    assert call("POST", "/api/careless", "{}").status_code == 200
    assert call("POST", "/api/careless", "nonsense").json()["code"] == "invalid_json"


def test_browser_gets_the_refusal_as_html() -> None:
    answer = call(HTTP_AUTHORIZATION="Bearer bad", HTTP_ACCEPT="text/html")
    assert (answer.status_code, answer["Content-Type"]) == (401, "text/html; charset=utf-8")
    assert "invalid_credentials" in answer.text


# What handlers ask and answer


def test_query_is_validated() -> None:
    assert call(at="/api/things?kind=a").json() == {"kind": "a"}
    assert call("HEAD", "/api/things?kind=a&kind=b").status_code == 400


def test_body_is_validated_and_returned() -> None:
    answer = call("POST", body='{"concept": "x"}')
    assert (answer.status_code, answer.json()) == (HTTPStatus.CREATED, {"concept": "x"})
    assert answer["Location"] == f"http://testserver/api/things/{ID}"
    assert answer["X-Extra"] == "1"


def test_patch_contains_only_sent_fields() -> None:
    answer = call("PATCH", body="{}")
    assert (answer.status_code, answer.json()) == (HTTPStatus.ACCEPTED, {})
    assert call("PATCH", body='{"count": 3}').json() == {"count": 3}


@pytest.mark.parametrize("bad", ["x", "1", str(ID).upper(), f"{ID}0", str(ID).replace("-", "")])
def test_malformed_id_gets_404(bad: str) -> None:
    answer = call(at=f"/api/things/{bad}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_link_has_the_host_of_the_request() -> None:
    for host in ("testserver", "localhost:8000"):
        request = RequestFactory().get("/x", headers={"host": host})
        assert views.location(request, "thing", thing_id=ID) == f"http://{host}/api/things/{ID}"
        assert views.location(request, "things") == f"http://{host}/api/things"


# What is left of a request


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [("GET", "", "200"), ("POST", '{"concept": "x"}', "201"), ("POST", '{"concept": 1}', "400")],
)
def test_request_leaves_no_reference_cycles(
    no_collector: None, monkeypatch: pytest.MonkeyPatch, method: str, body: str, status: str
) -> None:
    server, said = WSGIHandler(), ""
    left: list[Any] = []
    finalize = Things.finalize_response

    def remembering(view: Things, request: Any, *args: Any, **kwargs: Any) -> Any:
        response = finalize(view, request, *args, **kwargs)
        left.extend(ref(each) for each in (view, request, response))
        return response

    def start(status: str, headers: Any, exc_info: Any = None) -> Any:
        nonlocal said
        said = status

    monkeypatch.setattr(Things, "finalize_response", remembering)
    request = RequestFactory().generic(method, "/api/things", body, JSON)
    request.META["HTTP_AUTHORIZATION"] = "Bearer good"
    server(request.environ, start)
    assert said.startswith(status)
    assert [each() for each in left] == [None] * 3


# Health


def test_livez_does_not_query_the_database() -> None:  # and has no database to ask
    answer = Client().get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_queries_the_database() -> None:
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_is_503_while_migrations_are_pending() -> None:
    MigrationRecorder.Migration.objects.filter(app="users").delete()
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer["Retry-After"] == "2"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("transaction_read_only = on", "The database is read-only."),
        ("synchronous_commit = off", "synchronous_commit is off"),
        ("lock_timeout = 0", "The role's lock_timeout must be above 0"),
    ],
)
def test_readyz_is_503_when_database_settings_are_unsafe(setting: str, words: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL {setting}")
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.json()["detail"].startswith(words)


@pytest.mark.django_db
def test_readyz_is_503_on_a_standby(monkeypatch: pytest.MonkeyPatch) -> None:
    standby = safety.read_session()._replace(is_standby=True, is_read_only=True)
    monkeypatch.setattr(safety, "read_session", lambda: standby)
    assert (
        Client().get("/readyz").json()["detail"]
        == "The database is a standby; it takes no changes."
    )


def test_readyz_is_503_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(self: Any) -> Any:
        raise OperationalError("connection refused")

    monkeypatch.setattr(MigrationRecorder, "applied_migrations", gone)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")


@pytest.mark.parametrize("at", ["/livez", "/readyz"])
def test_health_endpoints_refuse_parameters_and_other_methods(at: str) -> None:
    assert Client().get(f"{at}?x=1").json()["code"] == "invalid_parameters"
    answer = Client().post(at)
    assert (answer.status_code, answer["Allow"]) == (400, "GET, HEAD, OPTIONS")


# Doors


def test_root_links_to_every_list() -> None:
    assert call(at="/api/root").json() == {
        "_links": {
            "self": {"href": "http://testserver/api/root"},
            "things": {"href": "http://testserver/api/things"},
        }
    }


def test_front_page_links_to_every_section() -> None:
    answer = Client().get("/")
    assert answer.status_code == 200
    links = set(re.findall(r'href="(/[^"]*)"', answer.text))
    assert {"/api/v1", "/api/docs", "/api/docs/errors", "/api/schema", "/admin/"} <= links


def test_every_error_code_is_documented() -> None:
    page = Client().get("/api/docs/errors").text
    for kind in errors.REGISTRY.values():
        assert f'id="{kind.code}"' in page
    assert page.index(">400<") < page.index(">401<") < page.index(">503<")


def test_marked_text_escapes_html_and_renders_backticks_as_code() -> None:
    assert (
        "The <code>Allow</code> header lists the supported ones."
        in Client().get("/api/docs/errors").text
    )
    assert views.marked("a < `<b>` & `c`.") == (
        "a &lt; <code>&lt;b&gt;</code> &amp; <code>c</code>."
    )


@pytest.mark.parametrize("at", ["/", "/api/docs/errors"])
def test_page_accepts_get_only(at: str) -> None:
    answer = Client(enforce_csrf_checks=True).post(at)
    assert (answer.status_code, answer["Allow"]) == (400, "GET, HEAD")
    assert Client().head(at).status_code == 200


def test_pages_have_no_inline_script_and_no_foreign_host() -> None:
    for template in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
        text = template.read_text()
        assert not re.findall(r"<style|<script(?! src=)|\sstyle=|\son\w+=|https?://", text), (
            template
        )
