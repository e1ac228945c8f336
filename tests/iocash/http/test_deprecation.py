"""Deprecated operations say since when, and when they end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import path
from drf_spectacular.generators import SchemaGenerator

from iocash import errors
from iocash.http import problems, views
from iocash.http.operations import operation
from iocash.http.rendering import Response

SINCE, UNTIL = datetime(2027, 1, 31, tzinfo=UTC), datetime(2027, 7, 31, 12, tzinfo=UTC)
HEADERS = {
    "Deprecation": "@1801353600",
    "Sunset": "Sat, 31 Jul 2027 12:00:00 GMT",
    "Link": '</api/docs/versions>; rel="deprecation"; type="text/html"',
}


class OldView(views.PublicView):
    """What is replaced by something else."""

    @operation(deprecated=SINCE, sunset=UNTIL)
    def get(self, request: Any) -> Response:
        if request.GET:
            raise errors.NotFound()
        return Response({})

    @operation(deprecated=SINCE)
    def post(self, request: Any) -> Response:
        return Response({})

    @operation()
    def put(self, request: Any) -> Response:
        return Response({})


urlpatterns = [path("api/v1/old", OldView.as_view())]
handler404 = problems.not_found
pytestmark = pytest.mark.urls(__name__)


@pytest.mark.parametrize("address", ["/api/v1/old", "/api/v1/old?a=1"])
def test_deprecated_operation_has_its_times_also_in_refusals(address):
    answer = Browser().get(address)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_deprecated_operation_can_have_no_end_yet():
    answer = Browser().post("/api/v1/old", {}, content_type="application/json")
    assert answer.headers["Deprecation"] == HEADERS["Deprecation"]
    assert "Sunset" not in answer.headers


def test_current_operation_has_no_such_header():
    answer = Browser().put("/api/v1/old", {}, content_type="application/json")
    assert answer.status_code == 200
    assert not HEADERS.keys() & answer.headers.keys()


def test_document_marks_deprecated_operations():
    generator: Any = SchemaGenerator
    document = generator(patterns=urlpatterns).get_schema(request=None, public=True)
    marked = {
        method: operation.get("deprecated", False)
        for method, operation in document["paths"]["/api/v1/old"].items()
    }
    assert marked == {"get": True, "post": True, "put": False}


@pytest.mark.parametrize("times", [{"sunset": UNTIL}, {"deprecated": UNTIL, "sunset": SINCE}])
def test_sunset_comes_after_deprecation(times):
    with pytest.raises(TypeError):
        operation(**times)
