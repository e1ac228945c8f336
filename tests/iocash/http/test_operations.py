"""What handlers declare: each has an operation, and the view finds it by the method."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors
from iocash.http import fields, views
from iocash.http.operations import Operation, operation


class Body(fields.Serializer):
    note = fields.Text(10)


class Notes(views.PublicView):
    @operation(refuses=(errors.Immutable,))
    def get(self, request: Request) -> Response:
        return Response({})

    @operation(body=Body, keyed=True)
    def post(self, request: Request) -> Response:
        return Response({})


class SmallNotes(Notes):
    @replace(Notes.operations["POST"], max_body_bytes=10)
    def post(self, request: Request) -> Response:
        return super().post(request)


def test_view_has_the_operations_of_its_handlers():
    assert Notes.operations.keys() == {"GET", "HEAD", "POST", "OPTIONS"}
    assert Notes.operations["GET"] == Operation(refuses=(errors.Immutable,))
    assert Notes.operations["OPTIONS"] == Operation()


def test_head_has_the_operation_of_get():
    assert Notes.operations["HEAD"] is Notes.operations["GET"]


def test_handler_of_a_subclass_declares_its_own_operation():
    assert SmallNotes.operations["POST"] == Operation(body=Body, keyed=True, max_body_bytes=10)
    assert SmallNotes.operations["GET"] is Notes.operations["GET"]


def test_handler_without_an_operation_is_refused_when_its_class_is_made():
    def get(self: Any, request: Request) -> Response:
        return Response({})

    with pytest.raises(TypeError, match=r"Undeclared\.get declares no operation"):
        type("Undeclared", (views.PublicView,), {"get": get})


def test_handler_stays_as_it_is():
    def post(self: Any, request: Request) -> None: ...

    assert operation()(post) is post


# --- Of all our views ----------------------------------------------------------------------------


def ours(patterns: list[Any]) -> set[type[views.View]]:
    found: set[type[views.View]] = set()
    for entry in patterns:
        if isinstance(entry, URLResolver):
            found |= ours(entry.url_patterns)
        elif isinstance(entry, URLPattern):
            view = getattr(entry.callback, "view_class", None)
            if isinstance(view, type) and issubclass(view, views.View):
                found.add(view)
    return found


OURS = sorted(ours(get_resolver("iocash.urls").url_patterns), key=lambda view: view.__name__)


def test_views_are_found():
    assert len(OURS) >= 40


@pytest.mark.parametrize("view", OURS, ids=lambda view: view.__name__)
def test_only_methods_with_a_body_declare_one(view: type[views.View]):
    for method, declared in view.operations.items():
        takes_body = declared.body or declared.body_optional or declared.max_body_bytes
        assert method in {"POST", "PUT", "PATCH"} or not takes_body, method
        assert method == "POST" or not declared.keyed, method


@pytest.mark.parametrize("view", OURS, ids=lambda view: view.__name__)
def test_every_body_of_ours_is_declared(view: type[views.View]):
    bodies = {"POST", "PUT", "PATCH"} & view.operations.keys()
    assert [method for method in bodies if view.operations[method].body is None] == []
