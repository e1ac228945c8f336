"""URLs whose views raise what a test tells them to, under `/api` and outside of it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path, re_path
from rest_framework.request import Request
from rest_framework.response import Response

from iocash.http import problems, views
from iocash.http.operations import operation

handler400 = "iocash.http.problems.bad_request"
handler403 = "iocash.http.problems.permission_denied"
handler404 = "iocash.http.problems.not_found"
handler500 = "iocash.http.problems.server_error"

raised: Exception = Exception()


class Raising(views.PublicView):
    @operation()
    def get(self, request: Request) -> Response:
        raise raised

    @operation()
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


def answer_to(exc: Exception, at: str = "/api/raising", **headers: Any) -> Any:
    global raised  # noqa: PLW0603  # what the view above raises
    raised = exc
    return Client(raise_request_exception=False).get(at, **headers)
