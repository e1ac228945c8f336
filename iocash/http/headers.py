"""Headers: request ids, idempotency keys and preconditions; and one log line per request."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import perf_counter
from typing import Any, NamedTuple

import uuid_utils
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.encoding import escape_uri_path
from django.utils.http import parse_header_parameters

from iocash import errors
from iocash.http import problems
from iocash.http.rendering import JSON

access = logging.getLogger("iocash.access")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
KEY = re.compile(r"[\x20-\x7e]{1,255}")
ENTITY_TAG = re.compile(r'(W/)?"[\x21\x23-\x2b\x2d-\x7e]*"')
QUOTED_KEY = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')


class Utf8Request(WSGIRequest):
    """A request whose text is UTF-8, regardless of its Content-Type.

    Django would decode the query with the charset of the Content-Type, and crash on an unknown one.
    `parsing` checks the Content-Type and refuses wrong ones.
    """

    def _set_content_type_params(self, meta: Mapping[str, Any]) -> None:
        self.content_type, self.content_params = "", {}
        with suppress(ValueError):
            content_type = meta.get("CONTENT_TYPE", "")
            self.content_type, self.content_params = parse_header_parameters(content_type)


class RequestMiddleware:
    """Add a request id and a log line, and make sure that the API answers in its own format.

    It is our outermost middleware, so it also handles errors of other middleware and of the URLs.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = perf_counter()
        if not request.path_info.startswith("/"):  # OPTIONS *: no pattern would see it
            request.path_info = f"/{request.path_info}"
        request.request_id = request_id(request)  # type: ignore[attr-defined]
        is_api = problems.is_api(request.path)
        request.passes_by = is_api and "HTTP_AUTHORIZATION" in request.META  # type: ignore[attr-defined]
        response = self._api_answer(request) if is_api else self.get_response(request)
        policy = settings.CONTENT_SECURITY_POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        # Django logs every refusal as a warning and every 503 as an error; here they are a line.
        response._has_been_logged = True  # type: ignore[attr-defined]
        _log(request, response.status_code, perf_counter() - started)
        return response

    def _api_answer(self, request: HttpRequest) -> HttpResponseBase:
        if problems.origin(request):
            response = self.get_response(request)
        else:
            response = problems.answer(errors.InvalidHost(), request)
        if _is_foreign(response):
            response = problems.answer(_translated(response.status_code), request)
        response.headers["Cache-Control"] = "no-store"
        if isinstance(response, HttpResponse):
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase:
        """Answer exceptions outside of DRF's handler: in a renderer or in a plain view."""
        return problems.say(problems.refusal(exception, request), request)


def _is_foreign(response: HttpResponseBase) -> bool:
    """Whether it is an error page or a redirect of Django or of other middleware."""
    if response.status_code < 300 or response.headers.get("Content-Type") == JSON:
        return False
    return not hasattr(response, "accepted_renderer")


def _translated(status: int) -> errors.Refused:
    if status == 404:
        return errors.NotFound()
    if status >= 500:
        return errors.InternalError()
    return errors.InvalidHeader("The request is malformed.")


def _log(request: HttpRequest, status: int, seconds: float) -> None:
    """Write the access line, without query, headers and body, so without secrets and names."""
    path = escape_uri_path(request.path)
    milliseconds = round(seconds * 1000, 2)
    facts = {
        "requestId": request.request_id,  # type: ignore[attr-defined]
        "client": getattr(request, "client_id", None),
        "method": request.method,
        "path": path,
        "status": status,
        "code": getattr(request, "error_code", None),
        "durationMs": milliseconds,
    }
    access.info("%s %s %s %s ms", request.method, path, status, milliseconds, extra=facts)


def request_id(request: HttpRequest) -> str:
    """The caller's request id if it is well-formed; otherwise a new one."""
    given = request.META.get("HTTP_X_REQUEST_ID", "")
    return given if REQUEST_ID.fullmatch(given) else str(uuid_utils.uuid7())


def idempotency_key(request: HttpRequest) -> str | None:
    """Read the Idempotency-Key, bare or quoted as in the IETF draft; both are the same key.

    Raises:
        errors.InvalidHeader: it is empty, longer than 255, or not printable ASCII.
    """
    given: str | None = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if given is None:
        return None
    key = given.strip()
    if key.startswith('"'):
        quoted = QUOTED_KEY.fullmatch(key)
        key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else ""
    if not KEY.fullmatch(key):
        raise errors.InvalidHeader(header="Idempotency-Key")
    return key


class Existence(NamedTuple):
    """Whether a PUT can create a missing resource, and replace an existing one."""

    creates: bool
    replaces: bool


def existence(request: HttpRequest) -> Existence:
    """Read `If-None-Match: *` (create only) and `If-Match` (replace only).

    Raises:
        errors.InvalidHeader: `If-None-Match` is something other than `*`.
    """
    none_match: str | None = request.META.get("HTTP_IF_NONE_MATCH")
    if none_match is not None and none_match.strip() != "*":
        raise errors.InvalidHeader(header="If-None-Match")
    return Existence(creates="HTTP_IF_MATCH" not in request.META, replaces=none_match is None)


def if_match(request: HttpRequest) -> frozenset[str] | None:
    """Read the versions in `If-Match`, without quotes; None accepts any.

    Weak ones are left out, because they never match (RFC 9110, 13.1.1).

    Raises:
        errors.InvalidHeader: it is neither `*` nor a list of entity-tags.
    """
    given: str | None = request.META.get("HTTP_IF_MATCH")
    if given is None or given.strip() == "*":
        return None
    tags = [tag.strip() for tag in given.split(",")]
    if not all(ENTITY_TAG.fullmatch(tag) for tag in tags):
        raise errors.InvalidHeader(header="If-Match")
    return frozenset(tag.strip('"') for tag in tags if tag.startswith('"'))
