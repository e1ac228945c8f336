"""The documentation: the OpenAPI document for programs, Swagger UI for people."""

from __future__ import annotations

import json
from functools import cache
from threading import Lock
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.request import Request

from iocash import errors
from iocash.http import problems
from iocash.http.operations import operation
from iocash.http.rendering import JSON, JSONRenderer, dump
from iocash.http.views import PublicView

ALONE = Lock()
"""The generator is not thread-safe."""

FILE = settings.BASE_DIR / "docs" / "openapi.json"
"""The document under version control, written by `manage.py write_docs`."""


def generated() -> dict[str, Any]:
    """The document, generated from the code."""
    generator: Any = SchemaGenerator
    document: dict[str, Any] = generator().get_schema(request=None, public=True)
    return document


def document() -> bytes:
    """The document, generated once per process."""
    with ALONE:
        return dump_document()


@cache
def dump_document() -> bytes:
    return dump(generated())


def document_text() -> str:
    """The document as a file: one value a line, so that differences are readable."""
    return json.dumps(json.loads(dump(generated())), indent=1, ensure_ascii=False) + "\n"


class Schema(PublicView):
    """This API as an OpenAPI 3.1 document."""

    renderer_classes = (JSONRenderer,)

    @operation()
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(document(), content_type=JSON)


class Docs(SpectacularSwaggerSplitView):
    """Swagger UI, from our own static files: a page for people, so Accept does not matter."""

    authentication_classes: Any = ()
    http_method_names = ["get", "head", "options"]
    schema = None

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return TemplateHTMLRenderer(), TemplateHTMLRenderer.media_type

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        raise errors.MethodNotAllowed(method=request.method, allow="GET, HEAD, OPTIONS")

    def handle_exception(self, exc: Exception) -> Any:
        return problems.answer(problems.refusal(exc, self.request), self.request._request)
