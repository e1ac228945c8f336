"""The documentation: the OpenAPI document for programs, Swagger UI for people."""

from __future__ import annotations

import gzip
import json
from functools import cached_property, lru_cache
from threading import Lock
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpResponse
from django.utils.cache import patch_vary_headers
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.request import Request

from iocash import errors
from iocash.http import problems
from iocash.http.operations import operation
from iocash.http.rendering import JSON, JSONRenderer, accepts_gzip, dump, dump_lines
from iocash.http.views import PublicView

ALONE = Lock()
"""The generator is not thread-safe."""

ALIASES = "/public/"
"""In every path that ioCash has published. Those under v2 are the same as those under v1."""


class OwnPaths(EndpointEnumerator):
    def get_api_endpoints(self, *args: Any, **kwargs: Any) -> list[Any]:
        found = super().get_api_endpoints(*args, **kwargs)  # type: ignore[no-untyped-call]
        return [each for each in found if ALIASES not in each[0]]


class PublishedPaths(EndpointEnumerator):
    def get_api_endpoints(self, *args: Any, **kwargs: Any) -> list[Any]:
        found = super().get_api_endpoints(*args, **kwargs)  # type: ignore[no-untyped-call]
        return [each for each in found if each[0].startswith(f"/api/v1{ALIASES}")]


class OwnGenerator(SchemaGenerator):
    """Describes our own paths."""

    endpoint_inspector_cls = OwnPaths


class PublishedGenerator(SchemaGenerator):
    """Describes the paths that ioCash has published."""

    endpoint_inspector_cls = PublishedPaths


class Served(NamedTuple):
    """A document in JSON, as it is and compressed with gzip."""

    plain: bytes
    compressed: bytes


class Document:
    """An OpenAPI document, generated from the code once per process."""

    def __init__(self, generator: type[SchemaGenerator]) -> None:
        self.generator: Any = generator

    def generated(self) -> dict[str, Any]:
        document: dict[str, Any] = self.generator().get_schema(request=None, public=True)
        return document

    def whole(self) -> dict[str, Any]:
        """The document; never change it."""
        with ALONE:
            return self._whole

    @cached_property
    def _whole(self) -> dict[str, Any]:
        return self.generated()

    @lru_cache(maxsize=8)  # noqa: B019  # both documents live as long as the process
    def served(self, origin: str) -> Served:
        """The document of the server at this origin, with links to its page of calls."""
        whole = self.whole()
        paths = {
            path: {method: linked(operation, origin) for method, operation in methods.items()}
            for path, methods in whole["paths"].items()
        }
        servers = [{"url": origin, "description": "This server."}]
        plain = dump(whole | {"servers": servers, "paths": paths})
        return Served(plain, gzip.compress(plain, mtime=0))

    def text(self) -> str:
        """The document as a file: one member a line, so that differences are readable."""
        return dump_lines(json.loads(dump(self.generated()))) + "\n"

    def bare_text(self) -> str:
        """The same without texts and examples: later documents are compared with it."""
        return dump_lines(bare(json.loads(dump(self.generated())))) + "\n"


def linked(operation: dict[str, Any], origin: str) -> dict[str, Any]:
    """The operation with a link to its calls in each language; aliases have none."""
    if operation.get("deprecated"):
        return operation
    address = f"{origin}/api/docs/calls#{operation['operationId']}"
    return {
        **operation,
        "externalDocs": {"description": "curl, Python and TypeScript", "url": address},
    }


WORDS = {"description", "summary", "example", "examples", "links"}


def bare(node: Any, *, names: bool = False) -> Any:
    """Leave out texts and examples. The keys of `names` are names that somebody has chosen."""
    if isinstance(node, list):
        return [bare(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {
        name: bare(each, names=name == "properties")
        for name, each in node.items()
        if names or name not in WORDS
    }
    is_response = "content" in node and "description" in node
    return {"description": "", **kept} if is_response else kept


OWN, PUBLISHED = Document(OwnGenerator), Document(PublishedGenerator)

FILE = settings.BASE_DIR / "docs" / "openapi.json"
"""The document of our own paths under version control, written by `manage.py write_docs`."""
RELEASED = {
    settings.BASE_DIR / "docs" / "openapi-released.json": OWN,
    settings.BASE_DIR / "docs" / "published-released.json": PUBLISHED,
}
"""The documents of the last release, bare, written by `manage.py write_docs --release`."""


class Schema(PublicView):
    """Get this API as an OpenAPI 3.1 document.

    Its server is the one that you ask. The response is compressed with gzip if `Accept-Encoding`
    allows it.
    """

    renderer_classes = (JSONRenderer,)
    document = OWN

    @operation(name="get_schema")
    def get(self, request: Request) -> HttpResponse:
        served = self.document.served(problems.origin(request))
        if accepts_gzip(request.META.get("HTTP_ACCEPT_ENCODING", "")):
            encoded = {"Content-Encoding": "gzip"}
            return HttpResponse(served.compressed, content_type=JSON, headers=encoded)
        return HttpResponse(served.plain, content_type=JSON)

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(*args, **kwargs)
        patch_vary_headers(response, ["Accept-Encoding"])
        return response


class PublishedSchema(Schema):
    """Get the published paths as an OpenAPI 3.1 document.

    The paths that ioCash has published: aliases of this API under `/api/v1/public` and
    `/api/v2/public`. They are deprecated, and each response has `Deprecation`; use them only to
    move an existing integration. `//` at the head of such a path is taken as `/`.
    """

    document = PUBLISHED

    @operation(name="get_published_schema")
    def get(self, request: Request) -> HttpResponse:
        return super().get(request)


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
